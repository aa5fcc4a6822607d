"""Signs of life through files: each worker touches its own, and the tick of its machine tells the rows of all of them.

A connection for each word of each worker costs more than all else that an installation does which has nothing to do.
"""

import hashlib
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.machine import this_process
from registry.db import running
from workers.servers.embedded import lock_folder

TOLD = timedelta(seconds=1.25 * running.BEAT_SECONDS)
"""For so long after it has told, the workers count on the tick."""
_ENDING = ".alive"


def leave(config: Config, name: str) -> bool:
    """Leave a sign that a worker lives; whether the tick tells it, and frees what others of this machine have left."""
    with suppress(OSError):
        _touch(_path(config, name))
        return abs(now() - _moment(_path(config, running.TICK))) < TOLD
    return False


def remove(config: Config, name: str) -> None:
    """Remove the sign of a worker that begins or ends, and those of machines that are gone."""
    with suppress(OSError):
        _path(config, name).unlink(missing_ok=True)
        for path in lock_folder(config).glob(f"*{_ENDING}"):
            if now() - _moment(path) > running.FORGOTTEN:
                path.unlink(missing_ok=True)


def tell(config: Config, *, ticks: bool) -> None:
    """Tell when the workers that this process sees left their last signs, and of itself that it lives, if it ticks.

    Where a row is missing they don't count on it, and each writes its own.
    """
    moment, signs = now(), dict[str, datetime]()
    with suppress(OSError):
        for path in lock_folder(config).glob(_path(config, "*@*").name):
            signs[path.name.removesuffix(_path(config, "").name)] = _moment(path)
    seen = {name: at for name, at in signs.items() if abs(moment - at) < running.SILENT}
    told = running.seen(seen | ({running.TICK: moment} if ticks else {}))
    if told == len(seen) + ticks:
        with suppress(OSError):
            _touch(_path(config, running.TICK))
    elif ticks:
        running.beat(running.TICK)


def _path(config: Config, name: str) -> Path:
    """Of the processes that see one another, although many machines may share a data folder."""
    place, _, _ = this_process().rsplit("|", 2)
    return lock_folder(config) / f"{name}.{hashlib.sha256(place.encode()).hexdigest()[:16]}{_ENDING}"


def _moment(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _touch(path: Path) -> None:
    path.touch(mode=0o600)
    os.utime(path, (now().timestamp(),) * 2)  # by this machine's clock, wherever the file lies
