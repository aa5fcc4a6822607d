"""Scenes that a process builds once and restores for each further test that starts with the same scene.

A scene is everything in the database, in the data folder and in the return value after a function has built it. In
an untouched installation, :func:`restore_scene` restores the state after the first call of the same function: rows by
``COPY``, files as copies, and objects, which then refer to the current installation.
"""

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from django.db import connection, transaction
from psycopg import Connection

from evidence.log.checkpoint_stores import OBJECT_NAME as HEAD
from exhibit.config.config import Config
from registry.jobs import Job
from workers.tasks.sync_runner import SyncRunner

Result = TypeVar("Result")
UNTOUCHED = {"auth_permission", "django_content_type", "django_migrations"}
"""Tables that contain rows after the migrations."""


@dataclass(frozen=True, slots=True)
class _StoredScene:
    """The stored result of a function.

    Attributes:
        inline: Installation in which it was built.
        config: Configuration of the installation when the function ended.
        waiting: Hints that waited there at that time.
        rows: Rows of each table that has some.
        files: Copy of the data folder.
        made: Return value of the function.
    """

    inline: SyncRunner
    config: Config
    jobs: tuple[tuple[Job, list[int]], ...]
    rows: dict[str, bytes]
    files: Path
    result: object


_STORED_SCENES: dict[Hashable, _StoredScene] = {}


def restore_scene(inline: SyncRunner, build: Callable[..., Result], *arguments: Hashable) -> Result:
    """Return ``build(inline, *given)``, restored from the first call if the installation is untouched.

    In an installation with rows the function is called.
    """
    if _tables_with_rows():
        return build(inline, *arguments)
    config = inline.services.config
    files = tuple(sorted(str(path.relative_to(config.data_dir)) for path in config.data_dir.rglob("*")))
    key = (build.__module__, build.__qualname__, arguments, repr(replace(config, data_dir=Path())), files)
    if (stored := _STORED_SCENES.get(key)) is not None:
        _restore(stored, inline)
        return cast("Result", _copy_for(inline, stored.result, stored.inline))
    result = build(inline, *arguments)
    rows = {table: _dump_table(table) for table in _tables_with_rows()}
    stored_files = _folder() / str(len(_STORED_SCENES))
    _copy_files(config.data_dir, stored_files)
    jobs = tuple(inline._waiting)
    _STORED_SCENES[key] = _StoredScene(
        inline, inline.services.config, jobs, rows, stored_files, _copy_for(inline, result, inline)
    )
    return result


def _restore(stored: _StoredScene, inline: SyncRunner) -> None:
    _copy_files(stored.files, inline.services.config.data_dir)
    inline.services.config = replace(stored.config, data_dir=inline.services.config.data_dir)
    inline._waiting.extend(stored.jobs)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # any order of rows, no triggers
        for table, rows in stored.rows.items():
            with _psycopg().cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copied:
                copied.write(rows)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _copy_for(inline: SyncRunner, result: object, before: SyncRunner) -> object:
    """Return a copy of a function's result in which this installation replaces the earlier one."""
    same = {id(before): inline, id(before.services): inline.services}
    return copy.deepcopy(result, same)


def _tables_with_rows() -> list[str]:
    with connection.cursor() as cursor:
        queries = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in _tables())  # noqa: S608 - our names
        cursor.execute(" UNION ALL ".join(queries))
        return [name for (name,) in cursor.fetchall()]


@cache
def _tables() -> tuple[str, ...]:
    return tuple(sorted(set(connection.introspection.table_names()) - UNTOUCHED))


def _dump_table(table: str) -> bytes:
    with _psycopg().cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copied:
        return b"".join(bytes(part) for part in copied)


def _psycopg() -> "Connection[tuple[object, ...]]":
    connection.ensure_connection()
    return cast("Connection[tuple[object, ...]]", connection.connection)


SERVERS = os.environ["EXHIBIT_DATA"]
"""The tests' folder, before a test of the command line sets its own data folder."""


@cache
def _folder() -> Path:
    """Return the folder for copies of data folders, inside the test servers' folder and removed with it."""
    return Path(tempfile.mkdtemp(prefix="kept-", dir=SERVERS))


def _copy_files(source: Path, target: Path) -> None:
    def copy_file(source_path: str, target_path: str) -> None:
        if Path(source_path).name == HEAD:
            os.link(source_path, target_path)  # a copy has another inode and is rejected; writers replace the file
        else:
            shutil.copy2(source_path, target_path)

    def existing_names(folder: str, names: list[str]) -> set[str]:
        within = target / Path(folder).relative_to(source)
        return {name for name in names if (within / name).is_file()}

    shutil.copytree(source, target, copy_function=copy_file, ignore=existing_names, dirs_exist_ok=True)
