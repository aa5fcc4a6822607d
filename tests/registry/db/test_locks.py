"""One transaction at a time appends: who holds a lock keeps others waiting until it ends."""

import psycopg
import pytest
from django.db import connection, transaction

from exhibit.config.config import Config
from registry.db.locks import Lock, hold
from workers.servers.addresses import database_url


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
