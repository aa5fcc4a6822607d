"""Indexes whose files lie in a bucket: what one machine writes the others find, whatever happens meanwhile."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Hit, Space
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, open_index, rebuild_index
from indexer.vectors.manifest import Manifest, Place
from indexer.votes.index import VoteIndex, check_votes, rebuild_votes
from registry.models import IndexManifest
from registry.vectors.fingerprints import Collection, space_id
from tests.assets.indexes import BITS, UNITS, numbers, vectors
from tests.assets.published import AT_ONCE, Cloud
from tests.assets.voters import descriptors
from workers.services.published import PublishedPlace, manifest_of, swap

Opened = Callable[[PublishedPlace], Any]


@pytest.fixture
def space() -> Space:
    return BITS


both = pytest.mark.parametrize("space", [BITS, ROOTSIFT], ids=lambda space: space.name)
"""Vectors and votes have files of their own."""


def opened(place: PublishedPlace, space: Space) -> FaissIndex | VoteIndex:
    return VoteIndex(place) if space is ROOTSIFT else FaissIndex(space, place)


def add(index: FaissIndex | VoteIndex, added: Iterable[int]) -> None:
    if isinstance(index, VoteIndex):
        index.upsert([(number, descriptors(number)) for number in added])
    else:
        index.upsert(numbers(*added), vectors(BITS, [number * 2 for number in added]))


def nearest(index: FaissIndex | VoteIndex, number: int) -> int:
    """What is found first by what was added under a number."""
    if isinstance(index, VoteIndex):
        return index.votes(descriptors(number))[0].number
    return index.search(vectors(BITS, [number * 2]), k=1)[0][0].number


def problems(place: PublishedPlace, space: Space) -> list[str]:
    return check_votes(place) if space is ROOTSIFT else check_index(space, place)


def written(place: PublishedPlace, space: Space, *added: int) -> FaissIndex | VoteIndex:
    """A durable index of some numbers."""
    index = opened(place, space)
    add(index, added)
    index.flush(max(added))
    return index


@both
def test_what_one_machine_writes_another_notices_and_finds(cloud: Cloud, tmp_path: Path, space: Space) -> None:
    here, there = (cloud.place(tmp_path / name, space) for name in ("here", "there"))
    other = opened(there, space)
    index = written(here, space, 1, 2, 3)
    assert (len(other), other.reopen(), len(other), other.sequence) == (0, True, 3, 3)
    index.remove(numbers(2))
    add(index, [4])
    index.flush(5)
    assert (other.reopen(), len(other), other.reopen()) == (True, 3, False)
    assert [nearest(other, number) for number in (1, 3, 4)] == [1, 3, 4]
    assert (problems(there, space), there.held()[:2], there.held()[2] > 0) == ([], (3, 5), True)


def test_a_machine_s_files_may_be_removed_at_any_time(cloud: Cloud, tmp_path: Path, space: Space) -> None:
    index = written(cloud.place(tmp_path, space), space, *range(1, 30))
    shutil.rmtree(tmp_path)
    assert nearest(index, 7) == 7
    add(index, [30])
    index.flush(30)
    shutil.rmtree(tmp_path)
    index.remove(numbers(1))
    index.flush(31)
    again = opened(cloud.place(tmp_path, space), space)
    assert (len(again), nearest(again, 30), again.sequence) == (29, 30, 31)


def test_a_copy_that_was_damaged_is_fetched_again(cloud: Cloud, tmp_path: Path, space: Space) -> None:
    written(cloud.place(tmp_path, space), space, 1, 2, 3)
    for path in tmp_path.glob("*/segment-*"):
        path.write_bytes(path.read_bytes()[:-9])
    place = cloud.place(tmp_path, space)
    assert nearest(opened(place, space), 2) == 2
    assert problems(place, space) == []


@both
def test_what_is_damaged_in_the_bucket_is_told_and_can_be_made_again(
    cloud: Cloud, tmp_path: Path, space: Space
) -> None:
    place = cloud.place(tmp_path / "here", space)
    written(place, space, 1, 2, 3)
    for some in obstore.list(cloud.bucket.objects, "indexes"):
        for one in some:
            obstore.put(cloud.bucket.objects, one["path"], b"damaged")
    there = cloud.place(tmp_path / "there", space)
    with pytest.raises(IntegrityError, match="damaged in the bucket"):
        opened(there, space)
    assert problems(there, space)
    if space is ROOTSIFT:
        rebuild_votes(there, [[(seed, descriptors(seed)) for seed in (1, 2, 3)]], 3)
    else:
        rebuild_index(space, there, [(numbers(1, 2, 3), vectors(BITS, [2, 4, 6]))], 3)
    again = opened(cloud.place(tmp_path / "here", space), space)
    assert (problems(there, space), len(again), nearest(again, 2)) == ([], 3, 2)


def test_a_file_that_has_gone_from_the_bucket_is_stored_again_by_who_has_it(
    cloud: Cloud, tmp_path: Path, space: Space
) -> None:
    place = cloud.place(tmp_path / "here", space)
    written(place, space, 1, 2, 3)
    for digest in list(cloud.store(space)):
        cloud.store(space).remove(digest)
    there = cloud.place(tmp_path / "there", space)
    with pytest.raises(IntegrityError, match="has gone"):
        opened(there, space)
    assert any("isn't in the bucket any more" in told for told in problems(there, space))
    assert problems(place, space) == []
    assert nearest(opened(there, space), 3) == 3


def test_a_writer_that_was_overtaken_between_its_look_and_its_swap_changes_nothing(
    cloud: Cloud, tmp_path: Path, space: Space
) -> None:
    place = cloud.place(tmp_path / "slow", space)
    slow = written(place, space, 1, 2)
    fast = opened(cloud.place(tmp_path / "fast", space), space)
    publish = place.publish

    def late(drafts: Path, manifest: Manifest, over: Manifest) -> bool:
        add(fast, [3, 4])
        fast.flush(4)
        return publish(drafts, manifest, over)

    place.publish = late  # type: ignore[method-assign]
    add(slow, [3])
    slow.flush(3)
    assert (slow.sequence, len(slow), nearest(slow, 4)) == (4, 4, 4)
    assert problems(cloud.place(tmp_path / "third", space), space) == []


def test_files_that_no_manifest_names_stay_for_some_time_and_go_then(
    cloud: Cloud, tmp_path: Path, space: Space
) -> None:
    place, store = cloud.place(tmp_path, space), cloud.store(space)
    assert place.sweep(AT_ONCE) == 0
    index = written(place, space, 1, 2)
    earlier = set(store)
    add(index, range(3, 30))
    index.flush(29)
    assert place.sweep() == 0
    left = store.put(b"of a writer that was killed")
    assert earlier < set(store)
    needed = {Digest.of_file(path) for path in place.folder.glob("segment-00000002-*")}  # a codec as before
    assert place.sweep(AT_ONCE) == len(earlier - needed) + 1
    assert (place.sweep(AT_ONCE), left in store, problems(cloud.place(tmp_path / "other", space), space)) == (
        0,
        False,
        [],
    )


def test_an_index_that_is_removed_leaves_nothing(cloud: Cloud, tmp_path: Path, space: Space) -> None:
    place = cloud.place(tmp_path, space)
    written(place, space, 1, 2)
    place.clear()
    assert (list(cloud.store(space)), list(tmp_path.glob("*/*")), len(opened(place, space))) == ([], [], 0)


@pytest.fixture
def archive(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of pictures seen, of five segments, that a machine has written; and that machine's folder."""
    monkeypatch.setattr("indexer.vectors.segments.MAX_ROWS", 50)
    place = cloud.place(tmp_path / "writer", BITS, Collection.PICTURES)
    rebuild_index(BITS, place, [(np.arange(1, 251), vectors(BITS, [k % 64 for k in range(250)]))], 250)
    return tmp_path / "writer"


