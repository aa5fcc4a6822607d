"""What the running product says of itself: what its steps take, and which of its workers live."""

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


def test_machines_are_told_by_what_their_workers_take_and_only_while_they_are_heard(db: None) -> None:
    for name, queues in (("match@ann", "asked,match"), ("asked@ann", "asked"), ("match@ben", "match")):
        running.beat(name, queues)
    running.beat("match@cleo", "match")
    Heartbeat.objects.filter(name="match@cleo").update(seen_at=now() - 2 * running.SILENT)
    running.beat(running.TICK)
    assert (running.hosts_of("match"), running.hosts_of("asked")) == (["ann", "ben"], ["ann"])
    assert running.hosts_of("crawl") == []
