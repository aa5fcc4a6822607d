"""PostgreSQL advisory locks, most of them held until the transaction ends.

Rows are locked with ``no_key``, so that rows that refer to them can be added meanwhile. Code that takes several kinds
of locks takes them in this order: slice, pictures (by digest), owner, case, advisory locks. Rows that only the holder
of an advisory lock changes come after that lock.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection

RETRY_SECONDS = 0.1
"""Seconds between two attempts."""
LOCKS = 0x45584842
"""The first half of the keys of transaction locks."""


class Lock(IntEnum):
    """Data that one transaction at a time appends to, or several that :func:`share` the lock."""

    LOG = 1
    INDEX = 2
    KEYS = 4
    SETTINGS = 5
    FILES = 6
    OWNERS = 7
    TIMESTAMPS = 8
    COCAPTURE = 9
    PICTURES = 10
    """The change list of the pictures seen. Code that also takes ``INDEX`` takes that first."""
    ARCHIVE = 11
    """Requests to a web archive, one at a time."""


def hold(lock: Lock) -> None:
    """Wait for the lock and hold it exclusively until the transaction ends."""
    _take("SELECT pg_advisory_xact_lock(%s, %s)", lock)


def share(lock: Lock) -> None:
    """Hold the lock until the transaction ends, together with others that share it; waits for an exclusive holder."""
    _take("SELECT pg_advisory_xact_lock_shared(%s, %s)", lock)


@contextmanager
def hold_long(lock: Lock, number: int, timeout: float = math.inf) -> Iterator[bool]:
    """Try to hold a numbered lock for the length of a block, which may take hours.

    The lock belongs to the connection and ends with it. A connection that holds it may take it again.

    Args:
        lock: The kind of lock.
        number: Number of the locked object.
        timeout: Seconds to keep trying; without limit by default.

    Yields:
        True if the lock is held.
    """
    key, until = [0x45584900 + int(lock), number], time.monotonic() + timeout
    while not (is_held := _query_flag("SELECT pg_try_advisory_lock(%s, %s)", key)) and time.monotonic() < until:
        time.sleep(RETRY_SECONDS)
    try:
        yield is_held
    finally:
        if is_held:
            _query_flag("SELECT pg_advisory_unlock(%s, %s)", key)


def _take(statement: str, lock: Lock) -> None:
    if not connection.in_atomic_block:
        message = "a transaction's lock needs a transaction"
        raise RuntimeError(message)
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCKS, int(lock)])


def _query_flag(question: str, key: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, key)
        return bool(cursor.fetchone()[0])
