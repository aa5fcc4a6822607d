"""Liveness: a process that hangs is replaced by its parent, and the replacement is reported for a day.

The kernel counts how often it has switched to and from each thread of a process. Every process of the product wakes at
least every :data:`WAKE_SECONDS`, whatever it waits for, so a process whose count stands still hangs. A process does
nothing else for this, and needs neither PostgreSQL nor Redis to be considered alive.
"""

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.config.config import Config

HANG_SECONDS = 60.0
"""Seconds without running after which a process is replaced."""
WAKE_SECONDS = 30.0
"""The longest time in seconds for which a process sleeps."""
SHOWN_FOR = timedelta(days=1)
"""How long a replacement is reported by `exhibit status` and on the operator's page."""
SECONDS_VARIABLE = "HANG_SECONDS"
"""The environment variable with a limit that replaces :data:`HANG_SECONDS`."""
_MAX_KEPT = 50


@cache
def hang_seconds() -> float:
    """Return the number of seconds without running after which a process is replaced."""
    return float(os.environ.get(SECONDS_VARIABLE) or HANG_SECONDS)


class HangDetector:
    """Detects that a process hangs: it has not run for longer than a limit.

    The detector uses the monotonic clock of the checking process. If that process was stopped itself, as on a starved
    machine, no process counts as hung. Without /proc, none ever does.

    Args:
        pid: Process ID.
        limit: Seconds without running after which :meth:`is_hung` is true; :func:`hang_seconds` by default.
    """

    def __init__(self, pid: int, limit: float | None = None) -> None:
        self._pid = pid
        self._limit = hang_seconds() if limit is None else limit
        self._count: int | None = None
        self._ran = self._checked = time.monotonic()

    def is_hung(self) -> bool:
        """Check whether the process has run since the last check; return True if it has not for too long."""
        moment, count = time.monotonic(), _count_switches(self._pid)
        is_late = moment - self._checked > self._limit / 2
        if count is None or count != self._count or is_late:
            self._count, self._ran = count, moment
        self._checked = moment
        return moment - self._ran > self._limit


def _count_switches(pid: int) -> int | None:
    """Return how often the kernel has switched to and from the threads of a process, or None if unknown."""
    counts = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(OSError):  # The thread or the process has just ended.
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            counts += [int(line.split()[1]) for line in lines if "voluntary_ctxt_switches:" in line]
    return sum(counts) if counts else None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A process that was replaced because it hung.

    Attributes:
        name: The name of the process.
        pid: Its process ID.
        at: When it was killed.
        seconds: The limit that it had exceeded.
    """

    name: str
    pid: int
    at: datetime
    seconds: int


def record_replacement(config: Config, name: str, pid: int) -> Replacement:
    """Record that a hung process is replaced. On a full disk, only the log line remains."""
    replacement = Replacement(name, pid, now(), round(hang_seconds()))
    path = _path(config)
    rows = [asdict(row) | {"at": rfc3339(row.at)} for row in [*_read_rows(path), replacement][-_MAX_KEPT:]]
    with suppress(OSError):
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(json.dumps(rows), encoding="utf-8")
        part.replace(path)
    return replacement


def replacements(config: Config) -> list[Replacement]:
    """Return the processes of this data folder that were replaced during the last day, the latest last."""
    return [row for row in _read_rows(_path(config)) if abs(now() - row.at) < SHOWN_FOR]


def _path(config: Config) -> Path:
    return config.data_dir / "locks" / "replacements.json"


def _read_rows(path: Path) -> list[Replacement]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Replacement(row["name"], row["pid"], parse_rfc3339(row["at"]), row["seconds"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []
