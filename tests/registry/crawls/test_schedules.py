"""When watches are due: by the time of day where they are, and never twice."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exhibit.clock import now
from registry.crawls import schedules
from registry.crawls.due_times import bring_back
from registry.models import Crawl, StepState, Watch
from tests.assets.clocks import set_clock
from tests.assets.rows import owner
from tests.assets.shop import watch

__all__ = ["set_clock"]


def test_a_clock_that_was_behind_for_a_while_brings_no_crawl_twice(db: None, set_clock: Any) -> None:  # noqa: ANN401
    made = watch(owner("studio"), "http://127.0.0.7/")
    Watch.objects.update(interval_seconds=30 * 86_400)
    assert schedules.start_crawl(made.pk) is not None
    Crawl.objects.update(state=StepState.DONE)
    set_clock(timedelta(days=-1))
    assert bring_back(7)
    set_clock(timedelta(0))
    assert schedules.due_watches() == [made.pk]
    assert schedules.start_crawl(made.pk) is None
    made.refresh_from_db()
    assert made.next_run_at is not None
    assert timedelta(days=29) < made.next_run_at - now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("zone", "last", "moment", "wanted"),
    [
        ("Europe/Berlin", "2026-03-28T06:00+01:00", "2026-03-28T12:00+01:00", "2026-03-29T06:00+02:00"),
        ("Europe/Berlin", "2026-10-24T06:00+02:00", "2026-10-24T12:00+02:00", "2026-10-25T06:00+01:00"),
        ("UTC", "2028-02-28T06:00+00:00", "2028-02-28T12:00+00:00", "2028-02-29T06:00+00:00"),
    ],
)
def test_a_schedule_keeps_its_time_of_day_through_changes_of_the_clock_and_leap_days(
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    last: str,
    moment: str,
    wanted: str,
) -> None:
    monkeypatch.setattr("registry.crawls.schedules.timezone.get_default_timezone", lambda: ZoneInfo(zone))
    assert schedules.following(_utc(last), timedelta(days=1), _utc(moment)) == _utc(wanted)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZoneInfo("UTC"))
