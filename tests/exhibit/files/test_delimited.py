"""Test the reader of delimited text: the effect of malformed lines, and the detection of encodings."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from exhibit.errors import RefusedError
from exhibit.files.delimited import (
    MAX_LINE_LENGTH,
    MAX_ROW_LINES,
    DelimitedTable,
    RowProblem,
    detect_encoding,
    read_records,
)


def table(text: str | bytes) -> DelimitedTable:
    stream = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    return DelimitedTable(stream, starts_row=lambda _heads, cells: cells[0].isdecimal())


def cells(text: str | bytes) -> list[Sequence[str]]:
    return [row.cells for row in table(text) if row.problem is None]


def problems(text: str | bytes) -> list[tuple[int, RowProblem]]:
    return [(row.line, row.problem) for row in table(text) if row.problem is not None]


def test_quoted_field_spans_lines_and_keeps_quotation_marks() -> None:
    text = 'a,b\n1,"x ""y""\n\n  z, w"\n2,\n3,"""\n"""\n'
    assert cells(text) == [["1", 'x "y"\n\n  z, w'], ["2", ""], ["3", '"\n"']]
    assert [row.line for row in table(text)] == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "lost", "row_count"),
    [
        ('a,b\n1,"x\n2,y\n', [2], 1),
        ('a,b\n1,"x\n2,y"\n3,z\n', [2], 2),  # the quote closes in a valid row
        ('a,b\n"1,x\n"2","y"\n', [2], 1),
        ('a,b\n1,"x" y\n2,z\n', [2], 1),
        ('a,b\n1,"x\n2,"y\n3,z\n', [2, 3], 1),
        ('a,b\n1,"x,"y"\n2,z\n', [2], 1),
        ('a,b\n1,"' + "x\n" * (MAX_ROW_LINES + 1) + '"\n2,z\n', [2, MAX_ROW_LINES + 3], 1),
    ],
)
def test_unclosed_quotation_mark_loses_only_its_row(text: str, lost: list[int], row_count: int) -> None:
    reported = problems(text)
    assert [line for line, problem in reported if problem is RowProblem.QUOTES] == lost
    assert len(cells(text)) == row_count


@pytest.mark.long
def test_many_unclosed_quotation_marks_are_read_quickly() -> None:
    text = "a,b\n" + '1,"x\n' * 20_000 + "2,y\n" * 20_000
    assert len(problems(text)) == 20_000
    assert len(cells(text)) == 20_000


def test_overlong_binary_and_ragged_rows_are_reported() -> None:
    text = b"a,b\n" + b"x" * (MAX_LINE_LENGTH + 1) + b"\n1,\xc3\xa4\n2,\xff\n3,\0\n4\n5,6,7\n8,9,,\n"
    assert problems(text) == [
        (2, RowProblem.TOO_LONG), (4, RowProblem.ENCODING), (5, RowProblem.NOT_TEXT), (6,
        RowProblem.FIELDS), (7, RowProblem.FIELDS),
    ]  # fmt: skip
    assert cells(text) == [["1", "ä"], ["8", "9"]]


def test_delimiter_is_declared_or_detected_from_known_headings() -> None:
    assert table("sep=;\na,b;c\n").headings == ["a,b", "c"]
    delimited = DelimitedTable(io.BytesIO(b"url;a, b, c\n"), is_heading=lambda head: head == "url")
    assert (delimited.separator, delimited.headings) == (";", ["url", "a, b, c"])


def test_blank_lines_before_headings_are_skipped() -> None:
    rows = table(b';;\r\n"";"";""\r\n\r\nname;place;day\r\na;b;c\r\n')
    assert (rows.separator, rows.headings, rows.first_line) == (";", ["name", "place", "day"], 4)
    assert [row.cells for row in rows] == [["a", "b", "c"]]


def test_unreadable_first_line_is_refused() -> None:
    for data in (b"\xff\xd8\xff\xe0", b'a,"b\n1,2\n', b'a,"' + b"x" * 200_000 + b'"\n1,2\n'):
        with pytest.raises(RefusedError, match="Line 1"):
            table(data)
    assert len(table(b"x" * 200_000 + b"\n1\n").headings[0]) == 200_000


REPORTED = [
    ("Größe, “Café” – 100 €, Ñandú, São Tomé", "cp1252"),
    ("Größe", "utf-8"),
    ("Лев Толстой, қазақ, Nguyễn Phương, Зоё\u0308", "utf-8"),
    ("两只鸟，灯塔，夜晚", "gb18030"),
    ("Größe\n", "utf-16-le"),
]


@pytest.mark.parametrize(("text", "encoding"), REPORTED)
def test_encoding_is_detected_from_words(text: str, encoding: str) -> None:
    assert detect_encoding(text.encode(encoding)) == encoding


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Łukasz Żółw", "cp1250"), ("Wałęsa, Łódź", "cp1250"), ("Dvořák, Žižkov, Český", "cp1250"),
        ("Лев Толстой", "cp1251"), ("Ёлка зима", "koi8_r"), ("Αθήνα", "cp1253"), ("Şişli Ağaoğlu", "cp1254"),
        ("葛飾北斎、さくら", "shift_jis"), ("臺灣攝影師陳明", "big5"),
        ("山田太郎", "iso2022_jp"), ("a.jpg,小雪\n", "gbk"), ("Jiří Dvořák", "mac_latin2"),
    ],
)  # fmt: skip
def test_improbable_encoding_is_not_chosen_for_western_text(text: str, encoding: str) -> None:
    assert detect_encoding(text.encode(encoding)) == ""


@given(st.binary(max_size=200))
def test_reading_any_bytes_yields_rows_or_problems(data: bytes) -> None:
    try:
        rows = list(table(data))
    except RefusedError:
        return
    assert all(row.problem is None or not row.cells or row.problem is RowProblem.FIELDS for row in rows)


def test_file_is_read_by_headings_and_invalid_row_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1,2\n")
    assert list(read_records(path)) == [{"a": "1", "b": "2"}]
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(RefusedError, match=r"^Line 3 of list\.csv "):
        list(read_records(path))
