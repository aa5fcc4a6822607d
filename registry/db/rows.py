"""Helpers to require, update, lock and number single rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Manager, Max, Model, QuerySet

from exhibit.errors import NotFoundError

Value = TypeVar("Value")
Row = TypeVar("Row", bound=Model)


def require(value: Value | None, message: str, hint: str = "") -> Value:
    """Return ``value``, or raise ``NotFoundError`` with this message if it is ``None``."""
    if value is None:
        raise NotFoundError(message, hint=hint)
    return value


def update_row(row: Model, **values: object) -> None:
    """Set these values on a row and save only these columns."""
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=values)


def copy_columns(row: object, *names: str) -> dict[str, Any]:
    """Return the given attributes of a row by name, to copy them to another row."""
    return {name: getattr(row, name) for name in names}


def lock_and_reload(row: Row) -> Row:
    """Return the current state of a row, locked against changes until the transaction ends."""
    # Not type(row): the signed-in user is a lazy object.
    return row.__class__._default_manager.select_for_update(no_key=True).get(pk=row.pk)


@contextmanager
def lock_row(row: Row) -> Iterator[Row]:
    """Open a transaction that locks a row and everything that its lock protects; yield its current state."""
    with transaction.atomic():
        yield lock_and_reload(row)


def get_next_number(rows: Manager[Any] | QuerySet[Any]) -> int:
    """Return the highest number plus one. Concurrent callers get the same number unless a lock separates them."""
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1
