"""Signal handlers of a worker's main process, which record its start and end, and monitor its pool."""

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
from workers.pipeline.celery import list_queues
from workers.servers.liveness import WAKE_SECONDS, HangDetector, record_replacement
from workers.tasks.release_rows import release_rows_of_ended_processes

_main_pid = os.getpid()
"""Process ID of the main process, inherited by forked processes."""
_SECONDS_BETWEEN_CHECKS = 5.0
"""Seconds between two checks of the pool's processes."""


@setup_logging.connect
def _keep_logging(**_: object) -> None:
    """Keep Celery from changing the logging that Django's settings configure."""


@worker_before_create_process.connect
def _freeze_objects(**_: object) -> None:
    """Freeze loaded objects: garbage collection would write to memory that forked processes share."""
    gc.freeze()


@worker_process_init.connect
def _exit_without_main(**_: object) -> None:
    """Exit if the main process was killed before Celery could tie this forked process to it."""
    if os.getppid() != _main_pid:
        os._exit(1)


@worker_process_init.connect
def _wake_regularly(**_: object) -> None:
    """Wake a pool process regularly, because a process that never runs counts as hung."""
    threading.Thread(target=_sleep_repeatedly, daemon=True).start()


def _sleep_repeatedly() -> NoReturn:
    while True:
        time.sleep(WAKE_SECONDS)


@worker_ready.connect
def _record_start(sender: Untyped, **_: object) -> None:
    queues = list_queues() & {queue.name for queue in sender.task_consumer.queues}
    _write_safely(heartbeats.record_start, str(sender.hostname), ",".join(sorted(queues)))
    _write_safely(release_rows_of_ended_processes)  # Releases the rows of the worker that this one replaces.
    worker_before_create_process.connect(_release_rows)
    detectors: dict[int, HangDetector] = {}
    sender.hub.call_repeatedly(_SECONDS_BETWEEN_CHECKS, _kill_hung, sender, detectors)


def _kill_hung(worker: Untyped, detectors: dict[int, HangDetector]) -> None:
    """Kill each hung pool process and record it. Celery starts a new one."""
    pids = worker.pool.info["processes"]
    for ended_pid in detectors.keys() - pids:
        del detectors[ended_pid]
    for pid in pids:
        if detectors.setdefault(pid, HangDetector(pid)).is_hung():
            record_replacement(load_config(), worker.hostname.partition("@")[0], pid)
            os.kill(pid, signal.SIGKILL)


@worker_shutdown.connect
def _record_end(sender: Untyped, **_: object) -> None:
    _write_safely(heartbeats.record_end, str(sender.hostname))


def _release_rows(**_: object) -> None:
    """Release the rows of a killed process of this worker when another one replaces it."""
    _write_safely(release_rows_of_ended_processes)


def _write_safely(write: Untyped, *arguments: object) -> None:
    """Write to the database with a separate connection, because forked processes must not inherit one."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # If the write fails, the tick detects the change later.
        write(*arguments)
    connection.close()
