"""Many registered works for :mod:`bench.crowd`: some real photographs, and a crowd made of them.

Rows of the crowd are real ones, changed: hashes and descriptors as in :mod:`bench.retroactive`. Of local features the
codes are changed: each keeps its inverted list and takes a byte in :data:`SWAPPED` from another code of that list.
Where a made work is compared, the photograph whose local features it has stands for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.retrieval import Measured, entries_of
from bench.retroactive import mixed
from exhibit.digests import Digest
from exhibit.ports import VectorIndex
from exhibit.types import Untyped
from indexer.picture.features import Features
from indexer.picture.local_features import units_of
from indexer.picture.spaces import DESCRIPTOR, PHASH, ROOTSIFT, TRIMMED, VOTES_KEPT, WHOLE
from indexer.search.cache import FeatureCache
from indexer.search.candidates import Candidate
from indexer.vectors.index import open_index, rebuild_index
from indexer.vectors.manifest import Manifest, Place, SegmentEntry
from indexer.vectors.segments import Rows
from indexer.votes.codec import FOR_EACH_LIST, lists_for, shipped_codec, train_codec
from indexer.votes.index import VoteIndex
from indexer.votes.segments import no_rows, write_segment

SEED = 12
SWAPPED = 0.5
"""Share of the bytes of a code that come from another one: of eighths to three quarters, which were tried on 80
photographs made into 640, half comes nearest to the votes that 640 real ones have by chance, and stays 12% below."""
SEGMENT = "segment-00000001-0000"

Codes = NDArray[np.uint8]
"""Local features as FAISS writes them outside an index: number of the list, then the code; shape (n, bytes)."""


class Photographs:
    """Real photographs with their features.

    Args:
        files: one for each.
        folder: where features are kept.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._digests = [Digest.of(path.read_bytes()) for path in files]
        self._cache = FeatureCache(folder)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> Features:
        return self._cache.get(self._digests[number], self._files[number].read_bytes)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many registered works, the first of them real. Implements ``indexer.search.search.Works``.

    Attributes:
        count: of the works.
        real: the first ones.
        asked: how many of those are asked for; the crowd is made of the others.
        hashes: index; numbers are places, and the count more for what lies inside borders.
        descriptors: index; numbers are places.
        votes: index; numbers are places.
        folder: with a folder for each index.
    """

    count: int
    real: Photographs
    asked: int
    hashes: VectorIndex
    descriptors: VectorIndex
    votes: VoteIndex
    folder: Path

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Whose vector each candidate is."""
        return {(one.space, one.number): one.number % self.count for one in candidates}

    def features(self, work: int) -> Features:
        """What was measured of a work, or of the photograph that it was made of."""
        return self.real[work if work < len(self.real) else source_of(work, len(self.real), self.asked)]

    def megabytes(self, index: str) -> float:
        """10⁶ bytes of an index's files."""
        return sum(path.stat().st_size for path in (self.folder / index).iterdir()) / 1e6


def source_of(work: int, real: int, asked: int) -> int:
    """The photograph that a made work has its local features of: none that is asked for."""
    return asked + (work - real) % (real - asked)


def make_crowd(
    count: int, real: Photographs, asked: int, known: Measured, folder: Path, codec: Untyped = None
) -> Crowd:
    """Write the three indexes of so many works.

    Args:
        count: works.
        real: photographs; the first ones are asked for.
        asked: how many of them.
        known: what edits change in hashes.
        folder: nothing is there.
        codec: of the votes; the one that the product has for so many works unless another one is given.
    """
    made = count - len(real)
    descriptors = np.stack([real[number].embeddings[WHOLE] for number in range(len(real))])
    rebuild_index(PHASH, folder / "hashes", _hashes(count, real, known), count)
    mixtures = mixed(descriptors[asked:], made, SEED)
    rebuild_index(DESCRIPTOR, folder / "descriptors", _numbered(descriptors, mixtures), count)
    _write_votes(count, real, asked, folder / "votes", codec)
    return open_crowd(count, real, asked, folder)


def open_crowd(count: int, real: Photographs, asked: int, folder: Path) -> Crowd:
    """What :func:`make_crowd` wrote."""
    return Crowd(
        count=count,
        real=real,
        asked=asked,
        hashes=open_index(PHASH, folder / "hashes"),
        descriptors=open_index(DESCRIPTOR, folder / "descriptors"),
        votes=VoteIndex(folder / "votes"),
        folder=folder,
    )


def _hashes(count: int, real: Photographs, known: Measured) -> Iterator[Rows]:
    stored = [real[number].hashes for number in range(len(real))]
    whole = np.array([np.frombuffer(one[WHOLE], np.uint8) for one in stored])
    yield from _numbered(whole, (rows for _, rows in entries_of(known, count - len(real))))
    trimmed = [number for number, one in enumerate(stored) if TRIMMED in one]
    if trimmed:
        inside = np.array([np.frombuffer(stored[number][TRIMMED], np.uint8) for number in trimmed])
        yield count + np.array(trimmed), inside


def _numbered(first: NDArray[Any], others: Iterable[NDArray[Any]]) -> Iterator[Rows]:
    """Batches of rows with their places."""
    start = 0
    for rows in (first, *others):
        if len(rows):
            yield np.arange(start, start + len(rows)), rows
        start += len(rows)


def _write_votes(count: int, real: Photographs, asked: int, folder: Path, codec: Untyped) -> None:
    """The local features of all works in one segment."""
    local = [real[number].local.descriptors for number in range(len(real))]
    rows = no_rows(_codec(count, local[asked:]) if codec is None else codec)
    rows.add([(number, kept[:VOTES_KEPT]) for number, kept in enumerate(local)])
    kept = [one[:VOTES_KEPT] for one in local[asked:]]
    codes = rows.index.sa_encode(units_of(np.concatenate(kept)))
    sizes = np.array([len(one) for one in kept])
    for start in range(len(real), count, len(kept)):
        works = np.arange(start, min(start + len(kept), count))
        whose = np.repeat(works, sizes[: len(works)])
        others = changed(codes, rows.index.coarse_code_size(), np.random.default_rng([SEED, start]))
        rows.index.add_sa_codes(others[: len(whose)], whose)
    rows.numbers = np.arange(count)
    rows.gone = np.zeros(count, np.bool_)
    place, none = Place(folder), Manifest(ROOTSIFT.id)
    with place.writer():
        write_segment(folder, SEGMENT, rows)
        place.publish(folder, Manifest(ROOTSIFT.id, 1, count, (SegmentEntry(SEGMENT, None),)), over=none)


def _codec(works: int, local: Sequence[NDArray[np.uint8]]) -> Any:  # noqa: ANN401 - FAISS has no types
    lists, every = lists_for(works), np.concatenate(local)
    if lists == shipped_codec().nlist:
        return shipped_codec()
    return train_codec(every[:: max(1, len(every) // (lists * FOR_EACH_LIST))], lists)


def changed(codes: Codes, list_bytes: int, chance: np.random.Generator) -> Codes:
    """Codes in their order, some bytes of each taken from another one of the same list.

    Args:
        codes: what they are made of.
        list_bytes: how many bytes at the front name the list.
        chance: random numbers.
    """
    _, lists = np.unique(codes[:, :list_bytes], axis=0, return_inverse=True)
    by_list, sizes = np.argsort(lists, kind="stable"), np.bincount(lists.ravel())
    starts = np.cumsum(sizes) - sizes
    mates = by_list[starts[lists] + (chance.random(len(codes)) * sizes[lists]).astype(np.int64)]
    takes = chance.random(codes.shape) < SWAPPED
    return np.where(takes, codes[mates], codes)
