"""Test that tables in any encoding and from any program are read within limits."""

import codecs
import io
import zipfile
from collections.abc import Callable
from datetime import datetime

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from exhibit.errors import WrongUseError
from exhibit.files.delimited import ENCODINGS
from exhibit.types import DeclaredWork
from registry.works import spreadsheets, workbooks
from registry.works.spreadsheets import EncodingError, WrongRowsError
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
    with pytest.raises(WrongUseError) as raised:
        works(text.encode(encoding))
    assert raised.value.hint


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
    lines = [f"{n}.jpg,{'soon' if n % 3 == 0 else '2024'}" for n in range(600)]
    table = "file,created\n" + "\n".join(lines) + "\n"
    with pytest.raises(WrongRowsError) as raised:
        works(table)
    assert raised.value.message.count("isn't a date") == spreadsheets.SHOWN
    assert "line 2: “soon”" in raised.value.message
    assert [line for line, _problem in raised.value.rows] == list(range(2, 602, 3))
    assert raised.value.message.endswith("302, 305, 308, " + ", ".join(map(str, range(311, 602, 3))) + ")")
    assert raised.value.sound == 400
    read = read_works("table.csv", table.encode(), skips=True)
    assert (len(read), [line for line, _problem in read.understood.skipped]) == (400, list(range(2, 602, 3)))


def test_a_table_without_a_row_that_can_be_used_is_an_error() -> None:
    for table in ("file,title\n", "file,title\n\n,,\n", b"", workbook(("file", "title")), workbook()):
        for skips in (False, True):
            with pytest.raises(WrongUseError):
                read_works("t", table if isinstance(table, bytes) else table.encode(), skips=skips)
    with pytest.raises(WrongRowsError):
        read_works("t.csv", b"file,created\na.jpg,soon\n", skips=True)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_an_utf_16_table_without_a_mark_may_begin_with_chinese_words(encoding: str) -> None:
    ((file, one),) = works("文件名,作品名称\n鸟.jpg,两只鹦鹉\n".encode(encoding)).items()
    assert (file, one.title) == ("鸟.jpg", "两只鹦鹉")


def test_a_table_may_have_its_most_lines_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_LINES", 10)
    lines = [f"{n}.jpg" for n in range(10)]
    assert len(works("\nfile\n\n" + "\n".join(lines))) == 10
    with pytest.raises(WrongUseError, match="10"):
        works("file\n" + "\n".join([*lines, "one more"]))


def test_a_workbook_has_fewer_lines_since_whoever_brings_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_LINES", 10)
    lines = [(f"{n}.jpg",) for n in range(10)]
    assert len(works(workbook(("file",), *lines))) == 10
    with pytest.raises(WrongUseError, match="10") as raised:
        works(workbook(("file",), *lines, ("one more",)))
    assert "100000" in raised.value.hint


def test_a_formula_counts_by_its_result_and_without_one_it_is_named() -> None:
    formula = workbook(("file", "title"), ("a.jpg", "A"), ("b.jpg", '=CONCATENATE("B",1)'))
    with pytest.raises(WrongUseError, match="3") as raised:
        works(formula)
    assert raised.value.hint
    computed = changed(formula, b'<c r="B3"><f>', b'<c r="B3" t="str"><f>', b"</f><v></v>", b"</f><v>B1</v>")
    assert [one.title for one in works(computed).values()] == ["A", "B1"]


def test_a_sheet_that_claims_endless_rows_is_read_no_further_than_programs_can_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbooks, "MAX_ROWS", 1000)
    table = workbook(("file", "title"), ("a.jpg", "A"))
    for claimed in (b"A1:XFD1048576", b"A1:B99999999999"):
        assert list(works(changed(table, b"A1:B2", claimed))) == ["a.jpg"]
    far = changed(
        table, b'<row r="2"', b'<row r="99999999999"', b' r="A2"', b"", b' r="B2"', b"", b"A1:B2", b"A1:B9999999"
    )
    with pytest.raises(WrongUseError, match="20000"):
        works(far)


