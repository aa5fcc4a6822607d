"""The row that says which files an index is made of."""

from registry.models import IndexManifest
from registry.vectors.fingerprints import Collection, space_id
from registry.vectors.manifests import manifest_of, swap
from tests.assets.indexes import BITS, UNITS


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
