"""The indexes of one process: what its machine or Milvus has of them, and a tail replayed from the rows.

Each machine makes its own from the rows, in ``indexes/`` of its data folder; the pictures seen are in Milvus where the
setting says so. What is damaged is made empty by who notices, and read from the rows as on a new machine.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from exhibit.config.config import Config
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.files.locks import FileLock, alone
from exhibit.machine import machine_fault, tell_once
from exhibit.types import Space, Untyped
from indexer.picture.local_features import WIDTH
from indexer.picture.spaces import PHASH, ROOTSIFT
from indexer.search.candidates import Candidate
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, rebuild_index
from indexer.vectors.manifest import empty_damaged, read_manifest
from indexer.vectors.milvus_index import MilvusIndex
from indexer.vectors.rows import rows_of
from indexer.votes.index import VoteIndex, check_votes, rebuild_votes
from indexer.votes.segments import Works
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.archive import Archive
from registry.fingerprints.fingerprints import Change, Collection

PAGE = 20_000
MAX_TAIL = 20_000
"""Changes that each process keeps in memory of its own before they become a segment that all map."""
VOTES_PAGE, VOTES_LONGEST_TAIL = 500, 2_000
"""The same of local features, of which a work has 25 KB."""
MAX_NEAR = 50
FLUSH_AGAIN_SECONDS = 60.0
"""Until a disk that didn't take a segment is tried again."""

LOGGER = logging.getLogger(__name__)
AnyIndex = FaissIndex | MilvusIndex | VoteIndex


