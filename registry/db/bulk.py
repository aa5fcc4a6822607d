"""Bulk writes: COPY into a temporary table, then one INSERT … ON CONFLICT (PostgreSQL)."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg import sql


def copy_into(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    conflict: Sequence[str],
    update: Sequence[str] = (),
    where: str = "",
) -> int:
    """Insert many rows; must run inside a transaction.

    Args:
        table: the table's name.
        columns: the columns that are given.
        rows: one value a column; JSON goes in as :class:`psycopg.types.json.Jsonb`.
        conflict: the unique key; a row that is there stays, but for the columns of ``update``.
        update: columns that a later row overwrites.
        where: SQL that says of which rows, by ``EXCLUDED`` and the table's name; all without it.

    Returns:
        How many rows were inserted or updated.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    temporary = sql.Identifier(f"copy_{table}")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {temporary} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
            ).format(temporary=temporary, names=names, table=sql.Identifier(table))
        )
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(temporary, names)) as copy:
            for row in rows:
                copy.write_row([storable(value) if isinstance(value, str) else value for value in row])
        cursor.execute(_insert(table, names, temporary, conflict, update, where))
        count: int = cursor.rowcount
        cursor.execute(sql.SQL("DROP TABLE {}").format(temporary))
    return count


def storable(text: str, most: int | None = None) -> str:
    """A stranger's text as PostgreSQL can keep it: NUL and half characters replaced, cut at a length."""
    return text[:most].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _insert(
    table: str,
    names: sql.Composed,
    temporary: sql.Identifier,
    conflict: Sequence[str],
    update: Sequence[str],
    where: str,
) -> sql.Composed:
    action: sql.Composable = sql.SQL("NOTHING")
    if update:
        overwrite = (sql.SQL("{c} = EXCLUDED.{c}").format(c=sql.Identifier(name)) for name in update)
        action = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(overwrite))
        if where:
            action = sql.SQL("{} WHERE {}").format(action, sql.SQL(where))
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM {temporary} ORDER BY {key} ON CONFLICT ({key}) DO {action}"
    ).format(
        table=sql.Identifier(table),
        names=names,
        temporary=temporary,
        key=sql.SQL(", ").join(map(sql.Identifier, conflict)),
        action=action,
    )
