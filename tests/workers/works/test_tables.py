import io
import unicodedata
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from exhibit.errors import WrongUseError
from exhibit.types import DeclaredWork
from workers.works import spreadsheets
from workers.works.spreadsheets import MAX_BYTES, MAX_UNPACKED
from workers.works.tables import (
    LicenceLine,
    as_date,
    plain_name,
    read_licences,
    read_works,
    table_bytes,
)


def works(text: str | bytes) -> dict[str, DeclaredWork]:
    return read_works("table.csv", text if isinstance(text, bytes) else text.encode())


def licences(text: str) -> list[LicenceLine]:
    return read_licences("table.csv", text.encode())


def workbook(*rows: tuple[object, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(list(row))
    book.save(out)
    return out.getvalue()


def test_works_are_read_by_file_with_a_byte_order_mark_and_quotes() -> None:
    text = (
        '\ufefffile, title,first_publication,registrations\na.jpg,"One, ""and""\ntwo",1870,USCO|VA 1|2024-05-31;CN|7\n'
    )
    ((file, one),) = works(text).items()
    assert (file, one.title, one.author, one.first_publication) == ("a.jpg", 'One, "and"\ntwo', "", "1870")
    assert one.registrations == (
        {"office": "USCO", "number": "VA 1", "date": "2024-05-31"},
        {"office": "CN", "number": "7", "date": ""},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no column “file”"),
        ("title\nx\n", "has no column “file”"),
        ("file,size\na,1\n", "has a column “size” that isn't known"),
        ("file,title\na\n", "line 2: it doesn't have 2 fields"),
        ("file,title\na,b,c\n", "line 2: it doesn't have 2 fields"),
        ("file,title\n,b\n", "line 2: file is empty"),
        ("file\na\na\n", "line 3: a stands in line 2 already"),
        ("file\nx\\a.jpg\nx/a.jpg\n", "line 3: x/a.jpg stands in line 2 already"),
        ("file,Title,title\na,b,c\n", "has the column “title” twice"),
        ("file,first_publication\na,2024-02-31\n", "line 2: “2024-02-31” isn't a date"),
        ("file,first_publication\na,last year\n", "line 2: “last year” isn't a date"),
        ("file,registrations\na,USCO\n", "line 2: “USCO” isn't a registration"),
        ('file\n"a\n', "line 2: the quotation marks around a field don't fit together"),
        ("file,title\na," + "x" * 501 + "\n", "line 2: title has more than 500 characters"),
        ("file,title\na,#REF!\n", "line 2: title is “#REF!”: its formula failed"),
        ("file,created\na,31.5.2024\n", "line 2: “31.5.2024” isn't a date"),
        ("file,created\na,2024.1\n", "line 2: “2024.1” isn't a date"),
        ("file,created\na,2024-05 10:00\n", "line 2: “2024-05 10:00” isn't a date"),
        (b"file\n\xff\xfe\n", "can't be told for sure"),
        (b"file\n" + b"a" * MAX_BYTES, "is too large"),
    ],
)
def test_a_table_of_works_that_cannot_be_used_is_refused_by_its_line(text: str | bytes, sentence: str) -> None:
    with pytest.raises(WrongUseError) as raised:
        works(text)
    assert sentence in raised.value.message


def test_a_table_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="can't be read"):
        table_bytes(tmp_path / "missing.csv")


def test_licences_are_read_with_their_works_and_days() -> None:
    text = "works,licensee,domain,valid_from,valid_until,reason\na.jpg; 7 ;,Shop,Shop.Example,2024-01-01,2024-12-31,x\n"
    (one,) = licences(text)
    new = one.licence
    assert (one.line, one.works, new.licensee, new.domain) == (2, ("a.jpg", "7"), "Shop", "shop.example")
    assert (new.valid_from, new.valid_until, new.url_pattern) == (date(2024, 1, 1), date(2024, 12, 31), "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("licensee,domain\nShop,\n", "neither a domain nor a url_pattern"),
        ("licensee,domain\n,a.example\n", "licensee is empty"),
        ("licensee,domain,valid_from\nShop,a.example,1.1.2024\n", "“1.1.2024” isn't a day"),
        ("licensee,domain,valid_from,valid_until\nS,a.example,2024-02-01,2024-01-01\n", "valid_until is before"),
    ],
)
def test_a_table_of_licences_that_cannot_be_used_is_refused_by_its_line(text: str, sentence: str) -> None:
    with pytest.raises(WrongUseError) as raised:
        licences(text)
    assert sentence in raised.value.message
    assert "line 2" in raised.value.message


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


def test_columns_may_have_chinese_names_and_excels_first_line_counts_for_nothing() -> None:
    ((file, one),) = works("sep=;\n文件名;作品名称;首次发表日期\na.jpg;鸟;2020-05\n".encode()).items()
    assert (file, one.title, one.first_publication) == ("a.jpg", "鸟", "2020-05")


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


def test_holder_credit_and_creation_are_declared_too() -> None:
    (one,) = works("file,rights holder,credit,创作完成日期\na.jpg,Heirs,Agency,1950\n").values()
    assert (one.holder, one.credit, one.created) == ("Heirs", "Agency", "1950")
    with pytest.raises(WrongUseError, match="line 2: “soon” isn't a date"):
        works("file,created\na.jpg,soon\n")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024", "2024"),
        ("2024-05", "2024-05"),
        ("2024-05-31", "2024-05-31"),
        ("2024/5/31", "2024-05-31"),
        ("2024.5.31", "2024-05-31"),
        ("2024年", "2024"),
        ("2024年5月", "2024-05"),
        ("2024年5月31日", "2024-05-31"),
        ("2024-05-31 10:20:30", "2024-05-31"),
        ("2024/5/31 9:05", "2024-05-31"),
        ("2024-02-30", ""),
        ("2024/5-31", ""),
        ("24-05-31", ""),
        ("5/31/2024", ""),
        ("0000", ""),
        ("", ""),
    ],
)
def test_dates_that_begin_with_the_year_are_read_in_the_forms_that_programs_write(text: str, iso: str) -> None:
    assert as_date(text) == iso


def test_all_lines_that_cannot_be_used_are_told_at_once() -> None:
    lines = [f"{n}.jpg,{'soon' if n % 3 == 0 else '2024'}" for n in range(30)]
    with pytest.raises(WrongUseError) as raised:
        works("file,created\n" + "\n".join(lines) + "\n")
    assert raised.value.message.count("isn't a date") == 5
    assert "line 2: “soon”" in raised.value.message
    assert "line 14: “soon”" in raised.value.message
    assert raised.value.message.endswith("5 more lines can't be used.")


def test_names_are_compared_as_files_are_named() -> None:
    decomposed = unicodedata.normalize("NFD", "Müller.jpg")
    assert list(works(f"file\n shoot\\{decomposed}\n")) == ["shoot/Müller.jpg"]
    assert plain_name("\u202ea\x00b.jpg") == "ab.jpg"
    assert plain_name("\x00") == "?"


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


def test_files_of_other_programs_and_bombs_are_refused_before_they_are_unpacked() -> None:
    bomb = packed(**{"xl_workbook.xml": b"x", "xl_sheet.xml": b"\0" * (MAX_UNPACKED + 1)})
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
