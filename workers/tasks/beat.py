"""The rhythm of what nobody asks for: this process ticks, and says once an hour that what takes longer is due.

It goes by a clock that nobody sets: a jump of the time of day neither silences it nor makes it hurry.
"""

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Timer
from typing import NoReturn

from django.db import Error, connection

from registry.db import running
from registry.db.leases import Turn
from registry.services.services import Services
from workers import periodic
from workers.pipeline.celery import TASK_SECONDS, UPKEEP_SECONDS, living_workers, send_upkeep
from workers.servers.liveness import give_sign, sign_seconds
from workers.tasks.ended import release_ended
from workers.tasks.tick import tick

LOOK_SECONDS = 60.0
"""How often it is looked what is due some day."""
SELDOM_SECONDS = 300.0
"""How often while it is quiet."""
QUIET_SECONDS = 60.0
"""After so long without anything to do the tick comes more seldom; what is new sends its own messages."""
QUIET_PAUSES = 6
"""Usual pauses between two ticks while it is quiet."""
STAND_BY_SECONDS = 10.0
"""How often it is looked whether the process whose turn it is has gone."""
END_SECONDS = 5.0
"""After so long it has ended, once it was told to."""


@dataclass(slots=True)
class Periodic:
    """What is done again and again, the first time at once."""

    seconds: float
    act: Callable[[], object]  # a number that comes of it is for how many seconds it isn't due again
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
                if isinstance(pause := _done(job.act), float):
                    job.due += pause - job.seconds
        self._busy += time.monotonic() - begun
        return max(0.0, min(job.due for job in self._jobs) - time.monotonic())

    def tell(self) -> None:
        """Add what all of it has taken since the last time to what the tick has taken today."""
        busy, used = self._busy, self._used
        self._busy, self._used = 0.0, time.process_time()
        running.add_time(running.TICK, rows=0, seconds=busy, processor_seconds=self._used - used)


class Ticks:
    """Ticks, and looks what is due some day; both more seldom once nothing has waited for a minute."""

    def __init__(self, services: Services) -> None:
        self._services, self._busy_at, self._looked_at = services, time.monotonic(), float("-inf")

    @property
    def _quiet(self) -> bool:
        return time.monotonic() - self._busy_at > QUIET_SECONDS

    def __call__(self) -> float:
        """Tick once, and look, too, when work comes after a quiet time; returns for how many seconds that suffices."""
        was_quiet = self._quiet
        if tick(self._services):
            self._busy_at = time.monotonic()
            if was_quiet:
                self.look()
        return float(self._services.config.tick_seconds * (QUIET_PAUSES if self._quiet else 1))

    def look(self) -> None:
        """Look what is due some day, unless it is quiet and was looked lately."""
        if not self._quiet or time.monotonic() - self._looked_at >= SELDOM_SECONDS:
            self._looked_at = time.monotonic()
            periodic.do_each_minute(self._services)


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
    ticks = Ticks(services)
    jobs = [
        Periodic(running.BEAT_SECONDS, Roll()),
        Periodic(UPKEEP_SECONDS, send_upkeep),
        Periodic(LOOK_SECONDS, ticks.look),
        Periodic(services.config.tick_seconds, ticks),
    ]
    rhythm = Rhythm(jobs)
    jobs.append(Periodic(LOOK_SECONDS, rhythm.tell))
    return rhythm


def keep_time(services: Services) -> NoReturn:
    """Keep the rhythm while it is this process's turn, until it is told to end; any number of processes may do so."""
    told = Event()
    signal.signal(signal.SIGTERM, lambda *_: _end(told))
    rhythm, turn = rhythm_of(services), Turn(running.TICK)
    try:
        while not told.is_set():
            if _done(turn.is_ours):
                pause = rhythm.turn()
            else:
                _done(release_ended)  # of this machine, into which the one whose turn it is can't see
                pause = STAND_BY_SECONDS
            until = time.monotonic() + pause
            while not told.is_set() and (rest := until - time.monotonic()) > 0:
                time.sleep(min(rest, sign_seconds()))
                give_sign()
    finally:
        connection.close()  # what was begun is broken off
        with contextlib.suppress(Error):
            turn.end()
    sys.exit(0)


def _end(told: Event) -> NoReturn:
    """End, at the latest after some seconds: who was asked once isn't asked again when its parent has died."""
    told.set()
    latest = Timer(
        END_SECONDS, os._exit, (0,)
    )  # a callback may swallow the exit, and a server that has gone hold it up
    latest.daemon = True
    latest.start()
    sys.exit(0)


def _done(act: Callable[[], object]) -> object:
    """Do something; what comes of an error is that it is done again in its time."""
    give_sign()
    signal.alarm(TASK_SECONDS)  # one that hangs ends this process, which is started again
    try:
        return act()
    except Exception:
        logging.getLogger(__name__).exception("A round broke off.")
        connection.close()
        return None
    finally:
        signal.alarm(0)
