"""Bulk writes: COPY into a temporary table, then one INSERT … ON CONFLICT (PostgreSQL)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from psycopg import sql

_CREATE = "CREATE TEMPORARY TABLE {temporary} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
_COPY = "COPY {temporary} ({names}) FROM STDIN"
_INSERT = (
    "INSERT INTO {table} ({names}) SELECT {names} FROM {given} ORDER BY {key} ON CONFLICT ({key}) DO {action} "
    "RETURNING {returned}"
)
_DIRECT_ROWS = "(SELECT {names} FROM {table} WHERE false UNION ALL {rows}) AS few"  # gives each column the table's type
_NUMBERS, _TEXTS = (models.IntegerField, models.ForeignKey), (models.CharField, models.TextField)
"""Fields whose plain values skip preparation, which would take a third of the time of a row."""
MAX_DIRECT_ROWS = 16
"""Up to this number of rows are inserted without a temporary table, which would cost more than the rows."""


def copy_into(rows: Iterable[models.Model], *, conflict: Sequence[str], overwrite: str = "") -> int:
    """Insert rows of one model, except those whose key ``conflict`` exists; must run inside a transaction.

    Columns whose value is the database default are not written.

    Args:
        rows: Rows of one model.
        conflict: Columns of the key.
        overwrite: SQL condition for existing rows to overwrite with the new values; it refers to ``EXCLUDED`` and to
            the table's name. Without it, existing rows stay as they are.

    Returns:
        The number of rows inserted or overwritten.
    """
    records = list(rows)
    if not records:
        return 0
    fields = _list_fields(records[0])
    values = ([_prepare_value(row, field) for field in fields] for row in records)
    names = [str(field.column) for field in fields]
    return len(copy_values(type(records[0]), names, values, conflict=conflict, overwrite=overwrite))


def copy_values(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    conflict: Sequence[str],
    overwrite: str = "",
) -> list[object]:
    """Insert rows of plain PostgreSQL values, like :func:`copy_into` but without model instances.

    Returns:
        The value of the key's last column for each row that was inserted or overwritten.
    """
    table = model._meta.db_table
    identifiers = _make_identifiers(table, columns, conflict, overwrite)
    first_rows = list(islice(remaining_rows := iter(rows), MAX_DIRECT_ROWS + 1))
    if not first_rows:
        return []
    with connection.cursor() as cursor:
        if len(first_rows) <= MAX_DIRECT_ROWS:
            parameters: list[Any] = [value for values in first_rows for value in values]
            cursor.execute(
                _compose_direct_insert(table, tuple(columns), tuple(conflict), overwrite, len(first_rows)), parameters
            )
            return [key for (key,) in cursor.fetchall()]
        cursor.execute(sql.SQL(_CREATE).format(**identifiers))
        with cursor.copy(sql.SQL(_COPY).format(**identifiers)) as copy:
            for values in chain(first_rows, remaining_rows):
                copy.write_row(values)
        cursor.execute(sql.SQL(_INSERT).format(given=identifiers["temporary"], **identifiers))
        returned_keys = [key for (key,) in cursor.fetchall()]
        cursor.execute(sql.SQL("DROP TABLE {temporary}").format(**identifiers))
    return returned_keys


def to_storable(text: str, max_length: int | None = None) -> str:
    """Return untrusted text that PostgreSQL can store: truncated, with NUL and lone surrogates replaced."""
    return text[:max_length].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _list_fields(row: models.Model) -> list["models.Field[Any, Any]"]:
    fields = [field for field in row._meta.concrete_fields if not (field.primary_key or field.generated)]
    return [field for field in fields if not isinstance(getattr(row, field.attname), DatabaseDefault)]


def _prepare_value(row: models.Model, field: "models.Field[Any, Any]") -> object:
    value = field.pre_save(row, add=True)
    if value is None or (type(value) is int and isinstance(field, _NUMBERS)):
        return value
    if not (type(value) is str and type(field) in _TEXTS):
        value = field.get_db_prep_save(value, connection)
    return to_storable(value) if isinstance(value, str) else value


@lru_cache(maxsize=256)
def _compose_direct_insert(
    table: str, columns: Sequence[str], conflict: Sequence[str], overwrite: str, row_count: int
) -> str:
    """Return the INSERT statement for a few rows, without a temporary table.

    The result is cached, because composing it takes a millisecond.
    """
    identifiers = _make_identifiers(table, columns, conflict, overwrite)
    row = sql.SQL("SELECT {}").format(sql.SQL(", ").join([sql.Placeholder()] * len(columns)))
    direct_rows = sql.SQL(_DIRECT_ROWS).format(rows=sql.SQL(" UNION ALL ").join([row] * row_count), **identifiers)
    return sql.SQL(_INSERT).format(given=direct_rows, **identifiers).as_string()


def _make_identifiers(
    table: str, columns: Sequence[str], conflict: Sequence[str], overwrite: str
) -> dict[str, sql.Composable]:
    return {
        "table": sql.Identifier(table),
        "temporary": sql.Identifier(f"copy_{table}"),
        "names": _join_identifiers(columns),
        "key": _join_identifiers(conflict),
        "returned": sql.Identifier(table, conflict[-1]),
        "action": _compose_conflict_action([name for name in columns if name not in conflict], overwrite),
    }


def _join_identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _compose_conflict_action(columns: Sequence[str], overwrite: str) -> sql.Composable:
    if not overwrite:
        return sql.SQL("NOTHING")
    assignments = sql.SQL(", ").join(sql.SQL("{c} = EXCLUDED.{c}").format(c=sql.Identifier(name)) for name in columns)
    return sql.SQL("UPDATE SET {} WHERE {}").format(assignments, sql.SQL(overwrite))
