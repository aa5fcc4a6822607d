"""Test the filters of a report: invalid filters are rejected, and days are in the report's time zone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evidence.documents.report.facts import ReportScope
from evidence.formats.codec import to_plain
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import Case, Sighting
from registry.reports.scope import (
    DEFAULT_SCOPE,
    MAX_WORKS,
    ReportRequest,
    check_request,
    get_period,
    list_cases,
    list_crawls,
    list_works,
    parse_request,
    parse_work_numbers,
)
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner

ZONE = "Asia/Shanghai"


def test_work_numbers_and_ranges_are_parsed() -> None:
    assert parse_work_numbers(" 3, 7–9、12，3 ") == (3, 7, 8, 9, 12)
    assert parse_work_numbers("") == ()
    for text in ("x", "3-", "-3", "3-x", f"1-{MAX_WORKS + 1}", "9" * 10):
        with pytest.raises(InvalidRequestError):
            parse_work_numbers(text)


@pytest.mark.django_db
def test_invalid_report_request_is_rejected() -> None:
    studio = owner("studio")
    check_request(studio, ReportRequest())
    for scope in (
        replace(DEFAULT_SCOPE, decisions=()),
        replace(DEFAULT_SCOPE, first="2026-11-20", last="2026-11-19"),
        replace(DEFAULT_SCOPE, first="20.11.2026"),
        replace(DEFAULT_SCOPE, works=(1,)),
    ):
        with pytest.raises(InvalidRequestError):
            check_request(studio, ReportRequest(scope))
    for options in (ReportRequest(formats=()), ReportRequest(formats=("doc",)), ReportRequest(languages=("xx",))):
        with pytest.raises(InvalidRequestError):
            check_request(studio, options)
    with pytest.raises(NotFoundError):
        check_request(studio, ReportRequest(replace(DEFAULT_SCOPE, watch="nothing")))


def test_report_request_round_trips() -> None:
    options = ReportRequest(replace(DEFAULT_SCOPE, works=(3,)), formats=("csv",))
    assert parse_request(to_plain(options)) == options
    assert parse_request({"title": "An earlier version's"}) == ReportRequest()


def test_cases_are_filtered_by_day_in_report_time_zone(inline: SyncRunner) -> None:
    studio = owner("studio")
    create_case(inline.services, studio)
    moment = datetime(2026, 11, 19, 17, tzinfo=UTC)  # already the 20th in Shanghai
    Sighting.objects.update(first_seen=moment, last_seen=moment)

    def count_listed(scope: ReportScope, zone: str = ZONE) -> int:
        return list_cases(studio, scope, zone).count()

    one_day_scope = replace(DEFAULT_SCOPE, first="2026-11-20", last="2026-11-20")
    assert (count_listed(one_day_scope), count_listed(one_day_scope, "UTC")) == (1, 0)
    assert get_period(one_day_scope, ZONE) == (
        datetime(2026, 11, 19, 16, tzinfo=UTC),
        datetime(2026, 11, 20, 16, tzinfo=UTC),
    )
    assert (count_listed(replace(DEFAULT_SCOPE, works=(2,))), count_listed(replace(DEFAULT_SCOPE, watch="watch"))) == (
        0,
        1,
    )
    Case.objects.update(decision="dismissed")
    assert (count_listed(DEFAULT_SCOPE), count_listed(replace(DEFAULT_SCOPE, decisions=("dismissed",)))) == (0, 1)
    assert [list_crawls(studio, replace(DEFAULT_SCOPE, watch=name), ZONE).count() for name in ("watch", "x")] == [1, 0]
    assert [work.number for work in list_works(studio, DEFAULT_SCOPE)] == [1]
