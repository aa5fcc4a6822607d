"""Celery tasks. A message contains the IDs of pending rows, which the job processes.

An interrupted task releases its rows. Otherwise they would stay claimed until the claims are stale.
"""

import fcntl
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Task

from exhibit.logs import add_log_context
from exhibit.types import Untyped
from registry import jobs
from workers import periodic
from workers.pipeline.celery import LONG_TASK_SECONDS, app
from workers.pipeline.meter import measure_batch
from workers.tasks.tick import send_next
from workers.wiring import services

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 10.0
"""Seconds between attempts to reach a lost database. The delay doubles up to the maximum."""

_LOG = logging.getLogger("exhibit.task")
_SLOT_FILE = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - of this worker and all that is forked from it
"""Each byte is a slot. The kernel releases the lock when the process ends (fcntl(2), F_SETLK)."""
_MAX_SLOTS = 1_000


class StepTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose only argument is a list of IDs of rows that are pending for a step."""

    @property
    def _job_name(self) -> str:
        """Name of the job whose rows the task processes, regardless of the queue."""
        return str(self.name).rpartition(".")[2].removesuffix("_requested")

    def __call__(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Run the task, unless the maximum number of processes of this worker already serve its queue.

        The skipped rows are sent again when a process becomes free.
        """
        queue = jobs.list_queues_by_task().get(str(self.name).rpartition(".")[2], "")
        limit = jobs.get_queue_limits(services().config.workers).get(queue)
        if limit is None:
            return self._run(*args, **kwargs)
        with hold_slot(queue, limit) as is_free:
            if not is_free:
                return None
            result = self._run(*args, **kwargs)
        send_next(services(), queue)
        return result

    def _run(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Run the task and measure it. Its log lines contain the task and the request that caused it, if any."""
        job, started = self._job_name, time.monotonic()
        request_id = str(self.request.get("request_id") or "")
        with add_log_context(request_id=request_id, task_id=str(self.request.id or ""), task=str(self.name)):
            with measure_batch(job):
                result = super().__call__(*args, **kwargs)
            _LOG.info("%s", self.name, extra={"milliseconds": round((time.monotonic() - started) * 1000)})
        return result

    def on_failure(
        self, exc: BaseException, task_id: str, args: Sequence[Any], kwargs: dict[str, Any], einfo: object
    ) -> None:
        """Release the rows after an unexpected error, such as a lost connection. Celery logs the error.

        The next task would also need the database, so this method waits until the update succeeds. The time limit of
        the task ends the wait; the rows are then released by the tick.
        """
        from django.db import Error, connection

        from registry.db import steps

        job = jobs.JOBS.get(self._job_name)
        if job is None or not job.periodic or not args:
            return None
        pause = FIRST_RETRY_SECONDS
        while True:
            connection.close()  # This may be the connection that was lost.
            try:
                return steps.release_after_error(job.model, args[0], exc)
            except Error:
                time.sleep(pause)
                pause = min(2 * pause, MAX_RETRY_SECONDS)


@contextmanager
def hold_slot(queue: str, limit: int) -> Iterator[bool]:
    """Hold one of this worker's slots for a queue during the block; yield False if none was free."""
    first = sorted(jobs.list_queues_by_task().values()).index(queue) * _MAX_SLOTS
    slot = next((number for number in range(first, first + limit) if _lock_slot(number)), None)
    try:
        yield slot is not None
    finally:
        if slot is not None:
            fcntl.lockf(_SLOT_FILE, fcntl.LOCK_UN, 1, slot)


def _lock_slot(number: int) -> bool:
    try:
        fcntl.lockf(_SLOT_FILE, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except OSError:
        return False
    return True


def _build_task(job: jobs.Job, name: str) -> Untyped:
    @app.task(name=f"exhibit.{name}")
    def work(ids: list[int]) -> None:
        job(services(), ids)

    return work


TASKS = {name: _build_task(job, name) for job in jobs.JOBS.values() for name in job.queues_by_task}
"""Tasks by name. Requests by users have separate queues and precede work from crawls."""


@app.task(name="exhibit.retain")
def run_hourly_jobs() -> None:
    """Run the hourly jobs, then send the task for the long ones, so that both never occupy two processes at once."""
    periodic.run_all((*periodic.list_hourly_jobs(services()), run_long_hourly_jobs.delay))


@app.task(name="exhibit.sweep")
def run_machine_jobs() -> None:
    """Run the hourly jobs of every machine."""
    periodic.run_all(periodic.list_machine_jobs(services()))


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_TASK_SECONDS)
def run_long_hourly_jobs() -> None:
    """Run the hourly jobs that may take hours. If a message is lost, the next one runs them."""
    periodic.run_all(periodic.list_long_hourly_jobs(services()))
