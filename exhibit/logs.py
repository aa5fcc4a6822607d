"""Log formatters, as text or as JSON with the IDs of the request and the task. They remove secrets."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from exhibit.clock import rfc3339

_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_SIGN = r"[^\s\"'<>\\\\]"
_SECRETS = tuple(
    (re.compile(found), put)
    for found, put in (
        # parts of URLs that grant access or act as a signature: links, feeds, invitations, mails
        (rf"(/(?:d|feeds|invitations|mail/unsubscribe|password/reset/key|confirm-email)/){_SIGN}+", r"\1…"),
        (rf"(?<=\?){_SIGN}*={_SIGN}*", "…"),
        (r"(?<=://)[^\s/@\"'<>\\]+@", "…@"),
        (rf"(?i)\b(bearer|basic) {_SIGN}+", r"\1 …"),
        (r"\b(exh_|whsec_)[\w+/=-]+", r"\1…"),
        # random bytes as text, unlike any word or digest
        (r"\b(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{40,}", "…"),
    )
)


def redacted(text: str) -> str:
    """Remove secrets (tokens, signed URLs, passwords) from a text. Every log line passes through this function."""
    for pattern, put in _SECRETS:
        text = pattern.sub(put, text)
    return text


def about() -> dict[str, str]:
    """Return the IDs of the current log context: ``request_id``, ``task_id`` and ``task``, where they are set."""
    return dict(_ABOUT.get() or {})


@contextmanager
def logged_as(**ids: str) -> Iterator[None]:
    """Add these IDs to all log lines within the block. Empty IDs are left out."""
    token = _ABOUT.set(about() | {name: value for name, value in ids.items() if value})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class TextLines(logging.Formatter):
    """Formatter for log lines in plain text."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, with its traceback if it has one."""
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """Formatter for one JSON object a line: ``time``, ``level``, ``logger``, ``message``, the IDs and extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record as one line."""
        line: dict[str, object] = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **about(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return redacted(json.dumps(line, ensure_ascii=False, default=str))


def last_lines(folder: Path, name: str, count: int = 3) -> str:
    """Return the last lines of a child process's log, for messages."""
    try:
        text = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return " / ".join(text.strip().splitlines()[-count:])
