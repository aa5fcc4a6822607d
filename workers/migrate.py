"""Brings the database's schema up to date, once, however many ask for it at the same moment."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from exhibit.errors import ServiceMissingError

_LOCK = 0x45584D47


def migrate() -> bool:
    """Apply what is missing and return whether anything was; some 50 ms when nothing is.

    Raises:
        ServiceMissingError: the database doesn't answer or refuses.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    try:
        if not _is_behind():
            return False
        with _alone():
            call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        said = str(error).strip().splitlines()[0]
        raise ServiceMissingError(f"The database can't be brought up to date: {said}") from error
    return True


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


if __name__ == "__main__":
    try:
        migrate()
    except ServiceMissingError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - a command's message
        sys.exit(int(problem.exit_code))
