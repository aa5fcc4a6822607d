"""Clocks that were ahead or are set back: nothing is silenced or doubles, and the log's times don't run backwards."""

import re
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import schedule
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.models import DateTimeField, F, Model
from redis import Redis

from exhibit import clock
from exhibit.clock import now
from exhibit.entries import EntryType
from registry.crawls import due_times, schedules
from registry.crawls.budgets import left
from registry.crawls.due_times import bring_back
from registry.db import steps
from registry.log.log import submit
from registry.models import Crawl, EventKind, LogEntry, Picture, StepState, Watch, WitnessState
from registry.notifications import events
from tests.assets.rows import bring, claimed_slice, owner, photograph
from tests.assets.shop import watch
from workers.log.sequencer import checkpoint_due, sequence_log, sign_checkpoint
from workers.pipeline.beat import Rhythm
from workers.pipeline.celery import make_app
from workers.servers.addresses import redis_url
from workers.servers.product import CHECKOUT
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner
from workers.tasks.tick import tick

YEAR = timedelta(days=365)
RECORDED = frozenset(
    """
    accepted_at added_at answered_at asked_at at began_at begun_at changed_at cleared_at closed_at created_at
    date_joined decided_at delivered_at disputed_at earlier_registered_at ended_at finished_at first_seen grown_at
    last_at last_login last_seen last_used_at licences_searched_at made_at measured_at noted_at opened_at paused_at
    registered_at removed_at reported_at retired_at revoked_at sealed_at sent_at signed_at started_at time used_at
    used_from witnessed_at
    """.split()  # noqa: SIM905 - names to read
)
"""Columns that say when something happened. Where it is asked how long ago, one ahead of now counts as long ago."""

EXPLAINED = {
    "HostLease.expires_at": "told to people only: a lease ends with its slice",
    "Package.expires_at": "its files are kept for longer, which harms nothing, and a link may ask for that",
    "Watch.next_run_at": "brought back to its own schedule by schedules.bring_back",
    "Invitation.expires_at": "brought back with made_at, to its own length",
    "ApiToken.expires_at": "brought back with made_at, to its own length",
    "DownloadLink.expires_at": "brought back with created_at, to its own length",
}


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function of one argument
    """Sets the clock of everything that asks ours, by so much off the true time."""
    true = datetime

    def set_by(off: timedelta) -> None:
        class Off(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:  # noqa: ANN401
                return true.now(tz) + off

        monkeypatch.setattr(clock, "datetime", Off)

    return set_by


def test_every_column_of_time_is_brought_back_or_explained(db: None) -> None:
    listed = {f"{one.model.__name__}.{one.column}" for one in due_times.due_times(7)}
    models: list[type[Model]] = [*apps.get_app_config("registry").get_models(), Session]
    columns = {
        f"{model.__name__}.{field.name}"
        for model in models
        for field in model._meta.get_fields()
        if isinstance(field, DateTimeField)
    }
    assert {one for one in columns if one.split(".")[1] not in RECORDED} == listed | EXPLAINED.keys()


def test_no_column_that_is_recorded_lies_ahead_in_a_question(db: None) -> None:
    """What a query compares as *not yet come* is a time that something waits for, and is listed."""
    waits = re.compile(r"\b(\w+)__(?:lte|gt)=(?:now\(\)|moment)\b")
    rooms = [path for room in ("registry", "workers", "desk") for path in (CHECKOUT / room).rglob("*.py")]
    asked = {name for path in rooms for name in waits.findall(path.read_text(encoding="utf-8"))}
    listed = {one.column for one in due_times.due_times(7)} | {one.split(".")[1] for one in EXPLAINED}
    assert asked
    assert asked <= listed, asked - listed


def test_tries_that_a_clock_that_was_ahead_has_counted_lock_nobody_out(
    inline: SyncRunner,
    set_clock: Any,  # noqa: ANN401
) -> None:
    cache.set("tries", [1.0], timeout=366 * 24 * 3600)
    queue = Redis.from_url(redis_url(inline.services.config))
    queue.set("a-queue", "waits")
    tick(inline.services)
    assert cache.get("tries") == [1.0]
    set_clock(YEAR)
    tick(inline.services)
    assert cache.get("tries") == [1.0]
    set_clock(timedelta(0))
    tick(Services(inline.services.config))
    assert cache.get("tries") is None
    assert queue.getdel("a-queue") == b"waits"
    queue.close()


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


def test_a_clock_that_was_a_year_ahead_silences_nothing(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    studio = owner("studio")
    pictures = bring(inline.services, *claimed_slice(studio), [photograph(1)])
    set_clock(YEAR)
    made = watch(studio, "http://127.0.0.7/")
    schedules.start_crawl(made.pk)
    steps.claim(Picture, pictures, timedelta(minutes=10))
    steps.hold_up(Picture, pictures, "The disk is full.")
    WitnessState.objects.create(kind="evm", witness="w", question="submit", ask_after=now() + timedelta(hours=1))
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    set_clock(timedelta(0))
    assert not steps.due_ids(Picture, timedelta(minutes=10), 9)
    assert bring_back(7) >= 3
    assert steps.due_ids(Picture, timedelta(minutes=10), 9) == pictures
    assert not WitnessState.objects.filter(ask_after__gt=now()).exists()
    made.refresh_from_db()
    assert made.next_run_at is not None
    assert now() < made.next_run_at <= now() + timedelta(seconds=made.interval_seconds)
    submit(EntryType.SETTING, {"a": 1})
    sequence_log(inline.services)
    assert checkpoint_due(inline.services)
    assert bring_back(7) == 0


def test_what_is_within_its_interval_stays(inline: SyncRunner) -> None:
    studio = owner("studio")
    pictures = bring(inline.services, *claimed_slice(studio), [photograph(1)])
    made = watch(studio, "http://127.0.0.7/")
    Watch.objects.update(next_run_at=now() + timedelta(days=6))
    Picture.objects.update(not_before=now() + timedelta(minutes=30))
    assert bring_back(7) == 0
    made.refresh_from_db()
    assert made.next_run_at is not None
    assert made.next_run_at > now() + timedelta(days=5)
    assert not steps.due_ids(Picture, timedelta(minutes=10), 9)
    assert pictures


def test_a_living_claimer_keeps_its_rows_when_the_clock_is_set_back(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    pictures = bring(inline.services, *claimed_slice(owner("studio")), [photograph(1)])
    set_clock(YEAR)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
    set_clock(timedelta(0))
    bring_back(7)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == []
    Picture.objects.update(claimed_by="")  # by a program that didn't say who it was
    bring_back(7)
    Picture.objects.update(claimed_at=F("claimed_at") - timedelta(minutes=11))
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures


def test_the_times_of_the_log_stand_still_rather_than_run_backwards(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    for minutes in (0, -30, -20, 10):
        set_clock(timedelta(minutes=minutes))
        submit(EntryType.SETTING, {"minutes": minutes})
    sequence_log(inline.services)
    times = list(LogEntry.objects.order_by("sequence").values_list("time", flat=True))
    assert times == sorted(times)


def test_a_crawl_begun_by_a_clock_ahead_has_no_more_time_than_its_budget(inline: SyncRunner) -> None:
    made = watch(owner("studio"), "http://127.0.0.7/", seconds=60)
    crawl = Crawl.objects.create(watch=made, number=1, state=StepState.DOING, started_at=now() + YEAR)
    assert left(crawl).seconds <= 60


def test_what_a_clock_ahead_has_dated_is_told(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    studio = owner("studio")
    set_clock(YEAR)
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "A"})
    set_clock(timedelta(0))
    assert events.after(studio, 0, [EventKind.REPORT_READY])


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


def test_the_tick_comes_whatever_the_time_of_day_does(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(inline.services.config)
    rhythm = Rhythm(app=app, lazy=True)
    sent: list[str] = []
    entries = {name: rhythm.Entry(name=name, task=name, schedule=schedule(seconds)) for name, seconds in _RHYTHM}
    monkeypatch.setattr(Rhythm, "schedule", entries)
    monkeypatch.setattr(rhythm, "apply_entry", lambda entry, **_: sent.append(entry.name))
    monkeypatch.setattr(Rhythm, "producer", None)
    moments = {"monotonic": 100.0}
    monkeypatch.setattr("workers.pipeline.beat.time", SimpleNamespace(monotonic=lambda: moments["monotonic"]))
    assert rhythm.tick() == pytest.approx(5)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # set back by half a century
    moments["monotonic"] += 5
    rhythm.tick()
    moments["monotonic"] += 4
    assert rhythm.tick() == pytest.approx(1)
    assert sent == ["tick", "retain", "tick"]


_RHYTHM = (("tick", 5.0), ("retain", 3600.0))
