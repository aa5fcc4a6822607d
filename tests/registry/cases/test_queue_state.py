"""Test which cases are pending review: dismissed cases leave the queue, and new sightings return them."""

import io
from datetime import date

import pytest
from PIL import Image

from registry.cases import decisions
from registry.cases.decisions import (
    DecisionChoice,
    DecisionRequest,
    confirm_case,
    dismiss_case,
    license_use,
    reopen_decided_case,
)
from registry.matches.match import match_pictures
from registry.models import Case, LookAlike, Owner
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


def crawl_pictures(inline: SyncRunner, rights_holder: Owner, *pictures: bytes, host: str = "shop.example") -> None:
    crawl_slice, epoch = claim_new_slice(rights_holder, f"watch {rights_holder.watches.count()}")
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, pictures, host=host))


def list_waiting_sites(rights_holder: Owner) -> list[str]:
    return sorted(rights_holder.cases.filter(is_pending=True).values_list("party", flat=True))


def crop_right_quarter(data: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data))
    return encode_jpeg(picture.crop((0, 0, picture.width * 3 // 4, picture.height)))


def test_case_stores_queue_order_values(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data), data)
    case = Case.objects.get()
    assert (case.is_pending, case.places) == (True, 2)
    assert case.likelihood >= 0.9
    assert case.shown is not None
    assert case.shown.match.decision == "certain"


@pytest.mark.long
def test_dismissed_case_returns_to_the_queue_after_a_new_picture(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, crop_right_quarter(data))
    dismiss_case(Case.objects.get(), by="Ann", reason="")
    crawl_pictures(inline, studio, crop_right_quarter(data))
    assert list_waiting_sites(studio) == []
    crawl_pictures(inline, studio, data)
    assert list_waiting_sites(studio) == ["shop.example"]
    (outcome,) = decisions.decide_cases(
        inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "Ben", "A copy now.")
    )
    assert outcome.is_applied
    assert outcome.case.decision == "confirmed"
    assert list_waiting_sites(studio) == []


@pytest.mark.long
def test_licensed_case_returns_to_the_queue_after_an_uncovered_sighting(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    licence = studio.licences.create(number=1, licensee="Harbour Prints", valid_until=date(2020, 1, 1))
    license_use(Case.objects.get(), licence, by="Ann", reason="")
    assert list_waiting_sites(studio) == []
    crawl_pictures(inline, studio, recompress(data))
    assert list_waiting_sites(studio) == ["shop.example"]


@pytest.mark.long
def test_confirmed_case_does_not_return_to_the_queue(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    confirm_case(inline.services, Case.objects.get(), by="Ann", reason="")
    crawl_pictures(inline, studio, data)
    assert list_waiting_sites(studio) == []


@pytest.mark.long
def test_look_alike_case_can_be_returned_to_queue(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    dismiss_case(Case.objects.get(), by="Ann", reason="")
    crawl_pictures(inline, studio, recompress(data), host="other.example")
    decisions.return_to_queue(Case.objects.get(party="other.example"), by="Ben")
    assert list_waiting_sites(studio) == ["other.example"]


@pytest.mark.long
def test_copies_of_a_dismissed_picture_need_no_further_decision(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    crawl_pictures(inline, studio, recompress(data), host="other.example")
    dismiss_case(Case.objects.get(party="shop.example"), by="Ann", reason="Another bridge.")
    assert list_waiting_sites(studio) == []
    crawl_pictures(inline, studio, recompress(data), host="third.example")
    assert list_waiting_sites(studio) == []
    drawer = Case.objects.get(party="third.example")
    assert (drawer.decision, drawer.captures.count()) == ("open", 0)
    learned = drawer.owner.look_alikes.get()
    assert learned.case is not None
    assert (learned.case.party, learned.dismissed_by) == ("shop.example", "Ann")


@pytest.mark.long
def test_near_duplicate_of_dismissed_picture_is_not_queued(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, crop_right_quarter(data))
    dismiss_case(Case.objects.get(), by="Ann", reason="")
    crawl_pictures(inline, studio, recompress(crop_right_quarter(data)), host="near.example")
    assert list_waiting_sites(studio) == []
    crawl_pictures(inline, studio, data, host="copy.example")
    assert list_waiting_sites(studio) == ["copy.example"]


@pytest.mark.long
def test_dismissal_does_not_affect_other_owners(inline: SyncRunner) -> None:
    studio, agency, data = owner("studio"), owner("agency"), photograph(1)
    register(inline.services, studio, data)
    register(inline.services, agency, data)
    crawl_pictures(inline, studio, recompress(data))
    dismiss_case(studio.cases.get(), by="Ann", reason="")
    crawl_pictures(inline, studio, recompress(data), host="other.example")
    assert (list_waiting_sites(studio), list_waiting_sites(agency)) == ([], ["other.example", "shop.example"])


@pytest.mark.long
def test_reopening_a_case_removes_its_look_alikes(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    crawl_pictures(inline, studio, recompress(data), host="other.example")
    case = Case.objects.get(party="shop.example")
    dismiss_case(case, by="Ann", reason="")
    reopen_decided_case(case, by="Ben", reason="It is ours.")
    assert not LookAlike.objects.exists()
    assert list_waiting_sites(studio) == ["other.example", "shop.example"]


@pytest.mark.long
def test_dismissed_copy_stores_no_look_alike(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register(inline.services, studio, data)
    crawl_pictures(inline, studio, recompress(data))
    dismiss_case(Case.objects.get(), by="Ann", reason="A quotation.", copies=True)
    crawl_pictures(inline, studio, recompress(data), host="other.example")
    assert list_waiting_sites(studio) == ["other.example"]
