"""Test that tables in any encoding and from any program are read within limits."""

import codecs
import io
import zipfile
from collections.abc import Callable
from datetime import datetime

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from exhibit.errors import InvalidRequestError
from exhibit.files.delimited import ENCODINGS
from exhibit.types import DeclaredWork
from registry.works import spreadsheets, workbooks
from registry.works.spreadsheets import EncodingError, InvalidRowsError
from registry.works.work_tables import parse_works_table


def read_table(text: str | bytes) -> dict[str, DeclaredWork]:
    return parse_works_table("table.csv", text if isinstance(text, bytes) else text.encode())


def make_workbook(*rows: tuple[object, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(list(row))
    book.save(out)
    return out.getvalue()


TABLE = "file;title;author\n鸟.jpg;两只鹦鹉;陈明\n海.jpg;灯塔，夜晚;李华\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_table_is_parsed_in_any_encoding_and_separator(encoding: str, separator: str) -> None:
    works_by_file = read_table(TABLE.replace(";", separator).replace("\n", "\r\n").encode(encoding))
    assert [(file, work.title, work.author) for file, work in works_by_file.items()] == [
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
def test_ambiguous_encoding_is_rejected(text: str, encoding: str) -> None:
    with pytest.raises(InvalidRequestError) as error_info:
        read_table(text.encode(encoding))
    assert error_info.value.hint


def test_workbook_dates_and_numbers_are_parsed() -> None:
    data = make_workbook(
        ("File", "Title", "First publication", None),
        ("a.jpg", 12.0, datetime(2020, 5, 31), None),  # noqa: DTZ001 - as workbooks have them
        (None, None, None, None),
        ("b.jpg", None, 1999, None),
        ("c.jpg", None, datetime(2020, 5, 31, 10, 20), None),  # noqa: DTZ001
    )
    works_by_file = read_table(data)
    first, second, third = works_by_file.values()
    assert list(works_by_file)[:2] == ["a.jpg", "b.jpg"]
    assert third.first_publication == "2020-05-31"
    assert (first.title, first.first_publication) == ("12", "2020-05-31")
    assert (second.title, second.first_publication) == ("", "1999")


def test_all_invalid_rows_are_reported_at_once() -> None:
    lines = [f"{n}.jpg,{'soon' if n % 3 == 0 else '2024'}" for n in range(600)]
    table = "file,created\n" + "\n".join(lines) + "\n"
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(table)
    assert error_info.value.message.count("is not a date") == spreadsheets.MAX_DESCRIBED_ERRORS
    assert "row 2: “soon”" in error_info.value.message
    assert [line for line, _problem in error_info.value.rows] == list(range(2, 602, 3))
    assert error_info.value.message.endswith("302, 305, 308, " + ", ".join(map(str, range(311, 602, 3))) + ")")
    assert error_info.value.valid_count == 400
    works_by_file = parse_works_table("table.csv", table.encode(), skips_invalid=True)
    assert (len(works_by_file), [line for line, _problem in works_by_file.interpretation.skipped]) == (
        400,
        list(range(2, 602, 3)),
    )


def test_table_without_valid_rows_is_rejected() -> None:
    for table in ("file,title\n", "file,title\n\n,,\n", b"", make_workbook(("file", "title")), make_workbook()):
        for skips in (False, True):
            with pytest.raises(InvalidRequestError):
                parse_works_table("t", table if isinstance(table, bytes) else table.encode(), skips_invalid=skips)
    with pytest.raises(InvalidRowsError):
        parse_works_table("t.csv", b"file,created\na.jpg,soon\n", skips_invalid=True)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_table_without_byte_order_mark_is_parsed(encoding: str) -> None:
    ((file, work),) = read_table("文件名,作品名称\n鸟.jpg,两只鹦鹉\n".encode(encoding)).items()
    assert (file, work.title) == ("鸟.jpg", "两只鹦鹉")


def test_table_over_row_limit_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_LINES", 10)
    lines = [f"{n}.jpg" for n in range(10)]
    assert len(read_table("\nfile\n\n" + "\n".join(lines))) == 10
    with pytest.raises(InvalidRequestError, match="10"):
        read_table("file\n" + "\n".join([*lines, "one more"]))


def test_workbook_over_row_limit_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_LINES", 10)
    lines = [(f"{n}.jpg",) for n in range(10)]
    assert len(read_table(make_workbook(("file",), *lines))) == 10
    with pytest.raises(InvalidRequestError, match="10") as error_info:
        read_table(make_workbook(("file",), *lines, ("one more",)))
    assert "100000" in error_info.value.hint


def test_formula_result_is_used_and_missing_result_is_rejected() -> None:
    formula = make_workbook(("file", "title"), ("a.jpg", "A"), ("b.jpg", '=CONCATENATE("B",1)'))
    with pytest.raises(InvalidRequestError, match="3") as error_info:
        read_table(formula)
    assert error_info.value.hint
    computed = replace_in_workbook(
        formula, b'<c r="B3"><f>', b'<c r="B3" t="str"><f>', b"</f><v></v>", b"</f><v>B1</v>"
    )
    assert [work.title for work in read_table(computed).values()] == ["A", "B1"]


def test_sheet_with_excessive_dimension_is_parsed_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbooks, "MAX_ROWS", 1000)
    table = make_workbook(("file", "title"), ("a.jpg", "A"))
    for claimed in (b"A1:XFD1048576", b"A1:B99999999999"):
        assert list(read_table(replace_in_workbook(table, b"A1:B2", claimed))) == ["a.jpg"]
    far = replace_in_workbook(
        table, b'<row r="2"', b'<row r="99999999999"', b' r="A2"', b"", b' r="B2"', b"", b"A1:B2", b"A1:B9999999"
    )
    with pytest.raises(InvalidRequestError, match="20000"):
        read_table(far)


def replace_in_workbook(data: bytes, *pairs: bytes) -> bytes:
    """Replace byte strings in the sheets of a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.startswith("xl/worksheets/"):
                for before, after in zip(pairs[::2], pairs[1::2], strict=True):
                    content = content.replace(before, after)
            new.writestr(name, content)
    return out.getvalue()


def test_invalid_workbook_row_is_reported_with_its_number() -> None:
    with pytest.raises(InvalidRequestError, match="3"):
        read_table(make_workbook(("file", "title"), ("a.jpg", "A"), (None, "B")))


def make_zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(name.replace("_", "/"), content)
    return out.getvalue()


def change_version(data: bytes) -> bytes:
    """Return a workbook whose first member requires a newer ZIP version."""
    place = data.index(b"PK\x01\x02") + 6
    return data[:place] + b"\xff" + data[place + 1 :]


def test_other_file_formats_and_zip_bombs_are_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 1 << 20)
    bomb = make_zip(**{"xl_workbook.xml": b"x", "xl_sheet.xml": b"\0" * ((1 << 20) + 1)})
    wrong = {
        "is a workbook from an old version of Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is neither a CSV table nor an Excel workbook": make_zip(word=b"x"),
        "is damaged": b"PK\x03\x04 and no more",
        "is damaged.": change_version(make_workbook(("file", "title"), ("a.jpg", "A"))),
        "is too large": bomb,
        "cannot be read as a workbook": make_zip(**{"xl_workbook.xml": b"<!DOCTYPE x>"}),
    }
    for sentence, data in wrong.items():
        with pytest.raises(InvalidRequestError, match=sentence):
            read_table(data)


def test_all_rows_are_parsed_regardless_of_stated_dimension() -> None:
    table = make_workbook(("file", "title", "author"), *((f"{n}.jpg", f"T{n}", f"A{n}") for n in range(9)))
    for claimed in (b"A1", b"A1:A1", b"A1:B4", b"A1:C10", b"C3:D5", b""):
        works_by_file = read_table(
            replace_in_workbook(table, b'<dimension ref="A1:C10"', b'<dimension ref="%s"' % claimed)
        )
        assert [(file, work.title, work.author) for file, work in works_by_file.items()] == [
            (f"{n}.jpg", f"T{n}", f"A{n}") for n in range(9)
        ]
    works_by_file = read_table(replace_in_workbook(table, b'<dimension ref="A1:C10"/>', b""))
    assert len(works_by_file) == 9


@pytest.mark.parametrize(
    "dimension", [b"", b'ref=""', b'ref="Sheet1!A1:B3"', b'ref="A1:B"', b'ref="#REF!"', b'ref="A1:B2 D4"']
)
def test_invalid_dimension_is_ignored(dimension: bytes) -> None:
    data = make_workbook(("file", "title"), ("a.jpg", "One"), ("b.jpg", "Two"))
    assert list(read_table(replace_in_workbook(data, b'ref="A1:B3"', dimension))) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_workbook_is_validated(encoding: str) -> None:
    data = make_workbook(("file", "title"), ("a.jpg", "=1"), ("b.jpg", "Zoë"))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml")
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(replace_in_workbook(data, sheet, sheet.decode().encode(encoding)))
    assert [line for line, _problem in error_info.value.rows] == [2]
    disordered = sheet.replace(b'<row r="3"', b'<row r="1"').decode().encode(encoding)
    with pytest.raises(InvalidRequestError):
        read_table(replace_in_workbook(data, sheet, disordered))


def test_escaped_characters_are_decoded() -> None:
    works_by_file = read_table(
        make_workbook(("file", "author"), ("a.jpg", "_x0041_nn_x000D_\nExample_x000D_"), ("b.jpg", "snake_x1_y"))
    )
    assert [work.author for work in works_by_file.values()] == ["Ann\nExample", "snake_x1_y"]


def make_book(**sheets: list[tuple[object, ...]]) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    return book


def save_book(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_first_visible_sheet_with_rows_is_parsed_and_others_reported() -> None:
    rows: list[tuple[object, ...]] = [("file",), ("a.jpg",)]
    book = make_book(Lists=[("x",), ("y",)], Blank=[], Works=rows, Old=rows, Empty=[])
    book["Lists"].sheet_state = "hidden"
    works_by_file = parse_works_table("t.xlsx", save_book(book))
    assert (list(works_by_file), works_by_file.interpretation.sheet) == (["a.jpg"], "Works")
    assert works_by_file.interpretation.unread_sheets == ("Old", "Lists")
    book = make_book(Works=rows)
    book["Works"].sheet_state = "visible"
    assert parse_works_table("t.xlsx", save_book(book)).interpretation.unread_sheets == ()


def test_strict_workbook_is_parsed() -> None:
    book = make_book(Works=[("file", "title", "created"), ("a.jpg", "Größe", datetime(2020, 5, 31))])  # noqa: DTZ001
    strict, out = "http://purl.oclc.org/ooxml/", io.BytesIO()
    namespace = "http://schemas.openxmlformats.org/"
    names = {
        f"{namespace}spreadsheetml/2006/main": f"{strict}spreadsheetml/main",
        f"{namespace}officeDocument/2006/extended-properties": f"{strict}officeDocument/extendedProperties",
        f"{namespace}officeDocument/2006/": f"{strict}officeDocument/",
        f"{namespace}drawingml/2006/main": f"{strict}drawingml/main",
    }
    with zipfile.ZipFile(io.BytesIO(save_book(book))) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            content = old.read(member).decode()
            for before, after in names.items():
                content = content.replace(before, after)
            new.writestr(member, content)
    (work,) = read_table(out.getvalue()).values()
    assert (work.title, work.created) == ("Größe", "2020-05-31")


def test_workbook_with_1904_epoch_is_parsed() -> None:
    book = make_book(Works=[("file", "created"), ("a.jpg", datetime(2020, 5, 31))])  # noqa: DTZ001
    book.epoch = CALENDAR_MAC_1904
    assert [work.created for work in read_table(save_book(book)).values()] == ["2020-05-31"]


def test_merged_cell_applies_to_each_of_its_rows() -> None:
    book = make_book(Works=[("file", "author"), ("a.jpg", "Ann"), ("b.jpg",), ("c.jpg",), (), ("d.jpg", "Bob")])
    book["Works"].merge_cells("B2:B4")
    assert [work.author for work in read_table(save_book(book)).values()] == ["Ann", "Ann", "Ann", "Bob"]


def test_failed_formulas_are_reported_as_row_errors() -> None:
    book = make_book(
        Works=[("file", "title"), ("a.jpg", "=1+1"), ("b.jpg", "#REF!"), ("c.jpg", "#BEZUG!"), ("d.jpg", "D")]
    )
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(save_book(book))
    assert [line for line, _problem in error_info.value.rows] == [2, 3, 4]
    works_by_file = parse_works_table("t.xlsx", save_book(book), skips_invalid=True)
    assert list(works_by_file) == ["d.jpg"]


def test_empty_text_is_a_valid_formula_result() -> None:
    formula = make_workbook(("file", "title"), ("a.jpg", '=IF(1,"","x")'))
    computed = replace_in_workbook(formula, b'<c r="B2"><f>', b'<c r="B2" t="str"><f>')
    assert b't="str"><f>IF' in zipfile.ZipFile(io.BytesIO(computed)).read("xl/worksheets/sheet1.xml")
    assert [work.title for work in read_table(computed).values()] == [""]


def test_table_may_start_anywhere_in_a_sheet() -> None:
    rows = [(None, None, "file", "title"), (), (None, None, "a.jpg", "A"), (None, None, "b.jpg"), ("x", None, "c.jpg")]
    data = make_workbook((), (), *rows)
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(data)
    assert [line for line, _problem in error_info.value.rows] == [7]
    assert list(parse_works_table("t.xlsx", data, skips_invalid=True)) == ["a.jpg", "b.jpg"]


def test_out_of_order_rows_and_excess_columns_are_rejected() -> None:
    table = make_workbook(("file", "title"), ("a.jpg", "A"), ("b.jpg", "B"))
    with pytest.raises(InvalidRequestError):
        read_table(replace_in_workbook(table, b'<row r="3"', b'<row r="1"', b'r="A3"', b'r="A1"', b'r="B3"', b'r="B1"'))
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(make_workbook(("file",), ("a.jpg", *[None] * 120, "far")))
    assert [line for line, _problem in error_info.value.rows] == [2]


@pytest.mark.parametrize(
    ("member", "format"), [("content.xml", "ODS"), ("Index/Document.iwa", "Numbers"), ("xl/workbook.bin", "XLSB")]
)
def test_unsupported_formats_are_reported_by_name(member: str, format: str) -> None:  # noqa: A002
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr(member, b"x")
    with pytest.raises(InvalidRequestError, match=format):
        read_table(out.getvalue())
    for text, name in ((b"<html><table>", "HTML"), (b"\xef\xbb\xbf<?xml version='1.0'?>", "XML"), (b"%PDF-1.7", "PDF")):
        with pytest.raises(InvalidRequestError, match=name):
            read_table(text)
    with pytest.raises(InvalidRequestError):
        read_table(b"\xd0\xcf\x11\xe0" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"))


NAME_TABLE = "file,title,author\na.jpg,{},{}\n"


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
def test_ambiguous_encoding_is_reported_with_examples(title: str, author: str, encoding: str, name: str) -> None:
    text = NAME_TABLE.format(title, author)
    with pytest.raises(EncodingError) as error_info:
        read_table(text.encode(encoding))
    lines_by_encoding = {item.encoding: item.lines for item in error_info.value.candidates}
    assert lines_by_encoding[name] == (text.splitlines()[1],)
    (item,) = parse_works_table("t.csv", text.encode(encoding), encoding=ENCODINGS[name]).values()
    assert (item.title, item.author) == (title, author)


def test_ambiguous_encoding_is_reported_at_any_position() -> None:
    lines = "".join(f"{n}.jpg,Harbour\n" for n in range(20_000))
    with pytest.raises(EncodingError) as error_info:
        read_table(f"file,title\n{lines}z.jpg,Größe\n".encode("cp1252"))
    lines_by_encoding = {candidate.encoding: candidate.lines for candidate in error_info.value.candidates}
    assert lines_by_encoding["windows-1252"] == ("z.jpg,Größe",)


@pytest.mark.parametrize("make_file", [lambda *rows: "\n".join(",".join(row) for row in rows).encode(), make_workbook])
def test_replacement_character_is_a_row_error(make_file: Callable[..., bytes]) -> None:
    data = make_file(("file", "author"), ("a.jpg", "H\N{REPLACEMENT CHARACTER}l"), ("b.jpg", "Ann"))
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(data)
    assert [line for line, _problem in error_info.value.rows] == [2]
    assert list(parse_works_table("table", data, skips_invalid=True)) == ["b.jpg"]


def test_repeated_byte_order_mark_is_ignored() -> None:
    assert list(read_table(2 * codecs.BOM_UTF8 + b"file,title\na.jpg,One\n")) == ["a.jpg"]


def test_row_in_different_encoding_is_a_row_error() -> None:
    sound = "file,title\n" + "".join(f"{n}.jpg,Größe\n" for n in range(3))
    with pytest.raises(InvalidRowsError) as error_info:
        read_table(sound.encode() + "d.jpg,Größe\n".encode("cp1252"))
    assert [line for line, _problem in error_info.value.rows] == [5]
