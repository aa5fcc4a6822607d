"""Test clocks that were ahead or are set back: due times are corrected, and the log's times do not decrease."""

import re
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db.models import DateTimeField, Model

from exhibit.clock import now
from exhibit.entries import EntryType
from registry import due_times
from registry.bundles.timestamp_requests import is_checkpoint_due
from registry.crawls import schedules
from registry.db import steps
from registry.due_times import correct_times
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Picture, TimestampServiceState, Watch
from tests.assets.clocks import YEAR, set_clock
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from tests.assets.shop import create_watch
from workers.servers.product import CHECKOUT
from workers.tasks.sync_runner import SyncRunner

__all__ = ["set_clock"]

RECORDED_COLUMNS = frozenset(
    """
    accepted_at added_at agency_asked_at answered_at at began_at begun_at changed_at dismissed_at closed_at cosigned_at
    requested_at created_at date_joined decided_at delivered_at disputed_at earlier_registered_at ended_at finished_at
    first_seen found_at given_at completed_at last_at last_login last_seen last_used_at licences_searched_at
    looked_at made_at measured_at noted_at opened_at paused_at proposed_at refused_at registered_at removed_at
    reported_at retired_at revoked_at sealed_at sent_at signed_at started_at time told_at undone_at used_at used_from
    visited_at withdrawn_at timestamped_at
    """.split()  # noqa: SIM905 - names to read
)
"""Columns with the time of an event. Where an age is computed, a future time counts as long ago."""
EXPLAINED_COLUMNS = {
    "Agreement.until": "a day that two operators agreed on; a clock that was wrong doesn't move it",
    "Lease.expires_at": "by the database's clock; what lies too far ahead counts as over",
    "Pace.free_at": "by the database's clock; what lies too far ahead counts as over",
    "Package.expires_at": "its files are kept for longer, which harms nothing, and a link may ask for that",
    "Watch.next_run_at": "brought back to its own schedule by schedules.bring_back",
    "Invitation.expires_at": "brought back with made_at, to its own length",
    "ApiToken.expires_at": "brought back with made_at, to its own length",
    "NoticeReply.seen_at": "that a member has read it, whenever that was",
    "Notice.reply_until": "a year, which a clock that was ahead makes longer; the letter says the day",
    "DownloadLink.expires_at": "brought back with created_at, to its own length",
}


def test_every_time_column_is_corrected_or_explained(db: None) -> None:
    listed = {f"{item.model.__name__}.{item.column}" for item in due_times.iterate_due_times(7)}
    models: list[type[Model]] = [*apps.get_app_config("registry").get_models(), Session]
    columns = {
        f"{model.__name__}.{field.name}"
        for model in models
        for field in model._meta.get_fields()
        if isinstance(field, DateTimeField)
    }
    assert {item for item in columns if item.split(".")[1] not in RECORDED_COLUMNS} == listed | EXPLAINED_COLUMNS.keys()


def test_every_due_time_column_in_queries_is_listed(db: None) -> None:
    """Test that every time column that a query compares with the current time is listed."""
    pattern = re.compile(r"\b(\w+)__(?:lte|gt)=(?:now\(\)(?! [-+])|(?:at|due_at|current_time)\b)")
    paths = [path for package in ("registry", "workers", "desk") for path in (CHECKOUT / package).rglob("*.py")]
    column_names = {name for path in paths for name in pattern.findall(path.read_text(encoding="utf-8"))}
    listed = {item.column for item in due_times.iterate_due_times(7)} | {
        item.split(".")[1] for item in EXPLAINED_COLUMNS
    }
    assert column_names
    assert column_names <= listed, column_names - listed


def test_due_times_are_corrected_after_clock_was_a_year_ahead(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    studio = owner("studio")
    pictures = record_sightings(inline.services, *claim_new_slice(studio), [photograph(1)])
    set_clock(YEAR)
    new_watch = create_watch(studio, "http://127.0.0.7/")
    schedules.start_crawl(new_watch.pk)
    steps.claim(Picture, pictures, timedelta(minutes=10))
    steps.hold_up(Picture, pictures, "The disk is full.")
    TimestampServiceState.objects.create(
        kind="evm", service="w", question="submit", ask_after=now() + timedelta(hours=1)
    )
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    set_clock(timedelta(0))
    assert not steps.list_due_ids(Picture, timedelta(minutes=10), 9)
    assert correct_times(7) >= 3
    assert steps.list_due_ids(Picture, timedelta(minutes=10), 9) == pictures
    assert not TimestampServiceState.objects.filter(ask_after__gt=now()).exists()
    new_watch.refresh_from_db()
    assert new_watch.next_run_at is not None
    assert now() < new_watch.next_run_at <= now() + timedelta(seconds=new_watch.interval_seconds)
    submit_entry(EntryType.SETTING, {"a": 1})
    sequence_log(inline.services)
    assert is_checkpoint_due(inline.services)
    assert correct_times(7) == 0


def test_times_within_their_interval_are_unchanged(inline: SyncRunner) -> None:
    studio = owner("studio")
    pictures = record_sightings(inline.services, *claim_new_slice(studio), [photograph(1)])
    new_watch = create_watch(studio, "http://127.0.0.7/")
    Watch.objects.update(next_run_at=now() + timedelta(days=6))
    Picture.objects.update(not_before=now() + timedelta(minutes=30))
    assert correct_times(7) == 0
    new_watch.refresh_from_db()
    assert new_watch.next_run_at is not None
    assert new_watch.next_run_at > now() + timedelta(days=5)
    assert not steps.list_due_ids(Picture, timedelta(minutes=10), 9)
    assert pictures
