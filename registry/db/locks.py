"""Advisory locks of the transaction: who may hand out the next number.

Rows are locked with ``no_key``, so that rows that refer to them can be added meanwhile. Whoever locks several kinds
does it in this order, pictures in the order of their digests: slice, pictures, owner, case, advisory locks. Rows that
are changed by nobody but the holder of an advisory lock come after it.
"""

from enum import IntEnum

from django.db import connection


class Lock(IntEnum):
    """What is appended to by one transaction at a time."""

    LOG = 1
    INDEX = 2
    KEYS = 4
    SETTINGS = 5
    FILES = 6
    OWNERS = 7
    WITNESSED = 8


def hold(lock: Lock) -> None:
    """Wait for the lock and hold it until the transaction ends."""
    if not connection.in_atomic_block:
        message = "a transaction's lock needs a transaction"
        raise RuntimeError(message)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [0x45584842, int(lock)])
