import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from desk.texts.schedules import describe_schedule
from registry.crawls import schedules
from registry.models import Watch

DAY, WEEK = timedelta(days=1), timedelta(days=7)
BERLIN = ZoneInfo("Europe/Berlin")


def parse_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_late_run_of_a_watch_does_not_shift_later_runs() -> None:
    assert schedules.compute_next_run(parse_utc("2026-11-20T03:00"), DAY, parse_utc("2026-11-20T09:17")) == parse_utc(
        "2026-11-21T03:00"
    )
    assert schedules.compute_next_run(parse_utc("2026-11-20T03:00"), DAY, parse_utc("2026-11-24T02:59")) == parse_utc(
        "2026-11-24T03:00"
    )
    hour = timedelta(hours=1)
    assert schedules.compute_next_run(parse_utc("2026-11-20T03:20"), hour, parse_utc("2026-11-20T03:20")) == parse_utc(
        "2026-11-20T04:20"
    )


def test_daily_schedule_keeps_its_time_across_dst_changes() -> None:
    summer = datetime(2026, 10, 24, 3, 30, tzinfo=BERLIN)
    time_of_day = schedules.TimeOfDay(time(3, 30), BERLIN)
    after = schedules.compute_next_run(summer.astimezone(UTC), DAY, parse_utc("2026-10-25T12:00"), time_of_day)
    assert after.astimezone(BERLIN).time() == time(3, 30)
    assert after - summer.astimezone(UTC) == timedelta(hours=49)


@pytest.mark.parametrize(
    ("every", "weekday", "expected"),
    [
        (timedelta(hours=1), 0, "2026-11-20T10:20"),
        (timedelta(hours=6), 0, "2026-11-20T14:20"),
        (DAY, 0, "2026-11-21T02:20"),
        (WEEK, 0, "2026-11-23T02:20"),
        (WEEK, 4, "2026-11-27T02:20"),
    ],
)
def test_first_run_of_a_watch_is_at_the_next_scheduled_time(
    monkeypatch: pytest.MonkeyPatch, every: timedelta, weekday: int, expected: str
) -> None:
    monkeypatch.setattr("registry.crawls.schedules.now", lambda: parse_utc("2026-11-20T09:40"))  # a Friday
    assert schedules.compute_first_run(every, schedules.TimeOfDay(time(2, 20), UTC, weekday)) == parse_utc(expected)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (timedelta(minutes=1), []),
        (timedelta(seconds=90), ["1.5"]),
        (timedelta(minutes=30), ["30"]),
        (timedelta(hours=1), []),
        (timedelta(hours=36), ["36"]),
        (DAY, ["03:00"]),
        (3 * DAY, ["3", "03:00"]),
        (WEEK, ["Friday", "03:00"]),
        (2 * WEEK, ["2", "Friday", "03:00"]),
    ],
)
def test_schedule_is_described_in_words(every: timedelta, expected: list[str]) -> None:
    with translation.override("en"), timezone.override(UTC):
        assert re.findall(r"[\d.:]*\d|Friday", describe_schedule(_build_watch(every))) == expected


def test_chosen_time_is_shown_across_dst_changes_and_with_a_foreign_zone() -> None:
    row = _build_watch(
        WEEK, next_run_at=parse_utc("2027-03-28T01:30"), time_of_day=time(2, 30), time_zone="Europe/Berlin"
    )
    with translation.override("en"):
        with timezone.override(BERLIN):
            text = describe_schedule(row)
            assert text.endswith("02:30")
        with timezone.override(UTC):
            assert describe_schedule(row) == f"{text} (Europe/Berlin)"


def test_weekly_schedule_has_no_number_in_chinese() -> None:
    with translation.override("zh-hans"), timezone.override(UTC):
        assert describe_schedule(_build_watch(WEEK)) == "每周，星期五 03:00"


def _build_watch(every: timedelta, **times: object) -> Watch:
    defaults = {"next_run_at": parse_utc("2026-11-20T03:00"), "time_of_day": time(3), "time_zone": "UTC"}
    return Watch(interval_seconds=int(every.total_seconds()), **{**defaults, **times})
