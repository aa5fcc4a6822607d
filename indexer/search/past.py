"""A new work and all pictures ever seen: what it searches them with, and which of them are worth verifying.

What was seen is kept with few vectors a picture, since there are many; a work is registered once, so it searches with
many parts of itself, in as many orientations as differ. Several works share one pass over the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.pictures.decode import Limits, decode
from exhibit.ports import VectorIndex
from exhibit.types import Hit, Space
from indexer.picture.descriptor import CENTRE_SHARE, Descriptor
from indexer.picture.features import NORMAL, Features
from indexer.picture.hashes import orientation_hashes, shrink
from indexer.search.candidates import DESCRIPTOR_WITHIN, Candidate, asked, in_turns

CROPS = (0.92, 0.84, 0.7)
"""Sides of the middle parts whose hashes are searched, as shares of the work's."""
TILE = 0.6
"""Side of the four corner parts whose hashes are searched."""
WHOLE_WITHIN, PART_WITHIN = 90, 60
"""Bits within which the hash of a whole or trimmed work, and of a part of it, is looked at."""
WHOLE_NEAREST, PART_NEAREST = 2_000, 200
"""Pictures for the hash of a whole work, and for that of a part and for each descriptor."""
Answers = list[list[list[Hit]]]
"""What indexes, or parts of them, say to one work: the hits of each query by the hashes of all of it, by those of its
parts, and by its descriptors."""


@dataclass(frozen=True, slots=True)
class WorkQueries:
    """What one work searches with."""

    whole: NDArray[np.uint8]  # hashes of the work and of what is inside its borders, uint8, shape (8 or 16, 32)
    parts: NDArray[np.uint8]  # hashes of parts of it in all orientations, uint8, shape (n, 32)
    descriptors: NDArray[np.float32]  # float32, one row a part and orientation


def work_queries(data: bytes, features: Features, descriptor: Descriptor, limits: Limits) -> WorkQueries:
    """What a work searches the past with, by its bytes and the features that this descriptor measured of it.

    Raises ``UnreadablePictureError`` when the bytes can't be decoded within the limits.
    """
    pixels = decode(data, limits, at_least=NORMAL.side).pixels
    grey = Image.fromarray(pixels).convert("L")
    corners = [(left, top, left + TILE, top + TILE) for top in (0, 1 - TILE) for left in (0, 1 - TILE)]
    boxes = [*map(_middle, CROPS), *corners]
    parts = [orientation_hashes(shrink(grey.crop(_pixels(box, grey.size)))) for box in boxes]
    middle = np.asarray(Image.fromarray(pixels).crop(_pixels(_middle(CENTRE_SHARE), grey.size)))
    sizes = [descriptor.for_turning(part) for part in (pixels, middle)]
    turned = [oriented(size, orientation) for size in sizes for orientation in descriptor.turned]
    upright = np.stack([*features.embeddings.values(), *features.tiles.values()])
    return WorkQueries(
        whole=features.hash_variants,
        parts=np.concatenate(parts),
        descriptors=np.concatenate([upright, descriptor.vectors(turned)]),
    )


def oriented(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A picture in one of the eight orientations (:mod:`indexer.layout.orientation`)."""
    turned = pixels.swapaxes(0, 1) if orientation & 4 else pixels
    turned = turned[::-1] if orientation & 2 else turned
    return np.ascontiguousarray(turned[:, ::-1] if orientation & 1 else turned)


def search_past(works: Sequence[WorkQueries], hashes: VectorIndex, descriptors: VectorIndex) -> list[list[Candidate]]:
    """Search all pictures seen for several works, in one pass over each index.

    For each work it gives the candidates in the order of promise: by hash and by descriptor in turns, each vector once.
    """
    return [promising(told, hashes.space, descriptors.space) for told in ask_past(works, hashes, descriptors)]


def ask_past(works: Sequence[WorkQueries], hashes: VectorIndex, descriptors: VectorIndex) -> list[Answers]:
    """What indexes, or parts of them, say to each of several works, in one pass over each."""
    whole = asked(hashes, [work.whole for work in works], WHOLE_NEAREST, WHOLE_WITHIN)
    parts = asked(hashes, [work.parts for work in works], PART_NEAREST, PART_WITHIN)
    described = asked(descriptors, [work.descriptors for work in works], PART_NEAREST, DESCRIPTOR_WITHIN)
    return [list(answers) for answers in zip(whole, parts, described, strict=True)]


def joined(told: Sequence[Answers]) -> Answers:
    """What the whole of an index says, from what its parts say; a number that two of them have counts once."""
    most = (WHOLE_NEAREST, PART_NEAREST, PART_NEAREST)
    return [
        [_once(chain(*hits))[:count] for hits in zip(*queries, strict=True)]
        for count, *queries in zip(most, *told, strict=True)
    ]


def promising(told: Answers, hashes: Space, descriptors: Space) -> list[Candidate]:
    """The candidates of one work in the order of promise."""
    by_whole, by_part, likened = told
    return list(in_turns(_nearest(hashes.id, chain(by_whole, by_part)), _nearest(descriptors.id, likened)))


def _nearest(space: str, found: Iterable[list[Hit]]) -> list[Candidate]:
    """Each number once, at its smallest distance, nearest first."""
    return [Candidate(space, hit.number, hit.distance) for hit in _once(chain.from_iterable(found))]


def _once(hits: Iterable[Hit]) -> list[Hit]:
    best: dict[int, float] = {}
    for hit in hits:
        best[hit.number] = min(hit.distance, best.get(hit.number, hit.distance))
    return [Hit(*pair) for pair in sorted(best.items(), key=lambda item: (item[1], item[0]))]


def _middle(share: float) -> tuple[float, float, float, float]:
    edge = (1 - share) / 2
    return edge, edge, 1 - edge, 1 - edge


def _pixels(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A part's edges in pixels; of tiny pictures a part has at least one."""
    width, height = size
    left, top = round(box[0] * width), round(box[1] * height)
    return left, top, max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
