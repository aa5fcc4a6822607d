"""Candidates for verification: the results of each index for one picture.

Each index is one source: hashes, descriptors, local votes. ``search.search`` queries the sources in order of cost.
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

MAX_HASH_HITS, MAX_HASH_DISTANCE = 3, 90
"""Maximum hits for each hash variant, and distance in bits."""
MAX_DESCRIPTOR_HITS, MAX_DESCRIPTOR_DISTANCE = 2, 0.6
"""Maximum hits for each part of the picture, and 1 − cosine. Votes find nearly every copy that these miss."""
MAX_VOTE_CANDIDATES = 6
MIN_PROMINENCE = 1.7
"""Minimum ratio of a candidate's votes to those of the works in the background ranks."""
BACKGROUND_RANKS = slice(6, 30)
"""Ranks by weight of the works whose votes serve as an estimate of chance."""
FEW_VOTED_WORKS = 30
"""Number of works with votes up to which chance cannot be estimated; the heaviest works are then candidates."""
MAX_CANDIDATES = 12
"""Maximum number of works that are verified for one found picture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Vector returned by an index; it is not yet evidence of copying."""

    space: str  # identity of the space of the index
    number: int  # index sequence number
    distance: float  # bits (hamming), 1 − cosine, or the fraction of a work's votes that chance explains


def query_index(index: VectorIndex, rows: Sequence[NDArray[Any]], k: int, max_distance: float) -> list[list[list[Hit]]]:
    """Query an index for several pictures or works in one search, which is faster in large indexes."""
    if not rows:
        return []
    hits = index.search(np.concatenate(rows), k=k, within=max_distance)
    ends = np.cumsum([0, *map(len, rows)]).tolist()
    return [hits[begin:end] for begin, end in pairwise(ends)]


def find_hash_candidates(pictures: Sequence[Features], hashes: VectorIndex) -> list[list[Candidate]]:
    """Find the nearest hashes for each picture over all orientations, trims and panels, nearest first."""
    hits_by_picture = query_index(
        hashes, [picture.hash_variants for picture in pictures], MAX_HASH_HITS, MAX_HASH_DISTANCE
    )
    nearest = (
        sorted(chain.from_iterable(hits), key=lambda hit: (hit.distance, hit.number)) for hits in hits_by_picture
    )
    return [_deduplicate(hashes.space.id, hits) for hits in nearest]


def find_descriptor_candidates(features: Features, descriptors: VectorIndex) -> list[Candidate]:
    """Find the nearest descriptors of the whole picture and of its parts, alternately."""
    queries = np.stack(list(features.embeddings.values()))
    rounds = zip_longest(*descriptors.search(queries, k=MAX_DESCRIPTOR_HITS, within=MAX_DESCRIPTOR_DISTANCE))
    hits = [
        sorted((hit for hit in round_hits if hit is not None), key=lambda hit: hit.distance) for round_hits in rounds
    ]
    return _deduplicate(descriptors.space.id, chain.from_iterable(hits))


def find_vote_candidates(local: LocalFeatures, votes: VoteIndex) -> list[Candidate]:
    """Find the works with more votes of local features than chance explains, the heaviest first."""
    return select_prominent_works(votes.votes(local.descriptors))


def select_prominent_works(votes: Sequence[Vote]) -> list[Candidate]:
    """Select the works whose votes chance does not explain; ``votes`` is sorted, heaviest first."""
    chance = estimate_chance(votes)
    threshold = MIN_PROMINENCE * chance if len(votes) > FEW_VOTED_WORKS else 0.0
    return [
        Candidate(ROOTSIFT.id, vote.number, min(1.0, chance / vote.weight))
        for vote in votes[:MAX_VOTE_CANDIDATES]
        if vote.weight >= threshold
    ]


def estimate_chance(votes: Sequence[Vote]) -> float:
    """Estimate the votes that a work receives by chance; infinite if too few works have votes for an estimate."""
    return (
        float(np.median([vote.weight for vote in votes[BACKGROUND_RANKS]]))
        if len(votes) > FEW_VOTED_WORKS
        else math.inf
    )


def interleave(*sources: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield the first candidate of each source, then the second of each, and so on."""
    return (
        candidate
        for round_candidates in zip_longest(*sources)
        for candidate in round_candidates
        if candidate is not None
    )


def iterate_distinct(
    candidates: Iterable[Candidate], key: Callable[[Candidate], Key | None], limit: int = MAX_CANDIDATES
) -> Iterator[Key]:
    """Yield the distinct keys of candidates, most promising first, without deleted ones (key ``None``)."""
    keys: set[Key] = set()
    for candidate in candidates:
        if len(keys) == limit:
            return
        candidate_key = key(candidate)
        if candidate_key is not None and candidate_key not in keys:
            keys.add(candidate_key)
            yield candidate_key


def map_owners(candidates: Iterable[Candidate], owners: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], int]:
    """Map each candidate to the owner of its vector; numbers are indices in the list of owners of each space."""
    return {(hit.space, hit.number): owners[hit.space][hit.number] for hit in candidates}


def _deduplicate(space: str, hits: Iterable[Hit]) -> list[Candidate]:
    """Convert hits to candidates, each number at its first position."""
    first: dict[int, Hit] = {}
    for hit in hits:
        first.setdefault(hit.number, hit)
    return [Candidate(space, hit.number, hit.distance) for hit in first.values()]
