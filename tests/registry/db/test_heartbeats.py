"""Test the running product's status: durations of steps, and living workers."""

from datetime import timedelta

from exhibit.clock import now
from registry.db import heartbeats
from registry.models import Heartbeat


def test_a_worker_that_is_silent_for_a_day_is_forgotten(db: None) -> None:
    heartbeats.record_heartbeat("worker-background@here", "match,evidence")
    heartbeats.record_heartbeat("worker-background@elsewhere")
    Heartbeat.objects.filter(name="worker-background@elsewhere").update(seen_at=now() - timedelta(days=2))
    [heartbeat] = heartbeats.heartbeats()
    assert (heartbeat.name, heartbeat.queues) == ("worker-background@here", "match,evidence")
