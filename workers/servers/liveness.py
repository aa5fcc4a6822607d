"""Signs of life: each long-running process gives them, and its parent replaces a process that gives none.

A process updates the modification time of a file that the environment names. The supervisor only checks whether that
time has changed, and measures the silence by its own monotonic clock, so a change of the system time has no effect.
While the supervisor itself is stopped, as on a starved machine, no process counts as silent.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.config.config import Config
from workers.servers.processes import Progress

SILENCE_SECONDS = 60.0
"""Seconds without a sign of life after which a process is replaced."""
SHOWN_FOR = timedelta(days=1)
"""How long a replacement is reported by `exhibit status` and on the operator's page."""
FILE_VARIABLE = "LIVENESS_FILE"
SECONDS_VARIABLE = "LIVENESS_SECONDS"
"""Environment variables: the file of a process, and a limit that replaces :data:`SILENCE_SECONDS`."""
_MAX_KEPT = 50


def give_sign() -> None:
    """Record that the main loop of this process is running; do nothing if the process has no supervisor."""
    if path := os.environ.get(FILE_VARIABLE):
        with suppress(OSError):  # the data folder may have been moved
            os.utime(path)


@cache
def silence_seconds() -> float:
    """Return the number of seconds after which a silent process is replaced."""
    return float(os.environ.get(SECONDS_VARIABLE) or SILENCE_SECONDS)


def sign_seconds() -> float:
    """Return the longest time in seconds between two signs of life of a running process."""
    return silence_seconds() / 4


class Silence:
    """Measures how long a process has given no sign of life.

    A process may need minutes to start on a slow machine: until its first sign, using the processor counts as a sign.

    Args:
        read_sign: Returns a number that changes with each sign.
        pid: Process ID.
        limit: Seconds of silence after which :meth:`exceeds_limit` is true.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        read_sign: Callable[[], int],
        pid: int,
        limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_sign, self._clock = read_sign, clock
        self._limit = silence_seconds() if limit is None else limit
        self._start = Progress(pid, self._limit)
        self._has_sign = False
        self._sign = read_sign()
        self._heard = self._looked = clock()

    def exceeds_limit(self) -> bool:
        """Check for a new sign, and return True if there has been none for longer than the limit."""
        moment, sign = self._clock(), self._read_sign()
        is_late = moment - self._looked > self._limit / 2  # the process that checks was stopped itself
        self._looked = moment
        if sign != self._sign:
            self._sign, self._has_sign, self._heard = sign, True, moment
        elif is_late or not (self._has_sign or self._start.has_stalled()):
            self._heard = moment
        return moment - self._heard > self._limit

    def forgive(self) -> None:
        """Restart the measurement, because the process waits for a server that does not answer."""
        self._heard = self._clock()


def sign_in_file(path: Path) -> Callable[[], int]:
    """Return a function that reads the signs that :func:`give_sign` records in a file."""

    def read_sign() -> int:
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0

    return read_sign


@dataclass(frozen=True, slots=True)
class Replacement:
    """A process that was replaced because it gave no sign of life.

    Attributes:
        name: The name of the process.
        pid: Its process ID.
        at: When it was killed.
        seconds: The limit of silence that it had exceeded.
    """

    name: str
    pid: int
    at: datetime
    seconds: int


def record_replacement(config: Config, name: str, pid: int) -> Replacement:
    """Record that a silent process is replaced; on a full disk the record is lost, but not the line in the log."""
    made = Replacement(name, pid, now(), round(silence_seconds()))
    path = _path(config)
    rows = [asdict(row) | {"at": rfc3339(row.at)} for row in [*_read_rows(path), made][-_MAX_KEPT:]]
    with suppress(OSError):
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(json.dumps(rows), encoding="utf-8")
        part.replace(path)
    return made


def replacements(config: Config) -> list[Replacement]:
    """Return the processes of this data folder that were replaced during the last day, the latest last."""
    return [row for row in _read_rows(_path(config)) if abs(now() - row.at) < SHOWN_FOR]


def liveness_folder(config: Config) -> Path:
    """Return the folder of the files that hold the signs of life; the supervisor creates it."""
    return config.data_dir / "locks" / "alive"


def _path(config: Config) -> Path:
    return config.data_dir / "locks" / "replacements.json"


def _read_rows(path: Path) -> list[Replacement]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Replacement(row["name"], row["pid"], parse_rfc3339(row["at"]), row["seconds"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []
