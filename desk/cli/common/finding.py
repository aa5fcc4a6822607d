"""How commands find works: by words, by what they need, by their collection."""

from collections.abc import Callable
from typing import TypeVar

import click

from exhibit.errors import WrongUseError
from exhibit.lazy import late
from exhibit.types import Untyped

with late():
    from django.db.models import query

    from registry import models
    from registry.works import collections, works

ONLY = ("doubtful", "unsafe", "seen", "authorless", "held", "related")
Run = TypeVar("Run", bound=Callable[..., None])
_FINDING: Untyped = {
    "--match": {"default": "", "metavar": "WORDS", "help": "In title, author, holder, file or number."},
    "--only": {"type": click.Choice(ONLY), "help": "Only those that need something."},
    "--in": {"default": None, "metavar": "NAME", "help": "Only those in this collection."},
}


def finds(run: Run) -> Run:
    """Give a command options that find works: what it takes goes to :func:`found_works`."""
    for name, how in reversed(_FINDING.items()):
        run = click.option(name, *(("within",) if name == "--in" else ()), **how)(run)
    return run


def found_works(of: "models.Owner", match: str, only: str | None, within: str | None) -> "query.QuerySet[models.Work]":
    """The works that :func:`finds` asks for; raises ``WrongUseError`` for a collection that isn't there."""
    collection = None if within is None else collections.named(of, within)
    if within is not None and collection is None:
        raise WrongUseError(f"There is no collection {within!r}.", hint="`exhibit work collections` shows them all.")
    return works.search(of, match, only or "", collection=None if collection is None else collection.number)
