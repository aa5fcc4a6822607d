"""Test that the holder of a lock blocks other transactions until it ends."""

import psycopg
import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from exhibit.config.config import Config
from registry.db.locks import Lock, hold, hold_long
from registry.services.addresses import get_database_url


@pytest.mark.django_db(transaction=True)
def test_lock_is_held_until_transaction_ends(config: Config) -> None:
    with psycopg.connect(get_database_url(config), autocommit=True, dbname=connection.settings_dict["NAME"]) as other:

        def is_free(lock: Lock) -> bool:
            locks = other.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").fetchall()
            return (int(lock),) not in locks

        with transaction.atomic():
            hold(Lock.INDEX)
            assert (is_free(Lock.INDEX), is_free(Lock.LOG)) == (False, True)
        assert is_free(Lock.INDEX)
    with pytest.raises(RuntimeError, match="only in a transaction"):
        hold(Lock.INDEX)


def test_long_lock_is_held_by_one_connection_until_release(db: None) -> None:
    other = connection.copy()
    try:
        with hold_long(Lock.INDEX, -7) as own_lock, hold_long(Lock.INDEX, -7, timeout=0) as second_attempt:
            assert (own_lock, second_attempt, _can_lock(other)) == (True, True, False)
        assert _can_lock(other)
        with hold_long(Lock.INDEX, -7, timeout=0.15) as own_lock, hold_long(Lock.INDEX, 8, timeout=0) as other_lock:
            assert (own_lock, other_lock) == (False, True)
    finally:
        other.close()
    with hold_long(Lock.INDEX, -7, timeout=10) as own_lock:
        assert own_lock


def _can_lock(other: BaseDatabaseWrapper) -> bool:
    """Return True if another connection can take the lock."""
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [0x45584900 + int(Lock.INDEX), -7])
        return bool(cursor.fetchone()[0])
