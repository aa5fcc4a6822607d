"""Test that a claimer that dies, comes late or aborts does not affect others' rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from exhibit.clock import now
from registry.db import steps
from registry.due_times import correct_times
from registry.models import Picture
from tests.assets.clocks import YEAR, set_clock
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from workers.tasks.sync_runner import SyncRunner

__all__ = ["set_clock"]

LIFE = timedelta(minutes=10)


@pytest.fixture
def pending_ids(inline: SyncRunner) -> list[int]:
    """Three images that wait for their step."""
    crawl_slice, epoch = claim_new_slice(owner("studio"))
    return record_sightings(inline.services, crawl_slice, epoch, [photograph(number) for number in range(3)])


def die() -> None:
    """Expire all claims on images."""
    Picture.objects.filter(state="doing").update(claimed_at=F("claimed_at") - 2 * LIFE)


def test_a_row_is_claimed_once_and_again_when_its_claimer_is_dead(pending_ids: list[int]) -> None:
    assert steps.claim(Picture, pending_ids, LIFE) == pending_ids
    assert steps.claim(Picture, pending_ids, LIFE) == []
    die()
    assert steps.claim(Picture, pending_ids, LIFE) == pending_ids


def test_rows_whose_claimers_died_are_claimed_one_by_one_and_then_given_up(pending_ids: list[int]) -> None:
    for _ in range(steps.SUSPECT_FROM):
        steps.claim(Picture, pending_ids, LIFE)
        die()
    first, second, third = pending_ids
    assert steps.claim(Picture, pending_ids, LIFE) == [first]
    assert steps.claim(Picture, pending_ids, LIFE) == [second]
    steps.finish(Picture, [second, third])
    for _ in range(steps.MAX_ATTEMPTS - steps.SUSPECT_FROM - 1):
        die()
        assert steps.claim(Picture, pending_ids, LIFE) == [first]
    die()
    assert steps.claim(Picture, pending_ids, LIFE) == []
    row = Picture.objects.get(pk=first)
    assert (row.state, "5" in row.error) == ("failed", True)


def test_a_late_claimer_can_neither_fail_nor_put_off_what_another_has_done(pending_ids: list[int]) -> None:
    steps.claim(Picture, pending_ids, LIFE)
    steps.finish(Picture, pending_ids)
    steps.fail(Picture, pending_ids[0], "Too late.", retry=True)
    steps.fail(Picture, pending_ids[1], "Too late.", retry=False)
    steps.wait(Picture, pending_ids[2], now())
    assert set(Picture.objects.values_list("state", "error")) == {("done", "")}


def test_a_living_claimer_keeps_its_rows_when_the_clock_is_set_back(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    pictures = record_sightings(inline.services, *claim_new_slice(owner("studio")), [photograph(1)])
    set_clock(YEAR)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
    set_clock(timedelta(0))
    correct_times(7)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == []
    Picture.objects.update(claimed_by="")  # by a program that did not identify itself
    correct_times(7)
    Picture.objects.update(claimed_at=F("claimed_at") - timedelta(minutes=11))
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
