"""Shared fixtures for all tests: a PostgreSQL and a Redis server, started by the first test that needs them."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import django
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import settings as examples
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from exhibit.config.secrets import load_secret_key
from registry.configuration import load_config
from registry.services import addresses
from tests.assets.stored_schema import make_schema
from workers.servers.embedded import EmbeddedServers

pytest_plugins = ["tests.assets.fixtures", "tests.assets.site_browser"]

# Hypothesis runs few generated examples in each run, and more under `make test-long`. There is no deadline, since
# the first example may have to import modules.
examples.register_profile("long", parent=examples(), max_examples=100, deadline=None)
examples.register_profile("quick", parent=examples(), max_examples=40, deadline=None)
examples.load_profile("quick")

# pytest creates its temporary folders readable by root only when root runs the tests; the servers need access.
_FOLDER = Path(tempfile.mkdtemp(prefix="exhibit-tests-"))


def _prepare() -> None:
    """Configure Django with the addresses of the future servers, before a test module imports a model.

    Starts no server. Also restores the default handler of SIGINT, so that Ctrl-C reaches the tests' child processes
    even where the caller ignores it (a background job of a shell, ``nohup``).
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _FOLDER.chmod(0o755)
    embedded = load_config({"EXHIBIT_DATA": str(_FOLDER)})
    for name in [name for name in os.environ if name.startswith("EXHIBIT_")]:
        del os.environ[name]
    os.environ.update(
        EXHIBIT_DATA=str(_FOLDER),
        EXHIBIT_CAPTURE_BROWSER="none",  # tests that need a browser start one
        DATABASE_URL=addresses.get_database_url(embedded),
        REDIS_URL=addresses.get_broker_url(embedded),
        DJANGO_SETTINGS_MODULE="desk.settings",
    )
    load_secret_key(embedded)  # as in an installation whose database is down
    django.setup()
    # Tests create about 500 accounts; a slow password hash is Django's to test.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


_prepare()
gc.disable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Unset the settings module, so that each process of a parallel run chooses its own folder."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_collection_finish() -> None:
    """Exclude everything imported so far from garbage collection, which makes collections shorter."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Reconnect to the database after a test that lost its connection in a transaction, for the tests after it."""
    try:
        return (yield)
    finally:
        if connection.connection is not None and connection.connection.closed:
            connection.connect()  # resets the state: Django forgets the open transaction


def pytest_unconfigure() -> None:
    shutil.rmtree(_FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def config() -> Config:
    """The configuration of this test process."""
    return load_config()


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """PostgreSQL and Redis for the whole run of this test process, at the addresses in its environment."""
    config = load_config({"EXHIBIT_DATA": str(_FOLDER)})
    with EmbeddedServers(config) as running:
        _wait_for_no_disk(config)
        yield running


def _wait_for_no_disk(config: Config) -> None:
    """Turn off synchronous writes. The data need not survive a power cut; tests that kill servers start their own."""
    with psycopg.connect(addresses.get_database_url(config), autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: EmbeddedServers, django_db_blocker: DjangoDbBlocker) -> None:
    """Start the servers and create the schema; Django then creates its test database as a copy of it."""
    with django_db_blocker.unblock():
        make_schema(load_config(), lambda: call_command("migrate", verbosity=0, interactive=False))
        connection.close()
    connection.settings_dict["TEST"]["TEMPLATE"] = addresses.DATABASE_NAME


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that the servers' user can access, for a test that needs its own data folder."""
    with tempfile.TemporaryDirectory(prefix="exhibit-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Make tests with real transactions empty only the tables that contain rows, since there are over a hundred tables.

    The rows that Django itself writes after a migration (content types and permissions) are kept.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _flush_statements)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


def _flush_statements(_: DatabaseOperations, __: object, tables: Iterable[str], **___: object) -> list[str]:
    """Return the statements that empty the tables, including the log, whose triggers would forbid it."""
    rows = (
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")"  # noqa: S608 - names of Django
        for table in sorted({*tables} - UNTOUCHED_TABLES)
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(rows))
        full = [table for (table,) in cursor.fetchall()]
    if not full:
        return []
    deleting = [f'DELETE FROM "{table}"' for table in full]  # noqa: S608
    return ["SET LOCAL session_replication_role = replica", *deleting]


UNTOUCHED_TABLES = {"django_content_type", "auth_permission"}
