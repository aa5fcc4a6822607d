"""File locks between processes. A lock is released when the process that holds it exits for any reason."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exhibit.errors import ExhibitError

PID_DIGITS = 10
"""Maximum digits of a PID, and length of the content of a lock with a PID."""


class FileLock:
    """Advisory lock on a file. Once acquired, it is held until :meth:`release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._has_pid = False

    def acquire(self, *, within: float = 0.0) -> bool:
        """Acquire the lock exclusively, retrying for ``within`` seconds. Returns True on success."""
        deadline = time.monotonic() + within
        while not self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def write_pid(self) -> None:
        """Write the PID of this process into the held lock, so that :func:`find_holder_pid` can return it."""
        assert self._handle is not None
        self._write(str(os.getpid()))
        self._has_pid = True

    def acquire_shared(self, *, wait: bool = True) -> bool:
        """Acquire the lock in shared mode. Returns True on success; with ``wait`` it always succeeds."""
        return self._lock(fcntl.LOCK_SH if wait else fcntl.LOCK_SH | fcntl.LOCK_NB)

    def release(self) -> None:
        """Release the lock. Does nothing if it is not held."""
        if self._handle is not None:
            if self._has_pid:
                self._write("")
            os.close(self._handle)
            self._handle, self._has_pid = None, False

    def is_in_place(self) -> bool:
        """Return True if the locked file still exists at its path."""
        assert self._handle is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        return False

    def _write(self, number: str) -> None:
        """Overwrite the content in place. This needs no space and works on a full disk."""
        assert self._handle is not None
        with suppress(OSError):
            os.pwrite(self._handle, f"{number:<{PID_DIGITS}}".encode(), 0)

    def _lock(self, operation: int) -> bool:
        if self._handle is not None:
            raise RuntimeError(f"{self._path} is already locked by this object")
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, operation)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True


def is_free(path: Path) -> bool:
    """Return True if the lock can currently be acquired exclusively."""
    lock = FileLock(path)
    is_acquired = lock.acquire()
    lock.release()
    return is_acquired


def find_holder_pid(path: Path) -> int | None:
    """Return the PID that the process holding the lock has written into it, or None."""
    if is_free(path):
        return None
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isdecimal() else None


def is_shared(path: Path) -> bool:
    """Return True if the lock is currently held in shared mode: it can be shared, but not acquired exclusively."""
    lock = FileLock(path)
    can_share = lock.acquire_shared(wait=False)
    lock.release()
    return can_share and not is_free(path)


@contextmanager
def hold_exclusively(path: Path, error: ExhibitError, *, within: float = 0.0) -> Iterator[FileLock]:
    """Hold a lock exclusively for the block. Raises ``error`` if it is not available ``within`` seconds."""
    lock = FileLock(path)
    if not lock.acquire(within=within):
        raise error
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def hold_shared(path: Path) -> Iterator[None]:
    """Hold a lock in shared mode for the block."""
    lock = FileLock(path)
    lock.acquire_shared()
    try:
        yield
    finally:
        lock.release()
