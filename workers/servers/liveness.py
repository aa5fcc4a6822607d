"""Detection of hung processes. The parent process replaces them, and the replacement is reported for a day.

The kernel counts the context switches of each thread of a process. Every process of Exhibit wakes at least every
:data:`WAKE_SECONDS` seconds, so a process whose count does not change hangs. The check needs no other cooperation of
the process, and neither PostgreSQL nor Redis.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.config.config import Config

HANG_SECONDS = 60.0
"""Seconds without running after which a process is replaced."""
WAKE_SECONDS = 30.0
"""Maximum time in seconds for which a process sleeps."""
REPORT_PERIOD = timedelta(days=1)
"""Time for which `exhibit status` and the operator's page report a replacement."""
SECONDS_VARIABLE = "HANG_SECONDS"
"""Environment variable that overrides :data:`HANG_SECONDS`."""
_MAX_RECORDS = 50


@cache
def get_hang_seconds() -> float:
    """Return the number of seconds without running after which a process is replaced."""
    return float(os.environ.get(SECONDS_VARIABLE) or HANG_SECONDS)


class HangDetector:
    """Detects that a process has not run for longer than a limit.

    The detector uses the monotonic clock of the checking process. If the checking process itself did not run, as on an
    overloaded machine, no process counts as hung. Without /proc, no process is ever detected.

    Args:
        pid: Process ID.
        limit: Seconds without running after which :meth:`is_hung` is true; :func:`get_hang_seconds` by default.
    """

    def __init__(self, pid: int, limit: float | None = None) -> None:
        self._pid = pid
        self._limit = get_hang_seconds() if limit is None else limit
        self._count: int | None = None
        self._last_run = self._last_check = time.monotonic()

    def is_hung(self) -> bool:
        """Check the process; return True if it has not run for longer than the limit."""
        time_now, count = time.monotonic(), _count_switches(self._pid)
        is_late = time_now - self._last_check > self._limit / 2
        if count is None or count != self._count or is_late:
            self._count, self._last_run = count, time_now
        self._last_check = time_now
        return time_now - self._last_run > self._limit


def _count_switches(pid: int) -> int | None:
    """Return the number of context switches of all threads of a process, or None if unknown."""
    counts = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(OSError):  # The thread or the process may just have ended.
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            counts += [int(line.split()[1]) for line in lines if "voluntary_ctxt_switches:" in line]
    return sum(counts) if counts else None


@dataclass(frozen=True, slots=True)
class ReplacedProcess:
    """A process that was replaced because it hung.

    Attributes:
        name: The name of the process.
        pid: Its process ID.
        at: Time when it was killed.
        seconds: The exceeded limit in seconds.
    """

    name: str
    pid: int
    at: datetime
    seconds: int


def record_replacement(config: Config, name: str, pid: int) -> ReplacedProcess:
    """Record that a hung process is replaced. If the disk is full, nothing is recorded."""
    replacement = ReplacedProcess(name, pid, now(), round(get_hang_seconds()))
    path = _get_path(config)
    rows = [asdict(row) | {"at": format_rfc3339(row.at)} for row in [*_read_rows(path), replacement][-_MAX_RECORDS:]]
    with suppress(OSError):
        temporary_path = path.with_name(f"{path.name}.{os.getpid()}")
        temporary_path.write_text(json.dumps(rows), encoding="utf-8")
        temporary_path.replace(path)
    return replacement


def list_replacements(config: Config) -> list[ReplacedProcess]:
    """Return the processes of this data folder that were replaced during the last day, oldest first."""
    return [row for row in _read_rows(_get_path(config)) if abs(now() - row.at) < REPORT_PERIOD]


def _get_path(config: Config) -> Path:
    return config.data_dir / "locks" / "replacements.json"


def _read_rows(path: Path) -> list[ReplacedProcess]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [ReplacedProcess(row["name"], row["pid"], parse_rfc3339(row["at"]), row["seconds"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []
