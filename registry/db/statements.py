"""Repeated queries over many tables: composed once per process, run as one statement."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, QuerySet, Value

from exhibit.clock import now
from exhibit.types import Untyped

MOMENT = datetime(1000, 1, 1, tzinfo=UTC)
"""Placeholder for the time of the query in a cached statement; times near it are offsets from that time."""
_ERA = timedelta(days=3650)


class Statement:
    """A UNION of querysets with the same columns, whose SQL is composed once."""

    def __init__(self, queries: Iterable[QuerySet[Any, Any]]) -> None:
        first, *rest = queries
        self._sql, self._values = first.union(*rest, all=True).query.sql_with_params()

    def rows(self) -> list[tuple[Any, ...]]:
        """Run the query and return its rows."""
        moment = now()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [_at(moment, value) for value in self._values])
            return list(cursor.fetchall())


def exists_query(rows: QuerySet[Any], *name: str) -> QuerySet[Any, Any]:
    """Return a query for one row with these words, if any of the rows exist."""
    return rows.order_by().values_list(*(Value(word, CharField()) for word in name))[:1]


def _at(moment: datetime, value: Untyped) -> Untyped:
    offset = isinstance(value, datetime) and value - MOMENT
    return moment + offset if isinstance(offset, timedelta) and abs(offset) < _ERA else value
