"""What the main process of a worker does besides Celery's part: it records its start and end, and watches its pool."""

import contextlib
import gc
import os
import signal
import threading
import time
from typing import NoReturn

from celery.signals import (
    setup_logging,
    worker_before_create_process,
    worker_process_init,
    worker_ready,
    worker_shutdown,
)

from exhibit.types import Untyped
from registry.configuration import load_config
from registry.db import running
from workers.pipeline.celery import all_queues
from workers.servers.liveness import WAKE_SECONDS, HangDetector, record_replacement
from workers.tasks.ended import release_ended

_main = os.getpid()
"""The main process, as those that are forked from it know it."""
_SECONDS_BETWEEN_CHECKS = 5.0
"""Seconds between two checks of the pool's processes."""


@setup_logging.connect
def _leave_logs(**_: object) -> None:
    """Celery leaves the logs as Django's settings have them."""


@worker_before_create_process.connect
def _share_memory(**_: object) -> None:
    """Leave what is loaded by now alone: a collection would write to it, in memory that forked processes share."""
    gc.freeze()


@worker_process_init.connect
def _end_without_main(**_: object) -> None:
    """Celery ties a forked process to its main one; where that was killed before, the process would stay for ever."""
    if os.getppid() != _main:
        os._exit(1)


@worker_process_init.connect
def _wake_regularly(**_: object) -> None:
    """Wake a process of the pool, whatever its task waits for: one that never runs counts as hung."""
    threading.Thread(target=_wake, daemon=True).start()


def _wake() -> NoReturn:
    while True:
        time.sleep(WAKE_SECONDS)


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    queues = all_queues() & {queue.name for queue in sender.task_consumer.queues}
    _told(running.begins, str(sender.hostname), ",".join(sorted(queues)))
    _told(release_ended)  # of one in whose place it has come
    worker_before_create_process.connect(_free)
    detectors: dict[int, HangDetector] = {}
    sender.hub.call_repeatedly(_SECONDS_BETWEEN_CHECKS, _kill_hung, sender, detectors)


def _kill_hung(worker: Untyped, detectors: dict[int, HangDetector]) -> None:
    """Kill each process of the pool that hangs, and record it; Celery starts another one."""
    pids = worker.pool.info["processes"]
    for ended in detectors.keys() - pids:
        del detectors[ended]
    for pid in pids:
        if detectors.setdefault(pid, HangDetector(pid)).is_hung():
            record_replacement(load_config(), worker.hostname.partition("@")[0], pid)
            os.kill(pid, signal.SIGKILL)


@worker_shutdown.connect
def _end(sender: Untyped, **_: object) -> None:
    _told(running.ends, str(sender.hostname))


def _free(**_: object) -> None:
    """Free what a process of this worker has left that was killed, now that another one takes its place."""
    _told(release_ended)


def _told(tell: Untyped, *what: object) -> None:
    """Write a row over a connection of its own: the processes that are forked from this one must inherit none."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # the tick finds out by itself
        tell(*what)
    connection.close()
