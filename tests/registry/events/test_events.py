"""Test that an event is recorded once by concurrent transactions."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from exhibit.clock import now
from registry.events import events
from registry.models import (
    Delivery,
    Event,
    EventKind,
    Owner,
    Webhook,
)
from tests.assets.clocks import YEAR, set_clock
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner

__all__ = ["set_clock"]

BLOCKED_QUERY = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
"""Query that returns a row if this connection blocks another connection."""


def record_event(rights_holder: Owner) -> Event | None:
    return events.record_event(rights_holder, EventKind.KNOWN_COPY_MISSED, {"known_copy": 1}, name="7/1")


@pytest.mark.timeout(60)
def test_concurrent_identical_events_are_recorded_once(transactional_db: None) -> None:
    studio = owner("studio")
    Webhook.objects.create(
        owner=studio, number=1, url="https://a.example/", kinds=[], encrypted_secret=b"x", made_by="Ann", made_at=now()
    )

    def record_in_thread() -> Event | None:
        try:
            with transaction.atomic():
                repeated_event = record_event(studio)
                studio.refresh_from_db()  # the action continues
                return repeated_event
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            assert record_event(studio) is not None
            second: Future[Event | None] = pool.submit(record_in_thread)
            cursor.execute(BLOCKED_QUERY)
            while cursor.fetchone() is None and not second.done():
                cursor.execute(BLOCKED_QUERY)
        assert second.result(30) is None
    assert (Event.objects.count(), Delivery.objects.count()) == (1, 1)


def test_event_dated_by_a_clock_that_was_ahead_is_listed(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    studio = owner("studio")
    set_clock(YEAR)
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "A"})
    set_clock(timedelta(0))
    assert events.list_events_after(studio, 0, [EventKind.REPORT_READY])
