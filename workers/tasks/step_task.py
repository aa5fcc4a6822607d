"""What all tasks have in common: one that breaks off lets go of its rows, so that nobody waits until they are stale."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from celery import Task

from exhibit.logs import logged_as
from exhibit.types import Untyped
from workers import jobs
from workers.pipeline.meter import metered

FIRST_PAUSE, MAX_PAUSE = 0.5, 10.0
"""Seconds between two tries to reach a database that has gone."""

_LOG = logging.getLogger("exhibit.task")


class StepTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose one argument names the rows that wait for a step."""

    @property
    def _job(self) -> str:
        """The job whose rows it takes, whichever queue its message came through."""
        return str(self.name).rpartition(".")[2].removesuffix("_asked")

    def __call__(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
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
        if job is None or not job.model or not args:
            return None
        pause = FIRST_PAUSE
        while True:
            connection.close()  # it may be the one that was lost
            try:
                return steps.break_off(job.rows, args[0], exc)
            except Error:
                time.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
