"""The scheduler: ticks, records which workers live, and sends the hourly upkeep, all by the monotonic clock."""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from django.db import connection

from registry import jobs
from registry.db import running
from registry.db.leases import Turn
from registry.services.services import Services
from workers import periodic
from workers.pipeline.celery import TASK_SECONDS, UPKEEP_SECONDS, living_workers, send_upkeep
from workers.servers.liveness import WAKE_SECONDS
from workers.tasks.tick import tick

LOOK_SECONDS = 60.0
"""How often it is looked what is due some day."""
STAND_BY_SECONDS = 10.0
"""How often it is looked whether the process whose turn it is has gone."""


@dataclass(slots=True)
class Periodic:
    """What is done again and again, the first time at once."""

    seconds: float
    act: Callable[[], object]
    due: float = float("-inf")  # by the monotonic clock


class Rhythm:
    """Does each of several jobs in its time; one that fails keeps none of the others from it."""

    def __init__(self, jobs: Sequence[Periodic]) -> None:
        self._jobs = jobs
        self._busy, self._used = 0.0, time.process_time()

    def turn(self) -> float:
        """Do what is due; returns for how many seconds nothing will be."""
        begun = time.monotonic()
        for job in self._jobs:
            if time.monotonic() >= job.due:
                job.due = time.monotonic() + job.seconds
                _done(job.act)
        self._busy += time.monotonic() - begun
        return max(0.0, min(job.due for job in self._jobs) - time.monotonic())

    def tell(self) -> None:
        """Add what all of it has taken since the last time to what the tick has taken today."""
        busy, used = self._busy, self._used
        self._busy, self._used = 0.0, time.process_time()
        running.add_time(running.TICK, rows=0, seconds=busy, processor_seconds=self._used - used)


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


def rhythm_of(services: Services) -> Rhythm:
    """What this process does, each in its time."""
    jobs = [
        Periodic(running.BEAT_SECONDS, Roll()),
        Periodic(UPKEEP_SECONDS, send_upkeep),
        Periodic(LOOK_SECONDS, partial(periodic.do_each_minute, services)),
        Periodic(services.config.tick_seconds, partial(tick, services)),
    ]
    rhythm = Rhythm(jobs)
    jobs.append(Periodic(LOOK_SECONDS, rhythm.tell))
    return rhythm


def keep_time(services: Services) -> NoReturn:
    """Keep the rhythm while it is this process's turn; any number of processes may do so.

    A signal ends the process wherever it is: the database rolls back what it had begun, and another process sees that
    it has ended.
    """
    rhythm, turn = rhythm_of(services), Turn(running.TICK)
    while True:
        if _done(turn.is_ours):
            pause = rhythm.turn()
        else:
            _done(jobs.release_ended)  # of this machine, into which the one whose turn it is can't see
            pause = STAND_BY_SECONDS
        time.sleep(min(pause, WAKE_SECONDS))


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
