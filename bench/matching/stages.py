"""Each of Exhibit's ways to find candidates, by itself.

Hash and descriptor are compared exhaustively: the most that their indexes can give. Local features vote in their index.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.matching.look import Look
from bench.matching.retrievers import FAR, Distances, HashRetriever, Retriever, VectorRetriever
from indexer.picture.features import fingerprints
from indexer.picture.spaces import DESCRIPTOR, PHASH, VOTES_KEPT, WORK_PARTS
from indexer.votes.index import VoteIndex

NUMBER = 8
"""Bytes of the number beside each code."""


def stages(folder: Path) -> list[Retriever]:
    """Hash, descriptor and votes, as works are registered and as found pictures ask.

    Args:
        folder: for the index of votes; nothing is there.
    """
    return [
        HashRetriever("Exhibit's hash", None, _registered_hashes, lambda look: look.features.hash_variants),
        VectorRetriever("Exhibit's descriptor", None, _registered_descriptors, _found_descriptors),
        VoteRetriever(VoteIndex(folder)),
    ]


@dataclass(slots=True)
class VoteRetriever:
    """Ranks by the weight of the votes.

    Attributes:
        index: empty at first.
    """

    index: VoteIndex
    name: str = "Exhibit's votes"
    usual: float | None = None
    _count: int = field(default=0)

    def register(self, look: Look) -> None:
        """Add the next registered picture."""
        self.index.upsert([(self._count, look.features.local.descriptors[:VOTES_KEPT])])
        self._count += 1

    def distances(self, look: Look) -> Distances:
        """Minus the weight for each registered picture."""
        distances = np.full(self._count, FAR)
        for vote in self.index.votes(look.features.quick.descriptors):
            distances[vote.number] = -vote.weight
        return distances

    @property
    def bytes_each(self) -> float:
        """Codes and numbers of a picture's descriptors."""
        return float(self.index.descriptors * (self.index.codec.code_size + NUMBER) / max(1, self._count))


def _registered_hashes(look: Look) -> NDArray[np.uint8]:
    return np.frombuffer(_stored(look, PHASH.id), np.uint8).reshape(-1, PHASH.vector_bytes)


def _registered_descriptors(look: Look) -> NDArray[np.float32]:
    return np.frombuffer(_stored(look, DESCRIPTOR.id), np.float32).reshape(-1, DESCRIPTOR.width)


def _stored(look: Look, space: str) -> bytes:
    every = fingerprints(look.features.digest, look.features)
    return b"".join(one.vector for one in every if one.space == space and one.part in WORK_PARTS)


def _found_descriptors(look: Look) -> NDArray[np.float32]:
    return np.stack(list(look.features.embeddings.values()))
