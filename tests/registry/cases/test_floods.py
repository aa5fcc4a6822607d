"""Test a work with matches on far more sites than usual: which matches count, and which are put on hold."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Event, Flood, FoundDay, Match, Owner, Work
from tests.assets.flood_pictures import find_on_sites, picture_with_mark, recompressed_copy, set_flood_floor
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with one work, which is put on hold if more than three different images match it in a day."""
    new_owner = owner("studio")
    register(set_flood_floor(inline.services, 3), new_owner, photograph(1))
    return new_owner


def make_copies(count: int, first: int = 0) -> list[bytes]:
    return [picture_with_mark(first + number, photograph(1)) for number in range(count)]


@pytest.mark.long
def test_widely_shared_picture_opens_a_case_per_site(inline: SyncRunner, studio: Owner) -> None:
    find_on_sites(inline.services, studio, [recompressed_copy(number, photograph(1)) for number in range(12)])
    assert Case.objects.count() == Capture.objects.count() == 12
    today = FoundDay.objects.get()
    assert (today.sites, today.different, today.day) == (12, 0, now().date())
    assert not Flood.objects.exists()


@pytest.mark.long
def test_unrelated_pictures_open_cases_up_to_flood_limit(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(2))
    find_on_sites(inline.services, studio, make_copies(7))
    assert Case.objects.count() == Capture.objects.count() == 3
    assert Match.objects.exclude(decision="none").count() == 7
    flood = Flood.objects.get()
    assert (flood.work.number, flood.sites, flood.different, flood.limit, flood.state) == (1, 4, 4, 3, "done")
    event = Event.objects.get(kind="work.held")
    assert event.about == {"work": 1, "sites": 4, "different": 4, "limit": 3}
    find_on_sites(inline.services, studio, [photograph(2)], "other")  # the owner's other works are not affected
    assert Case.objects.filter(work__number=2).count() == 1


@pytest.mark.long
def test_same_picture_on_many_sites_puts_the_work_on_hold(inline: SyncRunner, studio: Owner) -> None:
    set_flood_floor(inline.services, 1)
    find_on_sites(inline.services, studio, [recompressed_copy(number, photograph(1)) for number in range(12)])
    assert Case.objects.count() == 10
    assert (Flood.objects.get().sites, Flood.objects.get().different) == (11, 0)


@pytest.mark.long
def test_many_pages_of_one_site_are_one_case(inline: SyncRunner, studio: Owner) -> None:
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, make_copies(6)))
    assert Case.objects.get().case_sightings.count() == 6
    assert (FoundDay.objects.get().sites, FoundDay.objects.get().different) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize("work_owner", ["its own", "that of other works"])
def test_flood_limit_is_three_times_the_finds_of_the_busiest_day(
    inline: SyncRunner, studio: Owner, work_owner: str
) -> None:
    work = Work.objects.get() if work_owner == "its own" else register(inline.services, studio, photograph(2)).work
    FoundDay.objects.create(work=work, day=now().date() - timedelta(days=40), sites=2, different=2)
    find_on_sites(inline.services, studio, make_copies(8))
    assert Case.objects.count() == 6
    assert Flood.objects.get().limit == 6


@pytest.mark.long
def test_existing_cases_get_sightings_while_work_is_on_hold(inline: SyncRunner, studio: Owner) -> None:
    find_on_sites(inline.services, studio, make_copies(5))
    before = Case.objects.count()
    find_on_sites(inline.services, studio, make_copies(5))
    assert Case.objects.count() == before == 3
    assert [case.case_sightings.count() for case in Case.objects.all()] == [2, 2, 2]


@pytest.mark.long
def test_new_work_matching_many_past_sightings_opens_no_case(inline: SyncRunner, studio: Owner) -> None:
    mark = photograph(3)
    find_on_sites(inline.services, studio, [picture_with_mark(number, mark) for number in range(6)])
    register(inline.services, studio, mark)
    inline.run_until_idle()
    assert not Case.objects.exists()
    flood = Flood.objects.get()
    assert (flood.work.number, flood.different) == (2, Match.objects.exclude(decision="none").count())


@pytest.mark.long
def test_matches_on_hold_are_not_counted_in_daily_total(inline: SyncRunner, studio: Owner) -> None:
    find_on_sites(inline.services, studio, make_copies(6))
    assert (FoundDay.objects.get().sites, FoundDay.objects.get().different) == (3, 3)