def changed(data: bytes, *pairs: bytes) -> bytes:
    """Replace words in a workbook's first sheet."""
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
    with pytest.raises(WrongUseError, match="3"):
        works(workbook(("file", "title"), ("a.jpg", "A"), (None, "B")))


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name.replace("_", "/"), content)
    return out.getvalue()


def needs_another_version(data: bytes) -> bytes:
    """Return a workbook whose first member requires a newer ZIP version."""
    place = data.index(b"PK\x01\x02") + 6
    return data[:place] + b"\xff" + data[place + 1 :]


def test_files_of_other_programs_and_bombs_are_refused_before_they_are_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 1 << 20)
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


def test_every_row_is_read_whatever_size_a_sheet_claims() -> None:
    table = workbook(("file", "title", "author"), *((f"{n}.jpg", f"T{n}", f"A{n}") for n in range(9)))
    for claimed in (b"A1", b"A1:A1", b"A1:B4", b"A1:C10", b"C3:D5", b""):
        read = works(changed(table, b'<dimension ref="A1:C10"', b'<dimension ref="%s"' % claimed))
        assert [(file, one.title, one.author) for file, one in read.items()] == [
            (f"{n}.jpg", f"T{n}", f"A{n}") for n in range(9)
        ]
    read = works(changed(table, b'<dimension ref="A1:C10"/>', b""))
    assert len(read) == 9


@pytest.mark.parametrize(
    "dimension", [b"", b'ref=""', b'ref="Sheet1!A1:B3"', b'ref="A1:B"', b'ref="#REF!"', b'ref="A1:B2 D4"']
)
def test_a_dimension_that_is_no_range_costs_nothing(dimension: bytes) -> None:
    data = workbook(("file", "title"), ("a.jpg", "One"), ("b.jpg", "Two"))
    assert list(works(changed(data, b'ref="A1:B3"', dimension))) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_workbook_in_utf_16_is_checked_as_any_other(encoding: str) -> None:
    data = workbook(("file", "title"), ("a.jpg", "=1"), ("b.jpg", "Zoë"))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml")
    with pytest.raises(WrongRowsError) as raised:
        works(changed(data, sheet, sheet.decode().encode(encoding)))
    assert [line for line, _problem in raised.value.rows] == [2]
    disordered = sheet.replace(b'<row r="3"', b'<row r="1"').decode().encode(encoding)
    with pytest.raises(WrongUseError):
        works(changed(data, sheet, disordered))


def test_escaped_characters_of_a_text_are_read_as_such() -> None:
    read = works(workbook(("file", "author"), ("a.jpg", "_x0041_nn_x000D_\nExample_x000D_"), ("b.jpg", "snake_x1_y")))
    assert [one.author for one in read.values()] == ["Ann\nExample", "snake_x1_y"]


def book_of(**sheets: list[tuple[object, ...]]) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    return book


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_first_visible_sheet_with_rows_is_read_and_the_others_are_named() -> None:
    rows: list[tuple[object, ...]] = [("file",), ("a.jpg",)]
    book = book_of(Lists=[("x",), ("y",)], Blank=[], Works=rows, Old=rows, Empty=[])
    book["Lists"].sheet_state = "hidden"
    read = read_works("t.xlsx", saved(book))
    assert (list(read), read.understood.sheet) == (["a.jpg"], "Works")
    assert read.understood.unread_sheets == ("Old", "Lists")
    book = book_of(Works=rows)
    book["Works"].sheet_state = "visible"
    assert read_works("t.xlsx", saved(book)).understood.unread_sheets == ()


