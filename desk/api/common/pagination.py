"""Pagination of lists by cursors."""

from typing import Annotated, TypeVar

from django.db.models import Model, QuerySet
from ninja import Query

from desk.schemas.base import Page, ResponseBody

MAX_ROWS = 100
_CURSOR_PREFIX = "after-"
Row = TypeVar("Row", bound=Model)
A = TypeVar("A", bound=ResponseBody)

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Maximum number of items.")]
_CURSOR_DESCRIPTION = "Value of `next` or `last` in the previous response; empty for the first page."
Cursor = Annotated[str, Query(pattern=f"^({_CURSOR_PREFIX}[0-9]{{1,18}})?$", description=_CURSOR_DESCRIPTION)]


def get_page(rows: QuerySet[Row], response_class: type[A], cursor: str, limit: int) -> Page[A]:
    """Return one page of a list, oldest first, ordered by the numbers of the rows or else by their keys."""
    number = response_class.model_fields.get("number")
    key = "pk" if number is None else number.alias or "number"
    cursor_filter = {f"{key}__gt": int(cursor.removeprefix(_CURSOR_PREFIX))} if cursor else {}
    rows_after_cursor = rows.filter(**cursor_filter).order_by(key)
    results = list(rows_after_cursor[: limit + 1])
    has_more = len(results) > limit
    results = results[:limit]
    last_cursor = f"{_CURSOR_PREFIX}{getattr(results[-1], key)}" if results else cursor
    items = response_class.from_rows(results)
    page_class = Page[response_class]  # type: ignore[valid-type] # dynamic type
    return page_class(items=items, next=last_cursor if has_more else None, last=last_cursor)
