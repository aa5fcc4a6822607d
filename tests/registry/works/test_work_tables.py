import unicodedata
from pathlib import Path

import pytest

from exhibit.errors import InvalidRequestError
from exhibit.types import DeclaredWork
from registry.works.spreadsheets import MAX_BYTES
from registry.works.work_tables import normalise_name, parse_works_table, read_table_bytes, to_iso_date


def read_table(text: str | bytes) -> dict[str, DeclaredWork]:
    return parse_works_table("table.csv", text if isinstance(text, bytes) else text.encode())


def test_byte_order_mark_and_quotes_are_parsed() -> None:
    text = (
        '\ufefffile, title,first_publication,registrations\na.jpg,"One, ""and""\ntwo",1870,USCO|VA 1|2024-05-31;CN|7\n'
    )
    ((file, work),) = read_table(text).items()
    assert (file, work.title, work.author, work.first_publication) == ("a.jpg", 'One, "and"\ntwo', "", "1870")
    assert work.registrations == (
        {"office": "USCO", "number": "VA 1", "date": "2024-05-31"},
        {"office": "CN", "number": "7", "date": ""},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no column “file”"),
        ("title\nx\n", "has no column “file”"),
        ("file,size\na,1\n", "unknown column “size”"),
        ("file,title\na\n", "row 2: The row does not have 2 fields"),
        ("file,title\na,b,c\n", "row 2: The row does not have 2 fields"),
        ("file,title\n,b\n", "row 2: file is empty"),
        ("file\na\na\n", "row 3: a is already in row 2"),
        ("file\nx\\a.jpg\nx/a.jpg\n", "row 3: x/a.jpg is already in row 2"),
        ("file,Title,title\na,b,c\n", "has the column “title” twice"),
        ("file,first_publication\na,2024-02-31\n", "row 2: “2024-02-31” is not a date"),
        ("file,first_publication\na,last year\n", "row 2: “last year” is not a date"),
        ("file,registrations\na,USCO\n", "row 2: “USCO” is not a valid registration"),
        ('file\n"a\n', "row 2: The quotation marks around a field are unbalanced"),
        ("file,title\na," + "x" * 501 + "\n", "row 2: title has more than 500 characters"),
        ("file,title\na,#REF!\n", "row 2: title contains “#REF!”"),
        ("file,created\na,32.5.2024\n", "row 2: “32.5.2024” is not a date"),
        ("file,created\na,01/02/2026\n", "row 2: “01/02/2026” could be 2026-02-01 or 2026-01-02"),
        ('file,title\na,"b\nc,d"\n', "row 2: The quotation marks around a field are unbalanced"),
        ('file,"title\na,b\n', "row 1: The quotation marks around a field are unbalanced"),
        ("file,title\na,\0\n", "row 2: The row contains null bytes"),
        ("file,created\na,2024.1\n", "row 2: “2024.1” is not a date"),
        ("file,created\na,2024-05 10:00\n", "row 2: “2024-05 10:00” is not a date"),
        (b"file\n\xff\xfe\n", "cannot be determined with certainty"),
        (b"file\n" + b"a" * MAX_BYTES, "is too large"),
    ],
)
def test_invalid_works_table_is_rejected_with_row_number(text: str | bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as error_info:
        read_table(text)
    assert sentence in error_info.value.message


def test_missing_table_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        read_table_bytes(tmp_path / "missing.csv")


def test_chinese_headings_are_parsed_and_separator_line_is_ignored() -> None:
    ((file, work),) = read_table("sep=;\n文件名;作品名称;首次发表日期\na.jpg;鸟;2020-05\n".encode()).items()
    assert (file, work.title, work.first_publication) == ("a.jpg", "鸟", "2020-05")


def test_holder_credit_and_creation_date_are_parsed() -> None:
    (work,) = read_table("file,rights holder,credit,创作完成日期\na.jpg,Heirs,Agency,1950\n").values()
    assert (work.holder, work.credit, work.created) == ("Heirs", "Agency", "1950")
    with pytest.raises(InvalidRequestError, match=r"2.*soon"):
        read_table("file,created\na.jpg,soon\n")


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
        ("31.5.2024", "2024-05-31"),
        ("01.02.2026", "2026-02-01"),
        ("31. 5. 2024", "2024-05-31"),
        ("31.05.2024 00:00:00", "2024-05-31"),
        ("31/05/2024", "2024-05-31"),
        ("5/31/2024", "2024-05-31"),
        ("31-05-2024", "2024-05-31"),
        ("01/01/2026", "2026-01-01"),
        ("01/02/2026", ""),
        ("1-2-2026", ""),
        ("05.31.2024", ""),
        ("31/05-2024", ""),
        ("31.05.24", ""),
        ("0000", ""),
        ("", ""),
    ],
)
def test_unambiguous_dates_are_parsed(text: str, iso: str) -> None:
    assert to_iso_date(text) == iso


@pytest.mark.parametrize("unknown", ["0000:00:00 00:00:00", "    :  :     :  :  ", "0000:00:00"])
def test_unknown_exif_date_is_ignored(unknown: str) -> None:
    works_by_file = read_table(f"file,title,created\na.jpg,One,{unknown}\nb.jpg,Two,2024:05:31 14:30:00\n")
    assert [(work.title, work.created) for work in works_by_file.values()] == [("One", ""), ("Two", "2024-05-31")]


def test_specified_order_of_day_and_month_resolves_ambiguous_dates() -> None:
    assert (to_iso_date("01/02/2026", "day-month"), to_iso_date("01/02/2026", "month-day")) == (
        "2026-02-01",
        "2026-01-02",
    )
    assert (to_iso_date("31/05/2024", "month-day"), to_iso_date("05/31/2024", "day-month")) == ("", "")
    assert to_iso_date("01.02.2026", "month-day") == "2026-02-01"


def test_file_names_are_normalised() -> None:
    decomposed = unicodedata.normalize("NFD", "Müller.jpg")
    assert list(read_table(f"file\n shoot\\{decomposed}\n")) == ["shoot/Müller.jpg"]
    assert normalise_name("\u202ea\x00b.jpg") == "ab.jpg"
    assert normalise_name("\x00") == "?"


@pytest.mark.parametrize(
    "text",
    [
        "2024:05:31 14:30:00", "2024:05:31", "2024:05:31 14:30:00.25+02:00", "2024-05-31T14:30:00Z", "20240531",
        "31.05.2024 14:30", "2024-05-31 2:30 PM", "2024/05/31 14:30:00",
    ],
)  # fmt: skip
def test_date_with_time_is_parsed(text: str) -> None:
    assert to_iso_date(text) == "2024-05-31"
    ((_file, work),) = read_table(f"file,created\na.jpg,{text}\n").items()
    assert work.created == "2024-05-31"


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "2024:05", "20241331", "14:30:00", "2024 14:30"])
def test_invalid_date_is_empty(text: str) -> None:
    assert to_iso_date(text) == ""
