"""Test searches in the registered works while works are added and removed."""

import time

import pytest

from exhibit.digests import Digest
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_indexes
from registry.matches.registered_works import load_registered_features, record_relations
from registry.models import Owner, WorkPicture, WorkRelation
from registry.services.services import Services
from registry.works.registration import remove_work
from tests.assets.collection import collage, find_titles
from tests.assets.module_scene import inline, stage
from tests.assets.rows import encode_jpeg, owner, photograph, recompress, register
from tests.assets.watermarks import cover_with_text, object_picture
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    new_owner = owner("studio")
    for number in (4, 9):
        register(stage.services, new_owner, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_collage_matches_every_work_it_shows(inline: SyncRunner, studio: Owner) -> None:
    assert find_titles(inline.services, collage(4, 9)) == {"Work 4", "Work 9"}


@pytest.mark.long
def test_new_work_is_found_immediately_by_other_processes(inline: SyncRunner, studio: Owner) -> None:
    other, query = Services(inline.services.config), collage(77)
    assert find_titles(other, query) == set()
    started = time.monotonic()
    work = register(inline.services, studio, photograph(77), "New").work
    assert find_titles(other, query) == {"New"}
    assert time.monotonic() - started < 5
    remove_work(work, by="Ann")
    assert find_titles(other, query) == set()


def make_marked_copy(seed: int) -> bytes:
    return encode_jpeg(cover_with_text(object_picture(seed)))


@pytest.mark.long
def test_marks_of_later_registration_do_not_affect_the_first(inline: SyncRunner, studio: Owner) -> None:
    data = make_marked_copy(1)
    register(inline.services, studio, data)
    rival = owner("rival")
    for picture in (make_marked_copy(2), make_marked_copy(3), data):
        register(inline.services, rival, picture)
    assert (
        WorkPicture.objects.filter(picture__digest=Digest.from_bytes(data)).exclude(marks=[]).get().work.owner == rival
    )
    assert load_registered_features(inline.services, Digest.from_bytes(data)).marked == ()


def test_relations_are_found_with_stored_features(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(5), "Original")
    copy = register(inline.services, studio, recompress(photograph(5)), "Copy").work
    row = copy.work_pictures.select_related("work", "picture").get()
    get_indexes(inline.services).refresh(Collection.WORKS)
    features = load_registered_features(inline.services, row.digest)
    assert record_relations(inline.services, row, features) == 1
    assert {WorkRelation.objects.get().work.title, WorkRelation.objects.get().other.title} == {"Original", "Copy"}
