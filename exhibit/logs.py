"""Log formatters for text, and for JSON with the IDs of the request and the task. Both remove secrets."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from exhibit.clock import format_rfc3339

_LOG_CONTEXT: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_VALUE_CHAR = r"[^\s\"'<>\\\\]"
_SECRETS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # parts of URLs that grant access, or that act as a signature: links, feeds, invitations, emails
        (rf"(/(?:d|feeds|invitations|mail/unsubscribe|password/reset/key|confirm-email)/){_VALUE_CHAR}+", r"\1…"),
        (rf"(?<=\?){_VALUE_CHAR}*={_VALUE_CHAR}*", "…"),
        (r"(?<=://)[^\s/@\"'<>\\]+@", "…@"),
        (rf"(?i)\b(bearer|basic) {_VALUE_CHAR}+", r"\1 …"),
        (r"\b(exh_|whsec_)[\w+/=-]+", r"\1…"),
        # random bytes as text: mixed case with digits, which words and hexadecimal digests do not have
        (r"\b(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{40,}", "…"),
    )
)


def redact_secrets(text: str) -> str:
    """Remove secrets (tokens, signed URLs, passwords) from a text. Every log line passes through this function."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def get_log_context() -> dict[str, str]:
    """Return the IDs of the current log context that are set: ``request_id``, ``task_id`` and ``task``."""
    return dict(_LOG_CONTEXT.get() or {})


@contextmanager
def add_log_context(**ids: str) -> Iterator[None]:
    """Add these IDs to all log lines within the block. Empty IDs are omitted."""
    token = _LOG_CONTEXT.set(get_log_context() | {name: value for name, value in ids.items() if value})
    try:
        yield
    finally:
        _LOG_CONTEXT.reset(token)


class TextLines(logging.Formatter):
    """Formatter for log lines in plain text."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, with its traceback if it has one."""
        return redact_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """Formatter for one JSON object per line: ``time``, ``level``, ``logger``, ``message``, IDs and extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record as one line."""
        line: dict[str, object] = {
            "time": format_rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **get_log_context(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return redact_secrets(json.dumps(line, ensure_ascii=False, default=str))


def read_last_lines(folder: Path, name: str, count: int = 3) -> str:
    """Return the last lines of the log of a child process, for error messages."""
    try:
        text = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return " / ".join(text.strip().splitlines()[-count:])
