"""Test vectors of images, and the numbered list of changes that every index caches."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import Fingerprint
from indexer.picture.spaces import PHASH
from registry.fingerprints import fingerprints
from registry.fingerprints.fingerprints import Change, Collection
from registry.models import FingerprintRow, IndexChange, Picture

WORKS, PICTURES = Collection.WORKS, Collection.PICTURES


@pytest.fixture(autouse=True)
def _no_space_is_remembered() -> Iterator[None]:
    fingerprints.forget_cached_spaces()
    yield
    fingerprints.forget_cached_spaces()


def vector(data: bytes) -> Fingerprint:
    return Fingerprint(Digest.of(data), PHASH.id, "whole", data)


def kept(*names: bytes) -> list[int]:
    """Create images with a vector each."""
    made = [Picture.objects.create(digest=Digest.of(name), size=1, first_seen=now()).pk for name in names]
    with transaction.atomic():
        rows = [(pk, vector(bytes([place]) * 32)) for place, pk in enumerate(made)]
        fingerprints.keep_fingerprints([PHASH], rows)
    return made


def add(pictures: list[int], to: Collection = WORKS) -> None:
    with transaction.atomic():
        fingerprints.add_to(to, pictures, ["whole"])


def remove(*pictures: int) -> None:
    with transaction.atomic():
        fingerprints.remove_from(WORKS, pictures)


def test_changes_have_ascending_numbers_whatever_is_added_twice_or_removed(db: None) -> None:
    a, b = kept(b"a", b"b")
    add([a])
    add([a, b])
    remove(a)
    remove(a)
    add([a])
    one, two = bytes(32), b"\1" * 32
    changes = fingerprints.changes_after(WORKS, PHASH, 0)
    first, second, third, fourth = [change.number for change in changes]
    assert first < second < third < fourth == fingerprints.last_change(WORKS, PHASH)
    assert changes == [
        Change(first, a, one, None),
        Change(second, b, two, None),
        Change(third, a, None, first),
        Change(fourth, a, one, None),
    ]
    assert fingerprints.changes_after(WORKS, PHASH, third, limit=1) == [Change(fourth, a, one, None)]
    assert list(fingerprints.living(WORKS, PHASH, second)) == [[(first, one), (second, two)]]
    assert list(fingerprints.living(WORKS, PHASH, fourth, batch=1)) == [[(second, two)], [(fourth, one)]]
    assert fingerprints.pictures_of(WORKS, PHASH, [second, fourth]) == {second: b, fourth: a}
    assert fingerprints.additions(WORKS, PHASH).count() == 3


def test_a_number_comes_once_even_if_all_of_its_space_was_removed(db: None) -> None:
    [a] = kept(b"a")
    add([a])
    before = fingerprints.last_change(WORKS, PHASH)
    IndexChange.objects.all().delete()
    add([a])
    assert [change.picture for change in fingerprints.changes_after(WORKS, PHASH, before)] == [a]


def test_each_collection_counts_for_itself(db: None) -> None:
    [a] = kept(b"a")
    add([a], PICTURES)
    before = {(WORKS, PHASH): 0, (PICTURES, PHASH): 0}
    assert fingerprints.count_later(before) == {(WORKS, PHASH.id): 0, (PICTURES, PHASH.id): 1}
    before[PICTURES, PHASH] = fingerprints.last_change(PICTURES, PHASH)
    assert set(fingerprints.count_later(before).values()) == {0}


def test_a_vector_that_is_there_stays(db: None) -> None:
    [a] = kept(b"a")
    with transaction.atomic():
        fingerprints.keep_fingerprints([PHASH], [(a, vector(b"\7" * 32))])
    assert bytes(FingerprintRow.objects.get().vector) == bytes(32)


def test_a_space_that_was_measured_in_another_way_is_refused(db: None) -> None:
    fingerprints.space_id(PHASH)
    fingerprints.forget_cached_spaces()
    with pytest.raises(WrongUseError):
        fingerprints.space_id(replace(PHASH, width=PHASH.width + 8))
