"""How commands find works: by words, by what they need, by their collection."""

from typing import TYPE_CHECKING

import click

from desk.cli.common.command import together
from exhibit.errors import WrongUseError

if TYPE_CHECKING:
    from django.db.models import query

    from registry import models

ONLY = ("doubtful", "unsafe", "seen", "authorless", "held", "related")
finds = together(
    click.option("--match", default="", metavar="WORDS", help="In title, author, holder, file or number."),
    click.option("--only", type=click.Choice(ONLY), help="Only those that need something."),
    click.option("--in", "within", metavar="NAME", help="Only those in this collection."),
)
"""Options that find works: what they give goes to :func:`found_works`."""


def found_works(of: "models.Owner", match: str, only: str | None, within: str | None) -> "query.QuerySet[models.Work]":
    """The works that :func:`finds` asks for; raises ``WrongUseError`` for a collection that isn't there."""
    from registry.works import works

    collection = None if within is None else collection_named(of, within).number
    return works.search(of, match, only or "", collection=collection)


def collection_named(of: "models.Owner", name: str) -> "models.Collection":
    """A collection of the owner; raises ``WrongUseError`` for one that isn't there."""
    from registry.works import collections

    row = collections.named(of, name)
    if row is None:
        raise WrongUseError(f"There is no collection {name!r}.", hint="`exhibit work collections` shows them all.")
    return row
