"""Test the random checks that detect contributors who falsify a fraction of their results."""

import math
from pathlib import Path
from random import Random

import pytest

from registry.edge import contributors, leases
from registry.models import Contributor

LEASE_SIZE, LEASE_COUNT, LIAR_COUNT = 50, 4, 100


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("checked", "invents", "lies"),
    [
        (0, False, 0.25),
        (1000, False, 0.75),
        (1000, True, 0.8),
    ],
)
def test_contributor_that_sends_false_results_is_detected_within_200_results(
    checked: int, *, invents: bool, lies: float
) -> None:
    chance = Random(f"{checked} {invents} {lies}")
    count = sum(
        count_results_until_detection(chance, lies, checked=checked, invents=invents) is not None
        for _ in range(LIAR_COUNT)
    )
    assert count >= 0.99 * LIAR_COUNT


@pytest.mark.django_db
def test_false_measurements_are_detected_by_first_check() -> None:
    assert count_results_until_detection(Random(1), 1.0, checked=1000, invents=False) == LEASE_SIZE


@pytest.mark.django_db
def test_honest_contributor_is_kept_when_ten_percent_of_pictures_change() -> None:
    assert count_results_until_detection(Random(2), 0.1, checked=0, invents=True, times=100) is None


def count_results_until_detection(
    chance: Random, lies: float, *, checked: int, invents: bool, times: int = LEASE_COUNT
) -> int | None:
    """Return how many results a contributor sent before it was excluded; None if it was not.

    A falsified result states wrong values for real bytes, or invents both, like an image that has changed.
    """
    row, _ = contributors.invite_contributor(str(chance.random()), by="operator")
    row.checked = checked
    for lease in range(times):
        false = {result for result in range(LEASE_SIZE) if chance.random() < lies}
        sample = set(leases.draw_sample(row, range(LEASE_SIZE), 2, chance))
        wrong = len(sample & false)
        if leases.record_verifications(
            row, right_count=len(sample) - wrong, wrong_count=wrong, has_false=wrong > 0 and not invents
        ):
            return (lease + 1) * LEASE_SIZE
    return None


def test_new_and_suspected_contributors_are_checked_more() -> None:
    row = Contributor(checked=0, suspicion=0)
    assert len(leases.draw_sample(row, range(50), 2)) == 5
    row.checked = leases.MIN_CHECKED
    assert len(leases.draw_sample(row, range(50), 2)) == 1
    assert len(leases.draw_sample(row, range(50), 10)) == 5
    row.suspicion = 1
    assert len(leases.draw_sample(row, range(50), 2)) == 25


def test_results_to_check_are_sampled_uniformly_from_every_delivery() -> None:
    row = Contributor(checked=1000, suspicion=0)
    assert leases.draw_sample(row, [7], 2) == [7]
    assert leases.draw_sample(row, [], 2) == []
    assert {number for _ in range(2000) for number in leases.draw_sample(row, range(50), 2)} == set(range(50))


@pytest.mark.parametrize("share", [2, 5, 10, 20])
def test_documented_detection_bounds_match_sampling(share: int) -> None:
    row = Contributor(checked=1000, suspicion=0)
    count = LEASE_COUNT * len(leases.draw_sample(row, range(LEASE_SIZE), share))
    least = math.ceil(100 * (1 - 0.01 ** (1 / count))) / 100
    text = (Path(__file__).parents[3] / "docs" / "reference" / "edge.md").read_text("utf-8")
    assert f"| {share} | {count} | {least:.2f} |" in text
