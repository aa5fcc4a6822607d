"""Failures of the machine, such as a full disk or a database that is down, which no work or file has caused."""

import errno
import logging
import os
import secrets
import shutil
import socket
import sys
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.errors import ServiceMissingError, StorageError
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    import psycopg

_DISK_FAILS = (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, getattr(errno, "EUCLEAN", errno.EIO))
SENTENCES = {
    errno.ENOSPC: Sentence("The disk is full."),
    errno.EDQUOT: Sentence("The disk quota is used up."),
    errno.EFBIG: Sentence("The file exceeds the file size limit of this process."),
    errno.EROFS: Sentence("The disk is read-only."),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM), Sentence("Exhibit is not allowed to read or write a file in the data folder.")
    ),
    **dict.fromkeys(_DISK_FAILS, Sentence("The disk cannot be read or written.")),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), Sentence("Too many files are open.")),
    errno.ENOMEM: Sentence("There is not enough memory."),
    errno.EAGAIN: Sentence("No more processes can be started."),
    errno.ENETDOWN: Sentence("This machine has no network connection."),
}
CACHE_RESERVE = 64 * 1024**2
"""Bytes that caches leave free for data that cannot be computed again."""
FILES_RESERVE = 10_000
_SEGMENT, _FILES = 16 * 1024**2, 16
"""Bytes (a segment of PostgreSQL's write-ahead log) and files without which servers cannot continue."""
_OF_FILES = (errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENOTCONN)
"""Error numbers that a firewall or a connection also causes, but never with a file name."""
DATABASE_SILENT = Sentence("The database is not responding.")
REDIS_SILENT = Sentence("Redis is not responding.")
DATABASE_FULL = Sentence("The database cannot write data: its disk is full or failing.")
REDIS_FAILS = Sentence("Redis is not responding, or its disk or memory is full.")
_DATABASE_DOWN = ("08", "53", "57P")
_DATABASE_DISK = ("53100", "25006", "58", "XX001", "XX002")
"""Disk full, read-only server (a standby, or after a failure), damaged pages."""


def machine_fault(error: BaseException) -> str:
    """Describe the fault of the machine that caused an error, in a sentence; empty if it has another cause.

    Also checks the errors that this error was raised from. Errors of remote servers are not faults of the machine.
    """
    cause: BaseException | None = error
    while cause is not None:
        if sentence := _told_by(cause):
            return sentence
        cause = cause.__cause__
    return ""


def blame_machine(error: BaseException) -> None:
    """Raise ``ServiceMissingError`` if a fault of the machine caused this error."""
    if fault := machine_fault(error):
        raise ServiceMissingError(fault) from error


def _told_by(error: BaseException) -> str:
    database = sys.modules.get("psycopg")  # a process that has not loaded the module cannot have its errors
    if database is not None and isinstance(error, database.Error):
        return _of_database(error)
    if isinstance(error, StorageError):
        return error.message
    if isinstance(error, OSError):
        is_local = error.errno not in _OF_FILES or error.filename is not None
        return SENTENCES.get(error.errno or 0, "") if is_local and not isinstance(error, socket.gaierror) else ""
    if isinstance(error, MemoryError):
        return SENTENCES[errno.ENOMEM]
    if type(error) is RuntimeError and str(error) == "can't start new thread":
        return SENTENCES[errno.EAGAIN]
    of_redis = type(error).__module__ == "redis.exceptions"  # the package takes long to load
    return REDIS_FAILS if of_redis and (type(error).__name__ != "ResponseError" or "MISCONF" in str(error)) else ""


def _of_database(error: "psycopg.Error") -> str:
    import psycopg  # noqa: PLC0415 - as above

    state = error.sqlstate or ""
    if state.startswith(_DATABASE_DISK):
        return DATABASE_FULL
    is_disconnected = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not state
    return DATABASE_SILENT if is_disconnected or state.startswith(_DATABASE_DOWN) else ""


def is_full(path: Path) -> bool:
    """Return True if the disk of a path is almost full: it has no room for the next segment that a database writes."""
    files = files_left(path)
    return shutil.disk_usage(path).free < _SEGMENT or (files is not None and files < _FILES)


def files_left(path: Path) -> int | None:
    """Return how many files (inodes) can still be created on the disk of a path, or ``None`` if there is no limit."""
    disk = os.statvfs(path)
    return disk.f_favail if disk.f_files else None


def files_floor(path: Path) -> int:
    """Return the number of free inodes below which a disk is almost full: 10,000, or 5 % of all on small disks."""
    return min(FILES_RESERVE, os.statvfs(path).f_files // 20)


def keep_in_cache(path: Path, data: bytes, *, below: Path) -> bool:
    """Write a cache file atomically. Returns False and logs one line if the disk refuses the file or is almost full.

    Missing folders are created, except ``below``, which may have been moved. A missing cache file is no error: the
    caller computes its content again.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        for folder in reversed(path.parents[: path.parents.index(below)]):
            folder.mkdir(exist_ok=True)
        files = files_left(path.parent)
        has_files = files is None or files >= files_floor(path.parent)
        if has_room := has_files and shutil.disk_usage(path.parent).free >= CACHE_RESERVE:
            part.write_bytes(data)
            part.replace(path)
    except OSError:
        has_room = False
        with suppress(OSError):
            part.unlink(missing_ok=True)
    if not has_room:
        tell_once(f"Work goes on without the cache in {path.parents[1].name}, which the disk doesn't take.")
    return has_room


@cache
def tell_once(sentence: str, level: int = logging.WARNING) -> None:
    """Log a sentence only once in each process."""
    logging.getLogger(__name__).log(level, sentence)


def this_process() -> str:
    """Return an identifier of this process, unique also over time: host, namespace, PID and start time."""
    return f"{_place()}|{os.getpid()}|{_own_start(os.getpid())}"


def host_of_process(name: str) -> str:
    """Return the host from an identifier created by :func:`this_process`."""
    return name.partition("|")[0]


def has_ended(name: str) -> bool:
    """Return True if a process identified by :func:`this_process` has ended; False if it is not visible from here.

    Without a readable /proc, processes have no start time, and claims expire by their time alone.
    """
    place, number, started = name.rsplit("|", 2)
    try:
        return place == _place() and _started(int(number)) != started
    except OSError:  # too many files are open, and nothing can be said of it
        return False


def stat_fields(number: int) -> list[str]:
    """Return the fields of ``/proc/N/stat`` after the process name (state, parent PID, ...), as proc(5) lists them.

    Raises ``OSError`` if the process does not run or cannot be read.
    """
    return Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()


def _place() -> str:
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        space = ""
    return f"{socket.gethostname()}|{space}"


@lru_cache(maxsize=1)
def _own_start(number: int) -> str:
    return _started(number)


def _started(number: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty if it has ended or is a zombie."""
    try:
        fields = stat_fields(number)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
