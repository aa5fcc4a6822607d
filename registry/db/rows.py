"""One row: there or not, and with other values."""

from typing import TypeVar

from django.db.models import Model

from exhibit.errors import NotFoundError

Thing = TypeVar("Thing")


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