def test_a_strict_workbook_is_read_with_its_days() -> None:
    book = book_of(Works=[("file", "title", "created"), ("a.jpg", "Größe", datetime(2020, 5, 31))])  # noqa: DTZ001
    strict, out = "http://purl.oclc.org/ooxml/", io.BytesIO()
    ours = "http://schemas.openxmlformats.org/"
    names = {
        f"{ours}spreadsheetml/2006/main": f"{strict}spreadsheetml/main",
        f"{ours}officeDocument/2006/extended-properties": f"{strict}officeDocument/extendedProperties",
        f"{ours}officeDocument/2006/": f"{strict}officeDocument/",
        f"{ours}drawingml/2006/main": f"{strict}drawingml/main",
    }
    with zipfile.ZipFile(io.BytesIO(saved(book))) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            content = old.read(member).decode()
            for before, after in names.items():
                content = content.replace(before, after)
            new.writestr(member, content)
    (one,) = works(out.getvalue()).values()
    assert (one.title, one.created) == ("Größe", "2020-05-31")


def test_days_of_a_workbook_that_counts_from_1904_are_those_that_it_shows() -> None:
    book = book_of(Works=[("file", "created"), ("a.jpg", datetime(2020, 5, 31))])  # noqa: DTZ001
    book.epoch = CALENDAR_MAC_1904
    assert [one.created for one in works(saved(book)).values()] == ["2020-05-31"]


def test_a_merged_cell_counts_for_each_of_its_rows() -> None:
    book = book_of(Works=[("file", "author"), ("a.jpg", "Ann"), ("b.jpg",), ("c.jpg",), (), ("d.jpg", "Bob")])
    book["Works"].merge_cells("B2:B4")
    assert [one.author for one in works(saved(book)).values()] == ["Ann", "Ann", "Ann", "Bob"]


def test_formulas_without_results_and_failed_ones_are_errors_of_their_rows() -> None:
    book = book_of(
        Works=[("file", "title"), ("a.jpg", "=1+1"), ("b.jpg", "#REF!"), ("c.jpg", "#BEZUG!"), ("d.jpg", "D")]
    )
    with pytest.raises(WrongRowsError) as raised:
        works(saved(book))
    assert [line for line, _problem in raised.value.rows] == [2, 3, 4]
    read = read_works("t.xlsx", saved(book), skips=True)
    assert list(read) == ["d.jpg"]


def test_an_empty_text_is_a_result_of_a_formula() -> None:
    formula = workbook(("file", "title"), ("a.jpg", '=IF(1,"","x")'))
    computed = changed(formula, b'<c r="B2"><f>', b'<c r="B2" t="str"><f>')
    assert b't="str"><f>IF' in zipfile.ZipFile(io.BytesIO(computed)).read("xl/worksheets/sheet1.xml")
    assert [one.title for one in works(computed).values()] == [""]


def test_a_table_may_begin_anywhere_in_a_sheet() -> None:
    rows = [(None, None, "file", "title"), (), (None, None, "a.jpg", "A"), (None, None, "b.jpg"), ("x", None, "c.jpg")]
    data = workbook((), (), *rows)
    with pytest.raises(WrongRowsError) as raised:
        works(data)
    assert [line for line, _problem in raised.value.rows] == [7]
    assert list(read_works("t.xlsx", data, skips=True)) == ["a.jpg", "b.jpg"]


def test_rows_out_of_order_and_columns_beyond_the_most_are_refused_and_not_lost() -> None:
    table = workbook(("file", "title"), ("a.jpg", "A"), ("b.jpg", "B"))
    with pytest.raises(WrongUseError):
        works(changed(table, b'<row r="3"', b'<row r="1"', b'r="A3"', b'r="A1"', b'r="B3"', b'r="B1"'))
    with pytest.raises(WrongRowsError) as raised:
        works(workbook(("file",), ("a.jpg", *[None] * 120, "far")))
    assert [line for line, _problem in raised.value.rows] == [2]


