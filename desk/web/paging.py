"""Long lists, page by page."""

from typing import TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

ROWS = 50
Row = TypeVar("Row", bound=Model)


def page_of(request: HttpRequest, rows: QuerySet[Row], name: str = "page", size: int = ROWS) -> Page[Row]:
    """The page that the address asks for under this name; the nearest one when it doesn't exist."""
    return Paginator(rows, size).get_page(request.GET.get(name))
