"""Test vectors of images, and the numbered list of changes that indexes follow."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import Fingerprint
from indexer.picture.spaces import PHASH
from registry.fingerprints import fingerprints
from registry.fingerprints.fingerprints import Change, Collection
from registry.models import FingerprintRow, IndexChange, Picture

WORKS, PICTURES = Collection.WORKS, Collection.PICTURES


@pytest.fixture(autouse=True)
def _clear_cached_spaces() -> Iterator[None]:
    fingerprints.clear_cached_spaces()
    yield
    fingerprints.clear_cached_spaces()


def make_vector(data: bytes) -> Fingerprint:
    return Fingerprint(Digest.from_bytes(data), PHASH.id, "whole", data)


def add_pictures(*names: bytes) -> list[int]:
    """Create images with a vector each."""
    pks = [Picture.objects.create(digest=Digest.from_bytes(name), size=1, first_seen=now()).pk for name in names]
    with transaction.atomic():
        rows = [(pk, make_vector(bytes([place]) * 32)) for place, pk in enumerate(pks)]
        fingerprints.store_fingerprints([PHASH], rows)
    return pks


def add_fingerprints(pictures: list[int], to: Collection = WORKS) -> None:
    with transaction.atomic():
        fingerprints.add_to_collection(to, pictures, ["whole"])


def remove_fingerprints(*pictures: int) -> None:
    with transaction.atomic():
        fingerprints.remove_from_collection(WORKS, pictures)


def test_changes_are_numbered_in_ascending_order(db: None) -> None:
    a, b = add_pictures(b"a", b"b")
    add_fingerprints([a])
    add_fingerprints([a, b])
    remove_fingerprints(a)
    remove_fingerprints(a)
    add_fingerprints([a])
    first_vector, two = bytes(32), b"\1" * 32
    changes = fingerprints.list_changes_after(WORKS, PHASH, 0)
    first, second, third, fourth = [change.number for change in changes]
    assert first < second < third < fourth == fingerprints.get_last_change(WORKS, PHASH)
    assert changes == [
        Change(first, a, first_vector, None),
        Change(second, b, two, None),
        Change(third, a, None, first),
        Change(fourth, a, first_vector, None),
    ]
    assert fingerprints.list_changes_after(WORKS, PHASH, third, limit=1) == [Change(fourth, a, first_vector, None)]
    assert list(fingerprints.iterate_current_entries(WORKS, PHASH, second)) == [[(first, first_vector), (second, two)]]
    assert list(fingerprints.iterate_current_entries(WORKS, PHASH, fourth, batch=1)) == [
        [(second, two)],
        [(fourth, first_vector)],
    ]
    assert fingerprints.map_pictures(WORKS, PHASH, [second, fourth]) == {second: b, fourth: a}
    assert fingerprints.list_additions(WORKS, PHASH).count() == 3


def test_change_numbers_are_not_reused(db: None) -> None:
    [a] = add_pictures(b"a")
    add_fingerprints([a])
    before = fingerprints.get_last_change(WORKS, PHASH)
    IndexChange.objects.all().delete()
    add_fingerprints([a])
    assert [change.picture for change in fingerprints.list_changes_after(WORKS, PHASH, before)] == [a]


def test_collections_are_counted_separately(db: None) -> None:
    [a] = add_pictures(b"a")
    add_fingerprints([a], PICTURES)
    before = {(WORKS, PHASH): 0, (PICTURES, PHASH): 0}
    assert fingerprints.count_later_changes(before) == {(WORKS, PHASH.id): 0, (PICTURES, PHASH.id): 1}
    before[PICTURES, PHASH] = fingerprints.get_last_change(PICTURES, PHASH)
    assert set(fingerprints.count_later_changes(before).values()) == {0}


def test_existing_vector_is_kept(db: None) -> None:
    [a] = add_pictures(b"a")
    with transaction.atomic():
        fingerprints.store_fingerprints([PHASH], [(a, make_vector(b"\7" * 32))])
    assert bytes(FingerprintRow.objects.get().vector) == bytes(32)


def test_changed_space_definition_is_rejected(db: None) -> None:
    fingerprints.get_space_id(PHASH)
    fingerprints.clear_cached_spaces()
    with pytest.raises(InvalidRequestError):
        fingerprints.get_space_id(replace(PHASH, width=PHASH.width + 8))
