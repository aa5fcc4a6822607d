"""Which registered pictures are worth verifying: what each index says of one picture.

Each index is one voice: hashes, descriptors, local votes. ``search.search`` asks them in the order of their cost.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.ports import VectorIndex
from exhibit.types import Hit
from indexer.picture.features import Features
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import ROOTSIFT
from indexer.votes.index import Vote, VoteIndex

Key = TypeVar("Key")

HASH_NEAREST, HASH_WITHIN = 3, 90
"""Hits for each hash variant, and bits."""
DESCRIPTOR_NEAREST, DESCRIPTOR_WITHIN = 2, 0.6
"""Hits for each part of the picture, and 1 − cosine. Nearly every copy that isn't found by these is found by votes."""
VOTED_MOST = 6
STANDS_OUT = 1.7
"""A work is looked at whose votes weigh so many times what those of the works behind the first ones do."""
BEHIND = slice(6, 30)
"""The works behind the first ones, by weight: what chance alone gives."""
FEW_VOTED = 30
"""With so few works that have votes, chance can't be told; the heaviest are looked at."""
MAX_CANDIDATES = 12
"""Different pictures that are verified for one found picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vector that an index returned; it says nothing yet about copying."""

    space: str  # identity of the space of the index
    number: int  # index sequence number
    distance: float  # bits (hamming), 1 − cosine, or the share of a work's votes that chance accounts for


def asked(index: VectorIndex, rows: Sequence[NDArray[Any]], k: int, within: float) -> list[list[list[Hit]]]:
    """What an index says of each of several pictures or works, in one search: large indexes answer that faster."""
    if not rows:
        return []
    found = index.search(np.concatenate(rows), k=k, within=within)
    ends = np.cumsum([0, *map(len, rows)]).tolist()
    return [found[begin:end] for begin, end in pairwise(ends)]


def hash_candidates(pictures: Sequence[Features], hashes: VectorIndex) -> list[list[Candidate]]:
    """For each picture the nearest hashes over all orientations, trims and panels, nearest first."""
    found = asked(hashes, [picture.hash_variants for picture in pictures], HASH_NEAREST, HASH_WITHIN)
    nearest = (sorted(chain.from_iterable(hits), key=lambda hit: (hit.distance, hit.number)) for hits in found)
    return [_once(hashes.space.id, hits) for hits in nearest]


def descriptor_candidates(features: Features, descriptors: VectorIndex) -> list[Candidate]:
    """The nearest descriptors of the whole picture and its parts, taken in turns."""
    queries = np.stack(list(features.embeddings.values()))
    rounds = zip_longest(*descriptors.search(queries, k=DESCRIPTOR_NEAREST, within=DESCRIPTOR_WITHIN))
    hits = [sorted((hit for hit in turn if hit is not None), key=lambda hit: hit.distance) for turn in rounds]
    return _once(descriptors.space.id, chain.from_iterable(hits))


def vote_candidates(local: LocalFeatures, votes: VoteIndex) -> list[Candidate]:
    """The works that local features vote for more than chance would have it, the heaviest first."""
    return standing_out(votes.votes(local.descriptors))


def standing_out(votes: Sequence[Vote]) -> list[Candidate]:
    """Those of the works with votes, heaviest first, that chance doesn't account for."""
    chance = by_chance(votes)
    least = STANDS_OUT * chance if len(votes) > FEW_VOTED else 0.0
    return [
        Candidate(ROOTSIFT.id, vote.number, min(1.0, chance / vote.weight))
        for vote in votes[:VOTED_MOST]
        if vote.weight >= least
    ]


def by_chance(votes: Sequence[Vote]) -> float:
    """What chance alone gives a work; infinite where so few works have votes that it can't be told."""
    return float(np.median([vote.weight for vote in votes[BEHIND]])) if len(votes) > FEW_VOTED else math.inf


def in_turns(*voices: Sequence[Candidate]) -> Iterator[Candidate]:
    """The first of each voice, then the second of each, and so on."""
    return (candidate for turn in zip_longest(*voices) for candidate in turn if candidate is not None)


def distinct(
    candidates: Iterable[Candidate], key: Callable[[Candidate], Key | None], most: int = MAX_CANDIDATES
) -> Iterator[Key]:
    """What the candidates, in order of promise, stand for, each once; ``None`` stands for what has gone."""
    seen: set[Key] = set()
    for candidate in candidates:
        if len(seen) == most:
            return
        found = key(candidate)
        if found is not None and found not in seen:
            seen.add(found)
            yield found


def owners_of(candidates: Iterable[Candidate], owners: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], int]:
    """Whose vector each candidate is, where numbers are places in a list of owners for each space."""
    return {(hit.space, hit.number): owners[hit.space][hit.number] for hit in candidates}


def _once(space: str, hits: Iterable[Hit]) -> list[Candidate]:
    """Candidates of the hits, each number at its first place."""
    first: dict[int, Hit] = {}
    for hit in hits:
        first.setdefault(hit.number, hit)
    return [Candidate(space, hit.number, hit.distance) for hit in first.values()]
