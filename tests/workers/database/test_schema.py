"""Bringing the database up to date."""

import os
import subprocess
import sys
from urllib.parse import SplitResult, urlsplit

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError
from registry.models import CalibrationRow, DescriptorModel
from tests import CHECKOUT
from workers.database import schema
from workers.servers.addresses import database_url
from workers.servers.postgres import postgres_programs

MIGRATE = """
import sys
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
executor.loader.replace_migrations = sys.argv[1:] == ["in_one_step"]
executor.loader.build_graph()
nodes = executor.loader.graph.leaf_nodes()
executor.migrate([node for node in nodes if executor.loader.replace_migrations or "_squashed_" not in node[1]])
"""


def test_what_comes_along_is_among_the_rows_and_a_second_time_changes_nothing(db: None) -> None:
    assert not schema.is_behind()
    for _ in range(2):
        assert schema.migrate() is False
        assert (DescriptorModel.objects.filter(shipped=True).count(), CalibrationRow.objects.count()) == (1, 1)


def test_a_database_that_lacks_a_migration_is_behind(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'registry' AND name >= '0002'")
    assert schema.is_behind()


def test_a_database_that_refuses_is_said_in_a_sentence(db: None) -> None:
    with transaction.atomic():
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM nothing")
        with pytest.raises(ServiceMissingError, match="can't be brought up to date: current transaction is aborted"):
            schema.migrate()
        transaction.set_rollback(True)


@pytest.mark.long
def test_an_empty_database_gets_in_one_step_what_the_migrations_give_it_one_by_one(config: Config, db: None) -> None:
    schemas = [schema_made(urlsplit(database_url(config)), name) for name in ("in_one_step", "one_by_one")]
    assert schemas[0] == schemas[1]


def schema_made(server: SplitResult, name: str) -> list[str]:
    """Make a database by the migrations; returns its schema line by line, without the order of columns."""
    with psycopg.connect(server.geturl(), autocommit=True) as made:
        made.execute(f"DROP DATABASE IF EXISTS {name}")
        made.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    url = server._replace(path=f"/{name}").geturl()
    environ = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "desk.settings"}
    subprocess.run([sys.executable, "-c", MIGRATE, name], env=environ, cwd=CHECKOUT, check=True)
    command = [str(postgres_programs() / "pg_dump"), "--schema-only", "--no-owner", f"--dbname={url}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(line.removesuffix(",") for line in told.splitlines() if not line.startswith("\\"))
