"""Two small spaces, vectors of them, and an index with three."""

from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import open_index
from indexer.vectors.manifest import Place
from indexer.vectors.milvus_index import Collections

BITS = Space("bits", "1", Metric.HAMMING, 64)


UNITS = Space("units", "1", Metric.COSINE, 16)


SPACES = (BITS, UNITS)


def vectors(space: Space, seeds: list[int]) -> NDArray[Any]:
    """One vector a seed; equal seeds give equal vectors, near seeds near ones."""
    if space.metric is Metric.HAMMING:
        rows = [np.packbits((np.arange(64) * 7 % 64) < seed) for seed in seeds]
        return np.array(rows, np.uint8).reshape(len(seeds), 8)
    angles = np.array(seeds, np.float64).reshape(-1, 1) / 40
    rows_of_units = np.concatenate([np.cos(angles), np.sin(angles), np.zeros((len(seeds), 14))], axis=1)
    return np.asarray(rows_of_units, np.float32)


def numbers(*values: int) -> NDArray[np.int64]:
    """Index sequence numbers."""
    return np.array(values, np.int64)


def filled(folder: Path, space: Space = BITS) -> FaissIndex:
    """A durable index of three vectors."""
    index = open_index(space, folder)
    index.upsert(numbers(1, 2, 3), vectors(space, [5, 20, 30]))
    index.flush(sequence=3)
    return index


def milvus_place(url: str, folder: Path) -> Place:
    """A place for an index in Milvus that no other test has; its manifest lies in the folder."""
    place = Place(folder)
    place.server = Collections(url, "", f"t{token_hex(4)}_")
    return place
