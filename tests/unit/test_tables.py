from datetime import date
from pathlib import Path

import pytest

from desk.tables import MOST_BYTES, read_licences, read_works
from exhibit.errors import WrongUseError


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_works_are_read_by_file_with_a_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    text = (
        '\ufefffile, title,first_publication,registrations\na.jpg,"One, ""and""\ntwo",1870,USCO|VA 1|2024-05-31;CN|7\n'
    )
    (one,) = read_works(table(tmp_path, text)).values()
    assert (one.file, one.title, one.author, one.first_publication) == ("a.jpg", 'One, "and"\ntwo', "", "1870")
    assert one.registrations == (
        {"office": "USCO", "number": "VA 1", "date": "2024-05-31"},
        {"office": "CN", "number": "7", "date": ""},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no column 'file'"),
        ("title\nx\n", "has no column 'file'"),
        ("file,size\na,1\n", "has a column 'size' that isn't known"),
        ("file,title\na\n", "line 2: it doesn't have 2 fields"),
        ("file,title\na,b,c\n", "line 2: it doesn't have 2 fields"),
        ("file,title\n,b\n", "line 2: file is empty"),
        ("file\na\na\n", "line 3: a stands there twice"),
        ("file,first_publication\na,last year\n", "line 2: 'last year' isn't a date"),
        ("file,registrations\na,USCO\n", "line 2: 'USCO' isn't a registration"),
        ('file\n"a\n', "line 2: unexpected end of data"),
        (b"file\n\xff\xfe\n", "isn't UTF-8"),
        (b"file\n" + b"a" * MOST_BYTES, "is too large"),
    ],
)
def test_a_table_of_works_that_cannot_be_used_is_refused_by_its_line(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(WrongUseError) as raised:
        read_works(table(tmp_path, text))
    assert sentence in raised.value.message


def test_a_table_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="can't be read"):
        read_works(tmp_path / "missing.csv")


def test_licences_are_read_with_their_works_and_days(tmp_path: Path) -> None:
    text = "works,licensee,domain,valid_from,valid_until,reason\na.jpg; 7 ;,Shop,Shop.Example,2024-01-01,2024-12-31,x\n"
    (one,) = read_licences(table(tmp_path, text))
    assert (one.line, one.works, one.licensee, one.domain) == (2, ("a.jpg", "7"), "Shop", "shop.example")
    assert (one.valid_from, one.valid_until, one.url_pattern) == (date(2024, 1, 1), date(2024, 12, 31), "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("licensee,domain\nShop,\n", "neither a domain nor a url_pattern"),
        ("licensee,domain\n,a.example\n", "licensee is empty"),
        ("licensee,domain,valid_from\nShop,a.example,1.1.2024\n", "'1.1.2024' isn't a day"),
        ("licensee,domain,valid_from,valid_until\nS,a.example,2024-02-01,2024-01-01\n", "valid_until is before"),
    ],
)
def test_a_table_of_licences_that_cannot_be_used_is_refused_by_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(WrongUseError) as raised:
        read_licences(table(tmp_path, text))
    assert sentence in raised.value.message
    assert "line 2" in raised.value.message
