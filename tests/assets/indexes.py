"""Two small vector spaces, vectors in them, an index with three vectors, and a database to rebuild indexes from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.manifest import write_lock
from indexer.vectors.milvus_index import Collections, IndexState, MilvusIndex

BITS = Space("bits", "1", Metric.HAMMING, 64)


UNITS = Space("units", "1", Metric.COSINE, 16)


SPACES = (BITS, UNITS)


def vectors(space: Space, seeds: list[int]) -> NDArray[Any]:
    """Return one vector for each seed. Equal seeds give equal vectors, near seeds near vectors."""
    if space.metric is Metric.HAMMING:
        rows = [np.packbits((np.arange(64) * 7 % 64) < seed) for seed in seeds]
        return np.array(rows, np.uint8).reshape(len(seeds), 8)
    angles = np.array(seeds, np.float64).reshape(-1, 1) / 40
    rows_of_units = np.concatenate([np.cos(angles), np.sin(angles), np.zeros((len(seeds), 14))], axis=1)
    return np.asarray(rows_of_units, np.float32)


def numbers(*values: int) -> NDArray[np.int64]:
    """Return index sequence numbers."""
    return np.array(values, np.int64)


def filled_index(folder: Path, space: Space = BITS) -> FaissIndex:
    """Return a durable index of three vectors."""
    index = FaissIndex(space, folder)
    index.upsert(numbers(1, 2, 3), vectors(space, [5, 20, 30]))
    index.flush(sequence=3)
    return index


@dataclass
class SeedSource:
    """A database of vectors, made of seeds by number. Implements ``ports.VectorSource``."""

    space: Space
    seeds: dict[int, int] = field(default_factory=dict)
    last: int | None = None  # the highest change number, if it does not belong to a vector

    def last_change(self) -> int:
        """Return the highest change number."""
        return max(self.seeds, default=0) if self.last is None else self.last

    def batches(self, upto: int) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Yield numbers and vectors, two at a time."""
        rows = sorted((number, seed) for number, seed in self.seeds.items() if number <= upto)
        for start in range(0, len(rows), 2):
            some, seeds = zip(*rows[start : start + 2], strict=True)
            yield numbers(*some), vectors(self.space, list(seeds))

    def count(self, upto: int, by: int | None = None) -> int:
        """Return the number of vectors up to a number; none were removed."""
        del by
        return sum(number <= upto for number in self.seeds)


@dataclass(frozen=True)
class Archive:
    """A Milvus index used by one test only; a file in a folder records its current state. It can be pickled."""

    server: Collections
    folder: Path

    @classmethod
    def of(cls, url: str, folder: Path) -> "Archive":
        """Return a new index in the Milvus server at a URL."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(Collections(url, "", f"t{token_hex(4)}_"), folder)

    def index(self, space: Space) -> MilvusIndex:
        """Return the index for searches."""
        return MilvusIndex(space, self.server, self)

    def read(self) -> IndexState:
        """Return the current state."""
        file = self.folder / "standing.json"
        return IndexState(**json.loads(file.read_text())) if file.exists() else IndexState()

    def write(self, state: IndexState) -> None:
        """Record another state."""
        (self.folder / "standing.json").write_text(json.dumps(asdict(state)))

    @contextmanager
    def write_lock(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the exclusive right to write. No test holds it for long."""
        del wait
        with write_lock(self.folder):
            yield True
