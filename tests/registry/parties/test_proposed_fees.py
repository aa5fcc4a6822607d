"""Test the selection of the fee table row that fits the known facts of a use, and that nothing is guessed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.utils.timezone import override

from exhibit.errors import InvalidRequestError
from registry.models import CaseSighting, Fee, Owner, Sighting
from registry.notices import notices
from registry.parties import demands
from registry.parties.proposed_fees import MAX_PARTS, KnownUse, parse_fee, propose_fees_for_cases, sum_proposed_fees
from tests.assets.notice_drafts import ANSWERS
from tests.assets.rows import owner
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]

SITE = "shop.example"
USE = KnownUse(
    1, "shop.de", 1200, datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC), 2, "comment", 4
)


def store_fees(of: Owner, *lines: tuple[str, str, str, int], name: str = "Own", currency: str = "EUR") -> None:
    rows = [Fee(use=use, size=size, duration=duration, amount=amount) for use, size, duration, amount in lines]
    demands.save_fee_table(of, name, currency, rows, by="ann")


@pytest.fixture
def dated_studio(studio: Owner) -> Owner:
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
def test_fee_condition_fits_does_not_fit_or_is_unknown(text: str, fits: object) -> None:
    (part,) = parse_fee(Fee(use=text))
    assert part.fits(USE) is fits
    unknown = replace(USE, longer_side=None, first_seen=None, pages=0, purpose="")
    assert part.fits(unknown) is (fits if part.kind in ("", "web", "domain") else None)


def test_fee_conditions_beyond_the_limit_become_one_unknown_condition() -> None:
    parts = parse_fee(Fee(use="web;" * 75))
    assert (len(parts), parts[-1].fits(USE)) == (MAX_PARTS, None)


def test_slash_separates_fee_conditions_and_days_use_the_active_time_zone() -> None:
    parts = parse_fee(Fee(use="web/commercial", size="up to 1,200 px/1 year / 2 pages, 1/4 page"))
    assert [part.text for part in parts] == ["web", "commercial", "up to 1,200 px", "1 year", "2 pages", "1/4 page"]
    (month,) = parse_fee(Fee(duration="1 month"))
    late_use = replace(USE, first_seen=datetime(2026, 11, 2, 20, tzinfo=UTC))
    assert month.fits(late_use) is False
    with override("Asia/Shanghai"):
        assert month.fits(late_use) is True, "it is 3 November there"


def test_most_specific_and_narrowest_fee_is_proposed(dated_studio: Owner) -> None:
    store_fees(
        dated_studio,
        ("Website", "", "1 year", 100), ("Website", "up to 5000 px", "1 year", 200),
        ("Website", "up to 5000 px", "3 months", 150), ("Website", "up to 5000 px", "1 week", 50),
        ("Poster, A1", "", "", 900), (",", "", "", 1), ("Website", "up to 5000 px", "up to 6 months", 170),
    )  # fmt: skip
    (first, other) = propose_fees_for_cases(dated_studio, SITE, [1, 2])
    assert first.fee is not None
    assert (first.fee.amount, first.use.pages, first.use.last_seen) == (150, 1, USE.last_seen)
    assert {part.text for part in first.unknown} == {"Poster", "A1"}
    both = sum_proposed_fees([first, other])
    assert both is not None
    assert (both.amount, both.currency, [(n, fee.amount) for n, fee in both.lines]) == (300, "EUR", [(2, 150)])


def test_no_fee_is_chosen_if_facts_of_the_use_are_unknown(dated_studio: Owner) -> None:
    store_fees(
        dated_studio,
        ("Website", "", "", 100),
        ("Website, commercial", "", "", 300),
        ("Website, editorial", "", "", 200),
    )
    (proposed_fee,) = propose_fees_for_cases(dated_studio, SITE, [1])
    assert ([fee.amount for fee in proposed_fee.fitting], proposed_fee.fee, sum_proposed_fees([proposed_fee])) == (
        [100],
        None,
        None,
    )
    row = notices.create_draft(dated_studio, [2], "dmca", "en", by="ann")
    notices.save_considerations(row, 2, ANSWERS)
    (proposed_fee,) = propose_fees_for_cases(dated_studio, SITE, [1])
    assert proposed_fee.fee is not None
    assert (proposed_fee.fee.amount, proposed_fee.use.purpose, proposed_fee.use.notice) == (
        300,
        "commercial",
        row.number,
    )
    row = notices.create_draft(dated_studio, [1], "dmca", "en", by="ann")
    notices.save_considerations(row, 1, ANSWERS | {"purpose": "comment"})
    assert [
        proposed_fee.fee and proposed_fee.fee.amount
        for proposed_fee in propose_fees_for_cases(dated_studio, SITE, [1, 2])
    ] == [200, 300]
    notices.discard_draft(row, by="ann")
    assert propose_fees_for_cases(dated_studio, SITE, [1])[0].use.purpose == "commercial"


def test_equally_fitting_fees_are_not_chosen_automatically(
    dated_studio: Owner,
) -> None:
    store_fees(dated_studio, ("Website", "", "1 year", 100), ("Internet", "", "1 year", 200))
    assert [fee.amount for fee in propose_fees_for_cases(dated_studio, SITE, [1])[0].fitting] == [100, 200]
    store_fees(dated_studio, ("Website", "", "1 year", demands.MAX_AMOUNT))
    assert sum_proposed_fees(propose_fees_for_cases(dated_studio, SITE, [1])) is not None
    assert sum_proposed_fees(propose_fees_for_cases(dated_studio, SITE, [1, 2])) is None, "more than can be asked"
    store_fees(dated_studio, ("Website", "", "1 year", 700), name="Society", currency="USD")
    (proposed_fee,) = propose_fees_for_cases(dated_studio, SITE, [1])
    assert ([fee.table.currency for fee in proposed_fee.fitting], proposed_fee.fee) == (["EUR", "USD"], None)


def test_fees_of_other_owners_and_licensed_pages_are_excluded(dated_studio: Owner) -> None:
    agency = owner("agency")
    store_fees(dated_studio, ("Website, up to 5 pages", "", "", 100))
    for rights_holder, site, cases in (
        (agency, SITE, [1]),
        (dated_studio, "zoo.example", [1]),
        (dated_studio, SITE, []),
        (dated_studio, SITE, [1, 9]),
    ):
        with pytest.raises(InvalidRequestError):
            propose_fees_for_cases(rights_holder, site, cases)
    CaseSighting.objects.filter(case__number=1).delete()
    (proposed_fee,) = propose_fees_for_cases(dated_studio, SITE, [1])
    assert (
        proposed_fee.use.pages,
        proposed_fee.use.first_seen,
        proposed_fee.fee,
        [part.kind for part in proposed_fee.unknown],
    ) == (
        0,
        None,
        None,
        ["pages"],
    )
