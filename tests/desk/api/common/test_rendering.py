"""Test the JSON responses of the API."""

from exhibit.plain import remove_control_chars
from registry.models import Owner, Work
from tests.assets.api_programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import photograph
from tests.desk.web.test_control_characters import CONTROL_CHARACTERS

__all__ = ["alice", "studio"]


def test_stored_control_characters_are_not_returned(studio: Owner, alice: Program) -> None:
    alice.form("/works", {"title": "Harbour", "file": file_of("a.jpg", photograph(1))})
    clean_text = 'a\tb "c" \\u0007 \\\\ 港 \U0001f469 \n'
    Work.objects.update(title=f"{clean_text}{''.join(CONTROL_CHARACTERS).replace(chr(0), '')}\b\f", author="\x1b[2J")
    response = alice.client.get(ROOT + "/works/1")
    assert response.json()["title"] == remove_control_chars(Work.objects.get().title)
    assert response.json()["title"].startswith(clean_text)
    assert response.json()["author"] == "[2J"
    assert int(response.headers["Content-Length"]) == len(response.content)
