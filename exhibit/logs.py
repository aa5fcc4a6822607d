"""Log lines as JSON, with the request and the task that they belong to."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from exhibit.clock import rfc3339

_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def about() -> dict[str, str]:
    """What log lines belong to at this moment: ``request_id``, ``task_id``, ``task``, as far as there are such."""
    return dict(_ABOUT.get() or {})


@contextmanager
def logged_as(**ids: str) -> Iterator[None]:
    """Let log lines within the block say what they belong to; ids that are empty are left out."""
    token = _ABOUT.set(about() | {name: value for name, value in ids.items() if value})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, the ids, and what a line says besides."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        told: dict[str, object] = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **about(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
