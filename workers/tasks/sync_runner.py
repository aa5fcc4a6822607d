"""Working everything off in this process, for commands that run while no worker does, and for tests."""

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
    """An installation whose hints are worked off one after the other, in this process."""

    def __init__(self, config: Config) -> None:
        self._waiting: deque[tuple[Job, list[int]]] = deque()
        self.services = Services(config, self._note)

    def _note(self, rows: type[Model], ids: Sequence[int], *, asked: bool = False) -> None:  # noqa: ARG002 - one queue for all
        job = job_of(rows)
        self._waiting.extend((job, batch) for batch in job.batches(ids))

    def run_until(self, done: Callable[[], bool], *, pause: float = 0.2) -> None:
        """Tick and work until something is so, which is asked after each step; pause after ticks that found nothing."""
        while not done():
            self._tick()
            if not self._waiting:
                time.sleep(pause)
            while self._waiting and not done():
                self._work(*self._waiting.popleft())

    def run_until_idle(self) -> None:
        """Work until a tick finds nothing that is due now."""
        self._tick()
        while self._waiting:
            self._work(*self._waiting.popleft())
            if not self._waiting:
                self._tick()

    def _tick(self) -> None:
        """What time has made due is looked for when nothing else waits: it costs ten times what a tick does."""
        tick.tick(self.services)
        if not self._waiting:
            periodic.do_each_minute(self.services)
            tick.tick(self.services)

    def _work(self, job: Job, ids: Sequence[int]) -> None:
        try:
            with metered(job.name):
                job(self.services, ids)
        except BaseException as error:  # also Ctrl-C: nobody should have to wait until the claims are stale
            if job.periodic:
                with suppress(OperationalError, InterfaceError):  # what ended the step may have ended the connection
                    steps.break_off(job.rows, ids, error)
            raise
