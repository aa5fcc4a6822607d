"""Look up rows that belong to an owner. Rows of other owners are never returned.

Each subject has a module of this name for its own rows; :mod:`registry.scoped` combines them.
"""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, QuerySet

from registry.accounts.models import Owner, User
from registry.db.rows import require

Row = TypeVar("Row", bound=Model)


def rows_of_owner(
    model: type[Row], *joined: str, order: str = "-number", **null_fields: None
) -> Callable[[Owner], QuerySet[Row]]:
    """Return a function that returns all rows of one model that belong to an owner.

    Args:
        model: The model; it has a field ``owner``.
        joined: Relations to load with ``select_related``.
        order: The field to order by; newest first by default.
        null_fields: Fields that must be ``None``.
    """

    def find(of: Owner) -> QuerySet[Row]:
        rows = model._default_manager.filter(owner=of, **null_fields).order_by(order)
        return rows.select_related(*joined) if joined else rows

    return find


def number_lookup(rows: Callable[[Owner], QuerySet[Row]], noun: str) -> Callable[[Owner, int], Row]:
    """Return a function that returns the row with a number, or raises ``NotFoundError``."""

    def find(of: Owner, number: int) -> Row:
        return require(rows(of).filter(number=number).first(), f"{of.name} has no {noun} {number}.")

    return find


def owners_of(user: User) -> QuerySet[Owner]:
    """Return the owners that a person is a member of, by name."""
    return Owner.objects.filter(memberships__user=user).order_by("name")


def owner(slug: str) -> Owner:
    """Return the owner with a slug.

    Raises:
        NotFoundError: No owner has this slug.
    """
    return require(
        Owner.objects.filter(slug=slug).first(), f"There is no owner {slug!r}.", "All owners: exhibit api GET /owners"
    )
