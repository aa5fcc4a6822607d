"""Test that a claimer that dies, comes late or aborts does not affect others' rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from exhibit.clock import now
from registry.db import steps
from registry.due_times import bring_back
from registry.models import Picture
from tests.assets.clocks import YEAR, set_clock
from tests.assets.rows import bring, claimed_slice, owner, photograph
from workers.tasks.sync_runner import SyncRunner

__all__ = ["set_clock"]

LIFE = timedelta(minutes=10)


@pytest.fixture
def waiting(inline: SyncRunner) -> list[int]:
    """Three images that wait for their step."""
    planned, epoch = claimed_slice(owner("studio"))
    return bring(inline.services, planned, epoch, [photograph(number) for number in range(3)])


def die() -> None:
    """Expire all claims on images."""
    Picture.objects.filter(state="doing").update(claimed_at=F("claimed_at") - 2 * LIFE)


def test_a_row_is_claimed_once_and_again_when_its_claimer_is_dead(waiting: list[int]) -> None:
    assert steps.claim(Picture, waiting, LIFE) == waiting
    assert steps.claim(Picture, waiting, LIFE) == []
    die()
    assert steps.claim(Picture, waiting, LIFE) == waiting


def test_rows_whose_claimers_died_are_claimed_one_by_one_and_then_given_up(waiting: list[int]) -> None:
    for _ in range(steps.SUSPECT_FROM):
        steps.claim(Picture, waiting, LIFE)
        die()
    first, second, third = waiting
    assert steps.claim(Picture, waiting, LIFE) == [first]
    assert steps.claim(Picture, waiting, LIFE) == [second]
    steps.finish(Picture, [second, third])
    for _ in range(steps.MAX_ATTEMPTS - steps.SUSPECT_FROM - 1):
        die()
        assert steps.claim(Picture, waiting, LIFE) == [first]
    die()
    assert steps.claim(Picture, waiting, LIFE) == []
    row = Picture.objects.get(pk=first)
    assert (row.state, "5" in row.error) == ("failed", True)


def test_a_late_claimer_can_neither_fail_nor_put_off_what_another_has_done(waiting: list[int]) -> None:
    steps.claim(Picture, waiting, LIFE)
    steps.finish(Picture, waiting)
    steps.fail(Picture, waiting[0], "Too late.", retry=True)
    steps.fail(Picture, waiting[1], "Too late.", retry=False)
    steps.wait(Picture, waiting[2], now())
    assert set(Picture.objects.values_list("state", "error")) == {("done", "")}


def test_a_living_claimer_keeps_its_rows_when_the_clock_is_set_back(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    pictures = bring(inline.services, *claimed_slice(owner("studio")), [photograph(1)])
    set_clock(YEAR)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
    set_clock(timedelta(0))
    bring_back(7)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == []
    Picture.objects.update(claimed_by="")  # by a program that did not identify itself
    bring_back(7)
    Picture.objects.update(claimed_at=F("claimed_at") - timedelta(minutes=11))
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
