import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from desk.texts.schedules import schedule
from registry.crawls import schedules
from registry.models import Watch

DAY, WEEK = timedelta(days=1), timedelta(days=7)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_run_that_came_late_doesnt_move_those_after_it() -> None:
    assert schedules.following(at("2026-11-20T03:00"), DAY, at("2026-11-20T09:17")) == at("2026-11-21T03:00")
    assert schedules.following(at("2026-11-20T03:00"), DAY, at("2026-11-24T02:59")) == at("2026-11-24T03:00")
    hour = timedelta(hours=1)
    assert schedules.following(at("2026-11-20T03:20"), hour, at("2026-11-20T03:20")) == at("2026-11-20T04:20")


def test_whole_days_keep_their_time_of_day_through_summer_and_winter() -> None:
    summer = datetime(2026, 10, 24, 3, 30, tzinfo=BERLIN)
    when = schedules.TimeOfDay(time(3, 30), BERLIN)
    after = schedules.following(summer.astimezone(UTC), DAY, at("2026-10-25T12:00"), when)
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
def test_the_first_run_is_the_next_time_of_the_schedule(
    monkeypatch: pytest.MonkeyPatch, every: timedelta, weekday: int, expected: str
) -> None:
    monkeypatch.setattr("registry.crawls.schedules.now", lambda: at("2026-11-20T09:40"))  # a Friday
    assert schedules.first_run(every, schedules.TimeOfDay(time(2, 20), UTC, weekday)) == at(expected)


@pytest.mark.parametrize(
    ("every", "told"),
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
def test_a_schedule_is_said_in_words(every: timedelta, told: list[str]) -> None:
    with translation.override("en"), timezone.override(UTC):
        assert re.findall(r"[\d.:]*\d|Friday", schedule(_row(every))) == told


def test_the_time_that_was_chosen_is_said_also_on_the_day_that_skips_it_and_with_its_zone_elsewhere() -> None:
    row = _row(WEEK, next_run_at=at("2027-03-28T01:30"), time_of_day=time(2, 30), time_zone="Europe/Berlin")
    with translation.override("en"):
        with timezone.override(BERLIN):
            said = schedule(row)
            assert said.endswith("02:30")
        with timezone.override(UTC):
            assert schedule(row) == f"{said} (Europe/Berlin)"


def test_once_a_week_is_no_number_in_chinese() -> None:
    with translation.override("zh-hans"), timezone.override(UTC):
        assert schedule(_row(WEEK)) == "每周，星期五 03:00"


def _row(every: timedelta, **times: object) -> Watch:
    usual = {"next_run_at": at("2026-11-20T03:00"), "time_of_day": time(3), "time_zone": "UTC"}
    return Watch(interval_seconds=int(every.total_seconds()), **{**usual, **times})
