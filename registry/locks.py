"""Advisory locks of the transaction: who may hand out the next number."""

from enum import IntEnum

from django.db import connection


class Lock(IntEnum):
    """What is appended to by one transaction at a time."""

    LOG = 1
    INDEX = 2
    FRONTIER = 3


def hold(lock: Lock) -> None:
    """Wait for the lock and hold it until the transaction ends."""
    if not connection.in_atomic_block:
        message = "a transaction's lock needs a transaction"
        raise RuntimeError(message)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [0x45584842, int(lock)])
