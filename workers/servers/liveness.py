"""Signs of life: each long-running process gives one again and again, and whoever started it replaces a silent one.

A process updates the time of a file that the environment names. The supervisor reads that time, and compares it with
its own earlier reading only: a clock that is set, or another machine's, changes nothing. A pause of the supervisor
itself, as on a machine that stood still, is nobody's silence.
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
"""A process that has given no sign of life for so long is replaced."""
SHOWN_FOR = timedelta(days=1)
"""How long a replacement is reported by `exhibit status` and on the operator's page."""
FILE_VARIABLE = "LIVENESS_FILE"
SECONDS_VARIABLE = "LIVENESS_SECONDS"
"""Environment variables: the file of a process, and another limit than :data:`SILENCE_SECONDS`."""
_MAX_KEPT = 50


def give_sign() -> None:
    """Show that this process' main loop gets on; does nothing in a process that nobody watches."""
    if path := os.environ.get(FILE_VARIABLE):
        with suppress(OSError):  # the data folder may have been moved
            os.utime(path)


@cache
def silence_seconds() -> float:
    """Return for how many seconds a process may be silent."""
    return float(os.environ.get(SECONDS_VARIABLE) or SILENCE_SECONDS)


def sign_seconds() -> float:
    """Return after how many seconds at most a process gives its next sign of life."""
    return silence_seconds() / 4


class Silence:
    """Measures how long a process has given no sign of life.

    Until the first sign, which a slow machine may need minutes for, using the processor counts as one.

    Args:
        read_sign: Returns a number that is another one after each sign.
        pid: The process.
        limit: Seconds of silence after which :meth:`exceeds_limit` is true.
        clock: Seconds of a clock that nobody sets.
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
        """Look for a new sign, and return whether there was none for too long."""
        moment, sign = self._clock(), self._read_sign()
        is_late = moment - self._looked > self._limit / 2  # whoever looks was stopped itself
        self._looked = moment
        if sign != self._sign:
            self._sign, self._has_sign, self._heard = sign, True, moment
        elif is_late or not (self._has_sign or self._start.has_stalled()):
            self._heard = moment
        return moment - self._heard > self._limit

    def forgive(self) -> None:
        """Count from now on: the process waits for something else that is silent."""
        self._heard = self._clock()


def sign_in_file(path: Path) -> Callable[[], int]:
    """Return what reads the signs of a process that :func:`give_sign` writes to a file."""

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
        pid: Its number.
        at: When it was killed.
        seconds: For how long it had given no sign of life.
    """

    name: str
    pid: int
    at: datetime
    seconds: int


def record_replacement(config: Config, name: str, pid: int) -> Replacement:
    """Keep that a silent process is replaced; what the disk doesn't take is only in the log."""
    made = Replacement(name, pid, now(), round(silence_seconds()))
    path = _path(config)
    rows = [asdict(row) | {"at": rfc3339(row.at)} for row in [*_read_rows(path), made][-_MAX_KEPT:]]
    with suppress(OSError):
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_text(json.dumps(rows), encoding="utf-8")
        part.replace(path)
    return made


def replacements(config: Config) -> list[Replacement]:
    """Return the processes of this data folder that were replaced within a day, the latest last."""
    return [row for row in _read_rows(_path(config)) if abs(now() - row.at) < SHOWN_FOR]


def liveness_folder(config: Config) -> Path:
    """Return the folder of the files of this installation's processes; the supervisor makes it."""
    return config.data_dir / "locks" / "alive"


def _path(config: Config) -> Path:
    return config.data_dir / "locks" / "replacements.json"


def _read_rows(path: Path) -> list[Replacement]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Replacement(row["name"], row["pid"], parse_rfc3339(row["at"]), row["seconds"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []
