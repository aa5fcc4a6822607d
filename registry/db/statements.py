"""Repeated queries over many tables that are composed once per process and run as one statement."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, QuerySet, Value

from exhibit.clock import now
from exhibit.types import Untyped

QUERY_TIME = datetime(1000, 1, 1, tzinfo=UTC)
"""Placeholder for the time of the query in a cached statement; times near it are offsets from that time."""
_MAX_OFFSET = timedelta(days=3650)


class Statement:
    """A UNION of querysets with the same columns, whose SQL is composed once."""

    def __init__(self, queries: Iterable[QuerySet[Any, Any]]) -> None:
        first_query, *other_queries = queries
        self._sql, self._values = first_query.union(*other_queries, all=True).query.sql_with_params()

    def fetch_rows(self) -> list[tuple[Any, ...]]:
        """Run the query and return its rows."""
        current_time = now()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [_shift_time(current_time, value) for value in self._values])
            return list(cursor.fetchall())


def build_exists_query(rows: QuerySet[Any], *labels: str) -> QuerySet[Any, Any]:
    """Return a query that yields one row with these labels if any of ``rows`` exist."""
    return rows.order_by().values_list(*(Value(label, CharField()) for label in labels))[:1]


def _shift_time(current_time: datetime, value: Untyped) -> Untyped:
    offset = isinstance(value, datetime) and value - QUERY_TIME
    return current_time + offset if isinstance(offset, timedelta) and abs(offset) < _MAX_OFFSET else value
