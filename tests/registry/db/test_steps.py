"""Test that a claimer that dies, is late or aborts does not affect rows of other claimers."""

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

CLAIM_LIFETIME = timedelta(minutes=10)


@pytest.fixture
def pending_ids(inline: SyncRunner) -> list[int]:
    """Three images pending their step."""
    crawl_slice, epoch = claim_new_slice(owner("studio"))
    return record_sightings(inline.services, crawl_slice, epoch, [photograph(number) for number in range(3)])


def expire_claims() -> None:
    """Expire all claims on images."""
    Picture.objects.filter(state="running").update(claimed_at=F("claimed_at") - 2 * CLAIM_LIFETIME)


def test_row_is_claimed_again_only_after_claim_expires(pending_ids: list[int]) -> None:
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == pending_ids
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == []
    expire_claims()
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == pending_ids


def test_repeatedly_failing_rows_are_claimed_alone_then_failed(pending_ids: list[int]) -> None:
    for _ in range(steps.MIN_SUSPECT_ATTEMPTS):
        steps.claim(Picture, pending_ids, CLAIM_LIFETIME)
        expire_claims()
    first, second, third = pending_ids
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == [first]
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == [second]
    steps.finish(Picture, [second, third])
    for _ in range(steps.MAX_ATTEMPTS - steps.MIN_SUSPECT_ATTEMPTS - 1):
        expire_claims()
        assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == [first]
    expire_claims()
    assert steps.claim(Picture, pending_ids, CLAIM_LIFETIME) == []
    row = Picture.objects.get(pk=first)
    assert (row.state, "5" in row.error) == ("failed", True)


def test_process_with_an_expired_claim_cannot_change_finished_rows(pending_ids: list[int]) -> None:
    steps.claim(Picture, pending_ids, CLAIM_LIFETIME)
    steps.finish(Picture, pending_ids)
    steps.record_failure(Picture, pending_ids[0], "Too late.", retry=True)
    steps.record_failure(Picture, pending_ids[1], "Too late.", retry=False)
    steps.postpone_by_id(Picture, pending_ids[2], now())
    assert set(Picture.objects.values_list("state", "error")) == {("done", "")}


def test_active_claim_survives_clock_set_back(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    pictures = record_sightings(inline.services, *claim_new_slice(owner("studio")), [photograph(1)])
    set_clock(YEAR)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
    set_clock(timedelta(0))
    correct_times(7)
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == []
    Picture.objects.update(claimed_by="")  # claimed by an unidentified program
    correct_times(7)
    Picture.objects.update(claimed_at=F("claimed_at") - timedelta(minutes=11))
    assert steps.claim(Picture, pictures, timedelta(minutes=10)) == pictures
