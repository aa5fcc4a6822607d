"""What a worker does besides its tasks."""

import gc
import os
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from celery.signals import worker_before_create_process, worker_process_init, worker_ready, worker_shutdown

from registry.models import Heartbeat


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_has_left_is_free_as_soon_as_another_one_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[str] = []
    cancelled: list[bool] = []
    monkeypatch.setattr("workers.tasks.heartbeat.release_ended", lambda: freed.append("rows"))
    expiry = SimpleNamespace(cancel=lambda: cancelled.append(True))
    sender = Mock(
        hostname="worker-background@here",
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name="crawl"), SimpleNamespace(name="sweep@here")]),
        connection=SimpleNamespace(transport=SimpleNamespace(cycle=SimpleNamespace(_binding_expiry_tref=expiry))),
    )
    worker_ready.send(sender=sender)
    assert (freed, cancelled) == (["rows"], [True])
    assert Heartbeat.objects.get(name="worker-background@here").queues == "crawl"
    try:
        worker_before_create_process.send(sender=None)
    finally:
        gc.unfreeze()
    assert freed == ["rows", "rows"]
    worker_shutdown.send(sender=sender)
    assert not Heartbeat.objects.exists()


def test_a_process_of_the_pool_whose_worker_was_killed_before_it_was_tied_to_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr("workers.tasks.heartbeat._main", os.getppid())
    worker_process_init.send(sender="worker-background@here")
    assert ended == []
    monkeypatch.setattr("workers.tasks.heartbeat._main", -1)
    worker_process_init.send(sender="worker-background@here")
    assert ended == [1]
