"""The indexes of one process: durable segments that all share, and a tail replayed from the rows."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from exhibit.config.config import Config
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.machine import machine_fault, tell_once
from exhibit.types import Space, Untyped
from indexer.picture.local_features import WIDTH
from indexer.picture.spaces import PHASH, ROOTSIFT
from indexer.search.candidates import Candidate
from indexer.vectors.brute import rows_of
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, open_index, rebuild_index
from indexer.vectors.manifest import Place
from indexer.vectors.milvus_index import MilvusIndex
from indexer.votes.index import VoteIndex, check_votes, rebuild_votes
from indexer.votes.segments import Works
from registry.vectors import fingerprints as vectors
from registry.vectors.fingerprints import Change, Collection
from workers.services.archive import ArchivePlace
from workers.services.published import PublishedPlace, alone
from workers.services.stores import folder_of, store_at

PAGE = 20_000
MAX_TAIL = 20_000
"""Changes that each process keeps in memory of its own before they become a segment that all map."""
VOTES_PAGE, VOTES_LONGEST_TAIL = 500, 2_000
"""The same of local features, of which a work has 25 KB."""
MAX_NEAR = 50
MADE_AT_ONCE, VOTES_MADE_AT_ONCE = 200_000, 20_000
"""Changes up to which who notices damage makes an index again; a larger one takes longer than a task of a step may."""
MAX_MENDING, SOON_MENDED = 3600.0, 60.0
"""Seconds for which a mending by another process is waited for, by the task that may take hours and by all others."""
MADE_AGAIN = "An index is damaged, and is being made again."
FLUSH_AGAIN_SECONDS = 60.0
"""Until a disk that didn't take a segment is tried again."""

LOGGER = logging.getLogger(__name__)
AnyIndex = FaissIndex | VoteIndex


