"""Local features of fictitious works, and an index of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.votes.index import VoteIndex


def descriptors(seed: int, count: int = 30) -> NDArray[np.uint8]:
    """Return descriptors as sparse as real ones; equal seeds give equal descriptors."""
    return np.minimum(255, np.random.default_rng(seed).gamma(0.6, 40, (count, 128))).astype(np.uint8)


def numbers(*values: int) -> NDArray[np.int64]:
    """Return index sequence numbers."""
    return np.array(values, np.int64)


def works(*seeds: int) -> tuple[NDArray[np.int64], list[NDArray[np.uint8]]]:
    """Return works as an index accepts them, each with the descriptors of its own number."""
    return numbers(*seeds), [descriptors(seed) for seed in seeds]


def filled_index(folder: Path, *seeds: int) -> VoteIndex:
    """Return a durable index of works, each with the descriptors of its own number."""
    index = VoteIndex(folder)
    index.upsert(*works(*seeds))
    index.flush(max(seeds))
    return index
