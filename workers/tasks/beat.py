"""The scheduler: ticks, records which workers live, and sends the hourly upkeep, all by the monotonic clock."""

import logging
import sched
import signal
import time
from collections.abc import Callable
from functools import partial

from django.db import connection

from registry.db import running
from registry.db.leases import Turn
from registry.services.services import Services
from workers import periodic
from workers.pipeline.celery import TASK_SECONDS, UPKEEP_SECONDS, living_workers, send_upkeep
from workers.tasks.ended import release_ended
from workers.tasks.tick import tick

LOOK_SECONDS = 60.0
"""How often it is looked what is due some day."""


class Roll:
    """Asks all workers whether they live, and writes it down; of itself, too, that it ticks."""

    def __init__(self) -> None:
        self._before: set[str] = set()

    def __call__(self) -> None:
        """Ask once. A worker without a row gets one when it answers twice: the first time it may have been ending."""
        found = living_workers()
        for name in running.seen([running.TICK, *found]) & ({running.TICK} | self._before):
            running.beat(name, found.get(name, ""))
        self._before = set(found)


class Beat:
    """Does each of several things again and again, at once for the first time, while it is this process's turn.

    Any number of processes may do so. A signal ends one wherever it is: the database rolls back what it had begun, and
    another one sees that it has ended.
    """

    def __init__(self, services: Services) -> None:
        self._services, self._turn = services, Turn(running.TICK)
        self._clock = sched.scheduler(time.monotonic, time.sleep)
        self._busy, self._used = 0.0, time.process_time()

    def run(self) -> None:
        """Do it until a signal comes."""
        self._repeat(running.BEAT_SECONDS, Roll())
        self._repeat(UPKEEP_SECONDS, send_upkeep)
        self._repeat(LOOK_SECONDS, partial(periodic.do_each_minute, self._services))
        # into this machine the one whose turn it is can't see
        self._repeat(self._services.config.tick_seconds, partial(tick, self._services), release_ended)
        self._repeat(LOOK_SECONDS, self._record_cost)
        self._clock.run()

    def _repeat(
        self, seconds: float, act: Callable[[], object], otherwise: Callable[[], object] = lambda: None
    ) -> None:
        self._clock.enter(seconds, 0, self._repeat, (seconds, act, otherwise))
        begun = time.monotonic()
        _done(act if _done(self._turn.is_ours) else otherwise)
        self._busy += time.monotonic() - begun

    def _record_cost(self) -> None:
        """Add what all of it has taken since the last time to what the tick has taken today."""
        busy, used = self._busy, self._used
        self._busy, self._used = 0.0, time.process_time()
        running.add_time(running.TICK, rows=0, seconds=busy, processor_seconds=self._used - used)


def _done(act: Callable[[], object]) -> object:
    """Do something; what comes of an error is that it is done again in its time."""
    signal.alarm(TASK_SECONDS)  # one that waits for ever ends this process, which is started again
    try:
        return act()
    except Exception:
        logging.getLogger(__name__).exception("A round broke off.")
        connection.close()
        return None
    finally:
        signal.alarm(0)
