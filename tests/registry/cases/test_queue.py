"""Test the next case after a case, in the queue's order."""

import random
from itertools import product

import pytest

from exhibit.clock import now
from registry.cases import queue
from registry.cases.queue import CaseFilter
from registry.models import Case, Owner
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def make_cases(inline: SyncRunner, studio: Owner, count: int) -> None:
    """Create waiting cases of a few parties, many of them with equal odds and numbers of pages."""
    chance = random.Random(3)
    works = [register(inline.services, studio, photograph(seed)).work for seed in range(1, 6)]
    places = list(product(works, [f"{letter}.example" for letter in "abcdefgh"]))
    chance.shuffle(places)
    Case.objects.bulk_create(
        Case(
            owner=studio,
            work=work,
            number=number,
            party=site,
            opened_at=now(),
            is_pending=True,
            likelihood=chance.choice((0.5, 0.75)),
            places=chance.randint(1, 2),
        )
        for number, (work, site) in enumerate(places[:count], 1)
    )


@pytest.mark.long
def test_next_case_follows_queue_order(inline: SyncRunner) -> None:
    studio = owner("studio")
    make_cases(inline, studio, 40)
    listed = [entry.case for entry in queue.list_in_groups(studio, CaseFilter(), 0, 100)]
    assert len(listed) == 40
    numbers = [case.number for case in listed]
    assert [queue.find_next_case_number(case) for case in listed] == [*numbers[1:], None]


def test_case_after_a_decided_case_is_the_first_undecided_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    make_cases(inline, studio, 3)
    first, second, third = [entry.case for entry in queue.list_in_groups(studio, CaseFilter(), 0, 100)]
    Case.objects.filter(pk=first.pk).update(is_pending=False)
    first.refresh_from_db()
    assert queue.find_next_case_number(first) == second.number
    Case.objects.filter(owner=studio).update(is_pending=False)
    third.refresh_from_db()
    assert queue.find_next_case_number(third) is None


def test_case_decided_since_it_was_loaded_has_no_next_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    make_cases(inline, studio, 2)
    last = [entry.case for entry in queue.list_in_groups(studio, CaseFilter(), 0, 100)][-1]
    Case.objects.filter(owner=studio).update(is_pending=False)
    assert last.is_pending
    assert queue.find_next_case_number(last) is None
