"""Test how matches become cases: their owner, the effect of licences, and that nothing happens twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.matches.match import match_pictures
from registry.models import Capture, Case, CaseSighting, Licence, LogSubmission, Match, Picture
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.registry.matches.test_match import crawl_pictures
from workers.tasks.sync_runner import SyncRunner


def test_repeated_matching_creates_no_duplicates(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    picture_ids = crawl_pictures(inline, studio, recompress(data))
    match_pictures(inline.services, picture_ids)
    before = (Match.objects.count(), CaseSighting.objects.count(), Capture.objects.count())
    Picture.objects.update(state="queued")
    match_pictures(inline.services, picture_ids)
    assert (Match.objects.count(), CaseSighting.objects.count(), Capture.objects.count()) == before


@pytest.mark.long
def test_repeated_sighting_extends_existing_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data)))
    match_pictures(inline.services, crawl_pictures(inline, studio, photograph(3), recompress(data), name="again"))
    assert Case.objects.get().case_sightings.count() == 2


@pytest.mark.long
def test_private_sighting_opens_case_only_for_its_owner(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    data = photograph(1)
    register(inline.services, studio, data)
    register(inline.services, agency, data)
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data), name="import", private=True))
    assert [case.owner for case in Case.objects.all()] == [studio]
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data), name="public"))
    assert {case.owner for case in Case.objects.all()} == {studio, agency}


@pytest.mark.long
def test_uncovered_sighting_reopens_licensed_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    Licence.objects.create(owner=studio, number=7, licensee="A shop", url_pattern="*/page-0", domain="shop.example")
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data)))
    case = Case.objects.get()
    assert (case.decision, "7" in str(case.reason)) == ("licensed", True)
    assert not Capture.objects.exists()
    match_pictures(inline.services, crawl_pictures(inline, studio, photograph(5), recompress(data), name="again"))
    case.refresh_from_db()
    assert case.decision == "open"


def test_registrations_and_decisions_are_submitted_to_the_log(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    Licence.objects.create(owner=studio, number=1, licensee="A shop", domain="shop.example")
    match_pictures(inline.services, crawl_pictures(inline, studio, recompress(data)))
    assert [row.type for row in LogSubmission.objects.order_by("pk")] == ["registration", "case", "case", "decision"]


@pytest.mark.long
def test_case_opening_query_count_is_limited(inline: SyncRunner) -> None:
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    picture_ids = []
    for number in range(1, 6):
        register(inline.services, studio, photograph(number))
        host = f"shop-{number}.example"
        picture_ids += record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(number))], host)
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [photograph(9)], "other.example")
    )
    with CaptureQueriesContext(connection) as first:
        match_pictures(inline.services, picture_ids[:1])
    with CaptureQueriesContext(connection) as other_queries:
        match_pictures(inline.services, picture_ids[1:])
    assert [case.party for case in Case.objects.order_by("number")] == [
        f"shop-{number}.example" for number in range(1, 6)
    ]
    assert len(first) <= 70
    assert len(other_queries) - len(first) <= 3 * 12
