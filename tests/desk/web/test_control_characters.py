"""Test that text from users contains no control characters for terminals, mails or tables, at any endpoint."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from desk.api.api import api
from desk.cli.main import main
from exhibit.errors import ExitCode
from exhibit.plain import remove_control_chars, to_one_line
from registry.models import Owner, Work
from registry.works.work_tables import parse_works_table
from tests.assets.api_programs import ROOT, Program, alice, file_of, studio
from tests.assets.rows import photograph

__all__ = ["alice", "studio"]


CONTROL_CHARACTERS = ("\x1b[2J", "\x00", "\x07", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u2028", "\ufffe")


@pytest.mark.parametrize("sign", [*CONTROL_CHARACTERS, "\ud800"])
def test_control_characters_are_removed_and_text_is_kept(sign: str) -> None:
    assert remove_control_chars(f"a{sign}b") == f"a{sign[1:]}b"
    assert to_one_line(f" a{sign[:1]}\n\t b ") == "a b"


def test_joiners_of_languages_are_kept() -> None:
    for text in ("Hafen im Morgenlicht", "港口的黎明", "שלום\u200f", "می\u200cخواهم", "👩\u200d👩\u200d👧", "a\nb\tc"):
        assert remove_control_chars(text) == text


def iter_texts(schema: Any, path: str, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON
    """Yield every text field of a schema."""
    if isinstance(schema, list):
        for sub_schema in schema:
            yield from iter_texts(sub_schema, path, document)
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from iter_texts(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], path, document)
    if schema.get("type") == "string":
        yield path, schema
    for name, sub_schema in schema.get("properties", {}).items():
        yield from iter_texts(sub_schema, f"{path}.{name}", document)
    for inner in ("items", "anyOf", "allOf", "oneOf", "additionalProperties"):
        yield from iter_texts(schema.get(inner), path, document)


def test_api_texts_exclude_control_characters() -> None:
    document = api.get_openapi_schema()
    schemas = [
        item
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for item in iter_texts(content["schema"], f"{method} {path}", document)
    ]
    assert len(schemas) > 60
    for location, schema in schemas:
        if not schema.keys() & {"enum", "const", "format", "contentMediaType"}:
            for sign in CONTROL_CHARACTERS:
                assert not re.search(schema.get("pattern", ""), f"ab{sign}cd"), (location, sign)


@pytest.mark.long
def test_program_input_with_control_or_surrogate_characters_is_rejected(studio: Owner, alice: Program) -> None:
    for sign in (*CONTROL_CHARACTERS, "two\nlines"):
        form = {"title": f"Harbour {sign}", "file": file_of("a.jpg", photograph(1))}
        assert alice.form("/works", form)[0] == 400, sign
    status, body = alice.form("/works", {"title": "Harbour", "file": file_of("evil\x1b[2J\u202e.jpg", photograph(1))})
    assert status == 201
    assert body["file"].isprintable()
    for sign in CONTROL_CHARACTERS:
        assert alice.send("patch", "/works/1", {"title": f"a{sign}b"})[0] == 400, sign
        assert alice.send("patch", "/works/1", {"rights": f"a{sign}b"})[0] == 400, sign
    half = alice.client.patch(ROOT + "/works/1", b'{"title": "a\\ud800b"}', content_type="application/json")
    assert half.status_code == 400
    assert Work.objects.get().title == "Harbour"


def test_control_characters_in_a_table_are_removed() -> None:
    rows = parse_works_table("a.csv", "file,title,author\na.jpg,Har\x1bbour\u202e,Ann\x07\n".encode())
    assert [(row.title, row.author) for row in rows.values()] == [("Harbour", "Ann")]


@pytest.mark.parametrize("sign", ["\x1b[2J", "\u202e", "\udc80"])
def test_command_rejects_control_characters(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["owner", "add", f"Studio{sign}"]) == ExitCode.INVALID_REQUEST
    output = capsys.readouterr().err
    assert "control character" in output
    assert sign not in output
