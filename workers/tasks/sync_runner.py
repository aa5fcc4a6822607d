"""Synchronous execution of all work in this process, for commands without workers and for tests."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import InterfaceError, OperationalError
from django.db.models import Model

from exhibit.config.config import Config
from registry.db import steps
from registry.jobs import Job, job_of
from registry.services.services import Services
from workers import periodic
from workers.pipeline.meter import metered
from workers.tasks import tick


class SyncRunner:
    """An installation whose messages are processed one after the other in this process."""

    def __init__(self, config: Config) -> None:
        self._waiting: deque[tuple[Job, list[int]]] = deque()
        self.services = Services(config, self._note)

    def _note(self, rows: type[Model], ids: Sequence[int], *, by_user: bool = False) -> None:  # noqa: ARG002 - one queue for all
        job = job_of(rows)
        self._waiting.extend((job, batch) for batch in job.batches(ids))

    def run_until(self, done: Callable[[], bool], *, pause: float = 0.2) -> None:
        """Work until ``done``, called after each step, returns true; pause after ticks that find nothing."""
        while not done():
            self._tick()
            if not self._waiting:
                time.sleep(pause)
            while self._waiting and not done():
                self._work(*self._waiting.popleft())

    def run_until_idle(self) -> None:
        """Work until a tick finds nothing due."""
        self._tick()
        while self._waiting:
            self._work(*self._waiting.popleft())
            if not self._waiting:
                self._tick()

    def _tick(self) -> None:
        """Tick. The per-minute jobs run only if nothing else waits, because they cost ten times as much as a tick."""
        tick.tick(self.services)
        if not self._waiting:
            periodic.do_each_minute(self.services)
            tick.tick(self.services)

    def _work(self, job: Job, ids: Sequence[int]) -> None:
        try:
            with metered(job.name):
                job(self.services, ids)
        except BaseException as error:  # Including Ctrl-C: otherwise the rows stay claimed until the claims are stale.
            if job.periodic:
                with suppress(OperationalError, InterfaceError):  # The connection may be lost as well.
                    steps.release_after_error(job.rows, ids, error)
            raise
