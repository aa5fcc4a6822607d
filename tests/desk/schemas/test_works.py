"""Test the API's schemas of works and of the matches of an image."""

from desk.schemas import works as schemas
from registry.matches.identify import identify
from registry.models import Work
from tests.assets.rows import copy_of, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def test_a_work_is_told_with_its_picture_and_that_somebody_was_earlier(inline: SyncRunner) -> None:
    first = register(inline.services, owner("studio"), photograph(1), "The First").work
    later = register(inline.services, owner("rival"), photograph(1), "Mine").work
    told = schemas.WorkDetails.from_row(first).model_dump(mode="json")
    assert (told["number"], told["title"], told["earlier_registrations"], told["version"]) == (1, "The First", [], 0)
    (picture,) = told["pictures"]
    assert (picture["format"], picture["width"], picture["height"]) == ("JPEG", 320, 240)
    assert {one["country"] for one in told["terms"]} >= {"US", "EU", "CN"}
    (conflict,) = schemas.Work.from_row(later).earlier_registrations
    assert conflict.date == first.registered_at.date()
    assert "studio" not in conflict.sentence.lower()


def test_a_found_work_comes_with_the_figures_of_its_comparison(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1), "The First")
    found = schemas.Identification.from_row(identify(inline.services, studio, copy_of(photograph(1))))
    (work,) = found.works
    assert (work.number, work.title, work.decision, found.low_detail) == (1, "The First", "certain", [])
    assert work.overlap_work > 0.95
    assert work.sentences
    assert Work.objects.count() == 1
