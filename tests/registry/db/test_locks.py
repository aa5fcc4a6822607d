"""Test that one transaction at a time appends: the holder of a lock keeps others waiting until it ends."""

import psycopg
import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from exhibit.config.config import Config
from registry.db.locks import Lock, hold, hold_long
from registry.services.addresses import database_url


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_held_until_the_transaction_ends_and_is_nobody_elses(config: Config) -> None:
    with psycopg.connect(database_url(config), autocommit=True, dbname=connection.settings_dict["NAME"]) as other:

        def free(lock: Lock) -> bool:
            held = other.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").fetchall()
            return (int(lock),) not in held

        with transaction.atomic():
            hold(Lock.INDEX)
            assert (free(Lock.INDEX), free(Lock.LOG)) == (False, True)
        assert free(Lock.INDEX)
    with pytest.raises(RuntimeError, match="needs a transaction"):
        hold(Lock.INDEX)


def test_a_long_lock_is_one_connection_s_until_the_block_or_the_connection_ends(db: None) -> None:
    other = connection.copy()
    try:
        with hold_long(Lock.INDEX, -7) as ours, hold_long(Lock.INDEX, -7, within=0) as again:
            assert (ours, again, _taken(other)) == (True, True, False)
        assert _taken(other)
        with hold_long(Lock.INDEX, -7, within=0.15) as ours, hold_long(Lock.INDEX, 8, within=0) as another:
            assert (ours, another) == (False, True)
    finally:
        other.close()
    with hold_long(Lock.INDEX, -7, within=10) as ours:
        assert ours


def _taken(other: BaseDatabaseWrapper) -> bool:
    """Return True if another connection can take the lock."""
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [0x45584900 + int(Lock.INDEX), -7])
        return bool(cursor.fetchone()[0])
