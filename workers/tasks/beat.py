"""The scheduler: runs the tick, records live workers, and triggers hourly upkeep, all by the monotonic clock."""

import logging
import sched
import signal
import time
from collections.abc import Callable
from functools import partial

from django.db import connection

from registry.db import heartbeats
from registry.db.leases import Turn
from registry.services.services import Services
from workers import periodic
from workers.pipeline.celery import TASK_SECONDS, UPKEEP_SECONDS, living_workers, send_upkeep
from workers.tasks.release_rows import release_ended
from workers.tasks.tick import tick

LOOK_SECONDS = 60.0
"""Interval of the per-minute jobs."""


class Roll:
    """Records which workers respond, and that the scheduler itself runs."""

    def __init__(self) -> None:
        self._before: set[str] = set()

    def __call__(self) -> None:
        """Query the workers once. A new worker gets a row at its second response: it may be ending at the first."""
        queues_by_worker = living_workers()
        for name in heartbeats.update_seen([heartbeats.TICK, *queues_by_worker]) & ({heartbeats.TICK} | self._before):
            heartbeats.record_heartbeat(name, queues_by_worker.get(name, ""))
        self._before = set(queues_by_worker)


class Beat:
    """Runs several actions repeatedly, starting at once, while it is this process's turn.

    Any number of processes may run one. A signal ends it at any point: the database rolls back unfinished work, and
    another process notices that it has ended.
    """

    def __init__(self, services: Services) -> None:
        self._services, self._turn = services, Turn(heartbeats.TICK)
        self._clock = sched.scheduler(time.monotonic, time.sleep)
        self._busy, self._used = 0.0, time.process_time()

    def run(self) -> None:
        """Run until a signal arrives."""
        self._repeat(heartbeats.BEAT_SECONDS, Roll())
        self._repeat(UPKEEP_SECONDS, send_upkeep)
        self._repeat(LOOK_SECONDS, partial(periodic.do_each_minute, self._services))
        # Processes of this machine are not visible to the process whose turn it is.
        self._repeat(self._services.config.tick_seconds, partial(tick, self._services), release_ended)
        self._repeat(LOOK_SECONDS, self._record_cost)
        self._clock.run()

    def _repeat(
        self, seconds: float, act: Callable[[], object], otherwise: Callable[[], object] = lambda: None
    ) -> None:
        self._clock.enter(seconds, 0, self._repeat, (seconds, act, otherwise))
        started = time.monotonic()
        _done(act if _done(self._turn.is_ours) else otherwise)
        self._busy += time.monotonic() - started

    def _record_cost(self) -> None:
        """Add the time used since the last call to the tick's total of today."""
        busy, used = self._busy, self._used
        self._busy, self._used = 0.0, time.process_time()
        heartbeats.add_time(heartbeats.TICK, rows=0, seconds=busy, processor_seconds=self._used - used)


def _done(act: Callable[[], object]) -> object:
    """Run an action. Errors are logged; the action runs again at its next time."""
    signal.alarm(TASK_SECONDS)  # An action that never returns ends this process, which is restarted.
    try:
        return act()
    except Exception:
        logging.getLogger(__name__).exception("A round broke off.")
        connection.close()
        return None
    finally:
        signal.alarm(0)
