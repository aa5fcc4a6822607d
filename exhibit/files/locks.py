"""File locks between processes. A lock is free as soon as the process that held it has ended for any reason."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exhibit.errors import ExhibitError

DIGITS = 10
"""Maximum digits of a PID, and length of the content of a signed lock."""


class FileLock:
    """An advisory lock on a file, held from a successful call until :meth:`release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._signed = False

    def take(self, *, within: float = 0.0) -> bool:
        """Acquire the lock exclusively, retrying for ``within`` seconds. Returns True on success."""
        until = time.monotonic() + within
        while not self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True

    def sign(self) -> None:
        """Write the PID of this process into the held lock, for :func:`holder`."""
        assert self._handle is not None
        self._write(str(os.getpid()))
        self._signed = True

    def share(self, *, wait: bool = True) -> bool:
        """Acquire the lock in shared mode. Returns True on success; with ``wait`` it always succeeds."""
        return self._lock(fcntl.LOCK_SH if wait else fcntl.LOCK_SH | fcntl.LOCK_NB)

    def release(self) -> None:
        """Release the lock. Does nothing if it is not held."""
        if self._handle is not None:
            if self._signed:
                self._write("")
            os.close(self._handle)
            self._handle, self._signed = None, False

    def is_in_place(self) -> bool:
        """Return True if the locked file still exists at its path."""
        assert self._handle is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        return False

    def _write(self, number: str) -> None:
        """Overwrite the content in place, which needs no space and thus works on a full disk."""
        assert self._handle is not None
        with suppress(OSError):
            os.pwrite(self._handle, f"{number:<{DIGITS}}".encode(), 0)

    def _lock(self, how: int) -> bool:
        if self._handle is not None:
            raise RuntimeError(f"{self._path} is already locked by this object")
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, how)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True


def is_free(path: Path) -> bool:
    """Return True if the lock can be acquired exclusively at this moment."""
    lock = FileLock(path)
    free = lock.take()
    lock.release()
    return free


def holder(path: Path) -> int | None:
    """Return the PID of the process that holds and has signed the lock, or None."""
    if is_free(path):
        return None
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isdecimal() else None


def is_shared(path: Path) -> bool:
    """Return True if the lock is held in shared mode at this moment: it can be shared, but not acquired exclusively."""
    lock = FileLock(path)
    sharable = lock.share(wait=False)
    lock.release()
    return sharable and not is_free(path)


@contextmanager
def alone(path: Path, refusal: ExhibitError, *, within: float = 0.0) -> Iterator[FileLock]:
    """Hold a lock exclusively for the block. Raises ``refusal`` if it is not available ``within`` seconds."""
    lock = FileLock(path)
    if not lock.take(within=within):
        raise refusal
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock in shared mode for the block."""
    lock = FileLock(path)
    lock.share()
    try:
        yield
    finally:
        lock.release()