def hits(index: FaissIndex) -> list[list[Hit]]:
    return index.search(vectors(BITS, [3, 40]), k=90)


@pytest.mark.parametrize("room", [0, 2500])
def test_a_machine_with_room_for_a_part_of_the_archive_finds_all_of_it(
    cloud: Cloud, tmp_path: Path, archive: Path, room: int
) -> None:
    whole = open_index(BITS, cloud.place(archive, BITS, Collection.PICTURES))
    segment = sum(path.stat().st_size for path in archive.glob("*/segment-*")) // 5
    index = open_index(BITS, cloud.place(tmp_path, BITS, Collection.PICTURES, room))
    assert len(index) == 250
    assert hits(index) == hits(whole)
    kept = sum(path.stat().st_size for path in tmp_path.glob("pictures-*/segment-*"))
    assert segment <= kept <= max(segment * 1.1, min(room, 5.5 * segment))
    for one in (index, whole):
        assert one.remove(numbers(3, 67, 249, 999)) == 3
        one.upsert(numbers(251), vectors(BITS, [40]))
    assert hits(index) == hits(whole)
    index.flush(255)
    assert whole.reopen()
    assert (hits(index), len(index), index.sequence) == (hits(whole), 248, 255)
    assert check_index(BITS, cloud.place(tmp_path, BITS, Collection.PICTURES, room)) == []


