"""Tables in whatever encoding and program they were saved, read within limits."""

import io
import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from exhibit.errors import WrongUseError
from exhibit.types import DeclaredWork
from registry.works import spreadsheets
from registry.works.tables import read_works


def works(text: str | bytes) -> dict[str, DeclaredWork]:
    return read_works("table.csv", text if isinstance(text, bytes) else text.encode())


def workbook(*rows: tuple[object, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(list(row))
    book.save(out)
    return out.getvalue()


LINES = "file;title;author\n鸟.jpg;两只鹦鹉;陈明\n海.jpg;灯塔，夜晚;李华\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_table_is_read_in_whatever_encoding_and_with_whatever_separator_it_was_saved(
    encoding: str, separator: str
) -> None:
    read = works(LINES.replace(";", separator).replace("\n", "\r\n").encode(encoding))
    assert [(file, one.title, one.author) for file, one in read.items()] == [
        ("鸟.jpg", "两只鹦鹉", "陈明"),
        ("海.jpg", "灯塔，夜晚", "李华"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,author\na.jpg,Jürgen Müller\n", "cp1252"),
        ("file,author\na.jpg,Łukasz Żółw\n", "cp1250"),
        ("file,author\na.jpg,Лев Толстой\n", "cp1251"),
        ("file,author\na.jpg,葛飾北斎、さくら\n", "shift_jis"),
        ("file,author\na.jpg,臺灣攝影師陳明\n", "big5"),
    ],
)
def test_an_encoding_that_could_be_another_is_refused_and_no_name_is_changed(text: str, encoding: str) -> None:
    with pytest.raises(WrongUseError, match="can't be told for sure") as raised:
        works(text.encode(encoding))
    assert "CSV UTF-8" in raised.value.hint


def test_a_workbook_is_read_with_its_days_and_numbers() -> None:
    data = workbook(
        ("File", "Title", "First publication", None),
        ("a.jpg", 12.0, datetime(2020, 5, 31), None),  # noqa: DTZ001 - as workbooks have them
        (None, None, None, None),
        ("b.jpg", None, 1999, None),
        ("c.jpg", None, datetime(2020, 5, 31, 10, 20), None),  # noqa: DTZ001
    )
    read = works(data)
    first, second, third = read.values()
    assert list(read)[:2] == ["a.jpg", "b.jpg"]
    assert third.first_publication == "2020-05-31"
    assert (first.title, first.first_publication) == ("12", "2020-05-31")
    assert (second.title, second.first_publication) == ("", "1999")


def test_all_lines_that_cannot_be_used_are_told_at_once() -> None:
    lines = [f"{n}.jpg,{'soon' if n % 3 == 0 else '2024'}" for n in range(30)]
    with pytest.raises(WrongUseError) as raised:
        works("file,created\n" + "\n".join(lines) + "\n")
    assert raised.value.message.count("isn't a date") == 5
    assert "line 2: “soon”" in raised.value.message
    assert "line 14: “soon”" in raised.value.message
    assert raised.value.message.endswith("5 more lines can't be used.")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_an_utf_16_table_without_a_mark_may_begin_with_chinese_words(encoding: str) -> None:
    ((file, one),) = works("文件名,作品名称\n鸟.jpg,两只鹦鹉\n".encode(encoding)).items()
    assert (file, one.title) == ("鸟.jpg", "两只鹦鹉")


def test_a_table_may_have_its_most_lines_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_LINES", 10)
    lines = [f"{n}.jpg" for n in range(10)]
    assert len(works("\nfile\n\n" + "\n".join(lines))) == 10
    with pytest.raises(WrongUseError, match="more than 10 lines"):
        works("file\n" + "\n".join([*lines, "one more"]))


def test_a_workbook_has_fewer_lines_since_whoever_brings_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_SHEET_LINES", 10)
    lines = [(f"{n}.jpg",) for n in range(10)]
    assert len(works(workbook(("file",), *lines))) == 10
    with pytest.raises(WrongUseError, match="more than 10 lines") as raised:
        works(workbook(("file",), *lines, ("one more",)))
    assert "Save it as CSV UTF-8, which may have 100000" in raised.value.hint


def test_a_formula_counts_by_its_result_and_without_one_it_is_named() -> None:
    formula = workbook(("file", "title"), ("a.jpg", "A"), ("b.jpg", '=CONCATENATE("B",1)'))
    with pytest.raises(WrongUseError, match="line 3: a formula's result isn't in the file") as raised:
        works(formula)
    assert "save it again" in raised.value.hint
    computed = changed(formula, b'<c r="B3"><f>', b'<c r="B3" t="str"><f>', b"</f><v></v>", b"</f><v>B1</v>")
    assert [one.title for one in works(computed).values()] == ["A", "B1"]


def test_a_sheet_that_claims_endless_rows_is_read_no_further_than_programs_can_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_ROWS", 1000)
    table = workbook(("file", "title"), ("a.jpg", "A"))
    for claimed in (b"A1:XFD1048576", b"A1:B99999999999"):
        assert list(works(changed(table, b"A1:B2", claimed))) == ["a.jpg"]
    far = changed(
        table, b'<row r="2"', b'<row r="99999999999"', b' r="A2"', b"", b' r="B2"', b"", b"A1:B2", b"A1:B9999999"
    )
    with pytest.raises(WrongUseError, match="more than 20000 lines"):
        works(far)


def changed(data: bytes, *pairs: bytes) -> bytes:
    """A workbook whose first sheet has other words in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.startswith("xl/worksheets/"):
                for before, after in zip(pairs[::2], pairs[1::2], strict=True):
                    content = content.replace(before, after)
            new.writestr(name, content)
    return out.getvalue()


def test_a_workbook_says_the_line_of_what_is_wrong() -> None:
    with pytest.raises(WrongUseError, match="line 3: file is empty"):
        works(workbook(("file", "title"), ("a.jpg", "A"), (None, "B")))


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name.replace("_", "/"), content)
    return out.getvalue()


def needs_another_version(data: bytes) -> bytes:
    """A workbook whose first member wants a program that can more than unpack."""
    place = data.index(b"PK\x01\x02") + 6
    return data[:place] + b"\xff" + data[place + 1 :]


def test_files_of_other_programs_and_bombs_are_refused_before_they_are_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_UNPACKED", 1 << 20)
    bomb = packed(**{"xl_workbook.xml": b"x", "xl_sheet.xml": b"\0" * ((1 << 20) + 1)})
    wrong = {
        "is a workbook of an old Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is neither a CSV table nor an Excel workbook": packed(word=b"x"),
        "is damaged": b"PK\x03\x04 and no more",
        "is damaged.": needs_another_version(workbook(("file", "title"), ("a.jpg", "A"))),
        "is too large": bomb,
        "can't be read as a workbook": packed(**{"xl_workbook.xml": b"<!DOCTYPE x>"}),
    }
    for sentence, data in wrong.items():
        with pytest.raises(WrongUseError, match=sentence):
            works(data)
