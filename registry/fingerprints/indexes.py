"""The vector indexes of one process: files on this machine or in Milvus, and a tail replayed from the database.

Each machine builds its own indexes from the database, in ``indexes/`` of its data folder; found pictures are in Milvus
if configured. A process that detects damage empties the index, and it is replayed as on a new machine.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from exhibit.config.config import Config
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.files.locks import FileLock, hold_exclusively
from exhibit.machine import describe_machine_fault, log_once
from exhibit.ports import StoredIndex, VectorIndex
from exhibit.types import Metric, Space
from indexer.picture.spaces import PHASH, ROOTSIFT
from indexer.search.candidates import Candidate
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.milvus_index import MilvusIndex
from indexer.vectors.rows import decode_vectors
from indexer.votes.index import VoteIndex
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.archive import MilvusLedger
from registry.fingerprints.fingerprints import Change, Collection

PAGE_SIZE = 20_000
MAX_TAIL = 20_000
"""Changes that each process holds in its own memory before they become a segment that all processes map."""
VOTES_PAGE, VOTES_MAX_TAIL = 500, 2_000
"""The same two limits for local features, which take 25 KB per work."""
MAX_NEIGHBOURS = 50
FLUSH_AGAIN_SECONDS = 60.0
"""Seconds until a segment that could not be written is tried again."""

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CollectionVectors:
    """The vectors of a collection in a space, read from the database. Implements ``ports.VectorSource``."""

    collection: Collection
    space: Space

    @property
    def page(self) -> int:
        """Number of changes to read at once."""
        return VOTES_PAGE if self.space.metric is Metric.VOTES else PAGE_SIZE

    @property
    def max_tail(self) -> int:
        """Number of changes to replay before they are written to disk."""
        return VOTES_MAX_TAIL if self.space.metric is Metric.VOTES else MAX_TAIL

    def last_change(self) -> int:
        """Return the highest change number; no lower number is added later."""
        return vectors.get_last_change(self.collection, self.space)

    def batches(self, upto: int) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Yield numbers (ascending) and vectors of the additions that no change up to ``upto`` has reverted."""
        for rows in vectors.iterate_current_entries(self.collection, self.space, upto, self.page):
            yield _to_arrays(self.space, rows)

    def count(self, upto: int, by: int | None = None) -> int:
        """Count the additions up to ``upto`` minus those that changes up to ``by`` revert (by default all)."""
        return vectors.count_current_entries(self.collection, self.space, upto, by)

    def changes_after(self, number: int) -> list[Change]:
        """Return the next page of changes."""
        return vectors.list_changes_after(self.collection, self.space, number, self.page)


