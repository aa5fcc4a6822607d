"""Test which line of a fee table fits the known facts of a use, and that nothing is guessed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.utils.timezone import override

from exhibit.errors import WrongUseError
from registry.models import CaseSighting, Fee, Owner, Sighting
from registry.notices import notices
from registry.parties import demands
from registry.parties.proposed_fees import MAX_PARTS, KnownUse, parts_of_fee, proposed_fees, together
from tests.assets.noticed import ANSWERS
from tests.assets.noticed_once import inline, stage, studio, two_cases
from tests.assets.rows import owner

__all__ = ["inline", "stage", "studio", "two_cases"]

PARTY = "shop.example"
USE = KnownUse(
    1, "shop.de", 1200, datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC), 2, "comment", 4
)


def keep(of: Owner, *lines: tuple[str, str, str, int], name: str = "Own", currency: str = "EUR") -> None:
    rows = [Fee(use=use, size=size, duration=duration, amount=amount) for use, size, duration, amount in lines]
    demands.keep_fees(of, name, currency, rows, by="ann")


@pytest.fixture
def seen(studio: Owner) -> Owner:
    """Date the sightings of both cases from 3 November to 3 December."""
    Sighting.objects.update(first_seen=USE.first_seen, last_seen=USE.last_seen)
    return studio


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Website", True), ("网站", True), ("editorial", True), ("Commercial", False), (".de", True), (".com", False),
        ("shop", None), ("DE", None), ("large", None), ("up to 1200 px", True), ("1199 pixels", False),
        ("from 1200 px", True), ("over 1200 px", False), ("800–1600 像素", True), ("up to from 9 px", None),
        ("1 month", True), ("up to 29 days", False), ("30天以内", True), ("一年", True), ("over 1 month", False),
        ("over 4 weeks", True), ("1 to 3 years", False), ("1 page", False), ("2 pages", True),
        ("-1 px", None), ("1e9 px", None), ("up to 1,200 px", True), ("over 1.200 px", False),
        ("1 200 - 1,600 px", True), ("0.500 px", None), ("800,1200 px", None), ("1,500 years", None),
        ("2026年", None), ("3月", None), ("1200 p\u0131xels", None), ("5 day\u017f", None),
        ("1/2 page", None), ("1 / 2 pages", None), ("=1+1", None), ("9" * 90 + " px", None),
    ],
)  # fmt: skip
def test_a_part_says_what_is_known_or_else_or_what_nobody_knows(text: str, fits: object) -> None:
    (part,) = parts_of_fee(Fee(use=text))
    assert part.fits(USE) is fits
    unknown = replace(USE, longer_side=None, first_seen=None, pages=0, purpose="")
    assert part.fits(unknown) is (fits if part.kind in ("", "web", "domain") else None)


def test_of_a_cell_of_very_many_parts_the_rest_is_one_that_nobody_knows() -> None:
    parts = parts_of_fee(Fee(use="web;" * 75))
    assert (len(parts), parts[-1].fits(USE)) == (MAX_PARTS, None)


def test_a_stroke_parts_what_are_no_numbers_and_days_are_those_of_the_reader() -> None:
    parts = parts_of_fee(Fee(use="web/commercial", size="up to 1,200 px/1 year / 2 pages, 1/4 page"))
    assert [part.text for part in parts] == ["web", "commercial", "up to 1,200 px", "1 year", "2 pages", "1/4 page"]
    (month,) = parts_of_fee(Fee(duration="1 month"))
    late = replace(USE, first_seen=datetime(2026, 11, 2, 20, tzinfo=UTC))
    assert month.fits(late) is False
    with override("Asia/Shanghai"):
        assert month.fits(late) is True, "it is 3 November there"


def test_the_line_that_says_most_and_is_narrowest_is_proposed(seen: Owner) -> None:
    keep(
        seen,
        ("Website", "", "1 year", 100), ("Website", "up to 5000 px", "1 year", 200),
        ("Website", "up to 5000 px", "3 months", 150), ("Website", "up to 5000 px", "1 week", 50),
        ("Poster, A1", "", "", 900), (",", "", "", 1), ("Website", "up to 5000 px", "up to 6 months", 170),
    )  # fmt: skip
    (one, other) = proposed_fees(seen, PARTY, [1, 2])
    assert one.fee is not None
    assert (one.fee.amount, one.use.pages, one.use.last_seen) == (150, 1, USE.last_seen)
    assert {part.text for part in one.unknown} == {"Poster", "A1"}
    both = together([one, other])
    assert both is not None
    assert (both.amount, both.currency, [(n, fee.amount) for n, fee in both.lines]) == (300, "EUR", [(2, 150)])


def test_what_isnt_known_is_for_a_person_to_choose(seen: Owner) -> None:
    keep(seen, ("Website", "", "", 100), ("Website, commercial", "", "", 300), ("Website, editorial", "", "", 200))
    (one,) = proposed_fees(seen, PARTY, [1])
    assert ([fee.amount for fee in one.fitting], one.fee, together([one])) == ([100], None, None)
    row = notices.draft(seen, [2], "dmca", "en", by="ann")
    notices.consider(row, 2, ANSWERS)
    (one,) = proposed_fees(seen, PARTY, [1])
    assert one.fee is not None
    assert (one.fee.amount, one.use.purpose, one.use.notice) == (300, "commercial", row.number)
    row = notices.draft(seen, [1], "dmca", "en", by="ann")
    notices.consider(row, 1, ANSWERS | {"purpose": "comment"})
    assert [one.fee and one.fee.amount for one in proposed_fees(seen, PARTY, [1, 2])] == [200, 300]
    notices.discard(row, by="ann")
    assert proposed_fees(seen, PARTY, [1])[0].use.purpose == "commercial"


def test_lines_that_are_alike_tables_that_both_fit_and_other_currencies_are_not_chosen_among(seen: Owner) -> None:
    keep(seen, ("Website", "", "1 year", 100), ("Internet", "", "1 year", 200))
    assert [fee.amount for fee in proposed_fees(seen, PARTY, [1])[0].fitting] == [100, 200]
    keep(seen, ("Website", "", "1 year", demands.MAX_AMOUNT))
    assert together(proposed_fees(seen, PARTY, [1])) is not None
    assert together(proposed_fees(seen, PARTY, [1, 2])) is None, "more than can be asked"
    keep(seen, ("Website", "", "1 year", 700), name="Society", currency="USD")
    (one,) = proposed_fees(seen, PARTY, [1])
    assert ([fee.table.currency for fee in one.fitting], one.fee) == (["EUR", "USD"], None)


def test_nothing_is_another_owners_and_licensed_places_are_left_out(seen: Owner) -> None:
    agency = owner("agency")
    keep(seen, ("Website, up to 5 pages", "", "", 100))
    for of, party, cases in (
        (agency, PARTY, [1]),
        (seen, "zoo.example", [1]),
        (seen, PARTY, []),
        (seen, PARTY, [1, 9]),
    ):
        with pytest.raises(WrongUseError):
            proposed_fees(of, party, cases)
    CaseSighting.objects.filter(case__number=1).delete()
    (one,) = proposed_fees(seen, PARTY, [1])
    assert (one.use.pages, one.use.first_seen, one.fee, [part.kind for part in one.unknown]) == (
        0,
        None,
        None,
        ["pages"],
    )
