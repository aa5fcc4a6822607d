"""What all tasks have in common: one that breaks off lets go of its rows, so that nobody waits until they are stale."""

import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from celery import Task

from exhibit.clock import now
from exhibit.logs import logged_as
from workers.meter import metered

_LOG = logging.getLogger("exhibit.task")


class StepTask(Task):  # type: ignore[type-arg] # generic in the stubs only
    """A task whose one argument names the rows that wait for a step."""

    _begun: datetime | None = None

    def before_start(self, task_id: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG002 - Celery's call
        """Note the time: what is claimed from now on is this task's."""
        self._begun = now()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Celery's call
        """Run it, measured, with log lines that name it and the request that caused it, if one did."""
        step, begun = str(self.name).rpartition(".")[2], time.monotonic()
        request_id = str(self.request.get("request_id") or "")
        with logged_as(request_id=request_id, task_id=str(self.request.id or ""), task=str(self.name)):
            with metered(step):
                answer = super().__call__(*args, **kwargs)
            _LOG.info("%s", self.name, extra={"milliseconds": round((time.monotonic() - begun) * 1000)})
        return answer

    def on_failure(
        self,
        exc: BaseException,
        task_id: str,  # noqa: ARG002 - Celery's call
        args: Sequence[Any],
        kwargs: dict[str, Any],  # noqa: ARG002
        einfo: object,  # noqa: ARG002
    ) -> None:
        """Give the rows back after an error that no step expects, such as a lost connection; Celery logs the error."""
        from django.db import Error, connection  # noqa: PLC0415 - tasks are also sent by processes without Django

        from registry import steps  # noqa: PLC0415
        from workers.steps.tick import ROWS  # noqa: PLC0415

        model = {f"exhibit.{step}": model for step, model, _ in ROWS}.get(str(self.name))
        if model is None or not args or self._begun is None:
            return
        connection.close_if_unusable_or_obsolete()  # it may be the one that was lost
        with contextlib.suppress(Error):  # then the rows are found when they are stale
            error = f"The step broke off: {type(exc).__name__}."
            steps.give_back(model, args[0], self._begun, until=now() + steps.FIRST_PAUSE, error=error)
