"""Watches that were there before they kept their time of day are given theirs, as far as their runs tell it."""

from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from registry.models import Crawl, StepState, Watch
from tests.assets.rows import owner

BERLIN = ZoneInfo("Europe/Berlin")
migration = import_module("registry.migrations.0082_watch_time_of_day")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("ran", "due", "every", "kept", "then"),
    [
        (["2026-03-27T02:30", "2026-03-28T02:30", "2026-03-29T03:30"], "2026-11-27T03:30", 1, time(2, 30), "02:30"),
        (["2026-03-22T02:30", "2026-03-29T03:30"], "2026-11-29T03:30", 7, time(2, 30), "02:30"),
        (["2026-03-28T03:30", "2026-03-29T03:30"], "2026-11-27T03:30", 1, time(3, 30), "03:30"),
        (["2026-03-01T02:30", "2026-03-28T03:30"], "2026-11-27T03:30", 1, time(3, 30), "03:30"),
        (["2026-03-28T17:00"], "2026-11-27T03:30", 1, time(3, 30), "03:30"),
        (["2026-03-28T06:00"], "2026-11-27T06:00", 1, time(6), "06:00"),
    ],
    ids=["moved", "moved, weekly", "chosen", "changed before", "nothing tells", "never skipped"],
)
def test_a_watch_gets_the_time_at_which_it_ran_before_the_clock_moved_it(
    db: None, monkeypatch: pytest.MonkeyPatch, ran: list[str], due: str, every: int, kept: time, then: str
) -> None:
    monkeypatch.setattr(timezone, "get_default_timezone", lambda: BERLIN)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 26, 20, tzinfo=UTC))
    days = {"interval_seconds": every * 86_400, "next_run_at": _at(due)}
    row = Watch.objects.create(owner=owner("studio"), number=1, name="shop", sources=[], **days)
    hourly = Watch.objects.create(owner=row.owner, number=2, name="news", sources=[], interval_seconds=3_600)
    Watch.objects.update(created_at=_at("2026-01-01T12:00"))
    for number, began in enumerate(ran, 1):
        begun = _at(began) + timedelta(seconds=20)
        Crawl.objects.create(watch=row, number=number, started_at=begun, state=StepState.DONE)
    with connection.schema_editor() as editor:
        migration.keep_times(apps, editor)
    row.refresh_from_db()
    hourly.refresh_from_db()
    assert (row.time_of_day, row.time_zone, hourly.time_of_day) == (kept, "Europe/Berlin", None)
    assert row.next_run_at is not None
    assert row.next_run_at.astimezone(BERLIN).strftime("%H:%M") == then
