"""Test that failures at random times of a run leave the same rows as an undisturbed run.

Each round is a run over a small slow site: an owner, works, a watch, cases, bundles, a report. Four rounds run in
parallel while failures occur, each kind in turn. The environment sets the number of rounds of the long test
(``KILL_ROUNDS``) and the random seed (``KILL_SEED``). ``make chaos`` plays many more, with browsers.
"""

import os
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from pytest_django import DjangoDbBlocker

from tests.assets.failure_rounds import FailureSchedule, check_run, check_stack, run_owners
from tests.assets.failure_selection import FailureSelector
from tests.assets.failures import failure_environment
from tests.assets.small_disk import small_disk
from tests.assets.stack import running_stack

ROUNDS = int(os.environ.get("KILL_ROUNDS", "4"))
SEED = int(os.environ.get("KILL_SEED", "1"))
ROUNDS_A_STACK = 8
BESIDE = 4
MISHAPS_A_PLAY = 12


@pytest.mark.long
@pytest.mark.timeout(40 * ROUNDS + 500)
def test_interrupted_run_leaves_same_state_as_uninterrupted_run(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    random = Random(SEED)
    turns = FailureSelector(random, Counter())
    groups = [range(first, min(first + BESIDE, ROUNDS)) for first in range(0, min(ROUNDS, ROUNDS_A_STACK), BESIDE)]
    settings = failure_environment(open_folder)
    with django_db_blocker.unblock():
        with running_stack(open_folder / "undisturbed", settings) as stack:
            start = time.monotonic()
            expected = [
                finished_run.rows
                for numbers in groups
                for finished_run in run_owners(stack, numbers, FailureSchedule(random, []))
            ]
            usual = (time.monotonic() - start) / len(groups)
        for number, rows in enumerate(expected):
            check_run(rows, number)
        for first in range(0, ROUNDS, ROUNDS_A_STACK):
            folder = open_folder / f"disturbed-{first}"
            with small_disk(folder), running_stack(folder, settings) as stack:
                for numbers in groups[: (ROUNDS - first + BESIDE - 1) // BESIDE]:
                    trouble = turns.next(stack, MISHAPS_A_PLAY, usual)
                    start = time.monotonic()
                    runs = run_owners(stack, numbers, trouble)
                    usual = min(usual, time.monotonic() - start)  # a busy machine may have become idle
                    turns.count(trouble)
                    for number, run in zip(numbers, runs, strict=True):
                        for kind, remaining in run.rows.items():
                            assert remaining == expected[number][kind], (kind, SEED, first + number, trouble.occurred)
                check_stack(stack)
    assert len(turns.counts) >= min(3 * ROUNDS, 10), turns.counts
