"""Two small spaces, vectors of them, and an index with three."""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.manifest import writing
from indexer.vectors.milvus_index import Collections, MilvusIndex, Standing

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
    index = FaissIndex(space, folder)
    index.upsert(numbers(1, 2, 3), vectors(space, [5, 20, 30]))
    index.flush(sequence=3)
    return index


@dataclass(frozen=True)
class Archive:
    """An index in Milvus that no other test has; what counts stands in a file of a folder. It can be sent to others."""

    server: Collections
    folder: Path

    @classmethod
    def of(cls, url: str, folder: Path) -> "Archive":
        """A new one, in the Milvus at an address."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(Collections(url, "", f"t{token_hex(4)}_"), folder)

    def index(self, space: Space) -> MilvusIndex:
        """What is searched."""
        return MilvusIndex(space, self.server, self)

    def read(self) -> Standing:
        """What counts."""
        file = self.folder / "standing.json"
        return Standing(**json.loads(file.read_text())) if file.exists() else Standing()

    def write(self, standing: Standing) -> None:
        """Let something else count."""
        (self.folder / "standing.json").write_text(json.dumps(asdict(standing)))

    def writing(self) -> AbstractContextManager[None]:
        """The sole right to write."""
        return writing(self.folder)
