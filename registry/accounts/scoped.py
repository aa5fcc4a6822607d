"""Queries limited to one owner. Rows of other owners are never returned.

Each subject has a module of this name for its own models; :mod:`registry.scoped` combines them.
"""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, QuerySet

from registry.accounts.models import Owner, User
from registry.db.rows import require

Row = TypeVar("Row", bound=Model)


def make_owner_query(
    model: type[Row], *joined: str, order: str = "-number", **null_fields: None
) -> Callable[[Owner], QuerySet[Row]]:
    """Return a function that returns all rows of one model that belong to an owner.

    Args:
        model: The model, which has a field ``get_owner``.
        joined: Relations to load with ``select_related``.
        order: The field to order by; the newest rows come first by default.
        null_fields: Names of fields that must be null, passed as ``name=None``.
    """

    def list_rows(owner: Owner) -> QuerySet[Row]:
        rows = model._default_manager.filter(owner=owner, **null_fields).order_by(order)
        return rows.select_related(*joined) if joined else rows

    return list_rows


def make_number_lookup(list_rows: Callable[[Owner], QuerySet[Row]], noun: str) -> Callable[[Owner, int], Row]:
    """Return a function that returns an owner's row with a given number, or raises ``NotFoundError``."""

    def get_row(owner: Owner, number: int) -> Row:
        return require(list_rows(owner).filter(number=number).first(), f"{owner.name} has no {noun} {number}.")

    return get_row


def list_owners(user: User) -> QuerySet[Owner]:
    """Return the owners of which a user is a member, sorted by name."""
    return Owner.objects.filter(memberships__user=user).order_by("name")


def get_owner(slug: str) -> Owner:
    """Return the owner with the given slug.

    Raises:
        NotFoundError: No owner has this slug.
    """
    return require(
        Owner.objects.filter(slug=slug).first(), f"There is no owner {slug!r}.", "List owners: exhibit api GET /owners"
    )