class Indexes:
    """Every collection in every space, as far as this process has looked.

    ``descriptor`` tells the space of the descriptors that serve, and the row of their network: one that was removed and
    added again has the same space, and changes that are counted anew.
    """

    def __init__(self, config: Config, descriptor: Callable[[], tuple[Space, int]]) -> None:
        self._config = config
        self._descriptor = descriptor
        self._network: int | None = None
        self._indexes: dict[tuple[Collection, str], AnyIndex] = {}
        self._applied: dict[tuple[Collection, str], int] = {}
        self._waiting: dict[tuple[Collection, str], int] = {}  # changes that were replayed and aren't written down
        self._flush_after = 0.0

    @property
    def votes(self) -> VoteIndex:
        """The local features of the works, as of the last refresh."""
        return cast("VoteIndex", self._index(Collection.WORKS, ROOTSIFT))

    @property
    def spaces(self) -> tuple[Space, Space]:
        """What is searched at this moment: hashes and descriptors."""
        return PHASH, self._descriptor()[0]

    def of(self, collection: Collection, space: Space) -> FaissIndex | MilvusIndex:
        """The index of a collection in a space, as of the last refresh."""
        return cast("FaissIndex | MilvusIndex", self._index(collection, space))

    def forget(self, collection: Collection) -> None:
        """Open the indexes of a collection again when they are next asked for, and look whether they are whole."""
        self._indexes = {key: index for key, index in self._indexes.items() if key[0] != collection}

    def refresh(self, collection: Collection) -> None:
        """Take in everything that has been committed until now; a long tail is written down for all processes.

        What a machine doesn't have yet, it reads from the rows and writes down step by step.
        """
        network = self._descriptor()[1]
        if network != self._network:  # indexes of another one are forgotten
            lasting = {PHASH.id, ROOTSIFT.id}
            self._indexes = {key: index for key, index in self._indexes.items() if key[1] in lasting}
            self._network = network
        votes = (ROOTSIFT,) if collection == Collection.WORKS else ()
        for space in (*self.spaces, *votes):
            self._replay(collection, space)

    def refresh_hashes(self, collection: Collection) -> None:
        """The same of the hashes alone, by which :meth:`near` looks."""
        self._replay(collection, PHASH)

    def _index(self, collection: Collection, space: Space) -> AnyIndex:
        key = (collection, space.id)
        if key not in self._indexes:
            mend_index(self._config, collection, space)
            index = open_index(self._config, collection, space)
            self._indexes[key], self._applied[key], self._waiting[key] = index, index.sequence, 0
        return self._indexes[key]

    def _replay(self, collection: Collection, space: Space) -> None:
        index, key = self._index(collection, space), (collection, space.id)
        page, longest = (VOTES_PAGE, VOTES_LONGEST_TAIL) if space == ROOTSIFT else (PAGE, MAX_TAIL)
        self._reopen(index, collection)
        with ExitStack() as filling:
            is_alone = False
            while changes := vectors.changes_after(collection, space, self._applied[key], page):
                if len(changes) == page and not is_alone:  # one process of a machine reads much, others wait for it
                    filling.enter_context(self._alone(collection, space))
                    is_alone = True
                    self._reopen(index, collection)
                    continue
                _apply(index, changes)
                self._applied[key] = changes[-1].number
                self._waiting[key] += len(changes)
                if self._waiting[key] >= longest and time.monotonic() >= self._flush_after:
                    self._applied[key] = self._flush(index, self._applied[key])
                    if index.sequence == self._applied[key]:
                        self._waiting[key] = 0
                if len(changes) < page:
                    return

    def _reopen(self, index: AnyIndex, collection: Collection) -> None:
        """Take what other processes have written."""
        try:
            reopened = index.reopen()
        except IntegrityError:
            mend_index(self._config, collection, index.space)
            reopened = index.reopen()
        if reopened:
            key = (collection, index.space.id)
            self._applied[key], self._waiting[key] = index.sequence, 0

    def _alone(self, collection: Collection, space: Space) -> AbstractContextManager[FileLock]:
        """Wait to be the only process of this machine that reads much from the rows."""
        folder = index_folder(self._config, collection, space)
        folder.parent.mkdir(exist_ok=True)
        never = ServiceMissingError("An index is being made again.")
        return alone(folder.with_name(f".{folder.name}.lock"), never, within=math.inf)

    def _flush(self, index: AnyIndex, sequence: int) -> int:
        """Write the tail down; when the disk doesn't take it, each process goes on with what it has in memory."""
        try:
            index.flush(sequence)
        except ExhibitError as error:
            if not machine_fault(error):
                raise
            tell_once(f"Searching goes on from memory. {error}")
            self._flush_after = time.monotonic() + FLUSH_AGAIN_SECONDS
            return sequence
        return index.sequence

    def pictures(self, collection: Collection, candidates: Iterable[Candidate]) -> dict[tuple[str, int], int]:
        """Which picture (primary key) stands behind each candidate's space and number."""
        wanted = list(candidates)
        each = {space: [one.number for one in wanted if one.space == space.id] for space in (*self.spaces, ROOTSIFT)}
        return vectors.pictures_of_all(collection, {space: numbers for space, numbers in each.items() if numbers})

    def near(self, collection: Collection, hashes: NDArray[np.uint8], *, within: int) -> set[int]:
        """Pictures (primary keys) that have a hash within so many bits of one of these, shape (n, 32)."""
        hits = self.of(collection, PHASH).search(hashes, k=MAX_NEAR, within=within)
        numbers = {hit.number for row in hits for hit in row}
        return set(vectors.pictures_of(collection, PHASH, numbers).values())


def index_folder(config: Config, collection: Collection, space: Space) -> Path:
    """Where this machine has an index."""
    return config.data_dir / "indexes" / f"{collection}-{space.name}-{space.version}"


def archive_of(config: Config, collection: Collection, space: Space) -> Archive | None:
    """Where an index is if it is in Milvus."""
    return Archive(config, space) if config.milvus_url and collection == Collection.PICTURES else None


def open_index(config: Config, collection: Collection, space: Space) -> AnyIndex:
    """An index as it is durable; raises ``IntegrityError`` when it is damaged, ``StorageError`` as Milvus fails."""
    if (archive := archive_of(config, collection, space)) is not None:
        return archive.index()
    folder = index_folder(config, collection, space)
    return VoteIndex(folder) if space == ROOTSIFT else FaissIndex(space, folder)


