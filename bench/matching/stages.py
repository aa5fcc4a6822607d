"""Each of Exhibit's ways to find candidates, by itself and exhaustively: the most that its index can give."""

import numpy as np
from numpy.typing import NDArray

from bench.matching.look import Look
from bench.matching.retrievers import HashRetriever, Retriever, VectorRetriever
from indexer.features import fingerprints
from indexer.spaces import DESCRIPTOR, PHASH, WORK_PARTS


def stages() -> list[Retriever]:
    """Hash and descriptor, as works are registered and as found pictures ask."""
    return [
        HashRetriever("Exhibit's hash", None, _registered_hashes, lambda look: look.features.hash_variants),
        VectorRetriever("Exhibit's descriptor", None, _registered_descriptors, _found_descriptors),
    ]


def _registered_hashes(look: Look) -> NDArray[np.uint8]:
    return np.frombuffer(_stored(look, PHASH.id), np.uint8).reshape(-1, PHASH.vector_bytes)


def _registered_descriptors(look: Look) -> NDArray[np.float32]:
    return np.frombuffer(_stored(look, DESCRIPTOR.id), np.float32).reshape(-1, DESCRIPTOR.width)


def _stored(look: Look, space: str) -> bytes:
    every = fingerprints(look.features.digest, look.features)
    return b"".join(one.vector for one in every if one.space == space and one.part in WORK_PARTS)


def _found_descriptors(look: Look) -> NDArray[np.float32]:
    return np.stack(list(look.features.embeddings.values()))
