"""Database dump at one point in time with pg_dump, and restore into an empty database with pg_restore."""

import os
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError, ServiceMissingError
from registry.services.addresses import get_database_url
from workers.servers.postgres import find_postgres_programs

_IDENTITY_TABLES = ("registry_owner", "registry_user", "registry_logentry")
"""Tables whose rows show that a database is in use."""


def dump_rows(config: Config, snapshot: str, dump_path: Path) -> None:
    """Dump all rows as of an exported transaction snapshot.

    Raises:
        ServiceMissingError: pg_dump failed.
    """
    options = ("--format", "custom", "--no-owner", f"--snapshot={snapshot}", "--file", str(dump_path))
    _run_on_database(config, "pg_dump", *options)


def restore_rows(config: Config, dump: Path) -> None:
    """Restore a dump into an empty database, completely or not at all.

    Raises:
        InvalidRequestError: The database is not empty.
        ServiceMissingError: pg_restore failed.
    """
    with psycopg.connect(get_database_url(config), autocommit=True) as connection:
        if _has_rows(connection):
            hint = "Restore into another data folder, or set DATABASE_URL to an empty database."
            raise InvalidRequestError("The database already contains data. Nothing was restored.", hint=hint)
        if _list_tables(connection):  # Created by an earlier command that opened the database.
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    _run_on_database(config, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", str(dump))


def read_migrations(dump: Path, app: str) -> set[str]:
    """Return the names of an app's migrations that are recorded in a dump.

    Raises:
        ServiceMissingError: pg_restore failed.
    """
    options = ("--data-only", "--table=django_migrations", "--file=-")
    listing = _run_program("pg_restore", *options, str(dump))
    rows = (line.split("\t") for line in listing.splitlines())
    return {row[2] for row in rows if row[1:2] == [app]}


def is_empty(config: Config) -> bool:
    """Return True if the database has no data that could be lost."""
    with psycopg.connect(get_database_url(config), autocommit=True) as connection:
        return not _has_rows(connection)


def _list_tables(connection: "psycopg.Connection[tuple[object, ...]]") -> set[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {str(name) for (name,) in rows}


def _has_rows(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    tables = _list_tables(connection)
    return any(
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - names of ours
        for table in _IDENTITY_TABLES
        if table in tables
    )


def _run_on_database(config: Config, program: str, *arguments: str) -> None:
    """Run a PostgreSQL program on the database. The password is passed in its environment."""
    parameters = conninfo_to_dict(get_database_url(config))
    password = str(parameters.pop("password", "") or "")
    _run_program(
        program,
        "--dbname",
        make_conninfo("", **parameters),
        *arguments,
        **({"PGPASSWORD": password} if password else {}),
    )


def _run_program(program: str, *arguments: str, **environ: str) -> str:
    """Run a PostgreSQL program and return its output.

    Raises:
        ServiceMissingError: The program failed; the message contains its error output.
    """
    command = [str(find_postgres_programs() / program), *arguments]
    result = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=False)
    if result.returncode:
        last_lines = " / ".join(result.stderr.strip().splitlines()[-2:])
        raise ServiceMissingError(f"{program} failed: {last_lines}", retry=False)
    return result.stdout
