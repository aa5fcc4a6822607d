"""A new work and all pictures ever seen: what it searches them with, and which of them are worth verifying.

What was seen is kept with few vectors a picture, since there are many; a work is registered once, so it searches with
many parts of itself, in as many orientations as differ. Several works share one pass over the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits, decode
from exhibit.ports import VectorIndex
from exhibit.types import Hit
from indexer.layout.scaling import at_most
from indexer.layout.single_thread import cv2
from indexer.picture.descriptor import Descriptor, crops, on_grounds
from indexer.picture.features import NORMAL, Features
from indexer.picture.spaces import PHASH
from indexer.search.candidates import DESCRIPTOR_WITHIN, Candidate, asked, in_turns

WHOLE_WITHIN = 90
"""Bits within which the hash of a work is looked at."""
WHOLE_NEAREST, PART_NEAREST = 2_000, 200
"""Pictures for the hash of a work, and for each descriptor."""

PROMISING_BITS, PROMISING_WITHIN = 80, 0.4
"""Bits, and 1 − cosine, within which a picture is compared first: 43 of a million strangers lie there for a work in the
mean, and 3,100 within 90 and .6. Of 1,384 copies that are found when they are compared 87% do, and 94%.
"""


@dataclass(frozen=True, slots=True)
class WorkQueries:
    """What one work searches with."""

    hashes: NDArray[np.uint8]  # of the work and of what is within it, in all orientations, uint8, shape (8n, 32)
    descriptors: NDArray[np.float32]  # float32, one row a view; first those of the embeddings


def work_queries(data: bytes, features: Features, descriptor: Descriptor, limits: Limits) -> WorkQueries:
    """What a work searches the past with, by its bytes and the features that this descriptor measured of it.

    The whole in the orientations that the network tells apart, and upright the pictures within it, its middle, its
    quarters, and the whole amid plain grounds.

    Raises ``UnreadablePictureError`` when the bytes can't be decoded within the limits.
    """
    pixels = at_most(decode(data, limits, at_least=NORMAL.side).pixels, NORMAL.side, cv2.INTER_LINEAR)
    small = descriptor.for_turning(pixels)
    turned = [oriented(small, orientation) for orientation in descriptor.turned]
    views = descriptor.vectors([*turned, *crops(pixels), *on_grounds(pixels)])
    return WorkQueries(features.hash_variants, np.concatenate([[*features.embeddings.values()], views]))


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A picture in one of the eight orientations (:mod:`indexer.layout.orientation`)."""
    turned = pixels.swapaxes(0, 1) if orientation & 4 else pixels
    turned = turned[::-1] if orientation & 2 else turned
    return np.ascontiguousarray(turned[:, ::-1] if orientation & 1 else turned)


def search_past(works: Sequence[WorkQueries], hashes: VectorIndex, descriptors: VectorIndex) -> list[list[Candidate]]:
    """Search all pictures seen for several works, in one pass over each index.

    For each work it gives the candidates in the order of promise: by hash and by descriptor in turns, each vector once.
    """
    hashed = asked(hashes, [work.hashes for work in works], WHOLE_NEAREST, WHOLE_WITHIN)
    described = asked(descriptors, [work.descriptors for work in works], PART_NEAREST, DESCRIPTOR_WITHIN)
    return [
        list(in_turns(_nearest(hashes.space.id, by_hash), _nearest(descriptors.space.id, by_descriptor)))
        for by_hash, by_descriptor in zip(hashed, described, strict=True)
    ]


def is_promising(candidate: Candidate) -> bool:
    """Whether a work resembles a picture so much that it is compared first."""
    return candidate.distance <= (PROMISING_BITS if candidate.space == PHASH.id else PROMISING_WITHIN)


def _nearest(space: str, found: Iterable[list[Hit]]) -> list[Candidate]:
    """Each number once, at its smallest distance, nearest first."""
    best: dict[int, float] = {}
    for hit in chain.from_iterable(found):
        best[hit.number] = min(hit.distance, best.get(hit.number, hit.distance))
    return [Candidate(space, *pair) for pair in sorted(best.items(), key=lambda item: (item[1], item[0]))]
