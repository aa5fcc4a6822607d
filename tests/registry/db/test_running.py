"""Test the running product's status: durations of steps, and living workers."""

from datetime import timedelta

from exhibit.clock import now
from registry.db import running
from registry.models import Heartbeat


def test_a_worker_that_is_silent_for_a_day_is_forgotten(db: None) -> None:
    running.beat("worker-background@here", "match,evidence")
    running.beat("worker-background@elsewhere")
    Heartbeat.objects.filter(name="worker-background@elsewhere").update(seen_at=now() - timedelta(days=2))
    [one] = running.heartbeats()
    assert (one.name, one.queues) == ("worker-background@here", "match,evidence")
