"""Questions to many tables that are asked again and again: put together once in a process, asked in one statement."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, QuerySet, Value

from exhibit.clock import now
from exhibit.types import Untyped

MOMENT = datetime(1000, 1, 1, tzinfo=UTC)
"""Stands for the moment of asking in what is put together once; what lies near it stands for what lies near that."""
_ERA = timedelta(days=3650)


class Statement:
    """Several querysets with the same columns as one statement, whose words are made once."""

    def __init__(self, queries: Iterable[QuerySet[Any, Any]]) -> None:
        first, *others = queries
        self._sql, self._values = first.union(*others, all=True).query.sql_with_params()

    def rows(self) -> list[tuple[Any, ...]]:
        """What is found now."""
        moment = now()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [_at(moment, value) for value in self._values])
            return list(cursor.fetchall())


def any_of(rows: QuerySet[Any], *name: str) -> QuerySet[Any, Any]:
    """The name, in one row, when there are such rows."""
    return rows.order_by().values_list(*(Value(word, CharField()) for word in name))[:1]


def _at(moment: datetime, value: Untyped) -> Untyped:
    away = isinstance(value, datetime) and value - MOMENT
    return moment + away if isinstance(away, timedelta) and abs(away) < _ERA else value
