"""Test users' licence tables: works by number or file name, and errors with their row number."""

import io
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.models import Owner, Work
from registry.works.licence_tables import parse_licence_table, parse_works
from registry.works.spreadsheets import Heading, InvalidRowsError
from registry.works.work_tables import parse_day
from tests.assets.rows import owner


@pytest.fixture
def studio(db: None) -> Owner:
    new_owner = owner("studio")
    for number, name in ((1, "a.jpg"), (2, "shoot/b.jpg"), (3, "a.jpg")):
        Work.objects.create(owner=new_owner, number=number, title="A", registered_at=now(), source_name=name)
    Work.objects.create(owner=owner("agency"), number=9, title="A", registered_at=now(), source_name="c.jpg")
    return new_owner


def test_works_are_found_by_number_or_file_name_of_their_owner(studio: Owner) -> None:
    assert [work.number for work in parse_works(studio, "2；1,\nshoot/b.jpg")] == [2, 1, 2]
    assert parse_works(studio, " ") == ()
    for text, message in (
        ("a.jpg", "Several works of Studio"),
        ("9", "No work of Studio"),
        ("c.jpg", "No work of Studio"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            parse_works(studio, text)


def test_works_in_folders_are_found_by_file_name(studio: Owner) -> None:
    for number, name in (
        (11, "2023/x/c.jpg"),
        (12, "2024/x/c.jpg"),
        (13, "2024/d.jpg"),
        (14, "d.jpg"),
        (15, "2025/é.jpg"),
    ):
        Work.objects.create(owner=studio, number=number, title="A", registered_at=now(), source_name=name)
    for text, numbers in (
        ("b.jpg", [2]), ("2023/x/c.jpg", [11]), ("d.jpg", [14]), ("2024\\x\\c.jpg", [12]), ("e\u0301.jpg", [15]),
    ):  # fmt: skip
        assert [item.number for item in parse_works(studio, text)] == numbers
    for text in ("c.jpg", "x/c.jpg"):
        with pytest.raises(InvalidRequestError) as error_info:
            parse_works(studio, text)
        assert "2023/x/c.jpg (11)" in error_info.value.message
        assert "2024/x/c.jpg (12)" in error_info.value.message
    for text in ("g.jpg", "jpg", "shoot"):
        with pytest.raises(InvalidRequestError):
            parse_works(studio, text)
    table = parse_licence_table(studio, "l.csv", b"works,licensee,domain\nb.jpg; d.jpg,X,x.example\n")
    assert [[work.number for work in item.works] for item in table] == [[2, 14]]


def test_all_invalid_licence_rows_are_reported_at_once(studio: Owner) -> None:
    table = (
        b"works,licensee,domain,from\n2,A,a.example,\nnone.jpg,B,b.example,\n,C,c.example,soon\n,D,,\n,E,http://x/y,\n"
    )
    with pytest.raises(InvalidRowsError) as error_info:
        parse_licence_table(studio, "l.csv", table)
    assert ([line for line, _problem in error_info.value.rows], error_info.value.valid_count) == ([3, 4, 5, 6], 1)
    licences = parse_licence_table(studio, "l.csv", table, skips_invalid=True)
    assert [licence.licensee for licence in licences] == ["A"]
    assert [line for line, _problem in licences.interpretation.skipped] == [3, 4, 5, 6]
    with pytest.raises(InvalidRequestError):
        parse_licence_table(studio, "l.csv", b"works,licensee,domain\n")


def test_invalid_licence_row_is_reported_with_its_number(studio: Owner) -> None:
    table = "works,licensee,domain\n2,Shop,Shop.Example\n,Press,press.example\n"
    first, second = parse_licence_table(studio, "l.csv", table.encode())
    assert ([work.number for work in first.works], first.domain, second.works) == ([2], "shop.example", ())
    with pytest.raises(InvalidRequestError, match=r"l\.csv.*3.*nine"):
        parse_licence_table(studio, "l.csv", (table.splitlines()[0] + "\n1,A,a.example\nnine,B,b.example\n").encode())


def test_licence_works_and_dates_are_parsed(studio: Owner) -> None:
    header, line = "works,licensee,domain,valid_from,valid_until", "shoot/b.jpg; 1 ;,Shop,Shop.Example"
    (new,) = parse_licence_table(studio, "table.csv", f"{header}\n{line},2024-01-01,2024-12-31\n".encode())
    assert ([work.number for work in new.works], new.licensee, new.domain) == ([2, 1], "Shop", "shop.example")
    assert (new.valid_from, new.valid_until, new.url_pattern) == (date(2024, 1, 1), date(2024, 12, 31), "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("licensee,domain\nShop,\n", "Neither domain nor url_pattern"),
        ("licensee,domain\n,a.example\n", "licensee is empty"),
        ("licensee,domain,valid_from\nShop,a.example,1.2024\n", "“1.2024” is not a date"),
        ("licensee,domain,valid_from\nShop,a.example,01/02/2026\n", "“01/02/2026” could be 2026-02-01 or 2026-01-02"),
        ("licensee,domain,discount\nShop,a.example,7\n", "unknown column “discount”"),
        ("licensee,domain,valid_from,valid_until\nS,a.example,2024-02-01,2024-01-01\n", "valid_until is before"),
    ],
)
def test_invalid_licence_table_is_rejected_with_row_number(studio: Owner, text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as error_info:
        parse_licence_table(studio, "table.csv", text.encode())
    assert sentence in error_info.value.message
    assert "row 2" in error_info.value.message or "discount" in text


@pytest.mark.parametrize(
    "text",
    [
        "Customer;Website;Valid from;Expiry date;Notes\nMüller & Söhne;shop.example;01.02.2026;31/12/2026;Größe\n",
        "Kunde;Domäne;Gültig ab;Gültig bis;Bemerkung\nMüller & Söhne;shop.example;1.2.2026;31.12.2026;Größe\n",
        "Client;Site web;Début;Fin;Motif\nMüller & Söhne;shop.example;2026-02-01;2026/12/31;Größe\n",
    ],
)
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_customer_spreadsheet_is_parsed_in_common_languages_and_encodings(
    studio: Owner, text: str, encoding: str
) -> None:
    table = parse_licence_table(studio, "customers.csv", text.encode(encoding), accepts_likely=True)
    (new,) = table
    assert (new.licensee, new.domain, new.reason) == ("Müller & Söhne", "shop.example", "Größe")
    assert (new.valid_from, new.valid_until) == (date(2026, 2, 1), date(2026, 12, 31))
    headings = text.splitlines()[0].split(";")
    columns = ("licensee", "domain", "valid_from", "valid_until", "reason")
    fields = text.splitlines()[1].split(";")
    assert table.interpretation.headings == tuple(map(Heading, headings, columns, fields))
    assert table.interpretation.is_likely is (encoding == "cp1252")


def test_chinese_headings_and_workbook_are_parsed(studio: Owner) -> None:
    text = "客户名称,域名,生效日期,到期日期,备注\n海港版画,shop.example,2026年1月1日,2026年12月31日,订单\n"
    for encoding in ("gbk", "utf-8"):
        (new,) = parse_licence_table(studio, "l.csv", text.encode(encoding))
        assert (new.licensee, new.valid_until) == ("海港版画", date(2026, 12, 31))
    for headings in ("客户,网站,有效期至", "Kunde,Domain,Gueltig bis"):
        (new,) = parse_licence_table(studio, "l.csv", f"{headings}\nA,a.example,2026/12/31\n".encode())
        assert new.valid_until == date(2026, 12, 31)
    book, out = Workbook(), io.BytesIO()
    book.worksheets[0].append(["Customer", "Web site", "From"])
    book.worksheets[0].append(["Müller", "shop.example", datetime(2026, 2, 1)])  # noqa: DTZ001 - as workbooks have them
    book.worksheets[0].append(["Shop", "a.example", "31.12.2026"])
    book.save(out)
    first, second = parse_licence_table(studio, "l.xlsx", out.getvalue())
    assert (first.valid_from, second.valid_from) == (date(2026, 2, 1), date(2026, 12, 31))


def test_domain_in_url_column_is_parsed_as_site(studio: Owner) -> None:
    text = "Customer;URL\nA;Shop.example\nB;https://shop.example/a\nC;*.shop.example/*"
    licences = parse_licence_table(studio, "customers.csv", text.encode())
    assert [(licence.domain, licence.url_pattern) for licence in licences] == [
        ("shop.example", ""),
        ("", "https://shop.example/a"),
        ("", "*.shop.example/*"),
    ]


def test_column_is_ignored_only_on_request(studio: Owner) -> None:
    text = "Customer,Discount,Domain\nShop,7,shop.example\n"
    table = parse_licence_table(studio, "l.csv", text.encode(), is_ignored=lambda heading: heading == "Discount")
    assert [item.column for item in table.interpretation.headings] == ["licensee", "", "domain"]
    table = parse_licence_table(
        studio, "l.csv", b"Customer,Invoice,Domain\nShop,7,a.example\n", is_ignored="Invoice".__eq__
    )
    assert [item.invoice for item in table] == [""]


def test_ambiguous_order_of_day_and_month_must_be_specified(studio: Owner) -> None:
    text = b"Customer,Domain,From\nShop,shop.example,01/02/2026\nShop,a.example,13/02/2026\n"
    with pytest.raises(InvalidRequestError, match=r"2.*01/02/2026"):
        parse_licence_table(studio, "l.csv", text)
    first, _second = parse_licence_table(studio, "l.csv", text, order="day-month")
    assert first.valid_from == date(2026, 2, 1)


def test_licence_date_requires_year_month_and_day() -> None:
    assert (parse_day("2024-05-31"), parse_day("2024/5/31"), parse_day("")) == (
        date(2024, 5, 31),
        date(2024, 5, 31),
        None,
    )
    with pytest.raises(InvalidRequestError):
        parse_day("5.2024")
