"""Which registered pictures are worth verifying: what the indexes say of one picture.

Each index is one voice. The local-vote index will be a third one beside the hash and the descriptor: it joins the round
in :func:`find_candidates`, and nothing else changes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TypeVar

import numpy as np

from exhibit.ports import VectorIndex
from exhibit.types import Hit
from indexer.features import Features

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far each index is asked.

    Attributes:
        hash_nearest: hits for each hash variant.
        hash_within: bits.
        descriptor_nearest: hits for each part of the picture.
        descriptor_within: 1 − cosine. Of 780 edited copies of 60 works, 778 were within .7 of their work.
    """

    hash_nearest: int = 3
    hash_within: int = 90
    descriptor_nearest: int = 8
    descriptor_within: float = 0.7


FOUND_PICTURE = Reach()
"""A picture that was found searches the works: one of them, seldom two."""
NEW_WORK = Reach(hash_nearest=2000, descriptor_nearest=100, descriptor_within=0.6)
"""A new work searches every picture seen so far: it may be in many of them."""
MOST = 12
"""Different pictures that are verified for one found picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vector that an index returned; it says nothing yet about copying.

    Attributes:
        space: identity of the space of the index.
        number: index sequence number.
        distance: bits (hamming) or 1 − cosine.
    """

    space: str
    number: int
    distance: float


def find_candidates(
    features: Features, hashes: VectorIndex, descriptors: VectorIndex, reach: Reach = FOUND_PICTURE
) -> list[Candidate]:
    """Ask both indexes for one picture.

    Args:
        features: of the picture that searches.
        hashes: index in the hash space; its hits come first, nearest first.
        descriptors: index in the descriptor space; the best hit of each part of the picture, then each second, ...
        reach: how far to look.
    """
    return [*hash_candidates(features, hashes, reach), *descriptor_candidates(features, descriptors, reach)]


def hash_candidates(features: Features, hashes: VectorIndex, reach: Reach = FOUND_PICTURE) -> list[Candidate]:
    """The nearest hashes over all orientations and trims, nearest first."""
    found = hashes.search(features.hash_variants, k=reach.hash_nearest, within=reach.hash_within)
    nearest = sorted(chain.from_iterable(found), key=lambda hit: (hit.distance, hit.number))
    return _once(hashes.space.id, nearest)


def descriptor_candidates(
    features: Features, descriptors: VectorIndex, reach: Reach = FOUND_PICTURE
) -> list[Candidate]:
    """The nearest descriptors of the whole picture and its parts, taken in turns."""
    queries = np.stack(list(features.embeddings.values()))
    rounds = zip_longest(*descriptors.search(queries, k=reach.descriptor_nearest, within=reach.descriptor_within))
    hits = [sorted((hit for hit in turn if hit is not None), key=lambda hit: hit.distance) for turn in rounds]
    return _once(descriptors.space.id, chain.from_iterable(hits))


def distinct(
    candidates: Iterable[Candidate], key: Callable[[Candidate], Key | None], most: int = MOST
) -> Iterator[Key]:
    """What the candidates stand for, each once, in their order.

    Args:
        candidates: in order of promise.
        key: the picture of a candidate, or ``None`` when it has gone.
        most: how many different ones.
    """
    seen: set[Key] = set()
    for candidate in candidates:
        if len(seen) == most:
            return
        found = key(candidate)
        if found is not None and found not in seen:
            seen.add(found)
            yield found


def _once(space: str, hits: Iterable[Hit]) -> list[Candidate]:
    """Candidates of the hits, each number at its first place."""
    first: dict[int, Hit] = {}
    for hit in hits:
        first.setdefault(hit.number, hit)
    return [Candidate(space, hit.number, hit.distance) for hit in first.values()]
