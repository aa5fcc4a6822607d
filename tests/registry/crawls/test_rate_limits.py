"""Test that all users of a service share one request rate."""

from datetime import timedelta

import pytest
from django.db import transaction

from exhibit.clock import now
from registry.crawls.rate_limits import make_turn_function
from registry.models import Pace


def test_requests_of_all_owners_to_one_service_are_spaced(db: None) -> None:
    case, watch = make_turn_function("https://archive.example/"), make_turn_function("https://archive.example/cdx")
    waits = [case(50), watch(50), case(50)]
    assert waits == [pytest.approx(wait, abs=10) for wait in (0, 50, 100)]
    assert make_turn_function("https://other.example/")(50) == pytest.approx(0, abs=1)
    Pace.objects.update(free_at=now() + timedelta(days=1))
    assert watch(50) == pytest.approx(0, abs=1), "nobody waits for a clock that was set back"


def test_rate_limited_request_inside_a_transaction_raises(db: None) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        make_turn_function("https://archive.example/")(1)
