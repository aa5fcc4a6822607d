"""Log lines, as text or as JSON with the request and the task that they belong to; none holds a secret."""

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
        # what stands in an address lets its holder in, or signs for it: links, feeds, invitations, mails
        (rf"(/(?:d|feeds|invitations|mail/unsubscribe|password/reset/key|confirm-email)/){_SIGN}+", r"\1…"),
        (rf"(?<=\?){_SIGN}*={_SIGN}*", "…"),
        (r"(?<=://)[^\s/@\"'<>\\]+@", "…@"),
        (rf"(?i)\b(bearer|basic) {_SIGN}+", r"\1 …"),
        (r"\b(exh_|whsec_)[\w+/=-]+", r"\1…"),
        # what no word and no digest looks like: random bytes as text
        (r"\b(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{40,}", "…"),
    )
)


def redacted(text: str) -> str:
    """A text without what would let its reader in: every log line passes here, whoever wrote it."""
    for pattern, put in _SECRETS:
        text = pattern.sub(put, text)
    return text


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


class TextLines(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with its trace if it has one."""
        return redacted(super().format(record))


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
        return redacted(json.dumps(told, ensure_ascii=False, default=str))


def last_lines(folder: Path, name: str, count: int = 3) -> str:
    """The end of a child's log, for messages."""
    try:
        text = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return " / ".join(text.strip().splitlines()[-count:])