@pytest.mark.parametrize(
    ("member", "format"), [("content.xml", "ODS"), ("Index/Document.iwa", "Numbers"), ("xl/workbook.bin", "XLSB")]
)
def test_the_formats_of_other_programs_are_named(member: str, format: str) -> None:  # noqa: A002
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr(member, b"x")
    with pytest.raises(WrongUseError, match=format):
        works(out.getvalue())
    for text, name in ((b"<html><table>", "HTML"), (b"\xef\xbb\xbf<?xml version='1.0'?>", "XML"), (b"%PDF-1.7", "PDF")):
        with pytest.raises(WrongUseError, match=name):
            works(text)
    with pytest.raises(WrongUseError):
        works(b"\xd0\xcf\x11\xe0" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"))


NAMES = "file,title,author\na.jpg,{},{}\n"


@pytest.mark.parametrize(
    ("title", "author", "encoding", "name"),
    [
        ("항구의 사진", "김철수", "euc_kr", "EUC-KR"),
        ("臺灣的海港", "陳明", "big5", "Big5"),
        ("山田太郎", "田中一郎", "euc_jp", "EUC-JP"),
        ("港の写真", "葛飾北斎", "shift_jis", "Shift_JIS"),
        ("Лев Толстой", "Иван", "koi8_r", "KOI8-R"),
        ("ИВАН", "Пётр Ильич", "cp1251", "windows-1251"),
        ("ива", "ПЕТР", "koi8_r", "KOI8-R"),
        ("Jürgen Müller", "Zoë Größe", "mac_roman", "macintosh"),
        ("Dvořák", "Žižkov", "cp1250", "windows-1250"),
        ("Größe", "Bernd Groß", "cp1252", "windows-1252"),
        ("Harbour", "© Ann Lee", "cp1252", "windows-1252"),
        ("Olé – “ça” 50 €", "François Noël", "mac_roman", "macintosh"),
        ("東京の夜", "山田太郎", "iso2022_jp", "ISO-2022-JP"),
        ("雪", "小雪", "gbk", "GBK"),
    ],
)
def test_an_encoding_that_may_be_another_is_asked_for_with_its_words(
    title: str, author: str, encoding: str, name: str
) -> None:
    text = NAMES.format(title, author)
    with pytest.raises(EncodingError) as raised:
        works(text.encode(encoding))
    shown = {one.encoding: one.lines for one in raised.value.candidates}
    assert shown[name] == (text.splitlines()[1],)
    (one,) = read_works("t.csv", text.encode(encoding), encoding=ENCODINGS[name]).values()
    assert (one.title, one.author) == (title, author)


def test_an_encoding_is_asked_for_wherever_its_first_letter_stands() -> None:
    lines = "".join(f"{n}.jpg,Harbour\n" for n in range(20_000))
    with pytest.raises(EncodingError) as raised:
        works(f"file,title\n{lines}z.jpg,Größe\n".encode("cp1252"))
    shown = {one.encoding: one.lines for one in raised.value.candidates}
    assert shown["windows-1252"] == ("z.jpg,Größe",)


@pytest.mark.parametrize("made", [lambda *rows: "\n".join(",".join(row) for row in rows).encode(), workbook])
def test_a_name_that_an_earlier_program_could_not_read_is_an_error(made: Callable[..., bytes]) -> None:
    data = made(("file", "author"), ("a.jpg", "H\N{REPLACEMENT CHARACTER}l"), ("b.jpg", "Ann"))
    with pytest.raises(WrongRowsError) as raised:
        works(data)
    assert [line for line, _problem in raised.value.rows] == [2]
    assert list(read_works("table", data, skips=True)) == ["b.jpg"]


def test_a_mark_of_utf_8_that_comes_twice_is_no_part_of_a_heading() -> None:
    assert list(works(2 * codecs.BOM_UTF8 + b"file,title\na.jpg,One\n")) == ["a.jpg"]


def test_lines_in_another_encoding_than_most_are_errors_of_their_own() -> None:
    sound = "file,title\n" + "".join(f"{n}.jpg,Größe\n" for n in range(3))
    with pytest.raises(WrongRowsError) as raised:
        works(sound.encode() + "d.jpg,Größe\n".encode("cp1252"))
    assert [line for line, _problem in raised.value.rows] == [5]
