"""Find what belongs to an owner, and nothing else: another owner's things do not exist here.

Each subject has a module of this name for its own rows; :mod:`registry.scoped` has them all.
"""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, QuerySet

from registry.accounts.models import Owner, User
from registry.db.rows import there

Row = TypeVar("Row", bound=Model)


def rows_of_owner(
    model: type[Row], *joined: str, order: str = "-number", **which: None
) -> Callable[[Owner], QuerySet[Row]]:
    """Return a function that finds all rows of one kind of an owner.

    Args:
        model: Of the rows; it has an owner.
        joined: Relations that are selected with each row.
        order: The field to order by; newest first by default.
        which: Fields that have to be None.
    """

    def find(of: Owner) -> QuerySet[Row]:
        rows = model._default_manager.filter(owner=of, **which).order_by(order)
        return rows.select_related(*joined) if joined else rows

    return find


def numbered(rows: Callable[[Owner], QuerySet[Row]], noun: str) -> Callable[[Owner, int], Row]:
    """Return a function that finds one of these rows by its number, or raises ``NotFoundError``."""

    def find(of: Owner, number: int) -> Row:
        return there(rows(of).filter(number=number).first(), f"{of.name} has no {noun} {number}.")

    return find


def owners_of(user: User) -> QuerySet[Owner]:
    """The owners that a person is a member of."""
    return Owner.objects.filter(memberships__user=user).order_by("name")


def owner(slug: str) -> Owner:
    """An owner by its short name."""
    return there(
        Owner.objects.filter(slug=slug).first(), f"There is no owner {slug!r}.", "All owners: exhibit api GET /owners"
    )
