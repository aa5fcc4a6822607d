"""Test a worker's heartbeat: released rows, orphaned pool processes, and hung ones."""

import gc
import os
from functools import partial
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest
from celery.signals import worker_before_create_process, worker_process_init, worker_ready, worker_shutdown

from registry.models import Heartbeat
from tests.assets.processes import wait_until
from tests.workers.servers.test_liveness import SLEEPING_PROGRAM, WAKING_PROGRAM, run_program
from workers.servers.liveness import HangDetector
from workers.tasks import heartbeat


@pytest.mark.django_db(transaction=True)
def test_rows_claimed_by_a_killed_process_are_released_by_its_replacement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[str] = []
    monkeypatch.setattr("workers.tasks.heartbeat.release_rows_of_ended_processes", lambda: freed.append("rows"))
    sender = Mock(
        hostname="worker-background@here",
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name="crawl"), SimpleNamespace(name="sweep@here")]),
    )
    worker_ready.send(sender=sender)
    assert freed == ["rows"]
    assert Heartbeat.objects.get(name="worker-background@here").queues == "crawl"
    try:
        worker_before_create_process.send(sender=None)
    finally:
        gc.unfreeze()
    assert freed == ["rows", "rows"]
    worker_shutdown.send(sender=sender)
    assert not Heartbeat.objects.exists()


def test_pool_process_exits_if_its_worker_was_killed_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr("workers.tasks.heartbeat._main_pid", os.getppid())
    worker_process_init.send(sender="worker-background@here")
    assert ended == []
    monkeypatch.setattr("workers.tasks.heartbeat._main_pid", -1)
    worker_process_init.send(sender="worker-background@here")
    assert ended == [1]


def test_hung_pool_process_is_killed_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[tuple[str, int]] = []
    monkeypatch.setattr(heartbeat, "HangDetector", partial(HangDetector, limit=2.0))
    monkeypatch.setattr(heartbeat, "record_replacement", lambda _config, name, pid: recorded.append((name, pid)))
    with run_program(WAKING_PROGRAM) as well, run_program(SLEEPING_PROGRAM) as hung:
        pool = SimpleNamespace(info={"processes": [well.pid, hung.pid]})
        worker, detectors = SimpleNamespace(pool=pool, hostname="worker-background@here"), dict[int, HangDetector]()

        def is_dead() -> bool:
            heartbeat._kill_hung(worker, detectors)
            return hung.status() == psutil.STATUS_ZOMBIE

        wait_until(is_dead, 30)
        assert well.is_running()
    assert set(recorded) == {("worker-background", hung.pid)}
