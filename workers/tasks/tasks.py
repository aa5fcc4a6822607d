"""Celery tasks: a message says which rows wait, the job does the work.

A task that breaks off lets go of its rows, so that nobody waits until they are stale.
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
"""Seconds between two tries to reach a database that has gone."""

_LOG = logging.getLogger("exhibit.task")
_PLACES = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - of this worker and all that is forked from it
"""Each byte is a place: the process that locks it has it, and gives it back however it ends (fcntl(2), F_SETLK)."""
_WIDTH = 1_000


class StepTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose one argument names the rows that wait for a step."""

    @property
    def _job(self) -> str:
        """The job whose rows it takes, whichever queue its message came through."""
        return str(self.name).rpartition(".")[2].removesuffix("_asked")

    def __call__(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Run it, unless so many of this worker are at its queue already: its rows are told again when one is free."""
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
        """Run it, measured, with log lines that name it and the request that caused it, if one did."""
        job, begun = self._job, time.monotonic()
        request_id = str(self.request.get("request_id") or "")
        with logged_as(request_id=request_id, task_id=str(self.request.id or ""), task=str(self.name)):
            with metered(job):
                answer = super().__call__(*args, **kwargs)
            _LOG.info("%s", self.name, extra={"milliseconds": round((time.monotonic() - begun) * 1000)})
        return answer

    def on_failure(
        self, exc: BaseException, task_id: str, args: Sequence[Any], kwargs: dict[str, Any], einfo: object
    ) -> None:
        """Give the rows back after an error that no step expects, such as a lost connection; Celery logs the error.

        Whatever this process did next would need the database too, so it waits until that takes what it has to say, or
        until the time limit of the task ends it: then its rows are free all the same.
        """
        from django.db import Error, connection

        from registry.db import steps

        job = jobs.JOBS.get(self._job)
        if job is None or not job.periodic or not args:
            return None
        pause = FIRST_PAUSE
        while True:
            connection.close()  # it may be the one that was lost
            try:
                return steps.break_off(job.rows, args[0], exc)
            except Error:
                time.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)


@contextmanager
def place(queue: str, limit: int) -> Iterator[bool]:
    """Have one of the places that this worker has for a queue for the length of a block; gives whether one was free."""
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
"""Of each job; what a person has asked for goes ahead of what a crawl brings."""


@app.task(name="exhibit.retain")
def expire_bytes() -> None:
    """What is due each hour; what takes longer goes behind it, so that both never take two processes at once."""
    periodic.do_all((*periodic.each_hour(services()), keep_up_votes.delay))


@app.task(name="exhibit.sweep")
def sweep() -> None:
    """What is due each hour on every machine."""
    periodic.do_all(periodic.each_hour_everywhere(services()))


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_SECONDS)
def keep_up_votes() -> None:
    """What is due each hour and may take long; a message that was lost is made good by the next one."""
    periodic.do_all(periodic.each_hour_at_length(services()))
