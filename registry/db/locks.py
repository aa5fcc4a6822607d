"""PostgreSQL advisory locks, most of them held until the transaction ends.

Rows are locked with ``no_key``, so that rows that refer to them can be added at the same time. Code that takes several
kinds of locks takes them in this order: slice, pictures (by digest), owner, case, advisory locks. Rows that are only
changed under an advisory lock are locked after it.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection

RETRY_SECONDS = 0.1
"""Seconds between two attempts."""
LOCK_KEY_PREFIX = 0x45584842
"""The first half of the keys of transaction locks."""


class Lock(IntEnum):
    """Data that one transaction at a time appends to, or several transactions that :func:`share` the lock."""

    LOG = 1
    INDEX = 2
    KEYS = 4
    SETTINGS = 5
    FILES = 6
    OWNERS = 7
    TIMESTAMPS = 8
    COCAPTURE = 9
    PICTURES = 10
    """The change list of found pictures. Code that also takes ``INDEX`` takes ``INDEX`` first."""
    ARCHIVE = 11
    """Requests to a web archive, one at a time."""


def hold(lock: Lock) -> None:
    """Wait for the lock and hold it exclusively until the transaction ends."""
    _take("SELECT pg_advisory_xact_lock(%s, %s)", lock)


def share(lock: Lock) -> None:
    """Wait for exclusive holders, then share the lock until the transaction ends."""
    _take("SELECT pg_advisory_xact_lock_shared(%s, %s)", lock)


@contextmanager
def hold_long(lock: Lock, number: int, timeout: float = math.inf) -> Iterator[bool]:
    """Try to hold a numbered lock for the duration of the block, which may take hours.

    The lock belongs to the connection and ends with it. A connection that holds it may take it again.

    Args:
        lock: The kind of lock.
        number: Number of the locked object.
        timeout: Seconds to keep trying; without limit by default.

    Yields:
        True if the lock is held.
    """
    key, deadline = [0x45584900 + int(lock), number], time.monotonic() + timeout
    while not (is_held := _query_flag("SELECT pg_try_advisory_lock(%s, %s)", key)) and time.monotonic() < deadline:
        time.sleep(RETRY_SECONDS)
    try:
        yield is_held
    finally:
        if is_held:
            _query_flag("SELECT pg_advisory_unlock(%s, %s)", key)


def _take(statement: str, lock: Lock) -> None:
    if not connection.in_atomic_block:
        message = "a transaction lock can be taken only in a transaction"
        raise RuntimeError(message)
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCK_KEY_PREFIX, int(lock)])


def _query_flag(statement: str, key: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, key)
        return bool(cursor.fetchone()[0])