class Indexes:
    """Every collection in every space, as far as this process has looked; durable segments lie in a place for each.

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
        """The local features of the works, as of the last refresh; damaged files are made again from the rows."""
        return cast("VoteIndex", self._index(Collection.WORKS, ROOTSIFT))

    @property
    def spaces(self) -> tuple[Space, Space]:
        """What is searched at this moment: hashes and descriptors."""
        return PHASH, self._descriptor()[0]

    def of(self, collection: Collection, space: Space) -> FaissIndex:
        """The index of a collection in a space, as of the last refresh; damaged files are made again from the rows."""
        return cast("FaissIndex", self._index(collection, space))

    def forget(self, collection: Collection) -> None:
        """Open the indexes of a collection again when they are next asked for, and look whether they are whole."""
        self._indexes = {key: index for key, index in self._indexes.items() if key[0] != collection}

    def refresh(self, collection: Collection) -> None:
        """Take in everything that has been committed until now; a long tail is written down for all processes."""
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
            place = index_place(self._config, collection, space)
            mend_index(place, collection, space)
            try:
                index = _opened(place, space)
            except IntegrityError:  # of one that isn't kept here as a whole
                mend_index(place, collection, space)
                index = _opened(place, space)
            self._indexes[key], self._applied[key], self._waiting[key] = index, index.sequence, 0
        return self._indexes[key]

    def _replay(self, collection: Collection, space: Space) -> None:
        index, key = self._index(collection, space), (collection, space.id)
        page, longest = (VOTES_PAGE, VOTES_LONGEST_TAIL) if space == ROOTSIFT else (PAGE, MAX_TAIL)
        try:
            reopened = index.reopen()
        except IntegrityError:
            mend_index(index_place(self._config, collection, space), collection, space)
            reopened = index.reopen()
        if reopened:
            self._applied[key], self._waiting[key] = index.sequence, 0
        while changes := vectors.changes_after(collection, space, self._applied[key], page):
            _apply(index, changes)
            self._applied[key] = changes[-1].number
            self._waiting[key] += len(changes)
            if self._waiting[key] >= longest and time.monotonic() >= self._flush_after:
                self._applied[key] = self._flush(index, self._applied[key])
                if index.sequence == self._applied[key]:
                    self._waiting[key] = 0
            if len(changes) < page:
                return

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

    def brought(self, collection: Collection) -> dict[str, int]:
        """The bytes of each part (:attr:`FaissIndex.parts`) that is brought here to be searched."""
        places = [(space.id, index_place(self._config, collection, space)) for space in self.spaces]
        return {f"{space} {name}": size for space, place in places for name, size in place.brought().items()}

    def near(self, collection: Collection, hashes: NDArray[np.uint8], *, within: int) -> set[int]:
        """Pictures (primary keys) that have a hash within so many bits of one of these, shape (n, 32)."""
        hits = self.of(collection, PHASH).search(hashes, k=MAX_NEAR, within=within)
        numbers = {hit.number for row in hits for hit in row}
        return set(vectors.pictures_of(collection, PHASH, numbers).values())


def index_place(config: Config, collection: Collection, space: Space) -> Place:
    """Where the durable part of an index lies: in the data folder, in the bucket of the bytes, or in Milvus."""
    folder = config.data_dir / "indexes" / f"{collection}-{space.name}-{space.version}"
    if config.milvus_url and collection == Collection.PICTURES:
        return ArchivePlace(config, folder, collection, space)
    if not config.blobs_url or folder_of(config.blobs_url) is not None:
        return Place(folder)
    room = config.index_cache_bytes if collection == Collection.PICTURES else None
    return PublishedPlace(store_at(config, config.blobs_url, f"indexes/{folder.name}"), folder, collection, space, room)


def mend_index(place: Place, collection: Collection, space: Space, *, patient: bool = False) -> None:
    """Read an index's files whole, and make them again from the rows when they are damaged, once for all who notice.

    A large one is made again by who is patient; else it is left to :func:`workers.tasks.tasks.keep_up_votes`. Raises
    ``ServiceMissingError`` when another makes it again, or is to.
    """
    if not _damage(place, space):
        return
    with alone(place.folder, MAX_MENDING if patient else SOON_MENDED) as ours:
        if not ours:
            raise ServiceMissingError(MADE_AGAIN)
        if found := _damage(place, space):
            most = VOTES_MADE_AT_ONCE if space == ROOTSIFT else MADE_AT_ONCE
            if not patient and vectors.last_change(collection, space) > most:
                raise ServiceMissingError(MADE_AGAIN)
            LOGGER.warning("The index %s is damaged and made again from the rows. %s", place.folder.name, found[0])
            make_index(place, collection, space)


def _damage(place: Place, space: Space) -> list[str]:
    """What is wrong with an index; what is brought here to be searched is read whole then."""
    if not place.keeps_all:
        return place.problems(place.read(space.id))
    return check_votes(place) if space == ROOTSIFT else check_index(space, place)


def make_index(place: Place, collection: Collection, space: Space, codec: Untyped = None) -> None:
    """Make an index from the rows, whatever its place holds; those who search notice it by themselves."""
    last = vectors.last_change(collection, space)
    if space == ROOTSIFT:
        rebuild_votes(place, map(sets_of, vectors.living(collection, space, last, VOTES_PAGE)), last, codec)
    else:
        batches = vectors.living(collection, space, last)
        rows = ((np.array([row[0] for row in of], np.int64), rows_of(space, [raw for _, raw in of])) for of in batches)
        rebuild_index(space, place, rows, last)


def _opened(place: Place, space: Space) -> AnyIndex:
    return VoteIndex(place) if space == ROOTSIFT else open_index(space, place)


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
    if index.sequence > vectors.last_change(collection, space):
        yield f"It knows change {index.sequence}, which the rows don't have."
        return
    rows = vectors.living(collection, space, index.sequence, page)
    in_milvus = isinstance(index, MilvusIndex)  # where who heard of a removal has deleted it
    wanted = vectors.count_living(collection, space, index.sequence) if in_milvus else sum(map(len, rows))
    if wanted != len(index):
        yield f"It holds {len(index)} entries where the rows have {wanted}."


def sets_of(stored: Iterable[tuple[int, bytes]]) -> Works:
    """Stored local features as the index of votes takes them."""
    return [(number, np.frombuffer(raw, np.uint8).reshape(-1, WIDTH)) for number, raw in stored]
