"""Registered works among thousands of invented ones that exist only as vectors: a search in a large archive."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from bench.matching.registered import RegisteredWorks
from exhibit.types import Space
from indexer.picture.features import Features, compute_work_fingerprints
from indexer.picture.spaces import DESCRIPTOR, PHASH, ROOTSIFT, STORED_LOCAL_FEATURES
from indexer.search.candidates import Candidate
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.rows import to_rows
from indexer.votes.index import VoteIndex

HASH_BYTES = 32
MIXED_DESCRIPTORS = 4
"""Number of real descriptors that an invented one is a mixture of, so that it is as near as that of a photograph."""
LOCAL_FEATURES, BATCH = 100, 500
"""Number of local features of an invented work, and number of works that are added at once."""


class CrowdedWorks:
    """Works by number, and ``count`` invented ones that take places in every ranking but cannot be compared.

    Implements ``indexer.search.search.Works``; the indexes are in ``folder``.
    """

    def __init__(self, works: RegisteredWorks, count: int, folder: Path) -> None:
        self._works, self._count, self._folder = works, count, folder
        self._rng = np.random.default_rng(count)
        self._owners: dict[tuple[str, int], int] = {}
        self.hashes = self._build_index(PHASH, self._invent_hashes())
        self.descriptors = self._build_index(DESCRIPTOR, self._invent_descriptors())
        self.votes = self._build_votes()

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the work of each vector."""
        return {
            (candidate.space, candidate.number): self._owners[candidate.space, candidate.number]
            for candidate in candidates
        }

    def features(self, work: int) -> Features | None:
        """Return the features of a work; ``None`` for an invented one."""
        return self._works.features(work) if work < len(self._works) else None

    def _invent_hashes(self) -> list[bytes]:
        return [row.tobytes() for row in self._rng.integers(0, 256, (self._count, HASH_BYTES), np.uint8)]

    def _invent_descriptors(self) -> list[bytes]:
        real = np.stack([self._works.features(number).embedding for number in range(len(self._works))])
        chosen = self._rng.integers(0, len(real), (self._count, MIXED_DESCRIPTORS))
        weights = self._rng.dirichlet(np.ones(MIXED_DESCRIPTORS), self._count)
        mixtures = np.einsum("nk,nkd->nd", weights, real[chosen])
        mixtures += self._rng.normal(0, 1 / np.sqrt(real.shape[1]), mixtures.shape)
        mixtures /= np.linalg.norm(mixtures, axis=1, keepdims=True)
        return [row.astype("<f4").tobytes() for row in mixtures]

    def _build_index(self, space: Space, invented: list[bytes]) -> FaissIndex:
        vectors: list[bytes] = []
        for work in range(len(self._works)):
            features = self._works.features(work)
            for fingerprint in compute_work_fingerprints(features.digest, features):
                if fingerprint.space == space.id:
                    self._owners[space.id, len(vectors)] = work
                    vectors.append(fingerprint.vector)
        for number, vector in enumerate(invented):
            self._owners[space.id, len(vectors)] = len(self._works) + number
            vectors.append(vector)
        index = FaissIndex(space, self._folder / space.name)
        index.replace([(np.arange(len(vectors)), to_rows(space, vectors))], len(vectors))
        return index

    def _build_votes(self) -> VoteIndex:
        votes = VoteIndex(self._folder / "votes")
        real = [
            self._works.features(work).local.descriptors[:STORED_LOCAL_FEATURES] for work in range(len(self._works))
        ]
        votes.upsert(np.arange(len(real)), real)
        pool = np.concatenate(real)
        for start in range(0, self._count, BATCH):
            chosen = self._rng.integers(0, len(pool), (2, min(BATCH, self._count - start), LOCAL_FEATURES))
            mixed = (pool[chosen[0]].astype(np.uint16) + pool[chosen[1]]) // 2
            numbers = len(real) + start + np.arange(chosen.shape[1])
            votes.upsert(numbers, list(mixed.astype(np.uint8)))
        self._owners |= {(ROOTSIFT.id, number): number for number in range(len(real) + self._count)}
        return votes