def test_what_was_searched_longest_ago_makes_room(cloud: Cloud, tmp_path: Path, archive: Path) -> None:
    size = sum(path.stat().st_size for path in archive.glob("*/segment-*"))
    place = cloud.place(tmp_path, BITS, Collection.PICTURES, room=size * 3 // 5)
    names = [entry.name for entry in place.read(BITS.id).segments]
    for name in (*names[:3], names[0], names[4]):
        place.fetch(name)
    assert {path.stem for path in tmp_path.glob("pictures-*/segment-*.faiss")} == {names[0], names[2], names[4]}


def test_what_is_brought_to_be_searched_is_told_with_its_bytes(cloud: Cloud, tmp_path: Path, archive: Path) -> None:
    sizes = cloud.place(tmp_path, BITS, Collection.PICTURES, room=0).brought()
    names = [entry.name for entry in cloud.place(archive, BITS, Collection.PICTURES).read(BITS.id).segments]
    assert list(sizes) == names
    written = sum(path.stat().st_size for path in archive.glob("*/segment-*"))
    assert (sum(sizes.values()), min(sizes.values()) > 0) == (written, True)
    assert cloud.place(tmp_path, BITS, Collection.PICTURES).brought() == {}
    assert Place(tmp_path).brought() == {}


def manifest(generation: int, sequence: int) -> IndexManifest:
    return IndexManifest(
        collection=Collection.WORKS,
        space_id=space_id(BITS),
        generation=generation,
        sequence=sequence,
        segments=[("segment-1-0", None)],
        files={"segment-1-0.npy": ("ab" * 32, 9, 1)},
    )


def test_a_manifest_is_swapped_only_over_the_one_that_was_read(db: None) -> None:
    assert manifest_of(Collection.WORKS, BITS).generation == 0
    asked = [(manifest(1, 5), 0), (manifest(1, 9), 0), (manifest(2, 7), 1), (manifest(2, 8), 1)]
    assert [swap(new, over) for new, over in asked] == [True, False, True, False]
    row = manifest_of(Collection.WORKS, BITS)
    assert (row.generation, row.sequence, row.segments) == (2, 7, [["segment-1-0", None]])
    assert manifest_of(Collection.PICTURES, BITS).generation == manifest_of(Collection.WORKS, UNITS).generation == 0