def mend_index(config: Config, collection: Collection, space: Space) -> bool:
    """Look at an index, reading its files whole, and make it empty when it is damaged; returns whether it was.

    It is filled again by who refreshes the indexes next.
    """
    if (archive := archive_of(config, collection, space)) is not None:
        found = archive.mend()
    else:
        folder = index_folder(config, collection, space)
        problems = partial(_damage, folder, collection, space)
        found = problems() and empty_damaged(folder, space.id, problems)
    if found:
        LOGGER.warning("The index %s of %s is damaged and made again. %s", space.id, collection, found[0])
    return bool(found)


def _damage(folder: Path, collection: Collection, space: Space) -> list[str]:
    """What is wrong with an index in a folder."""
    found = check_votes(folder) if space == ROOTSIFT else check_index(space, folder)
    return found or ahead_of_rows(read_manifest(folder, space.id).sequence, collection, space)


def ahead_of_rows(sequence: int, collection: Collection, space: Space) -> list[str]:
    """Whether an index is of a later time than the rows, because these were restored."""
    ahead = sequence > vectors.last_change(collection, space)
    return [f"It knows change {sequence}, which the rows don't have."] if ahead else []


def make_index(config: Config, collection: Collection, space: Space, codec: Untyped = None) -> None:
    """Make an index from the rows, whatever there is of it; those who search notice it by themselves."""
    if (archive := archive_of(config, collection, space)) is not None:
        archive.make()
        return
    folder, last = index_folder(config, collection, space), vectors.last_change(collection, space)
    if space == ROOTSIFT:
        rebuild_votes(folder, map(sets_of, vectors.living(collection, space, last, VOTES_PAGE)), last, codec)
    else:
        batches = vectors.living(collection, space, last)
        rows = ((np.array([row[0] for row in of], np.int64), rows_of(space, [raw for _, raw in of])) for of in batches)
        rebuild_index(space, folder, rows, last)


def catch_up(index: AnyIndex, collection: Collection, space: Space) -> Iterator[int]:
    """Let an index hold what the rows say, and write it down; yields the number of the change after each step.

    Broken off, it goes on where it was.
    """
    page = VOTES_PAGE if isinstance(index, VoteIndex) else PAGE
    while changes := vectors.changes_after(collection, space, index.sequence, page):
        _apply(index, changes)
        index.flush(changes[-1].number)
        yield index.sequence


def _apply(index: AnyIndex, changes: list[Change]) -> None:
    """Replay changes in their order: additions first is safe, since a removal names the number it takes back."""
    added = [(change.number, change.vector) for change in changes if change.vector is not None]
    if isinstance(index, VoteIndex):
        index.upsert(sets_of(added))
    elif added:
        numbers = np.array([number for number, _ in added], np.int64)
        index.upsert(numbers, rows_of(index.space, [vector for _, vector in added]))
    removed = [change.removes for change in changes if change.removes is not None]
    if removed:
        index.remove(np.array(removed, np.int64))


def held_against_rows(index: AnyIndex, collection: Collection, space: Space, page: int) -> Iterator[str]:
    """What an index whose files are well holds otherwise than the rows, one sentence each."""
    if ahead := ahead_of_rows(index.sequence, collection, space):
        yield from ahead
        return
    rows = vectors.living(collection, space, index.sequence, page)
    in_milvus = isinstance(index, MilvusIndex)  # where who heard of a removal has deleted it
    wanted = vectors.count_living(collection, space, index.sequence) if in_milvus else sum(map(len, rows))
    if wanted != len(index):
        yield f"It holds {len(index)} entries where the rows have {wanted}."


def sets_of(stored: Iterable[tuple[int, bytes]]) -> Works:
    """Stored local features as the index of votes takes them."""
    return [(number, np.frombuffer(raw, np.uint8).reshape(-1, WIDTH)) for number, raw in stored]
