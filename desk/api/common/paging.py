"""Long lists in pieces. A cursor names the last row that was seen, so that rows that come meanwhile move nothing."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import JsonResponse
from ninja import Query

from desk.schemas.base import Answer, Piece

MAX_ROWS = 100
_WORD = "after-"
Row = TypeVar("Row", bound=Model)
A = TypeVar("A", bound=Answer)
Shape = Callable[[Sequence[Any]], list[dict[str, Any]]]

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="How many at most.")]
Cursor = Annotated[
    str,
    Query(
        pattern=f"^({_WORD}[0-9]{{1,18}})?$", description="The field `next` or `last` of the answer before this one."
    ),
]


def page(rows: QuerySet[Row], kind: type[A], cursor: str, limit: int, *, key: str = "number") -> Piece[A]:
    """One piece of a list, oldest first.

    Args:
        rows: of one owner.
        kind: as which a row is told.
        cursor: where the piece before it ended; empty for the first.
        limit: how many rows at most.
        key: the field that names a row for good, and by which the list is sorted.
    """
    found, following, last = _found(rows, cursor, limit, key)
    return Piece[kind](items=kind.from_rows(found), next=following, last=last)  # type: ignore[valid-type] # made as it runs


def _found(rows: QuerySet[Row], cursor: str, limit: int, key: str) -> tuple[list[Row], str | None, str]:
    """The rows of a piece, the cursor of the next one, and that of its last row."""
    after = {f"{key}__gt": int(cursor.removeprefix(_WORD))} if cursor else {}
    chosen = rows.filter(**after).order_by(key)
    found = list(chosen[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    last = f"{_WORD}{getattr(found[-1], key)}" if found else cursor
    return found, last if more else None, last


def plain_page(rows: QuerySet[Row], shape: Shape, cursor: str, limit: int, *, key: str = "number") -> JsonResponse:
    """The same of plain data."""
    found, following, last = _found(rows, cursor, limit, key)
    return JsonResponse({"items": shape(found), "next": following, "last": last})


def each(shape: Callable[[Any], dict[str, Any]]) -> Shape:
    """The shape of each row by itself."""
    return lambda rows: [shape(row) for row in rows]
