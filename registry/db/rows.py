"""One row: there or not, with other values, held by a transaction; and the number that the next one gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Manager, Max, Model, QuerySet

from exhibit.errors import NotFoundError

Thing = TypeVar("Thing")
Row = TypeVar("Row", bound=Model)


def there(found: Thing | None, message: str, hint: str = "") -> Thing:
    """What was looked for; raises ``NotFoundError`` with these words when it isn't there."""
    if found is None:
        raise NotFoundError(message, hint=hint)
    return found


def write(row: Model, **values: object) -> None:
    """Give a row these values and write them, and no others, to the database."""
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=values)


def columns(row: object, *names: str) -> dict[str, Any]:
    """What a row says under some names, by name: for what says it under the same."""
    return {name: getattr(row, name) for name in names}


def locked(row: Row) -> Row:
    """A row as it is now, which nobody else changes until the transaction ends."""
    # not type(row): who is signed in is a lazy object
    return row.__class__._default_manager.select_for_update(no_key=True).get(pk=row.pk)


@contextmanager
def alone_with(row: Row) -> Iterator[Row]:
    """A transaction in which nobody else changes a row, nor what hangs on its lock; gives it as it is now."""
    with transaction.atomic():
        yield locked(row)


def next_number(rows: Manager[Any] | QuerySet[Any]) -> int:
    """One more than the highest of their numbers; two that ask at once are told the same, unless a lock parts them."""
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1
