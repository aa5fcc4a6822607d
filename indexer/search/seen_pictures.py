"""Search for a new work among all pictures seen earlier: its queries, and the selection of results to verify.

Few vectors are stored for each picture seen, because there are many. A work is registered once, so it is searched for
with many of its parts, in all orientations that differ. Several works share one pass over the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits, decode
from exhibit.ports import VectorIndex
from exhibit.types import Hit
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2
from indexer.picture.descriptor import Descriptor, cut_crops, place_on_backgrounds
from indexer.picture.features import NORMAL_DETAIL, Features
from indexer.picture.spaces import PHASH
from indexer.search.candidates import MAX_DESCRIPTOR_DISTANCE, Candidate, interleave, query_index

MAX_WHOLE_DISTANCE = 90
"""Maximum distance in bits for the hash of a work."""
MAX_WHOLE_HITS, MAX_PART_HITS = 2_000, 200
"""Maximum hits for the hash of a work, and for each descriptor."""

MAX_PROMISING_BITS, MAX_PROMISING_DISTANCE = 80, 0.4
"""Maximum distances, in bits and 1 − cosine, of pictures that are compared first: on average 43 of a million
unrelated pictures for a work, compared with 3,100 within 90 and .6. Of 1,384 copies that are found when compared,
87% are within these limits, and 94% within the wider ones."""


@dataclass(frozen=True, slots=True)
class WorkQueries:
    """Queries for one work."""

    hashes: NDArray[np.uint8]  # of the work and its parts, in all orientations, uint8, shape (8n, 32)
    descriptors: NDArray[np.float32]  # float32, one row per view, starting with those of the embeddings


def create_work_queries(data: bytes, features: Features, descriptor: Descriptor, limits: Limits) -> WorkQueries:
    """Create the queries for a work from its bytes and the features measured with this descriptor.

    They cover the whole in the orientations that the model distinguishes and, upright, the pictures within it, its
    centre, its quarters, and the whole on plain backgrounds.

    Raises:
        UnreadablePictureError: The bytes cannot be decoded within the limits.
    """
    pixels = shrink_to(decode(data, limits, at_least=NORMAL_DETAIL.side).pixels, NORMAL_DETAIL.side, cv2.INTER_LINEAR)
    small = descriptor.reduce_for_orientations(pixels)
    rotated_pixels = [apply_orientation(small, orientation) for orientation in descriptor.extra_orientations]
    views = descriptor.compute_vectors([*rotated_pixels, *cut_crops(pixels), *place_on_backgrounds(pixels)])
    return WorkQueries(features.hash_variants, np.concatenate([[*features.embeddings.values()], views]))


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return a picture in one of the eight orientations (:mod:`indexer.layout.orientation`)."""
    rotated = pixels.swapaxes(0, 1) if orientation & 4 else pixels
    rotated = rotated[::-1] if orientation & 2 else rotated
    return np.ascontiguousarray(rotated[:, ::-1] if orientation & 1 else rotated)


def search_seen_pictures(
    works: Sequence[WorkQueries], hashes: VectorIndex, descriptors: VectorIndex
) -> list[list[Candidate]]:
    """Search all pictures seen for several works, in one pass over each index.

    Returns:
        For each work, the candidates by hash and by descriptor alternately, most promising first, each vector once.
    """
    hash_hits = query_index(hashes, [work.hashes for work in works], MAX_WHOLE_HITS, MAX_WHOLE_DISTANCE)
    descriptor_hits = query_index(
        descriptors, [work.descriptors for work in works], MAX_PART_HITS, MAX_DESCRIPTOR_DISTANCE
    )
    return [
        list(interleave(_merge_hits(hashes.space.id, by_hash), _merge_hits(descriptors.space.id, by_descriptor)))
        for by_hash, by_descriptor in zip(hash_hits, descriptor_hits, strict=True)
    ]


def is_promising(candidate: Candidate) -> bool:
    """Return True if a picture resembles a work enough to be compared first."""
    return candidate.distance <= (MAX_PROMISING_BITS if candidate.space == PHASH.id else MAX_PROMISING_DISTANCE)


def _merge_hits(space: str, results: Iterable[list[Hit]]) -> list[Candidate]:
    """Return each number once, at its smallest distance, nearest first."""
    smallest_distances: dict[int, float] = {}
    for hit in chain.from_iterable(results):
        smallest_distances[hit.number] = min(hit.distance, smallest_distances.get(hit.number, hit.distance))
    return [Candidate(space, *pair) for pair in sorted(smallest_distances.items(), key=lambda item: (item[1], item[0]))]
