"""The scheduler: runs the tick, records live workers, and triggers the hourly jobs, all by the monotonic clock."""

import logging
import sched
import signal
import time
from collections.abc import Callable
from functools import partial

from django.db import connection

from registry.db import heartbeats
from registry.db.leases import LeaseHolder
from registry.services.services import Services
from workers import periodic
from workers.pipeline.celery import TASK_SECONDS, UPKEEP_INTERVAL_SECONDS, find_responding_workers, send_upkeep_messages
from workers.tasks.release_rows import release_rows_of_ended_processes
from workers.tasks.tick import tick

MINUTE_JOB_SECONDS = 60.0
"""Interval of the per-minute jobs in seconds."""


class HeartbeatRecorder:
    """Records the workers that respond, and the scheduler itself."""

    def __init__(self) -> None:
        self._previous_names: set[str] = set()

    def __call__(self) -> None:
        """Query the workers once. A new worker is recorded only at its second response, since it may be stopping."""
        queues_by_worker = find_responding_workers()
        for name in heartbeats.update_seen([heartbeats.TICK, *queues_by_worker]) & (
            {heartbeats.TICK} | self._previous_names
        ):
            heartbeats.record_heartbeat(name, queues_by_worker.get(name, ""))
        self._previous_names = set(queues_by_worker)


class Scheduler:
    """Runs several actions repeatedly while this process holds the scheduler lease, starting at once.

    Several processes may run a scheduler; only the one with the lease is active. A signal can end it at any point: the
    database rolls back unfinished work, and another process takes over.
    """

    def __init__(self, services: Services) -> None:
        self._services, self._turn = services, LeaseHolder(heartbeats.TICK)
        self._clock = sched.scheduler(time.monotonic, time.sleep)
        self._busy_seconds, self._processor_seconds = 0.0, time.process_time()

    def run(self) -> None:
        """Run until a signal arrives."""
        self._repeat(heartbeats.BEAT_SECONDS, HeartbeatRecorder())
        self._repeat(UPKEEP_INTERVAL_SECONDS, send_upkeep_messages)
        self._repeat(MINUTE_JOB_SECONDS, partial(periodic.run_minute_jobs, self._services))
        # The active scheduler cannot see the processes of other machines, so each one checks its own.
        self._repeat(self._services.config.tick_seconds, partial(tick, self._services), release_rows_of_ended_processes)
        self._repeat(MINUTE_JOB_SECONDS, self._record_usage)
        self._clock.run()

    def _repeat(
        self, seconds: float, action: Callable[[], object], fallback: Callable[[], object] = lambda: None
    ) -> None:
        self._clock.enter(seconds, 0, self._repeat, (seconds, action, fallback))
        started = time.monotonic()
        _run_safely(action if _run_safely(self._turn.take_or_renew) else fallback)
        self._busy_seconds += time.monotonic() - started

    def _record_usage(self) -> None:
        """Add the time used since the last call to today's total of the tick."""
        busy_seconds, processor_seconds = self._busy_seconds, self._processor_seconds
        self._busy_seconds, self._processor_seconds = 0.0, time.process_time()
        heartbeats.record_step_time(
            heartbeats.TICK, rows=0, seconds=busy_seconds, processor_seconds=self._processor_seconds - processor_seconds
        )


def _run_safely(action: Callable[[], object]) -> object:
    """Run an action and log its errors. It runs again at its next scheduled time."""
    signal.alarm(TASK_SECONDS)  # If an action never returns, the alarm ends this process, and it is restarted.
    try:
        return action()
    except Exception:
        logging.getLogger(__name__).exception("A scheduled action failed. It runs again at its next scheduled time.")
        connection.close()
        return None
    finally:
        signal.alarm(0)
