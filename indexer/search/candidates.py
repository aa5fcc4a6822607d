"""Candidates for verification: the results of each index for one picture.

Each index is one source: hashes, descriptors, local votes. ``search.search`` queries them in order of their cost.
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
"""Maximum hits for each hash variant, and distance in bits."""
DESCRIPTOR_NEAREST, DESCRIPTOR_WITHIN = 2, 0.6
"""Maximum hits for each part of the picture, and 1 − cosine. Votes find nearly every copy that these miss."""
MAX_VOTED = 6
PROMINENCE = 1.7
"""Ratio of a work's votes to those of the works behind the first ones, from which it is a candidate."""
BACKGROUND_RANKS = slice(6, 30)
"""The works behind the first ones, by weight, which show what chance gives."""
FEW_VOTED = 30
"""Number of works with votes up to which chance cannot be estimated; the heaviest are candidates."""
MAX_CANDIDATES = 12
"""Different works that are verified for one found picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vector returned by an index, which is no evidence of copying yet."""

    space: str  # identity of the space of the index
    number: int  # index sequence number
    distance: float  # bits (hamming), 1 − cosine, or the share of a work's votes that chance explains


def query_index(index: VectorIndex, rows: Sequence[NDArray[Any]], k: int, within: float) -> list[list[list[Hit]]]:
    """Query an index for several pictures or works in one search, which is faster in large indexes."""
    if not rows:
        return []
    hits = index.search(np.concatenate(rows), k=k, within=within)
    ends = np.cumsum([0, *map(len, rows)]).tolist()
    return [hits[begin:end] for begin, end in pairwise(ends)]


def find_hash_candidates(pictures: Sequence[Features], hashes: VectorIndex) -> list[list[Candidate]]:
    """Return for each picture the nearest hashes over all orientations, trims and panels, nearest first."""
    hits_by_picture = query_index(hashes, [picture.hash_variants for picture in pictures], HASH_NEAREST, HASH_WITHIN)
    nearest = (
        sorted(chain.from_iterable(hits), key=lambda hit: (hit.distance, hit.number)) for hits in hits_by_picture
    )
    return [_deduplicate(hashes.space.id, hits) for hits in nearest]


def find_descriptor_candidates(features: Features, descriptors: VectorIndex) -> list[Candidate]:
    """Return the nearest descriptors of the whole picture and its parts, alternating."""
    queries = np.stack(list(features.embeddings.values()))
    rounds = zip_longest(*descriptors.search(queries, k=DESCRIPTOR_NEAREST, within=DESCRIPTOR_WITHIN))
    hits = [sorted((hit for hit in turn if hit is not None), key=lambda hit: hit.distance) for turn in rounds]
    return _deduplicate(descriptors.space.id, chain.from_iterable(hits))


def find_vote_candidates(local: LocalFeatures, votes: VoteIndex) -> list[Candidate]:
    """Return the works with more votes of local features than chance explains, the heaviest first."""
    return select_prominent(votes.votes(local.descriptors))


def select_prominent(votes: Sequence[Vote]) -> list[Candidate]:
    """Return the works, of those sorted by votes, whose votes chance does not explain."""
    chance = estimate_chance(votes)
    threshold = PROMINENCE * chance if len(votes) > FEW_VOTED else 0.0
    return [
        Candidate(ROOTSIFT.id, vote.number, min(1.0, chance / vote.weight))
        for vote in votes[:MAX_VOTED]
        if vote.weight >= threshold
    ]


def estimate_chance(votes: Sequence[Vote]) -> float:
    """Return the votes that chance gives a work; infinite if too few works have votes for an estimate."""
    return float(np.median([vote.weight for vote in votes[BACKGROUND_RANKS]])) if len(votes) > FEW_VOTED else math.inf


def interleave(*sources: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield the first candidate of each source, then the second of each, and so on."""
    return (candidate for turn in zip_longest(*sources) for candidate in turn if candidate is not None)


def iterate_distinct(
    candidates: Iterable[Candidate], key: Callable[[Candidate], Key | None], limit: int = MAX_CANDIDATES
) -> Iterator[Key]:
    """Yield the distinct keys of candidates, in order of promise; those with the key ``None`` no longer exist."""
    keys: set[Key] = set()
    for candidate in candidates:
        if len(keys) == limit:
            return
        candidate_key = key(candidate)
        if candidate_key is not None and candidate_key not in keys:
            keys.add(candidate_key)
            yield candidate_key


def map_owners(candidates: Iterable[Candidate], owners: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], int]:
    """Return the owner of each candidate's vector; numbers are positions in the list of owners of each space."""
    return {(hit.space, hit.number): owners[hit.space][hit.number] for hit in candidates}


def _deduplicate(space: str, hits: Iterable[Hit]) -> list[Candidate]:
    """Convert hits to candidates, each number at its first position."""
    first: dict[int, Hit] = {}
    for hit in hits:
        first.setdefault(hit.number, hit)
    return [Candidate(space, hit.number, hit.distance) for hit in first.values()]
