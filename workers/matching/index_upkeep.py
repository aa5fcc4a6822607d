"""Looking after the indexes: what they hold, whether it is what the rows say, and making them again from the rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.picture.spaces import PHASH, ROOTSIFT
from indexer.vectors.index import check_index, open_index
from indexer.votes.index import VoteIndex
from registry.models import WorkPicture
from registry.vectors import fingerprints as vectors
from registry.vectors.fingerprints import Collection
from workers.matching import votes_upkeep
from workers.services.indexes import PAGE, held_against_rows, index_place, make_index, mend_index
from workers.services.published import PublishedPlace
from workers.services.wiring import Services


@dataclass(frozen=True, slots=True)
class IndexState:
    """One index: what is durable of it, and what is wrong, one sentence each."""

    collection: str  # what is searched: ``works``, ``pictures`` or ``prints``
    space: str
    vectors: int  # of local features the works that have them
    behind: int  # newer changes, which each process replays from the rows
    size: int  # bytes on disk and, where a process has searched all of it, mapped into memory
    entry_size: int  # bytes of its files for each of them
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkSize:
    """What a registered work takes on disk beside its file, on average, in bytes."""

    works: int  # how many there are
    indexes: int
    features: int  # whatever version or network measured them


def index_states(services: Services) -> list[IndexState]:
    """Every index as it stands, without looking into its files."""
    return _states(services, lambda _collection, _space: ())


def work_size(services: Services, states: Iterable[IndexState]) -> WorkSize:
    """What a registered work takes on disk, by the indexes as they stand."""
    works = WorkPicture.objects.filter(work__removed_at=None).values("picture").distinct().count()
    indexes = sum(state.size for state in states if state.collection == Collection.WORKS)
    measured = (services.config.data_dir / "features").rglob("*.npz")
    features = sum(path.stat().st_size for path in measured)
    return WorkSize(works, round(indexes / max(1, works)), round(features / max(1, works)))


def check_indexes(services: Services) -> list[IndexState]:
    """Every index, its files read whole and its numbers held against the rows."""
    return _states(services, lambda collection, space: tuple(_problems(services, collection, space)))


def mend_indexes(services: Services) -> None:
    """Make those again from the rows whose files are damaged, which may take hours; remove what none needs any more."""
    for collection, space in _each(services):
        place = index_place(services.config, collection, space)
        mend_index(place, collection, space, patient=True)
        place.sweep()


def rebuild_indexes(services: Services) -> Iterator[tuple[str, str]]:
    """Make every index again from the rows; yields collection and space of each that is done.

    Processes that search go on with the old files until they notice the new ones.
    """
    for collection, space in _each(services):
        if space != ROOTSIFT:
            make_index(index_place(services.config, collection, space), collection, space)
            yield str(collection), space.id
    votes_upkeep.try_unreadable_again()
    votes_upkeep.measure_missing(services)
    votes_upkeep.rebuild(services)
    yield str(Collection.WORKS), ROOTSIFT.id


def _each(services: Services) -> Iterator[tuple[Collection, Space]]:
    """Every index; that of the local features of works is the last one."""
    spaces = (PHASH, *services.descriptors.spaces())
    yield from product(Collection, spaces)
    yield Collection.WORKS, ROOTSIFT


def _states(services: Services, problems_of: Callable[[Collection, Space], tuple[str, ...]]) -> list[IndexState]:
    states: list[IndexState] = []
    known: dict[tuple[Collection, Space], int] = {}
    for collection, space in _each(services):
        problems = problems_of(collection, space)
        place = index_place(services.config, collection, space)
        count, sequence, size = 0, 0, sum(path.stat().st_size for path in place.folder.glob("*") if path.is_file())
        try:
            if isinstance(place, PublishedPlace):  # its row says it, and nothing is fetched
                count, sequence, size = place.held()
            else:
                index = VoteIndex(place) if space == ROOTSIFT else open_index(space, place)
                count, sequence = len(index), index.sequence
        except IntegrityError as error:
            problems = problems or (error.message,)
        known[collection, space] = sequence
        each_size = round(size / max(1, count))
        states.append(IndexState(str(collection), space.id, count, 0, size, each_size, problems))
    later = vectors.count_later(known)
    return [replace(state, behind=later[Collection(state.collection), state.space]) for state in states]


def _problems(services: Services, collection: Collection, space: Space) -> Iterator[str]:
    if space == ROOTSIFT:
        yield from votes_upkeep.problems(services)
        return
    place = index_place(services.config, collection, space)
    damaged = check_index(space, place)
    yield from damaged
    if not damaged:
        yield from held_against_rows(open_index(space, place), collection, space, PAGE)
