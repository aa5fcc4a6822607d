"""Registered works of a benchmark, in the same form as in the product."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.matching.peers import LoadedPicture
from exhibit.digests import Digest
from exhibit.ports import VectorIndex
from exhibit.types import Fingerprint, Space, Verification
from indexer.picture.features import Features, compute_work_fingerprints
from indexer.picture.spaces import DESCRIPTOR, PHASH, ROOTSIFT, STORED_LOCAL_FEATURES
from indexer.search.cache import FeatureCache
from indexer.search.candidates import Candidate
from indexer.search.search import find_works
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.rows import to_rows
from indexer.votes.index import VoteIndex

SPACES = (PHASH, DESCRIPTOR)


class RegisteredWorks:
    """Works by their position in a list. Implements ``indexer.search.search.Works``.

    Args:
        files: One file for each work.
        folder: Folder for features and indexes; created if missing.
        progress: Called with the number of measured works.
    """

    def __init__(self, files: Sequence[Path], folder: Path, progress: Callable[[int], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files: list[Path] = []
        self._cache = FeatureCache(folder / "features")
        self._digests: list[Digest] = []
        self._owners: dict[tuple[str, int], int] = {}
        self._counts = {space.id: 0 for space in SPACES}
        vectors: dict[str, list[bytes]] = {space.id: [] for space in SPACES}
        for path in files:
            for fingerprint in self._measure_work(path):
                vectors[fingerprint.space].append(fingerprint.vector)
            progress(len(self))
        self._indexes = {space.id: _build_index(space, folder, vectors[space.id]) for space in SPACES}
        self._votes = VoteIndex(folder / "votes")
        for number in range(len(self)):
            self._add_votes(number)

    def __len__(self) -> int:
        return len(self._files)

    def _add_votes(self, number: int) -> None:
        self._votes.upsert(np.array([number]), [self.features(number).local.descriptors[:STORED_LOCAL_FEATURES]])
        self._owners[ROOTSIFT.id, number] = number

    def _measure_work(self, path: Path) -> Iterator[Fingerprint]:
        """Yield the vectors of the next work, after assigning their numbers."""
        number = len(self._files)
        self._files.append(path)
        self._digests.append(Digest.from_bytes(path.read_bytes()))
        features = self._cache.get(self._digests[-1], path.read_bytes)
        for fingerprint in compute_work_fingerprints(features.digest, features):
            if fingerprint.space in self._counts:
                self._owners[fingerprint.space, self._counts[fingerprint.space]] = number
                self._counts[fingerprint.space] += 1
                yield fingerprint

    @property
    def hashes(self) -> VectorIndex:
        """Index of the hashes."""
        return self._indexes[PHASH.id]

    @property
    def descriptors(self) -> VectorIndex:
        """Index of the descriptors."""
        return self._indexes[DESCRIPTOR.id]

    @property
    def votes(self) -> VoteIndex:
        """Index of the local features."""
        return self._votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the work that each candidate's vector belongs to."""
        return {
            (candidate.space, candidate.number): self._owners[candidate.space, candidate.number]
            for candidate in candidates
        }

    def features(self, work: int) -> Features:
        """Return the features of a work."""
        return self._cache.get(self._digests[work], self._files[work].read_bytes)

    def match_picture(self, picture: LoadedPicture) -> list[tuple[int, Verification]]:
        """Run the product's complete matching for one picture."""
        return find_works(picture.features, lambda: picture.data, self)


def _build_index(space: Space, folder: Path, vectors: Sequence[bytes]) -> VectorIndex:
    index_folder = folder / "index" / space.id
    index = FaissIndex(space, index_folder)
    index.replace([(np.arange(len(vectors)), to_rows(space, vectors))], len(vectors))
    return index
