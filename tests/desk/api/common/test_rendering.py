"""Test the JSON responses of the API."""

from exhibit.plain import plain
from registry.models import Owner, Work
from tests.assets.programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import photograph
from tests.desk.web.test_plain_words import ACTING

__all__ = ["alice", "studio"]


def test_what_was_kept_with_it_earlier_leaves_the_api_without_it(studio: Owner, alice: Program) -> None:
    alice.form("/works", {"title": "Harbour", "file": file_of("a.jpg", photograph(1))})
    kept = 'a\tb "c" \\u0007 \\\\ 港 \U0001f469 \n'
    Work.objects.update(title=f"{kept}{''.join(ACTING).replace(chr(0), '')}\b\f", author="\x1b[2J")
    answer = alice.client.get(ROOT + "/works/1")
    assert answer.json()["title"] == plain(Work.objects.get().title)
    assert answer.json()["title"].startswith(kept)
    assert answer.json()["author"] == "[2J"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
