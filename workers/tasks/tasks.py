"""Celery tasks: a message names waiting rows, and the job processes them.

A task that is interrupted releases its rows, so that they do not stay claimed until they are stale.
"""

import fcntl
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Task

from exhibit.logs import logged_as
from exhibit.types import Untyped
from registry import jobs
from workers import periodic
from workers.pipeline.celery import LONG_SECONDS, app
from workers.pipeline.meter import metered
from workers.tasks.tick import send_next
from workers.wiring import services

FIRST_PAUSE, MAX_PAUSE = 0.5, 10.0
"""Seconds between two attempts to reach a lost database; the pause doubles up to the maximum."""

_LOG = logging.getLogger("exhibit.task")
_PLACES = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - of this worker and all that is forked from it
"""Each byte is a slot held by the process that locks it, and released however that process ends (fcntl(2), F_SETLK)."""
_WIDTH = 1_000


class StepTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose only argument is the list of row IDs waiting for a step."""

    @property
    def _job(self) -> str:
        """The job whose rows the task processes, regardless of the queue."""
        return str(self.name).rpartition(".")[2].removesuffix("_asked")

    def __call__(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Run the task, unless this worker already serves its queue with the maximum number of processes.

        The skipped rows are sent again when a process becomes free.
        """
        queue = jobs.queues().get(str(self.name).rpartition(".")[2], "")
        limit = jobs.limits(services().config.workers).get(queue)
        if limit is None:
            return self._run(*args, **kwargs)
        with place(queue, limit) as is_free:
            if not is_free:
                return None
            answer = self._run(*args, **kwargs)
        send_next(services(), queue)
        return answer

    def _run(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Run the task and measure it. Its log lines name the task and the request that caused it, if any."""
        job, started = self._job, time.monotonic()
        request_id = str(self.request.get("request_id") or "")
        with logged_as(request_id=request_id, task_id=str(self.request.id or ""), task=str(self.name)):
            with metered(job):
                answer = super().__call__(*args, **kwargs)
            _LOG.info("%s", self.name, extra={"milliseconds": round((time.monotonic() - started) * 1000)})
        return answer

    def on_failure(
        self, exc: BaseException, task_id: str, args: Sequence[Any], kwargs: dict[str, Any], einfo: object
    ) -> None:
        """Release the rows after an unexpected error, such as a lost connection. Celery logs the error.

        The process's next task would need the database as well, so this waits until the database accepts the update, or
        until the task's time limit ends it, which releases the rows as well.
        """
        from django.db import Error, connection

        from registry.db import steps

        job = jobs.JOBS.get(self._job)
        if job is None or not job.periodic or not args:
            return None
        pause = FIRST_PAUSE
        while True:
            connection.close()  # This may be the connection that was lost.
            try:
                return steps.release_after_error(job.rows, args[0], exc)
            except Error:
                time.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)


@contextmanager
def place(queue: str, limit: int) -> Iterator[bool]:
    """Hold one of this worker's slots for a queue during the block; yield whether one was free."""
    first = sorted(jobs.queues().values()).index(queue) * _WIDTH
    taken = next((number for number in range(first, first + limit) if _lock(number)), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            fcntl.lockf(_PLACES, fcntl.LOCK_UN, 1, taken)


def _lock(number: int) -> bool:
    try:
        fcntl.lockf(_PLACES, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except OSError:
        return False
    return True


def _task_of(job: jobs.Job, name: str) -> Untyped:
    @app.task(name=f"exhibit.{name}")
    def work(ids: list[int]) -> None:
        job(services(), ids)

    return work


TASKS = {name: _task_of(job, name) for job in jobs.JOBS.values() for name in job.queues}
"""Tasks by name. Requests by persons have queues of their own and precede work from crawls."""


@app.task(name="exhibit.retain")
def expire_bytes() -> None:
    """Run the hourly jobs. Long ones follow in a separate task, so that the two never occupy two processes at once."""
    periodic.do_all((*periodic.each_hour(services()), keep_up_votes.delay))


@app.task(name="exhibit.sweep")
def sweep() -> None:
    """Run the hourly jobs of every machine."""
    periodic.do_all(periodic.each_hour_everywhere(services()))


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_SECONDS)
def keep_up_votes() -> None:
    """Run the hourly jobs that may take long. A lost message is made up for by the next one."""
    periodic.do_all(periodic.each_hour_at_length(services()))
