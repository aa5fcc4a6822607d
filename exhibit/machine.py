"""Faults of the machine, such as a full disk or a database that is down, as opposed to faults of a work or file."""

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

_DISK_ERRORS = (
    errno.EIO,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOTCONN,
    getattr(errno, "EUCLEAN", errno.EIO),
)
ERROR_SENTENCES = {
    errno.ENOSPC: Sentence("The disk is full."),
    errno.EDQUOT: Sentence("The disk quota is used up."),
    errno.EFBIG: Sentence("The file exceeds the file size limit of this process."),
    errno.EROFS: Sentence("The disk is read-only."),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM), Sentence("Exhibit is not allowed to read or write a file in the data folder.")
    ),
    **dict.fromkeys(_DISK_ERRORS, Sentence("The disk cannot be read or written.")),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), Sentence("Too many files are open.")),
    errno.ENOMEM: Sentence("There is not enough memory."),
    errno.EAGAIN: Sentence("No more processes can be started."),
    errno.ENETDOWN: Sentence("This machine has no network connection."),
}
CACHE_RESERVE_BYTES = 64 * 1024**2
"""Bytes that caches leave free for data that cannot be computed again."""
FREE_INODES_RESERVE = 10_000
_MIN_FREE_BYTES, _MIN_FREE_FILES = 16 * 1024**2, 16
"""Minimum free bytes (a segment of PostgreSQL's write-ahead log) and inodes that the servers need to continue."""
_FILE_ERRORS = (errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENOTCONN)
"""Error numbers that firewalls and connections also cause. Only errors of files have a file name."""
DATABASE_NOT_RESPONDING = Sentence("The database is not responding.")
REDIS_NOT_RESPONDING = Sentence("Redis is not responding.")
DATABASE_FULL = Sentence("The database cannot write data: its disk is full or failing.")
REDIS_FAILING = Sentence("Redis is not responding, or its disk or memory is full.")
_UNAVAILABLE_SQLSTATES = ("08", "53", "57P")
_DISK_SQLSTATES = ("53100", "25006", "58", "XX001", "XX002")
"""Disk full, read-only server (a standby, or after a failure), damaged pages."""


def describe_machine_fault(error: BaseException) -> str:
    """Describe the machine fault that caused an error, in one sentence; empty if the error has another cause.

    The chain of ``__cause__`` is checked as well. Errors of remote servers are not faults of the machine.
    """
    cause: BaseException | None = error
    while cause is not None:
        if sentence := _describe_error(cause):
            return sentence
        cause = cause.__cause__
    return ""


def raise_machine_fault(error: BaseException) -> None:
    """Raise ``ServiceMissingError`` if a machine fault caused this error."""
    if fault := describe_machine_fault(error):
        raise ServiceMissingError(fault) from error


def _describe_error(error: BaseException) -> str:
    database = sys.modules.get("psycopg")  # without the loaded module, the error cannot be one of its errors
    if database is not None and isinstance(error, database.Error):
        return _describe_database_error(error)
    if isinstance(error, StorageError):
        return error.message
    if isinstance(error, OSError):
        is_local = error.errno not in _FILE_ERRORS or error.filename is not None
        return ERROR_SENTENCES.get(error.errno or 0, "") if is_local and not isinstance(error, socket.gaierror) else ""
    if isinstance(error, MemoryError):
        return ERROR_SENTENCES[errno.ENOMEM]
    if type(error) is RuntimeError and str(error) == "can't start new thread":
        return ERROR_SENTENCES[errno.EAGAIN]
    # Not imported, because the package takes long to load
    is_redis_error = type(error).__module__ == "redis.exceptions"
    return (
        REDIS_FAILING if is_redis_error and (type(error).__name__ != "ResponseError" or "MISCONF" in str(error)) else ""
    )


def _describe_database_error(error: "psycopg.Error") -> str:
    import psycopg  # noqa: PLC0415 - as above

    state = error.sqlstate or ""
    if state.startswith(_DISK_SQLSTATES):
        return DATABASE_FULL
    is_disconnected = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not state
    return DATABASE_NOT_RESPONDING if is_disconnected or state.startswith(_UNAVAILABLE_SQLSTATES) else ""


def is_full(path: Path) -> bool:
    """Return True if the disk of a path has no room for the next segment that the database writes."""
    files = count_free_files(path)
    return shutil.disk_usage(path).free < _MIN_FREE_BYTES or (files is not None and files < _MIN_FREE_FILES)


def count_free_files(path: Path) -> int | None:
    """Return the number of free inodes on the disk of a path, or ``None`` if there is no limit."""
    disk = os.statvfs(path)
    return disk.f_favail if disk.f_files else None


def compute_min_free_files(path: Path) -> int:
    """Return the number of free inodes below which a disk counts as almost full: 10,000, or 5% on small disks."""
    return min(FREE_INODES_RESERVE, os.statvfs(path).f_files // 20)


def write_cache_file(path: Path, data: bytes, *, base_folder: Path) -> bool:
    """Write a cache file atomically. Returns False and logs a warning if the disk refuses it or is almost full.

    Missing folders are created, except ``base_folder``, which may have been moved. A missing cache file is not an
    error: the caller computes its content again.
    """
    temporary_path = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        for folder in reversed(path.parents[: path.parents.index(base_folder)]):
            folder.mkdir(exist_ok=True)
        files = count_free_files(path.parent)
        has_files = files is None or files >= compute_min_free_files(path.parent)
        if has_room := has_files and shutil.disk_usage(path.parent).free >= CACHE_RESERVE_BYTES:
            temporary_path.write_bytes(data)
            temporary_path.replace(path)
    except OSError:
        has_room = False
        with suppress(OSError):
            temporary_path.unlink(missing_ok=True)
    if not has_room:
        log_once(f"Exhibit continues without the cache in {path.parents[1].name}, because the disk cannot store it.")
    return has_room


@cache
def log_once(sentence: str, level: int = logging.WARNING) -> None:
    """Log a sentence, at most once in each process."""
    logging.getLogger(__name__).log(level, sentence)


def get_process_identifier() -> str:
    """Return an identifier of this process that is never reused: host, namespace, PID and start time."""
    return f"{_read_namespace()}|{os.getpid()}|{_read_own_start_time(os.getpid())}"


def parse_process_host(name: str) -> str:
    """Return the host in an identifier of :func:`get_process_identifier`."""
    return name.partition("|")[0]


def has_process_ended(name: str) -> bool:
    """Return True if a process has ended. Returns False if it runs, or ran on another host or in another container.

    ``name`` is an identifier of :func:`get_process_identifier`. Without a readable ``/proc``, start times are unknown
    and the result is always False.
    """
    namespace, pid, start_time = name.rsplit("|", 2)
    try:
        return namespace == _read_namespace() and _read_start_time(int(pid)) != start_time
    except OSError:  # too many files are open, so the state is unknown
        return False


def read_stat_fields(pid: int) -> list[str]:
    """Return the fields of ``/proc/N/stat`` after the process name (state, parent PID, ...), as proc(5) lists them.

    Raises ``OSError`` if the process is not running or cannot be read.
    """
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()


def _read_namespace() -> str:
    try:
        pid_namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        pid_namespace = ""
    return f"{socket.gethostname()}|{pid_namespace}"


@lru_cache(maxsize=1)
def _read_own_start_time(pid: int) -> str:
    return _read_start_time(pid)


def _read_start_time(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty if it has ended or is a zombie."""
    try:
        fields = read_stat_fields(pid)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
