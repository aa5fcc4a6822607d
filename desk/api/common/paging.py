"""Long lists in pieces. A cursor names the last row that was seen, so that rows that come meanwhile move nothing."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import JsonResponse
from ninja import Query

MAX_ROWS = 100
_WORD = "after-"
Row = TypeVar("Row", bound=Model)
Shape = Callable[[Sequence[Any]], list[dict[str, Any]]]

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="How many at most.")]
Cursor = Annotated[
    str,
    Query(
        pattern=f"^({_WORD}[0-9]{{1,18}})?$", description="The field `next` or `last` of the answer before this one."
    ),
]


def page(rows: QuerySet[Row], shape: Shape, cursor: str, limit: int, *, key: str = "number") -> JsonResponse:
    """One piece of a list, oldest first.

    Args:
        rows: of one owner.
        shape: makes plain data of the rows of a piece.
        cursor: where the piece before it ended; empty for the first.
        limit: how many rows at most.
        key: the field that names a row for good, and by which the list is sorted.
    """
    after = {f"{key}__gt": int(cursor.removeprefix(_WORD))} if cursor else {}
    chosen = rows.filter(**after).order_by(key)
    found = list(chosen[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    last = f"{_WORD}{getattr(found[-1], key)}" if found else cursor
    return JsonResponse({"items": shape(found), "next": last if more else None, "last": last})


def each(shape: Callable[[Any], dict[str, Any]]) -> Shape:
    """The shape of each row by itself."""
    return lambda rows: [shape(row) for row in rows]
