"""Test matching of sightings with registered works, the cases that it opens, and registration conflicts."""

from io import BytesIO

import pytest
from django.template.loader import render_to_string
from PIL import Image

from desk.schemas.cases import Use
from registry.bundles.facts import build_picture_facts
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Match, Owner, Picture
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.textured import text_page
from workers.tasks.sync_runner import SyncRunner


def crawl_pictures(
    inline: SyncRunner, watcher: Owner, *pictures: bytes, name: str = "watch", private: bool = False
) -> list[int]:
    crawl_slice, epoch = claim_new_slice(watcher, name, private=private)
    return record_sightings(inline.services, crawl_slice, epoch, pictures)


@pytest.mark.long
def test_copy_on_a_page_opens_a_case_with_a_capture(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    work = register(inline.services, studio, data).work
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data), photograph(2)))
    case = Case.objects.get()
    assert (case.owner, case.work, case.party, case.decision) == (studio, work, "shop.example", "open")
    assert case.case_sightings.get().match.decision == "certain"
    assert Capture.objects.get().case == case


@pytest.mark.long
def test_new_work_matches_pictures_already_seen(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data)))
    assert not Case.objects.exists()
    register(inline.services, studio, data)
    inline.run_until_idle()
    assert Case.objects.get().party == "shop.example"


def test_unmatched_comparison_is_not_stored(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    picture_ids = crawl_pictures(inline, studio, photograph(2), recompress(photograph(1)))
    match_pictures(inline.services, picture_ids)
    match = Match.objects.get()
    assert (match.registered, match.found_id) == (work.pictures.get(), picture_ids[1])
    assert set(Picture.objects.filter(pk__in=picture_ids).values_list("state", flat=True)) == {"done"}


def test_identical_bytes_are_matched(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    match_pictures(inline.services, crawl_pictures(inline, studio, data))
    assert Case.objects.get().case_sightings.get().match.decision == "certain"


def test_registration_conflict_reveals_only_the_earlier_date(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    data = photograph(1)
    first = register(inline.services, studio, data)
    assert first.earlier_registered_at is None
    assert register(inline.services, agency, data).earlier_registered_at == first.work.registered_at
    assert register(inline.services, agency, recompress(data)).earlier_registered_at == first.work.registered_at


def test_registering_the_same_picture_twice_returns_the_same_work(inline: SyncRunner) -> None:
    studio = owner("studio")
    first, second_registration = (register(inline.services, studio, photograph(1)) for _ in range(2))
    assert (first.work, first.is_new, second_registration.is_new) == (second_registration.work, True, False)


@pytest.mark.long
def test_only_flat_pictures_are_marked_low_information(inline: SyncRunner) -> None:
    from demo.pictures import generate_flat

    studio = owner("studio")
    assert register(inline.services, studio, encode_jpeg(generate_flat())).low_information == ("flat",)
    page = register(inline.services, studio, encode_jpeg(text_page(1)))
    assert (page.low_information, page.work.low_information) == ((), [])
    assert "two-tone" in page.work.pictures.get().low_information  # its hash alone does not distinguish it


def test_undecodable_picture_is_marked_done_with_the_refusal_reason(inline: SyncRunner) -> None:
    match_pictures(inline.services, crawl_pictures(inline, owner("studio"), b"\xff\xd8\xff\xe0 no picture"))
    picture = Picture.objects.get()
    assert picture.state == "done"
    assert picture.refusal != ""


@pytest.mark.long
def test_truncated_copy_opens_a_case_that_reports_it(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    whole, copy = BytesIO(), Image.open(BytesIO(recompress(data)))
    copy.save(whole, "JPEG", quality=90, progressive=True)
    match_pictures(inline.services, crawl_pictures(inline, studio, whole.getvalue()[:-2]))
    case = Case.objects.get()
    use = case.case_sightings.get()
    match = use.match
    assert (match.decision, match.found.incomplete, match.registered.incomplete) == ("certain", True, False)
    assert (match.found.format, match.found.width, match.found.height) == ("JPEG", *copy.size)
    assert build_picture_facts(match.found, "data/seen/01.jpg").incomplete
    assert [row.incomplete for row in Use.from_case(case)] == [True]
    assert render_to_string("web/broken-off.html", {"picture": match.found}).strip()
    assert not render_to_string("web/broken-off.html", {"picture": match.registered}).strip()
