"""Test that a person's first judgement of a case counts, and that an erased one counts as the worst possible."""

from datetime import timedelta
from typing import Any

import pytest

from evidence.accuracy.error_rates import SLIP_PERIOD, Rate
from exhibit.comparison.rate_bounds import interval_at_any_time
from tests.evidence.accuracy.test_file import HISTORY, count, decision, undo_decision


def test_the_first_judgement_of_a_person_on_each_case_counts() -> None:
    rates = count(HISTORY)
    assert (rates.certain, rates.review) == (Rate(3, 1, 0), Rate(2, 1, 0))
    assert (rates.decisions, rates.changed, rates.other) == (9, 1, 3)
    assert rates.certain.interval == interval_at_any_time(1, 3)


def test_a_slip_that_is_undone_at_once_counts_for_nobody() -> None:
    slip = [decision(1, "cleared"), undo_decision(1), decision(1, "confirmed")]
    rates = count(slip, SLIP_PERIOD)
    assert (rates.certain, rates.changed, rates.other, rates.slips) == (Rate(1, 0, 0), 0, 1, 1)
    late = count(slip, SLIP_PERIOD + timedelta(microseconds=1))
    assert (late.certain, late.changed, late.slips) == (Rate(1, 1, 0), 1, 0)
    considered = count([slip[0], decision(1, "open"), slip[2]], SLIP_PERIOD)
    assert (considered.certain, considered.slips) == (Rate(1, 1, 0), 0)
    of_another = count([decision(1, "cleared"), undo_decision(2)], SLIP_PERIOD)
    assert (of_another.certain, of_another.slips) == (Rate(1, 1, 0), 0)
    twice = count([decision(1, "cleared"), undo_decision(1), undo_decision(1)], timedelta(0))
    assert (twice.certain, twice.slips) == (Rate(0, 0, 0), 1)


def test_related_pictures_count_in_no_rate() -> None:
    verdict = "resembles"
    rates = count([decision(1, "cleared", verdict), decision(2, "confirmed", verdict), decision(3)])
    assert (rates.certain, rates.review, rates.other) == (Rate(1, 0, 0), Rate(0, 0, 0), 2)


def test_what_was_erased_counts_as_the_worst_it_can_have_been() -> None:
    interval = count([decision(number) for number in range(50)])
    erased = count([*(decision(number) for number in range(50)), None, None])
    assert erased.certain == Rate(50, 0, 2)
    assert erased.review == Rate(0, 0, 2)
    assert erased.certain.interval[1] == interval_at_any_time(2, 50)[1] > interval.certain.interval[1]
    assert erased.certain.interval[0] == 0


def test_an_erased_decision_never_makes_the_rate_look_better() -> None:
    for wrong, decided in ((0, 0), (0, 9), (3, 9), (9, 9), (1, 400)):
        decisions = [decision(number, "cleared" if number < wrong else "confirmed") for number in range(decided)]
        low, high = count([None, *decisions]).certain.interval
        erased = [decision(1000, last) for last in ("cleared", "confirmed", "open")]
        erased += [decision(number, last) for number in (0, decided - 1) for last in ("cleared", "confirmed")]
        erased += [undo_decision(0), undo_decision(decided - 1)]
        erased += [decision(0, machine_decision="review"), decision(decided - 1, machine_decision="review")]
        for row in erased:
            interval = count([*decisions, row] if "undone" in row else [row, *decisions], timedelta(0)).certain.interval
            assert low <= interval[0]
            assert high >= interval[1]


def test_a_decision_without_a_version_is_unknown() -> None:
    old = {"by": "Ann", "case": 3, "decision": "cleared"}
    assert count([old, decision(1), old]).certain == Rate(1, 0, 2)


@pytest.mark.parametrize(
    "change",
    [{"who": ["person"]}, {"version": 3}, {"machine": None}, {"copies": 1}, {"case": "1"}, {"decision": "maybe"}],
)
def test_an_opening_that_cannot_be_read_is_unknown(change: dict[str, Any]) -> None:
    assert count([{**decision(1), **change}]).certain == Rate(0, 0, 1)


def test_a_dismissed_case_whose_pictures_are_copies_is_no_error() -> None:
    assert count([{**decision(1, "cleared"), "copies": True}]).certain == Rate(1, 0, 0)
