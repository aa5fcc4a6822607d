"""Locks between processes on files: free as soon as the process that held them has ended, however it ended."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exhibit.errors import ExhibitError

DIGITS = 10
"""That the number of a process has at most, and as many characters a signed lock."""


class FileLock:
    """An advisory lock on a file, held from a successful call until :meth:`release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._signed = False

    def take(self, *, within: float = 0.0) -> bool:
        """Take it alone, trying for some seconds; whether it could be taken."""
        until = time.monotonic() + within
        while not self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True

    def sign(self) -> None:
        """Write this process's number into a lock that is held, for :func:`holder`."""
        assert self._handle is not None
        self._write(str(os.getpid()))
        self._signed = True

    def share(self, *, wait: bool = True) -> bool:
        """Take it together with others who share it; whether it could be, which ``wait`` makes sure of."""
        return self._lock(fcntl.LOCK_SH if wait else fcntl.LOCK_SH | fcntl.LOCK_NB)

    def release(self) -> None:
        """Give it back; harmless when it isn't held."""
        if self._handle is not None:
            if self._signed:
                self._write("")
            os.close(self._handle)
            self._handle, self._signed = None, False

    def is_in_place(self) -> bool:
        """Whether the file that is held still lies at its path."""
        assert self._handle is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        return False

    def _write(self, number: str) -> None:
        """Write over what is there: that needs no room, so that a full disk takes it."""
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
    """Whether the lock can be had alone at this moment."""
    lock = FileLock(path)
    free = lock.take()
    lock.release()
    return free


def holder(path: Path) -> int | None:
    """The process that holds a lock alone at this moment and has signed it; None when nobody does."""
    if is_free(path):
        return None
    text = path.read_text(encoding="ascii", errors="replace").strip()
    return int(text) if text.isdecimal() else None


def is_shared(path: Path) -> bool:
    """Whether somebody shares the lock at this moment: it can be shared, but not be had alone."""
    lock = FileLock(path)
    sharable = lock.share(wait=False)
    lock.release()
    return sharable and not is_free(path)


@contextmanager
def alone(path: Path, refusal: ExhibitError, *, within: float = 0.0) -> Iterator[FileLock]:
    """Hold a lock alone for the length of a block; raises the refusal where somebody has it for so many seconds."""
    lock = FileLock(path)
    if not lock.take(within=within):
        raise refusal
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock together with others for the length of a block."""
    lock = FileLock(path)
    lock.share()
    try:
        yield
    finally:
        lock.release()
