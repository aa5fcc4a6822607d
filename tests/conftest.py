"""What all tests share: servers of their own, started when the first test asks for them, and Django that finds them."""

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
from exhibit.config.secrets import secret_key
from registry.configuration import load_config
from registry.services import addresses
from tests.assets.kept_schema import make_schema
from workers.servers.embedded import EmbeddedServers

pytest_plugins = ["tests.assets.fixtures", "tests.assets.site_browser"]

# made-up examples of a property: fewer in each run, more where `make test-long` asks for them; no deadline, since the
# first one may have to import what it needs
examples.register_profile("long", parent=examples(), max_examples=100, deadline=None)
examples.register_profile("quick", parent=examples(), max_examples=40, deadline=None)
examples.load_profile("quick")

# pytest's own temporary folders are closed to the servers' user when root runs the tests
_FOLDER = Path(tempfile.mkdtemp(prefix="exhibit-tests-"))


def _prepare() -> None:
    """Tell Django where the servers will be, before any test module asks for a model; nothing is started by that.

    What tests start hears Ctrl-C, also where whoever started the tests ignores it: a shell's job, nohup.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _FOLDER.chmod(0o755)
    embedded = load_config({"EXHIBIT_DATA": str(_FOLDER)})
    for name in [name for name in os.environ if name.startswith("EXHIBIT_")]:
        del os.environ[name]
    os.environ.update(
        EXHIBIT_DATA=str(_FOLDER),
        EXHIBIT_CAPTURE_BROWSER="none",  # tests that need a browser start one
        DATABASE_URL=addresses.database_url(embedded),
        REDIS_URL=addresses.broker_url(embedded),
        DJANGO_SETTINGS_MODULE="desk.settings",
    )
    secret_key(embedded)  # as an installation has it whose database is down
    django.setup()
    # half a thousand tests make people; how long a real hash takes is Django's to test
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


_prepare()
gc.disable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Leave each process of a parallel run to its own folder: it must not find this one's settings named already."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_collection_finish() -> None:
    """What has been imported stays until the end: it isn't looked through for garbage, now nor later."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None]:
    """A test that lost its connection within a transaction takes none of those after it with it."""
    try:
        return (yield)
    finally:
        if connection.connection is not None and connection.connection.closed:
            connection.connect()  # as at first: Django forgets the transaction that was open


def pytest_unconfigure() -> None:
    shutil.rmtree(_FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def config() -> Config:
    """The configuration under which this test process runs."""
    return load_config()


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """PostgreSQL and Redis for the whole run of this test process, at the addresses of the environment."""
    config = load_config({"EXHIBIT_DATA": str(_FOLDER)})
    with EmbeddedServers(config) as running:
        _wait_for_no_disk(config)
        yield running


def _wait_for_no_disk(config: Config) -> None:
    """Nothing in this database has to outlive a power cut; servers that tests kill are others."""
    with psycopg.connect(addresses.database_url(config), autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: EmbeddedServers, django_db_blocker: DjangoDbBlocker) -> None:
    """Start the servers and make the schema before Django makes its test database, as a copy."""
    with django_db_blocker.unblock():
        make_schema(load_config(), lambda: call_command("migrate", verbosity=0, interactive=False))
        connection.close()
    connection.settings_dict["TEST"]["TEMPLATE"] = addresses.DATABASE_NAME


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that the servers' user can reach, for a test with a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="exhibit-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Have tests with real transactions empty only the tables that hold rows: there are over a hundred.

    What Django itself writes down after a migration, names of tables and of rights, stays.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _emptying)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


def _emptying(_: DatabaseOperations, __: object, tables: Iterable[str], **___: object) -> list[str]:
    """Statements that also empty the log, whose triggers would forbid it."""
    rows = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in sorted({*tables} - KEPT))  # noqa: S608 - names of Django
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(rows))
        full = [table for (table,) in cursor.fetchall()]
    if not full:
        return []
    deleting = [f'DELETE FROM "{table}"' for table in full]  # noqa: S608
    return ["SET LOCAL session_replication_role = replica", *deleting]


KEPT = {"django_content_type", "auth_permission"}
