"""Test queries that are built once and executed at different times."""

from datetime import timedelta
from typing import Any

from registry.db import heartbeats
from registry.db.statements import MOMENT, Statement, exists_query
from registry.models import Heartbeat
from tests.assets.clocks import YEAR, set_clock

__all__ = ["set_clock"]


def test_a_moment_is_that_of_asking_and_not_that_of_putting_together(db: None, set_clock: Any) -> None:  # noqa: ANN401
    rows, hour = Heartbeat.objects.all(), timedelta(hours=1)
    statement = Statement(
        [
            exists_query(rows.filter(seen_at__lt=MOMENT - hour), "long ago"),
            exists_query(rows.filter(seen_at__range=(MOMENT - hour, MOMENT + hour)), "now"),
        ]
    )
    assert statement.rows() == []
    heartbeats.record_heartbeat("one")
    heartbeats.record_heartbeat("another")
    assert statement.rows() == [("now",)]
    set_clock(YEAR)
    assert statement.rows() == [("long ago",)]
