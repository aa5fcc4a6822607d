"""Test the filters of a report: invalid ones are refused, and days are those of the report's time zone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evidence.documents.report.facts import ReportScope
from evidence.formats.codec import to_plain
from exhibit.errors import NotFoundError, WrongUseError
from registry.models import Case, Sighting
from registry.reports.scope import (
    EVERYTHING,
    MAX_WORKS,
    Wanted,
    cases_in,
    check,
    crawls_in,
    numbers_of,
    period_of,
    wanted_of,
    works_in,
)
from tests.assets.rows import found_case, owner
from workers.tasks.sync_runner import SyncRunner

ZONE = "Asia/Shanghai"


def test_numbers_are_read_as_people_type_them() -> None:
    assert numbers_of(" 3, 7–9、12，3 ") == (3, 7, 8, 9, 12)
    assert numbers_of("") == ()
    for text in ("x", "3-", "-3", "3-x", f"1-{MAX_WORKS + 1}", "9" * 10):
        with pytest.raises(WrongUseError):
            numbers_of(text)


@pytest.mark.django_db
def test_what_cannot_be_meant_is_refused() -> None:
    studio = owner("studio")
    check(studio, Wanted())
    for scope in (
        replace(EVERYTHING, decisions=()),
        replace(EVERYTHING, first="2026-11-20", last="2026-11-19"),
        replace(EVERYTHING, first="20.11.2026"),
        replace(EVERYTHING, works=(1,)),
    ):
        with pytest.raises(WrongUseError):
            check(studio, Wanted(scope))
    for wanted in (Wanted(formats=()), Wanted(formats=("doc",)), Wanted(languages=("xx",))):
        with pytest.raises(WrongUseError):
            check(studio, wanted)
    with pytest.raises(NotFoundError):
        check(studio, Wanted(replace(EVERYTHING, watch="nothing")))


def test_a_row_says_what_was_wanted() -> None:
    wanted = Wanted(replace(EVERYTHING, works=(3,)), formats=("csv",))
    assert wanted_of(to_plain(wanted)) == wanted
    assert wanted_of({"title": "An earlier version's"}) == Wanted()


def test_a_case_counts_on_the_days_of_the_reports_zone(inline: SyncRunner) -> None:
    studio = owner("studio")
    found_case(inline.services, studio)
    moment = datetime(2026, 11, 19, 17, tzinfo=UTC)  # already the 20th in Shanghai
    Sighting.objects.update(first_seen=moment, last_seen=moment)

    def listed(scope: ReportScope, zone: str = ZONE) -> int:
        return cases_in(studio, scope, zone).count()

    on_the_20th = replace(EVERYTHING, first="2026-11-20", last="2026-11-20")
    assert (listed(on_the_20th), listed(on_the_20th, "UTC")) == (1, 0)
    assert period_of(on_the_20th, ZONE) == (
        datetime(2026, 11, 19, 16, tzinfo=UTC),
        datetime(2026, 11, 20, 16, tzinfo=UTC),
    )
    assert (listed(replace(EVERYTHING, works=(2,))), listed(replace(EVERYTHING, watch="watch"))) == (0, 1)
    Case.objects.update(decision="cleared")
    assert (listed(EVERYTHING), listed(replace(EVERYTHING, decisions=("cleared",)))) == (0, 1)
    assert [crawls_in(studio, replace(EVERYTHING, watch=name), ZONE).count() for name in ("watch", "x")] == [1, 0]
    assert [work.number for work in works_in(studio, EVERYTHING)] == [1]
