"""Synchronous execution of all jobs in this process, for commands without workers and for tests."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.db import InterfaceError, OperationalError
from django.db.models import Model

from exhibit.config.config import Config
from registry.db import steps
from registry.jobs import Job, get_job_for_model
from registry.services.services import Services
from workers import periodic
from workers.pipeline.meter import measure_batch
from workers.tasks import tick


class SyncRunner:
    """Services whose messages are processed one after the other in this process."""

    def __init__(self, config: Config) -> None:
        self._waiting: deque[tuple[Job, list[int]]] = deque()
        self.services = Services(config, self._queue_rows)

    def _queue_rows(self, rows: type[Model], ids: Sequence[int], *, by_user: bool = False) -> None:  # noqa: ARG002 - one queue for all
        job = get_job_for_model(rows)
        self._waiting.extend((job, batch) for batch in job.iterate_batches(ids))

    def run_until(self, is_done: Callable[[], bool], *, pause: float = 0.2) -> None:
        """Process messages until ``is_done``, called after each one, returns true. Sleep after idle ticks."""
        while not is_done():
            self._run_tick()
            if not self._waiting:
                time.sleep(pause)
            while self._waiting and not is_done():
                self._run_job(*self._waiting.popleft())

    def run_until_idle(self) -> None:
        """Process messages until a tick finds nothing due."""
        self._run_tick()
        while self._waiting:
            self._run_job(*self._waiting.popleft())
            if not self._waiting:
                self._run_tick()

    def _run_tick(self) -> None:
        """Run the tick. The per-minute jobs cost ten times as much, so they run only if no message is pending."""
        tick.tick(self.services)
        if not self._waiting:
            periodic.run_minute_jobs(self.services)
            tick.tick(self.services)

    def _run_job(self, job: Job, ids: Sequence[int]) -> None:
        try:
            with measure_batch(job.name):
                job(self.services, ids)
        except BaseException as error:  # Including KeyboardInterrupt, after which the rows would stay claimed.
            if job.periodic:
                with suppress(OperationalError, InterfaceError):  # The database connection may also be lost.
                    steps.release_after_error(job.model, ids, error)
            raise
