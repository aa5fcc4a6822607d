"""The rhythm of the tick, by a clock that nobody sets."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from exhibit.clock import now
from registry.db import running
from registry.models import Heartbeat
from workers.tasks.beat import Periodic, Rhythm, Roll


def test_the_tick_comes_whatever_the_time_of_day_does_and_whatever_fails_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    def act(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    def fail() -> None:
        raise RuntimeError

    rhythm = Rhythm([Periodic(20.0, fail), Periodic(5.0, act("tick")), Periodic(3600.0, act("upkeep"))])
    moments = {"monotonic": 100.0}
    clock = SimpleNamespace(monotonic=lambda: moments["monotonic"], process_time=time.process_time)
    monkeypatch.setattr("workers.tasks.beat.time", clock)
    assert rhythm.turn() == pytest.approx(5)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # set back by half a century
    moments["monotonic"] += 5
    rhythm.turn()
    moments["monotonic"] += 4
    assert rhythm.turn() == pytest.approx(1)
    assert done == ["tick", "upkeep", "tick"]


@pytest.mark.django_db
def test_workers_that_answer_are_seen_and_one_that_answered_while_it_ended_gets_no_row_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [{"a@here": "crawl", "b@there": "match"}, {"a@here": "crawl"}, {"a@here": "crawl"}]
    monkeypatch.setattr("workers.tasks.beat.living_workers", lambda: answers.pop(0))
    running.begins("b@there", "match")
    earlier = now() - timedelta(minutes=5)
    Heartbeat.objects.update(seen_at=earlier)
    roll = Roll()
    roll()
    assert dict(Heartbeat.objects.values_list("name", "queues")) == {"b@there": "match", running.TICK: ""}
    assert Heartbeat.objects.get(name="b@there").seen_at > earlier
    running.ends("b@there")
    roll()
    assert dict(Heartbeat.objects.values_list("name", "queues")) == {"a@here": "crawl", running.TICK: ""}
