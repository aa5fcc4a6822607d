"""Test the targets of ``make fuzz`` with known inputs and some changes of them."""

import pytest

from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS, fuzz_one, seeds

CHANGES = 60
FEW = {"decode": 30, "bundle": 4}
"""Number of changes for slow targets."""


@pytest.mark.parametrize("target", TARGETS)
def test_randomly_changed_files_are_read_or_refused(target: str) -> None:
    start = seeds(target)
    assert start
    for number in range(len(start) + FEW.get(target, CHANGES)):
        fuzz_one(target, mutate(start, number))


def test_random_changes_of_files_are_deterministic() -> None:
    start = seeds("html")
    assert [mutate(start, number) for number in range(50)] == [mutate(start, number) for number in range(50)]
    assert len({mutate(start, number) for number in range(50)}) > 40
