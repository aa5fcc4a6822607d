"""Test the API's schemas of works and of the matches of an image."""

from desk.schemas import works as schemas
from registry.matches.identify import identify_picture
from registry.models import Work
from tests.assets.rows import owner, photograph, recompress, register
from workers.tasks.sync_runner import SyncRunner


def test_work_is_returned_with_its_picture_and_an_earlier_registration(inline: SyncRunner) -> None:
    first = register(inline.services, owner("studio"), photograph(1), "The First").work
    later = register(inline.services, owner("rival"), photograph(1), "Mine").work
    data = schemas.WorkDetails.from_row(first).model_dump(mode="json")
    assert (data["number"], data["title"], data["earlier_registrations"], data["version"]) == (1, "The First", [], 0)
    (picture,) = data["pictures"]
    assert (picture["format"], picture["width"], picture["height"]) == ("JPEG", 320, 240)
    assert {term["country"] for term in data["terms"]} >= {"US", "EU", "CN"}
    (conflict,) = schemas.Work.from_row(later).earlier_registrations
    assert conflict.date == first.registered_at.date()
    assert "studio" not in conflict.sentence.lower()


def test_identified_work_includes_its_measurements(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1), "The First")
    result = schemas.Identification.from_row(identify_picture(inline.services, studio, recompress(photograph(1))))
    (work,) = result.works
    assert (work.number, work.title, work.decision, result.low_detail) == (1, "The First", "certain", [])
    assert work.overlap_work > 0.95
    assert work.sentences
    assert Work.objects.count() == 1
