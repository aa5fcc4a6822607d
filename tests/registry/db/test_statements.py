"""Test queries that are built once and executed at different times."""

from datetime import timedelta
from typing import Any

from registry.db import heartbeats
from registry.db.statements import QUERY_TIME, Statement, build_exists_query
from registry.models import Heartbeat
from tests.assets.clocks import YEAR, set_clock

__all__ = ["set_clock"]


def test_prepared_statement_uses_the_time_of_execution(db: None, set_clock: Any) -> None:  # noqa: ANN401
    rows, hour = Heartbeat.objects.all(), timedelta(hours=1)
    statement = Statement(
        [
            build_exists_query(rows.filter(seen_at__lt=QUERY_TIME - hour), "long ago"),
            build_exists_query(rows.filter(seen_at__range=(QUERY_TIME - hour, QUERY_TIME + hour)), "now"),
        ]
    )
    assert statement.fetch_rows() == []
    heartbeats.record_heartbeat("one")
    heartbeats.record_heartbeat("another")
    assert statement.fetch_rows() == [("now",)]
    set_clock(YEAR)
    assert statement.fetch_rows() == [("long ago",)]
