"""Scenes that a process builds once and lays down again for each further test that begins with one.

A scene is what stands in the database, in the data folder and in the hands of a test when a function has built it. In
an installation in which nothing has happened yet, :func:`once` gives back what was there when the same function ended
for the first time: its rows by ``COPY``, its files as copies, and its objects, which then belong to this installation.
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

from evidence.log.heads import NAME as HEAD
from exhibit.config.config import Config
from registry.jobs import Job
from workers.tasks.sync_runner import SyncRunner

Made = TypeVar("Made")
UNTOUCHED = {"auth_permission", "django_content_type", "django_migrations"}
"""The tables in which the migrations leave rows."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a function has built.

    Attributes:
        inline: the installation that it was built in.
        config: of the installation when the function ended.
        waiting: the hints that waited there then.
        rows: of each table that has some.
        files: a copy of the data folder.
        made: what the function returned.
    """

    inline: SyncRunner
    config: Config
    waiting: tuple[tuple[Job, list[int]], ...]
    rows: dict[str, bytes]
    files: Path
    made: object


_ALL_KEPT: dict[Hashable, _Kept] = {}


def once(inline: SyncRunner, build: Callable[..., Made], *given: Hashable) -> Made:
    """What ``build(inline, *given)`` makes of an untouched installation; another one is built upon as it is."""
    if _tables_with_rows():
        return build(inline, *given)
    began = inline.services.config
    files = tuple(sorted(str(path.relative_to(began.data_dir)) for path in began.data_dir.rglob("*")))
    key = (build.__module__, build.__qualname__, given, repr(replace(began, data_dir=Path())), files)
    if (kept := _ALL_KEPT.get(key)) is not None:
        _lay_down(kept, inline)
        return cast("Made", _of(inline, kept.made, kept.inline))
    made = build(inline, *given)
    rows = {table: _copied(table) for table in _tables_with_rows()}
    files_kept = _folder() / str(len(_ALL_KEPT))
    _copy_files(began.data_dir, files_kept)
    waiting = tuple(inline._waiting)
    _ALL_KEPT[key] = _Kept(inline, inline.services.config, waiting, rows, files_kept, _of(inline, made, inline))
    return made


def _lay_down(kept: _Kept, inline: SyncRunner) -> None:
    _copy_files(kept.files, inline.services.config.data_dir)
    inline.services.config = replace(kept.config, data_dir=inline.services.config.data_dir)
    inline._waiting.extend(kept.waiting)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # rows come in any order, and no trigger acts
        for table, rows in kept.rows.items():
            with _psycopg().cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copied:
                copied.write(rows)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _of(inline: SyncRunner, made: object, before: SyncRunner) -> object:
    """A copy of what a function has returned that belongs to another installation."""
    same = {id(before): inline, id(before.services): inline.services}
    return copy.deepcopy(made, same)


def _tables_with_rows() -> list[str]:
    with connection.cursor() as cursor:
        asked = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in _tables())  # noqa: S608 - our names
        cursor.execute(" UNION ALL ".join(asked))
        return [name for (name,) in cursor.fetchall()]


@cache
def _tables() -> tuple[str, ...]:
    return tuple(sorted(set(connection.introspection.table_names()) - UNTOUCHED))


def _copied(table: str) -> bytes:
    with _psycopg().cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copied:
        return b"".join(bytes(part) for part in copied)


def _psycopg() -> "Connection[tuple[object, ...]]":
    connection.ensure_connection()
    return cast("Connection[tuple[object, ...]]", connection.connection)


SERVERS = os.environ["EXHIBIT_DATA"]
"""As it is before a test of the command line has a data folder of its own."""


@cache
def _folder() -> Path:
    """Where copies of data folders lie: beside the servers of the tests, which are removed with it."""
    return Path(tempfile.mkdtemp(prefix="kept-", dir=SERVERS))


def _copy_files(whence: Path, to: Path) -> None:
    def copied(one: str, other: str) -> None:
        if Path(one).name == HEAD:
            os.link(one, other)  # it would know that it is a copy; who changes it puts another file in its place
        else:
            shutil.copy2(one, other)

    def there(folder: str, names: list[str]) -> set[str]:
        within = to / Path(folder).relative_to(whence)
        return {name for name in names if (within / name).is_file()}

    shutil.copytree(whence, to, copy_function=copied, ignore=there, dirs_exist_ok=True)
