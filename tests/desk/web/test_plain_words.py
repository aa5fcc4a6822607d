"""Test that text from users contains no control characters for terminals, mails or tables, at any endpoint."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from desk.api.api import api
from desk.cli.main import main
from exhibit.errors import ExitCode
from exhibit.plain import one_line, plain
from registry.models import Owner, Work
from registry.works.tables import read_works
from tests.assets.programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import photograph

__all__ = ["alice", "studio"]


ACTING = ("\x1b[2J", "\x00", "\x07", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u2028", "\ufffe")


@pytest.mark.parametrize("sign", [*ACTING, "\ud800"])
def test_what_acts_is_removed_and_what_is_written_stays(sign: str) -> None:
    assert plain(f"a{sign}b") == f"a{sign[1:]}b"
    assert one_line(f" a{sign[:1]}\n\t b ") == "a b"


def test_languages_keep_their_signs() -> None:
    for words in ("Hafen im Morgenlicht", "港口的黎明", "שלום\u200f", "می\u200cخواهم", "👩\u200d👩\u200d👧", "a\nb\tc"):
        assert plain(words) == words


def texts(schema: Any, where: str, whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON
    """Yield every text field of a schema."""
    if isinstance(schema, list):
        for one in schema:
            yield from texts(one, where, whole)
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from texts(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], where, whole)
    if schema.get("type") == "string":
        yield where, schema
    for name, one in schema.get("properties", {}).items():
        yield from texts(one, f"{where}.{name}", whole)
    for inner in ("items", "anyOf", "allOf", "oneOf", "additionalProperties"):
        yield from texts(schema.get(inner), where, whole)


def test_the_api_describes_no_text_that_may_hold_what_acts() -> None:
    whole = api.get_openapi_schema()
    found = [
        one
        for path, operations in whole["paths"].items()
        for method, operation in operations.items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for one in texts(content["schema"], f"{method} {path}", whole)
    ]
    assert len(found) > 60
    for where, schema in found:
        if not schema.keys() & {"enum", "const", "format", "contentMediaType"}:
            for sign in ACTING:
                assert not re.search(schema.get("pattern", ""), f"ab{sign}cd"), (where, sign)


@pytest.mark.long
def test_a_program_is_refused_with_what_acts_and_with_half_a_character(studio: Owner, alice: Program) -> None:
    for sign in (*ACTING, "two\nlines"):
        form = {"title": f"Harbour {sign}", "file": file_of("a.jpg", photograph(1))}
        assert alice.form("/works", form)[0] == 400, sign
    status, made = alice.form("/works", {"title": "Harbour", "file": file_of("evil\x1b[2J\u202e.jpg", photograph(1))})
    assert status == 201
    assert made["file"].isprintable()
    for sign in ACTING:
        assert alice.send("patch", "/works/1", {"title": f"a{sign}b"})[0] == 400, sign
        assert alice.send("patch", "/works/1", {"rights": f"a{sign}b"})[0] == 400, sign
    half = alice.client.patch(ROOT + "/works/1", b'{"title": "a\\ud800b"}', content_type="application/json")
    assert half.status_code == 400
    assert Work.objects.get().title == "Harbour"


def test_what_stands_in_a_table_is_read_without_it() -> None:
    rows = read_works("a.csv", "file,title,author\na.jpg,Har\x1bbour\u202e,Ann\x07\n".encode())
    assert [(one.title, one.author) for one in rows.values()] == [("Harbour", "Ann")]


@pytest.mark.parametrize("sign", ["\x1b[2J", "\u202e", "\udc80"])
def test_a_command_refuses_it(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["owner", "add", f"Studio{sign}"]) == ExitCode.WRONG_USE
    said = capsys.readouterr().err
    assert "control character" in said
    assert sign not in said
