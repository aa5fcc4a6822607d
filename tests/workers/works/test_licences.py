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


def test_a_day_begins_with_its_year() -> None:
    assert (day("2024-05-31"), day("2024/5/31"), day("")) == (date(2024, 5, 31), date(2024, 5, 31), None)
    with pytest.raises(WrongUseError, match="isn't a day"):
        day("31.5.2024")
