"""Test how matches become cases: their owner, the effect of licences, and that nothing happens twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.matches.match import match_pictures
from registry.models import Capture, Case, CaseSighting, Licence, LogSubmission, Match, Picture
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.registry.matches.test_match import see
from workers.tasks.sync_runner import SyncRunner


def test_matching_twice_gives_the_same_rows(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    waiting = see(inline, studio, copy_of(data))
    match_pictures(inline.services, waiting)
    before = (Match.objects.count(), CaseSighting.objects.count(), Capture.objects.count())
    Picture.objects.update(state="todo")
    match_pictures(inline.services, waiting)
    assert (Match.objects.count(), CaseSighting.objects.count(), Capture.objects.count()) == before


@pytest.mark.long
def test_a_matched_picture_that_is_seen_again_extends_its_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    match_pictures(inline.services, see(inline, studio, copy_of(data)))
    match_pictures(inline.services, see(inline, studio, photograph(3), copy_of(data), name="again"))
    assert Case.objects.get().case_sightings.count() == 2


@pytest.mark.long
def test_a_public_sighting_concerns_every_owner_and_a_private_one_only_its_own(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    data = photograph(1)
    register(inline.services, studio, data)
    register(inline.services, agency, data)
    match_pictures(inline.services, see(inline, studio, copy_of(data), name="import", private=True))
    assert [case.owner for case in Case.objects.all()] == [studio]
    match_pictures(inline.services, see(inline, studio, copy_of(data), name="public"))
    assert {case.owner for case in Case.objects.all()} == {studio, agency}


@pytest.mark.long
def test_a_licence_decides_a_case_and_a_sighting_outside_of_it_takes_that_back(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    Licence.objects.create(owner=studio, number=7, licensee="A shop", url_pattern="*/page-0", domain="shop.example")
    match_pictures(inline.services, see(inline, studio, copy_of(data)))
    case = Case.objects.get()
    assert (case.decision, "7" in str(case.reason)) == ("licensed", True)
    assert not Capture.objects.exists()
    match_pictures(inline.services, see(inline, studio, photograph(5), copy_of(data), name="again"))
    case.refresh_from_db()
    assert case.decision == "open"


def test_registrations_and_decisions_are_submitted_to_the_log(inline: SyncRunner) -> None:
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    Licence.objects.create(owner=studio, number=1, licensee="A shop", domain="shop.example")
    match_pictures(inline.services, see(inline, studio, copy_of(data)))
    assert [row.type for row in LogSubmission.objects.order_by("pk")] == ["registration", "case", "case", "decision"]


@pytest.mark.long
def test_opening_a_case_takes_few_statements_and_each_further_one_of_a_batch_fewer(inline: SyncRunner) -> None:
    studio = owner("studio")
    planned, epoch = claimed_slice(studio)
    waiting = []
    for number in range(1, 6):
        register(inline.services, studio, photograph(number))
        host = f"shop-{number}.example"
        waiting += bring(inline.services, planned, epoch, [copy_of(photograph(number))], host)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [photograph(9)], "other.example"))
    with CaptureQueriesContext(connection) as first:
        match_pictures(inline.services, waiting[:1])
    with CaptureQueriesContext(connection) as others:
        match_pictures(inline.services, waiting[1:])
    assert [case.party for case in Case.objects.order_by("number")] == [
        f"shop-{number}.example" for number in range(1, 6)
    ]
    assert len(first) <= 70
    assert len(others) - len(first) <= 3 * 12
