"""Test the error rates: the first decision on a case counts, and erased decisions count as the worst case."""

from datetime import timedelta
from typing import Any

import pytest

from evidence.accuracy.error_rates import SLIP_PERIOD, ErrorRate
from exhibit.comparison.rate_bounds import compute_anytime_interval
from tests.evidence.accuracy.test_file import HISTORY, count, decision, undo_decision


def test_only_the_first_decision_of_each_case_counts() -> None:
    rates = count(HISTORY)
    assert (rates.certain, rates.review) == (ErrorRate(3, 1, 0), ErrorRate(2, 1, 0))
    assert (rates.decisions, rates.changed, rates.other) == (9, 1, 3)
    assert rates.certain.interval == compute_anytime_interval(1, 3)


def test_immediately_undone_decision_is_ignored() -> None:
    slip = [decision(1, "dismissed"), undo_decision(1), decision(1, "confirmed")]
    rates = count(slip, SLIP_PERIOD)
    assert (rates.certain, rates.changed, rates.other, rates.slips) == (ErrorRate(1, 0, 0), 0, 1, 1)
    late = count(slip, SLIP_PERIOD + timedelta(microseconds=1))
    assert (late.certain, late.changed, late.slips) == (ErrorRate(1, 1, 0), 1, 0)
    considered = count([slip[0], decision(1, "open"), slip[2]], SLIP_PERIOD)
    assert (considered.certain, considered.slips) == (ErrorRate(1, 1, 0), 0)
    of_another = count([decision(1, "dismissed"), undo_decision(2)], SLIP_PERIOD)
    assert (of_another.certain, of_another.slips) == (ErrorRate(1, 1, 0), 0)
    twice = count([decision(1, "dismissed"), undo_decision(1), undo_decision(1)], timedelta(0))
    assert (twice.certain, twice.slips) == (ErrorRate(0, 0, 0), 1)


def test_related_pictures_count_in_no_rate() -> None:
    verdict = "related"
    rates = count([decision(1, "dismissed", verdict), decision(2, "confirmed", verdict), decision(3)])
    assert (rates.certain, rates.review, rates.other) == (ErrorRate(1, 0, 0), ErrorRate(0, 0, 0), 2)


def test_erased_decisions_widen_the_error_interval_by_the_worst_case() -> None:
    interval = count([decision(number) for number in range(50)])
    erased = count([*(decision(number) for number in range(50)), None, None])
    assert erased.certain == ErrorRate(50, 0, 2)
    assert erased.review == ErrorRate(0, 0, 2)
    assert erased.certain.interval[1] == compute_anytime_interval(2, 50)[1] > interval.certain.interval[1]
    assert erased.certain.interval[0] == 0


def test_erased_decision_never_improves_rate() -> None:
    for wrong, decided in ((0, 0), (0, 9), (3, 9), (9, 9), (1, 400)):
        decisions = [decision(number, "dismissed" if number < wrong else "confirmed") for number in range(decided)]
        low, high = count([None, *decisions]).certain.interval
        erased = [decision(1000, last) for last in ("dismissed", "confirmed", "open")]
        erased += [decision(number, last) for number in (0, decided - 1) for last in ("dismissed", "confirmed")]
        erased += [undo_decision(0), undo_decision(decided - 1)]
        erased += [decision(0, machine_decision="review"), decision(decided - 1, machine_decision="review")]
        for row in erased:
            interval = count([*decisions, row] if "undone" in row else [row, *decisions], timedelta(0)).certain.interval
            assert low <= interval[0]
            assert high >= interval[1]


def test_decision_without_version_is_unknown() -> None:
    old = {"by": "Ann", "case": 3, "decision": "dismissed"}
    assert count([old, decision(1), old]).certain == ErrorRate(1, 0, 2)


@pytest.mark.parametrize(
    "change",
    [{"who": ["person"]}, {"version": 3}, {"machine": None}, {"copies": 1}, {"case": "1"}, {"decision": "maybe"}],
)
def test_unreadable_opening_is_unknown(change: dict[str, Any]) -> None:
    assert count([{**decision(1), **change}]).certain == ErrorRate(0, 0, 1)


def test_dismissed_copy_is_not_an_error() -> None:
    assert count([{**decision(1, "dismissed"), "copies": True}]).certain == ErrorRate(1, 0, 0)
