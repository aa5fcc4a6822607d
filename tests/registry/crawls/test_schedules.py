"""Test when watches are due: at their local time of day, and never twice."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exhibit.clock import now
from registry.crawls import schedules, watch_settings
from registry.due_times import correct_times
from registry.models import Crawl, StepState, Watch
from tests.assets.clocks import set_clock
from tests.assets.rows import owner
from tests.assets.shop import create_watch

__all__ = ["set_clock"]


def test_crawl_is_not_started_twice_after_the_clock_was_temporarily_behind(db: None, set_clock: Any) -> None:  # noqa: ANN401
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/")
    Watch.objects.update(interval_seconds=30 * 86_400)
    assert schedules.start_crawl(new_watch.pk) is not None
    Crawl.objects.update(state=StepState.DONE)
    set_clock(timedelta(days=-1))
    assert correct_times(7)
    set_clock(timedelta(0))
    assert schedules.list_due_watches() == [new_watch.pk]
    assert schedules.start_crawl(new_watch.pk) is None
    new_watch.refresh_from_db()
    assert new_watch.next_run_at is not None
    assert timedelta(days=29) < new_watch.next_run_at - now() <= timedelta(days=30)


ZONES = {  # a skipped local time, and the dates in 2027 when summer time starts and ends
    "Europe/Berlin": ("02:30", "03-28", "10-31"),
    "America/New_York": ("02:15", "03-14", "11-07"),
    "Africa/Cairo": ("00:00", "04-30", "10-29"),
    "America/Santiago": ("00:00", "09-05", "04-04"),
    "Asia/Beirut": ("00:00", "03-28", "10-31"),
    "Australia/Lord_Howe": ("02:00", "10-03", "04-04"),
    "America/Scoresbysund": ("23:30", "03-27", "10-30"),
}


@pytest.mark.parametrize("days", [1, 3, 7, 28])
@pytest.mark.parametrize("zone", ZONES)
def test_run_at_skipped_local_time_is_delayed_that_day_only(zone: str, days: int) -> None:
    at, change, back_change = ZONES[zone]
    when = schedules.TimeOfDay(time.fromisoformat(at), ZoneInfo(zone))
    for day in (date.fromisoformat(f"2027-{change}"), date.fromisoformat(f"2027-{back_change}")):
        first = day - 2 * timedelta(days=days)
        runs = [when.get_time_on(first)]
        for _ in range(4):
            runs.append(schedules.compute_next_run(runs[-1], timedelta(days=days), runs[-1], when))
        assert runs == [when.get_time_on(first + turn * timedelta(days=days)) for turn in range(5)]
        wall = [run.astimezone(when.zone).replace(tzinfo=None) for run in runs]
        expected = [datetime.combine(first + turn * timedelta(days=days), when.at) for turn in range(5)]
        delays = [actual - due for actual, due in zip(wall, expected, strict=True)]
        skipped = timedelta(minutes=30 if zone == "Australia/Lord_Howe" else 60)
        assert (
            delays == [timedelta(0)] * 2 + [skipped if f"{day:%m-%d}" == change else timedelta(0)] + [timedelta(0)] * 2
        )


@pytest.mark.parametrize("zone", ZONES)
def test_run_at_repeated_local_time_happens_once(zone: str) -> None:
    _at, _change, back_change = ZONES[zone]
    day, where = date.fromisoformat(f"2027-{back_change}"), ZoneInfo(zone)
    ambiguous_times = [time(hour, 30) for hour in (0, 1, 2, 23) if _occurs_twice(day, time(hour, 30), where)] or [
        time(1, 45)
    ]
    when = schedules.TimeOfDay(ambiguous_times[0], where)
    runs = [when.get_time_on(day - schedules.DAY)]
    for _ in range(3):
        runs.append(schedules.compute_next_run(runs[-1], schedules.DAY, runs[-1] + timedelta(minutes=1), when))
    assert [run.astimezone(where).date() for run in runs] == [day + turn * schedules.DAY for turn in range(-1, 3)]
    assert {run.astimezone(where).time() for run in runs} == {ambiguous_times[0]}


@pytest.mark.parametrize("hours", [1, 6, 12, 36])
def test_hourly_intervals_ignore_clock_changes(hours: int) -> None:
    every, last = timedelta(hours=hours), _parse_utc("2027-03-27T02:30+01:00")
    for _ in range(50):
        next_time = schedules.compute_next_run(last, every, last)
        assert next_time - last == every
        last = next_time


def test_watch_keeps_time_of_day_through_clock_changes(
    db: None,
    set_clock: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.crawls.schedules.timezone.get_default_timezone", lambda: UTC)
    berlin = ZoneInfo("Europe/Berlin")
    set_clock(_parse_utc("2027-03-26T12:00+01:00") - datetime.now(UTC))
    when = schedules.TimeOfDay(time(2, 30), berlin)
    new_watch = watch_settings.add_watch(
        owner("studio"),
        "shop",
        [("site", "http://127.0.0.7/")],
        every=schedules.DAY,
        budget={},
        politeness={},
        when=when,
    )
    moments = []
    for day in ("2027-03-27", "2027-03-28", "2027-03-29", "2027-10-30", "2027-10-31", "2027-11-01"):
        set_clock(_parse_utc(f"{day}T04:30:00+02:00") - datetime.now(UTC))
        schedules.advance_next_run(new_watch, now() - timedelta(hours=12))  # as on the previous day
        assert new_watch.next_run_at is not None
        moments.append(new_watch.next_run_at.astimezone(berlin).strftime("%m-%d %H:%M"))
        assert schedules.start_crawl(new_watch.pk) is not None
        Crawl.objects.update(state=StepState.DONE)
        new_watch.refresh_from_db()
    assert moments == ["03-27 02:30", "03-28 03:30", "03-29 02:30", "10-30 02:30", "10-31 02:30", "11-01 02:30"]


def test_unknown_time_zone_falls_back_to_fixed_interval() -> None:
    last = _parse_utc("2027-03-27T02:30+01:00")
    row = Watch(interval_seconds=86_400, next_run_at=last, time_of_day=time(2, 30), time_zone="Mars/Olympus")
    assert schedules.load_time_of_day(row) is None
    assert (
        schedules.compute_next_run(last, schedules.DAY, last, schedules.load_time_of_day(row)) == last + schedules.DAY
    )


def _occurs_twice(day: date, at: time, zone: ZoneInfo) -> bool:
    moment = datetime.combine(day, at, zone)
    return moment.utcoffset() > moment.replace(fold=1).utcoffset()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("zone", "last", "moment", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T06:00+01:00", "2026-03-28T12:00+01:00", "2026-03-29T06:00+02:00"),
        ("Europe/Berlin", "2026-10-24T06:00+02:00", "2026-10-24T12:00+02:00", "2026-10-25T06:00+01:00"),
        ("UTC", "2028-02-28T06:00+00:00", "2028-02-28T12:00+00:00", "2028-02-29T06:00+00:00"),
    ],
)
def test_schedule_keeps_time_of_day_through_clock_changes_and_leap_days(
    zone: str, last: str, moment: str, expected: str
) -> None:
    when = schedules.TimeOfDay.from_datetime(_parse_utc(last), ZoneInfo(zone))
    assert schedules.compute_next_run(_parse_utc(last), timedelta(days=1), _parse_utc(moment), when) == _parse_utc(
        expected
    )


def _parse_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(ZoneInfo("UTC"))
