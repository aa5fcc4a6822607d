"""Pagination of lists by cursors."""

from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from ninja import Query

from desk.schemas.base import Answer, Page

MAX_ROWS = 100
_WORD = "after-"
Row = TypeVar("Row", bound=Model)
A = TypeVar("A", bound=Answer)

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Maximum number of rows.")]
_BEFORE = "`next` or `last` of the previous response."
Cursor = Annotated[str, Query(pattern=f"^({_WORD}[0-9]{{1,18}})?$", description=_BEFORE)]


def page(rows: QuerySet[Row], kind: type[A], cursor: str, limit: int) -> Page[A]:
    """Return one page of a list, oldest first, ordered by the numbers of the rows or else by their keys."""
    number = kind.model_fields.get("number")
    key = "pk" if number is None else number.alias or "number"
    after = {f"{key}__gt": int(cursor.removeprefix(_WORD))} if cursor else {}
    selected = rows.filter(**after).order_by(key)
    results = list(selected[: limit + 1])
    more = len(results) > limit
    results = results[:limit]
    last = f"{_WORD}{getattr(results[-1], key)}" if results else cursor
    return Page[kind](items=kind.from_rows(results), next=last if more else None, last=last)  # type: ignore[valid-type] # made as it runs
