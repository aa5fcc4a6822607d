"""The rhythm of the tick, by a clock that nobody sets."""

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from exhibit.clock import now
from exhibit.types import Untyped
from registry.db import running
from registry.models import Heartbeat
from workers.tasks.beat import LOOK_SECONDS, QUIET_SECONDS, SELDOM_SECONDS, Periodic, Rhythm, Roll, Ticks


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


def test_the_tick_comes_more_seldom_once_nothing_has_waited_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = {"monotonic": 100.0}
    clock = SimpleNamespace(monotonic=lambda: moments["monotonic"], process_time=time.process_time)
    waits = [False, False, True, False]
    monkeypatch.setattr("workers.tasks.beat.time", clock)
    monkeypatch.setattr("workers.tasks.beat.tick", lambda _: waits.pop(0))
    services: Untyped = SimpleNamespace(config=SimpleNamespace(tick_seconds=5))
    rhythm = Rhythm([Periodic(5.0, Ticks(services))])
    assert rhythm.turn() == pytest.approx(5)
    moments["monotonic"] += QUIET_SECONDS + 1
    assert rhythm.turn() == pytest.approx(30)
    moments["monotonic"] += 30
    assert rhythm.turn() == pytest.approx(5)
    moments["monotonic"] += 5
    assert rhythm.turn() == pytest.approx(5)


def test_what_is_due_some_day_is_looked_for_each_minute_and_more_seldom_while_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments, looked, waits = {"monotonic": 100.0}, list[float](), {"now": False}
    clock = SimpleNamespace(monotonic=lambda: moments["monotonic"], process_time=time.process_time)
    monkeypatch.setattr("workers.tasks.beat.time", clock)
    monkeypatch.setattr("workers.tasks.beat.tick", lambda _: waits["now"])
    monkeypatch.setattr("workers.periodic.do_each_minute", lambda _: looked.append(moments["monotonic"]))
    services: Untyped = SimpleNamespace(config=SimpleNamespace(tick_seconds=5))
    ticks = Ticks(services)
    rhythm = Rhythm([Periodic(LOOK_SECONDS, ticks.look), Periodic(5.0, ticks)])
    while moments["monotonic"] < 1000:
        waits["now"] = moments["monotonic"] >= 800
        moments["monotonic"] += rhythm.turn()
    pauses = [after - before for before, after in pairwise(looked)]
    assert pauses[0] == pytest.approx(60, abs=15)
    assert pauses[1] == pytest.approx(SELDOM_SECONDS, abs=60)
    assert pauses[-1] == pytest.approx(60, abs=15)
    assert next(moment for moment in looked if moment >= 800) <= 875


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