class Indexes:
    """The indexes of every collection in every space, as of this process's last refresh.

    ``descriptor`` returns the space of the serving descriptor and the primary key of its model, because a model that
    was removed and added again has the same space but a new change list.
    """

    def __init__(self, config: Config, descriptor: Callable[[], tuple[Space, int]]) -> None:
        self._config = config
        self._descriptor = descriptor
        self._model_id: int | None = None
        self._indexes: dict[tuple[Collection, str], StoredIndex] = {}
        self._applied: dict[tuple[Collection, str], int] = {}
        self._unflushed: dict[tuple[Collection, str], int] = {}  # replayed changes that are not on disk yet
        self._flush_after = 0.0

    @property
    def votes(self) -> VoteIndex:
        """The local features of the works, as of the last refresh."""
        return cast("VoteIndex", self._get_stored_index(Collection.WORKS, ROOTSIFT))

    @property
    def spaces(self) -> tuple[Space, Space]:
        """The searched spaces: hashes and descriptors."""
        return PHASH, self._descriptor()[0]

    def get_index(self, collection: Collection, space: Space) -> VectorIndex:
        """Return the index of a collection in a space, as of the last refresh."""
        return cast("VectorIndex", self._get_stored_index(collection, space))

    def close_collection(self, collection: Collection) -> None:
        """Close the indexes of a collection; the next use opens and checks them again."""
        self._indexes = {key: index for key, index in self._indexes.items() if key[0] != collection}

    def refresh(self, collection: Collection) -> None:
        """Apply all committed changes; a long tail is written to disk for all processes.

        A new machine reads the changes from the database and writes them step by step.
        """
        model_id = self._descriptor()[1]
        if model_id != self._model_id:  # drop the former model's indexes
            permanent_ids = {PHASH.id, ROOTSIFT.id}
            self._indexes = {key: index for key, index in self._indexes.items() if key[1] in permanent_ids}
            self._model_id = model_id
        votes = (ROOTSIFT,) if collection == Collection.WORKS else ()
        for space in (*self.spaces, *votes):
            self._replay(collection, space)

    def refresh_hashes(self, collection: Collection) -> None:
        """Apply all committed changes of the hashes only, which :meth:`find_near` searches."""
        self._replay(collection, PHASH)

    def _get_stored_index(self, collection: Collection, space: Space) -> StoredIndex:
        key = (collection, space.id)
        if key not in self._indexes:
            index = open_index(self._config, collection, space)
            repair_index(index, collection)
            self._applied[key], self._unflushed[key] = index.sequence, 0
            self._indexes[key] = index
        return self._indexes[key]

    def _replay(self, collection: Collection, space: Space) -> None:
        index, key = self._get_stored_index(collection, space), (collection, space.id)
        source = CollectionVectors(collection, space)
        self._reopen(index, collection)
        with ExitStack() as stack:
            is_locked = False
            while changes := source.changes_after(self._applied[key]):
                if len(changes) == source.page and not is_locked:  # one process per machine reads them; others wait
                    stack.enter_context(self._lock_machine(collection, space))
                    is_locked = True
                    self._reopen(index, collection)
                    continue
                _apply_changes(index, changes)
                self._applied[key] = changes[-1].number
                self._unflushed[key] += len(changes)
                if self._unflushed[key] >= source.max_tail and time.monotonic() >= self._flush_after:
                    self._applied[key] = self._flush(index, self._applied[key])
                    if index.sequence == self._applied[key]:
                        self._unflushed[key] = 0
                if len(changes) < source.page:
                    return

    def _reopen(self, index: StoredIndex, collection: Collection) -> None:
        """Load what other processes have written, and repair the index if it is damaged."""
        try:
            was_reopened = index.reopen()
        except IntegrityError:
            repair_index(index, collection)
            was_reopened = index.reopen()
        if was_reopened:
            key = (collection, index.space.id)
            self._applied[key], self._unflushed[key] = index.sequence, 0

    def _lock_machine(self, collection: Collection, space: Space) -> AbstractContextManager[FileLock]:
        """Wait for the lock that lets only one process per machine read many rows."""
        folder = get_index_folder(self._config, collection, space)
        folder.parent.mkdir(exist_ok=True)
        error = ServiceMissingError("An index is being rebuilt.")
        return hold_exclusively(folder.with_name(f".{folder.name}.lock"), error, within=math.inf)

    def _flush(self, index: StoredIndex, sequence: int) -> int:
        """Write the tail to disk; if the disk is full or faulty, the process continues in memory."""
        try:
            index.flush(sequence)
        except ExhibitError as error:
            if not describe_machine_fault(error):
                raise
            log_once(f"Searches continue in memory. {error}")
            self._flush_after = time.monotonic() + FLUSH_AGAIN_SECONDS
            return sequence
        return index.sequence

    def map_pictures(self, collection: Collection, candidates: Iterable[Candidate]) -> dict[tuple[str, int], int]:
        """Return the picture (primary key) of each candidate, by space id and number."""
        all_candidates = list(candidates)
        numbers_by_space = {
            space: [candidate.number for candidate in all_candidates if candidate.space == space.id]
            for space in (*self.spaces, ROOTSIFT)
        }
        return vectors.map_pictures_in_spaces(
            collection, {space: numbers for space, numbers in numbers_by_space.items() if numbers}
        )

    def find_near(self, collection: Collection, hashes: NDArray[np.uint8], *, max_distance: int) -> set[int]:
        """Return pictures (primary keys) within ``max_distance`` bits of one of these hashes, shape (n, 32)."""
        hits = self.get_index(collection, PHASH).search(hashes, k=MAX_NEIGHBOURS, within=max_distance)
        numbers = {hit.number for row in hits for hit in row}
        return set(vectors.map_pictures(collection, PHASH, numbers).values())


def get_index_folder(config: Config, collection: Collection, space: Space) -> Path:
    """Return the folder of an index on this machine."""
    return config.data_dir / "indexes" / f"{collection}-{space.name}-{space.version}"


def open_index(config: Config, collection: Collection, space: Space) -> StoredIndex:
    """Open the index of a collection in a space: this machine's index, or the one in Milvus."""
    if config.milvus_url and collection == Collection.PICTURES:
        archive = MilvusLedger(config, space)
        return MilvusIndex(space, archive.server, archive)
    folder = get_index_folder(config, collection, space)
    return VoteIndex(folder) if space.metric is Metric.VOTES else FaissIndex(space, folder)


def repair_index(index: StoredIndex, collection: Collection) -> bool:
    """Empty a damaged index so that the next refresh replays it; return True if it was damaged."""
    problems = index.repair(CollectionVectors(collection, index.space))
    if problems:
        LOGGER.warning("The index %s of %s is damaged and will be rebuilt: %s", index.space.id, collection, problems[0])
    return bool(problems)


def replay_all(index: StoredIndex, collection: Collection) -> Iterator[int]:
    """Replay all changes and write them to disk; yield the change number after each step.

    After an interruption it continues from the last step.
    """
    source = CollectionVectors(collection, index.space)
    while changes := source.changes_after(index.sequence):
        _apply_changes(index, changes)
        index.flush(changes[-1].number)
        yield index.sequence


def _apply_changes(index: StoredIndex, changes: list[Change]) -> None:
    """Apply changes, additions first.

    This order is safe, because a removal contains the number of the addition that it reverts.
    """
    additions = [(change.number, change.vector) for change in changes if change.vector is not None]
    if additions:
        index.upsert(*_to_arrays(index.space, additions))
    removals = [change.removes for change in changes if change.removes is not None]
    if removals:
        index.remove(np.array(removals, np.int64))


def _to_arrays(space: Space, rows: Iterable[tuple[int, bytes]]) -> tuple[NDArray[np.int64], Any]:
    """Convert numbers and vectors from the database to arrays for an index."""
    numbers, stored_vectors = zip(*rows, strict=True)
    return np.array(numbers, np.int64), decode_vectors(space, stored_vectors)
