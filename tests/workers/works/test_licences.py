"""Licences as people write them: works by number or file name, and what can't be meant with its line."""

from datetime import date

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.models import Owner, Work
from tests.assets.rows import owner
from workers.works.licences import licences_in_table, works_named
from workers.works.tables import day


@pytest.fixture
def studio(db: None) -> Owner:
    made = owner("studio")
    for number, name in ((1, "a.jpg"), (2, "shoot/b.jpg"), (3, "a.jpg")):
        Work.objects.create(owner=made, number=number, title="A", registered_at=now(), source_name=name)
    Work.objects.create(owner=owner("agency"), number=9, title="A", registered_at=now(), source_name="c.jpg")
    return made


def test_works_are_named_by_number_or_file_and_only_the_owners_own(studio: Owner) -> None:
    assert [one.number for one in works_named(studio, "2；1,\nshoot/b.jpg")] == [2, 1, 2]
    assert works_named(studio, " ") == ()
    for text, said in (
        ("a.jpg", "Several works of Studio"),
        ("9", "No work of Studio"),
        ("c.jpg", "No work of Studio"),
    ):
        with pytest.raises(WrongUseError, match=said):
            works_named(studio, text)


def test_a_table_of_licences_names_the_line_that_cannot_be_used(studio: Owner) -> None:
    table = "works,licensee,domain\n2,Shop,Shop.Example\n,Press,press.example\n"
    first, second = licences_in_table(studio, "l.csv", table.encode())
    assert ([one.number for one in first.works], first.domain, second.works) == ([2], "shop.example", ())
    with pytest.raises(WrongUseError, match=r"l\.csv, line 3: No work of Studio: “nine”"):
        licences_in_table(studio, "l.csv", (table.splitlines()[0] + "\n1,A,a.example\nnine,B,b.example\n").encode())


def test_licences_are_read_with_their_works_and_days(studio: Owner) -> None:
    head, line = "works,licensee,domain,valid_from,valid_until", "shoot/b.jpg; 1 ;,Shop,Shop.Example"
    (new,) = licences_in_table(studio, "table.csv", f"{head}\n{line},2024-01-01,2024-12-31\n".encode())
    assert ([one.number for one in new.works], new.licensee, new.domain) == ([2, 1], "Shop", "shop.example")
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
def test_a_table_of_licences_that_cannot_be_used_is_refused_by_its_line(
    studio: Owner, text: str, sentence: str
) -> None:
    with pytest.raises(WrongUseError) as raised:
        licences_in_table(studio, "table.csv", text.encode())
    assert sentence in raised.value.message
    assert "line 2" in raised.value.message


def test_a_day_begins_with_its_year() -> None:
    assert (day("2024-05-31"), day("2024/5/31"), day("")) == (date(2024, 5, 31), date(2024, 5, 31), None)
    with pytest.raises(WrongUseError, match="isn't a day"):
        day("31.5.2024")
