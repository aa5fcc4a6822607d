"""Advisory locks, most of them of the transaction: who may hand out the next number.

Rows are locked with ``no_key``, so that rows that refer to them can be added meanwhile. Whoever locks several kinds
does it in this order, pictures in the order of their digests: slice, pictures, owner, case, advisory locks. Rows that
are changed by nobody but the holder of an advisory lock come after it.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection

AGAIN = 0.1
"""Seconds between two tries."""
LOCKS = 0x45584842
"""The first half of the keys of a transaction's locks."""


class Lock(IntEnum):
    """What is appended to by one transaction at a time, or by several that :func:`share` the lock."""

    LOG = 1
    INDEX = 2
    KEYS = 4
    SETTINGS = 5
    FILES = 6
    OWNERS = 7
    WITNESSED = 8
    COCAPTURE = 9
    PICTURES = 10
    """Of the pictures seen, the change list; whoever takes ``INDEX``, too, takes that first."""
    ARCHIVE = 11
    """Of an archive that is asked, one request at a time."""


def hold(lock: Lock) -> None:
    """Wait for the lock and hold it alone until the transaction ends."""
    _take("SELECT pg_advisory_xact_lock(%s, %s)", lock)


def share(lock: Lock) -> None:
    """Hold the lock beside others who share it until the transaction ends; waits while somebody holds it alone."""
    _take("SELECT pg_advisory_xact_lock_shared(%s, %s)", lock)


@contextmanager
def hold_long(lock: Lock, number: int, within: float = math.inf) -> Iterator[bool]:
    """Try for some seconds to hold the lock of one thing for the length of a block, which may take hours.

    It is the connection's, and ends with it; whoever holds it may take it once more. Gives whether it is held.
    """
    key, until = [0x45584900 + int(lock), number], time.monotonic() + within
    while not (held := _told("SELECT pg_try_advisory_lock(%s, %s)", key)) and time.monotonic() < until:
        time.sleep(AGAIN)
    try:
        yield held
    finally:
        if held:
            _told("SELECT pg_advisory_unlock(%s, %s)", key)


def _take(statement: str, lock: Lock) -> None:
    if not connection.in_atomic_block:
        message = "a transaction's lock needs a transaction"
        raise RuntimeError(message)
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCKS, int(lock)])


def _told(question: str, key: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, key)
        return bool(cursor.fetchone()[0])
