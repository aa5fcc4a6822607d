"""The rhythm of the tick, by a clock that nobody sets."""

import time
from types import SimpleNamespace

import pytest
from celery.schedules import schedule

from workers.pipeline.beat import Rhythm
from workers.pipeline.celery import make_app
from workers.tasks.sync_runner import SyncRunner


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
