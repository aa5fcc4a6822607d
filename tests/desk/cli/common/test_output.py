"""Test the output of results for people and for programs."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from desk.cli.common import output


def test_table_columns_are_aligned_even_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo_table(("work", "title", "size"), [(7, "灯塔", "a"), (1234, "Lighthouse", "b")])
    assert capsys.readouterr().out.splitlines() == [
        " work  title       size",
        "    7  灯塔        a",
        "1,234  Lighthouse  b",
    ]


def test_control_characters_in_foreign_text_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo_table(("title",), [("\x1b[2J\u202egpj\r\n",)])
    output.echo_text("a\x1b]0;title\x07b")
    out = capsys.readouterr().out
    assert not any(sign in out for sign in "\x1b\u202e\r\x07")
    assert "�[2J" in out


def test_empty_fields_are_omitted(capsys: pytest.CaptureFixture[str]) -> None:
    output.echo_fields(("title", "A"), ("author", ""), ("first publication", "1870"))
    assert capsys.readouterr().out.splitlines() == ["title              A", "first publication  1870"]


def test_sizes_numbers_and_times_are_formatted() -> None:
    assert [output.format_size(count) for count in (0, 1023, 1024, 5 * 1024**2, 3 * 1024**4)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 TiB",
    ]
    assert [output.format_count(count, "case") for count in (0, 1, 1200)] == ["0 cases", "1 case", "1,200 cases"]
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert output.format_time(noon, ZoneInfo("Asia/Shanghai")) == "2026-05-01 20:00 CST"
    assert output.format_time(None, ZoneInfo("UTC")) == ""


def test_list_is_printed_as_table_json_or_empty_message(capsys: pytest.CaptureFixture[str]) -> None:
    def print_list(*rows: str, as_json: bool = False) -> str:
        output.echo_list("names", rows, ("name",), lambda row: [row], empty_message="There is none.", as_json=as_json)
        return capsys.readouterr().out

    assert print_list("Ann", "Bo") == "name\nAnn\nBo\n"
    assert print_list() == "There is none.\n"
    assert json.loads(print_list("Ann", as_json=True)) == {"names": ["Ann"]}
    output.echo_json({"at": datetime(2026, 5, 1, 12, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-05-01T12:00:00.000000Z"}
