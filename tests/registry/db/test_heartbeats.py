"""Test worker heartbeats."""

from datetime import timedelta

from exhibit.clock import now
from registry.db import heartbeats
from registry.models import Heartbeat


def test_heartbeat_of_a_worker_is_deleted_after_a_day_without_signal(db: None) -> None:
    heartbeats.record_heartbeat("worker-background@here", "match,evidence")
    heartbeats.record_heartbeat("worker-background@elsewhere")
    Heartbeat.objects.filter(name="worker-background@elsewhere").update(seen_at=now() - timedelta(days=2))
    [heartbeat] = heartbeats.list_heartbeats()
    assert (heartbeat.name, heartbeat.queues) == ("worker-background@here", "match,evidence")
