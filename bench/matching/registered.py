"""The registered works of a benchmark, held as the product holds them for one process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.matching.look import Look
from exhibit.digests import Digest
from exhibit.ports import VectorIndex
from exhibit.types import Fingerprint, Metric, Space, Verification
from indexer.cache import FeatureCache
from indexer.candidates import Candidate
from indexer.features import Features, fingerprints
from indexer.index import open_index, rebuild_index
from indexer.search import find_works
from indexer.spaces import DESCRIPTOR, PHASH, WORK_PARTS


class Registered:
    """Works by their place in a list. Implements ``indexer.search.Works``.

    Args:
        files: one for each work.
        folder: for measured features and the indexes; made when absent.
        progress: told how many are measured, each time.
    """

    def __init__(self, files: Sequence[Path], folder: Path, progress: Callable[[int], None]) -> None:
        self._files = list(files)
        self._cache = FeatureCache(folder / "features")
        self._digests: list[Digest] = []
        self._owners: dict[tuple[str, int], int] = {}
        vectors: dict[str, list[bytes]] = {PHASH.id: [], DESCRIPTOR.id: []}
        for number, path in enumerate(self._files):
            data = path.read_bytes()
            self._digests.append(Digest.of(data))
            for one in _stored(self._cache.get(self._digests[-1], path.read_bytes)):
                self._owners[one.space, len(vectors[one.space])] = number
                vectors[one.space].append(one.vector)
            progress(number + 1)
        self._indexes = {space.id: _indexed(space, folder, vectors[space.id]) for space in (PHASH, DESCRIPTOR)}

    def __len__(self) -> int:
        return len(self._files)

    @property
    def hashes(self) -> VectorIndex:
        """Their hashes."""
        return self._indexes[PHASH.id]

    @property
    def descriptors(self) -> VectorIndex:
        """Their descriptors."""
        return self._indexes[DESCRIPTOR.id]

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Whose vector each candidate is."""
        return {(one.space, one.number): self._owners[one.space, one.number] for one in candidates}

    def features(self, work: int) -> Features:
        """What was measured of a work."""
        return self._cache.get(self._digests[work], self._files[work].read_bytes)

    def compared(self, look: Look) -> list[tuple[int, Verification]]:
        """The product's whole path for one picture."""
        return find_works(look.features, lambda: look.data, self)


def _stored(features: Features) -> list[Fingerprint]:
    return [one for one in fingerprints(features.digest, features) if one.part in WORK_PARTS]


def _indexed(space: Space, folder: Path, vectors: Sequence[bytes]) -> VectorIndex:
    kind = np.uint8 if space.metric is Metric.HAMMING else np.float32
    rows = np.frombuffer(b"".join(vectors), kind).reshape(len(vectors), -1)
    place = folder / "index" / space.id
    rebuild_index(space, place, [(np.arange(len(vectors)), rows)], len(vectors))
    return open_index(space, place)
