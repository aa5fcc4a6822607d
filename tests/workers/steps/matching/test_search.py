"""A new work searches what was seen before it."""

from exhibit.digests import Digest
from registry.models import Case, Match, Picture, Revisit, WorkPicture
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.steps.matching.match import match_pictures
from workers.steps.matching.search import search_pictures
from workers.tasks.sync_runner import SyncRunner


def registered_after(inline: SyncRunner, *seen: bytes, **state: str) -> WorkPicture:
    """A work that comes after its copies were seen, and after what became of their bytes."""
    studio = owner("studio")
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio), seen))
    Picture.objects.update(**state)
    register(inline.services, studio, photograph(1))
    return WorkPicture.objects.get()


def test_copies_that_were_seen_before_open_a_case_once(inline: SyncRunner) -> None:
    row = registered_after(inline, copy_of(photograph(1)), photograph(2))
    for _ in range(2):
        WorkPicture.objects.update(state="todo")
        search_pictures(inline.services, [row.pk])
    assert Case.objects.get().case_sightings.count() == 1
    assert Match.objects.exclude(decision="none").count() == 1
    row.refresh_from_db()
    assert (row.state, row.progress["compared"], row.progress["expired"]) == ("done", row.progress["alike"], 0)


def test_what_has_expired_is_asked_for_again_and_decides_nothing(inline: SyncRunner) -> None:
    row = registered_after(inline, copy_of(photograph(1)), bytes_state="expired")
    search_pictures(inline.services, [row.pk])
    assert not Case.objects.exists()
    assert Revisit.objects.get().registered == row.picture
    row.refresh_from_db()
    assert (row.progress["expired"], row.progress["asked_again"]) == (1, 1)


def test_a_damaged_picture_stops_nothing_and_is_compared_when_it_is_seen_again(inline: SyncRunner) -> None:
    damaged, whole = copy_of(photograph(1)), photograph(1)
    row = registered_after(inline, damaged, whole)
    found = Picture.objects.get(digest=Digest.of(damaged))
    inline.services.blobs.remove(found.digest)
    Picture.objects.filter(pk=found.pk).update(searched="before")
    search_pictures(inline.services, [row.pk])
    assert Case.objects.count() == 1
    found.refresh_from_db()
    assert found.searched == ""
