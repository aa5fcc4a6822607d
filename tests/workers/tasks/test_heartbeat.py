"""What a worker does besides its tasks."""

import gc
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from celery.signals import worker_before_create_process, worker_ready

from registry.db import running
from registry.models import Heartbeat


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_has_left_is_free_as_soon_as_another_one_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[str] = []
    repeated: list[float] = []
    cancelled: list[bool] = []
    monkeypatch.setattr("workers.tasks.heartbeat.jobs.release_ended", lambda: freed.append("rows"))
    expiry = SimpleNamespace(cancel=lambda: cancelled.append(True))
    sender = Mock(
        hostname="worker-crawl@here",
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name="crawl")]),
        timer=SimpleNamespace(call_repeatedly=lambda seconds, *_: repeated.append(seconds)),
        connection=SimpleNamespace(transport=SimpleNamespace(cycle=SimpleNamespace(_binding_expiry_tref=expiry))),
    )
    worker_ready.send(sender=sender)
    assert (freed, repeated, cancelled) == (["rows"], [running.BEAT_SECONDS], [True])
    assert Heartbeat.objects.get(name="worker-crawl@here").queues == "crawl"
    try:
        worker_before_create_process.send(sender=None)
    finally:
        gc.unfreeze()
    assert freed == ["rows", "rows"]
