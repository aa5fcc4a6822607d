"""Additions to a worker's main process: it records its start and end, and monitors its pool."""

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
from registry.db import heartbeats
from workers.pipeline.celery import all_queues
from workers.servers.liveness import WAKE_SECONDS, HangDetector, record_replacement
from workers.tasks.release_rows import release_ended

_main = os.getpid()
"""Process ID of the main process, inherited by forked processes."""
_SECONDS_BETWEEN_CHECKS = 5.0
"""Seconds between two checks of the pool's processes."""


@setup_logging.connect
def _leave_logs(**_: object) -> None:
    """Keep Celery from changing the logging that Django's settings configure."""


@worker_before_create_process.connect
def _share_memory(**_: object) -> None:
    """Freeze loaded objects: garbage collection would write to memory that forked processes share."""
    gc.freeze()


@worker_process_init.connect
def _end_without_main(**_: object) -> None:
    """Exit if the main process is gone. Celery ties a forked process to it, but not if it was killed before that."""
    if os.getppid() != _main:
        os._exit(1)


@worker_process_init.connect
def _wake_regularly(**_: object) -> None:
    """Wake a pool process regularly, whatever its task waits for, because one that never runs counts as hung."""
    threading.Thread(target=_wake, daemon=True).start()


def _wake() -> NoReturn:
    while True:
        time.sleep(WAKE_SECONDS)


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    queues = all_queues() & {queue.name for queue in sender.task_consumer.queues}
    _tell_safely(heartbeats.record_start, str(sender.hostname), ",".join(sorted(queues)))
    _tell_safely(release_ended)  # Of the worker that this one replaces.
    worker_before_create_process.connect(_free)
    detectors: dict[int, HangDetector] = {}
    sender.hub.call_repeatedly(_SECONDS_BETWEEN_CHECKS, _kill_hung, sender, detectors)


def _kill_hung(worker: Untyped, detectors: dict[int, HangDetector]) -> None:
    """Kill each hung pool process and record it. Celery starts a new one."""
    pids = worker.pool.info["processes"]
    for ended in detectors.keys() - pids:
        del detectors[ended]
    for pid in pids:
        if detectors.setdefault(pid, HangDetector(pid)).is_hung():
            record_replacement(load_config(), worker.hostname.partition("@")[0], pid)
            os.kill(pid, signal.SIGKILL)


@worker_shutdown.connect
def _end(sender: Untyped, **_: object) -> None:
    _tell_safely(heartbeats.record_end, str(sender.hostname))


def _free(**_: object) -> None:
    """Release the rows of a killed process of this worker when another one replaces it."""
    _tell_safely(release_ended)


def _tell_safely(tell: Untyped, *what: object) -> None:
    """Write a row with a separate connection, because forked processes must not inherit one."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # The tick detects it by itself.
        tell(*what)
    connection.close()
