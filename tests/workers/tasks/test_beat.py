"""Test the intervals of the tick, which are measured by the monotonic clock."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from exhibit.clock import now
from registry.db import heartbeats
from registry.models import Heartbeat
from workers.tasks import beat
from workers.tasks.beat import HeartbeatRecorder
from workers.tasks.sync_runner import SyncRunner


class StopSchedulerError(Exception):
    """Raised to stop a scheduler that would otherwise run forever."""


def test_scheduler_ticks_continue_after_clock_changes_and_failed_steps(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment, ticks = [100.0], list[float]()

    def fail(*_: object) -> None:
        raise RuntimeError

    def sleep(seconds: float) -> None:
        moment[0] += seconds
        if moment[0] > 200:
            raise StopSchedulerError

    clock = SimpleNamespace(monotonic=lambda: moment[0], process_time=time.process_time, sleep=sleep)
    monkeypatch.setattr(beat, "time", clock)
    monkeypatch.setattr(beat, "tick", lambda _services: ticks.append(moment[0]))
    for name in ("HeartbeatRecorder", "send_upkeep_messages"):
        monkeypatch.setattr(beat, name, lambda: fail)
    monkeypatch.setattr("workers.periodic.run_minute_jobs", fail)
    monkeypatch.setattr(time, "time", lambda: -moment[0])  # runs backwards
    scheduler = beat.Scheduler(inline.services)
    with pytest.raises(StopSchedulerError):
        scheduler.run()
    assert ticks == pytest.approx([100 + 5 * number for number in range(21)])


def test_inactive_scheduler_only_releases_rows_of_its_machine(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def sleep(_seconds: float) -> None:
        raise StopSchedulerError

    monkeypatch.setattr(beat, "time", SimpleNamespace(monotonic=time.monotonic, process_time=lambda: 0.0, sleep=sleep))
    monkeypatch.setattr("workers.tasks.beat.LeaseHolder.take_or_renew", lambda _turn: False)
    monkeypatch.setattr("workers.tasks.beat.release_rows_of_ended_processes", lambda: done.append("freed"))
    monkeypatch.setattr(beat, "tick", lambda _services: done.append("ticked"))
    scheduler = beat.Scheduler(inline.services)
    with pytest.raises(StopSchedulerError):
        scheduler.run()
    assert done == ["freed"]


@pytest.mark.django_db
def test_responding_workers_are_recorded_and_ended_workers_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [{"a@here": "crawl", "b@there": "match"}, {"a@here": "crawl"}, {"a@here": "crawl"}]
    monkeypatch.setattr("workers.tasks.beat.find_responding_workers", lambda: answers.pop(0))
    heartbeats.record_start("b@there", "match")
    earlier = now() - timedelta(minutes=5)
    Heartbeat.objects.update(seen_at=earlier)
    roll = HeartbeatRecorder()
    roll()
    assert dict(Heartbeat.objects.values_list("name", "queues")) == {"b@there": "match", heartbeats.TICK: ""}
    assert Heartbeat.objects.get(name="b@there").seen_at > earlier
    heartbeats.record_end("b@there")
    roll()
    assert dict(Heartbeat.objects.values_list("name", "queues")) == {"a@here": "crawl", heartbeats.TICK: ""}
