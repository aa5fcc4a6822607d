"""Looking after the indexes: what they hold, whether it is what the rows say, and making them again from the rows."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from exhibit.config.config import Config
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Space
from indexer.picture.spaces import PHASH, ROOTSIFT
from indexer.vectors.index import check_index
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import (
    PAGE,
    archive_of,
    catch_up,
    held_against_rows,
    index_folder,
    make_index,
    mend_index,
    open_index,
)
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import votes_upkeep
from registry.services.services import Services
from registry.works.models import WorkPicture

SEEN = Collection.PICTURES


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
    """Make those of this machine again that are damaged, which may take hours; let Milvus hold what the rows say."""
    for collection, space in _each(services):
        if mend_index(services.config, collection, space):
            get_indexes(services).forget(collection)
            get_indexes(services).refresh(collection)
        if (archive := archive_of(services.config, collection, space)) is not None:
            archive.sweep()


def rebuild_indexes(services: Services) -> Iterator[tuple[str, str]]:
    """Make every index of this machine, and those in Milvus, again from the rows; yields collection and space of each.

    Processes that search go on with the old files until they notice the new ones.
    """
    for collection, space in _each(services):
        if space != ROOTSIFT:
            make_index(services.config, collection, space)
            yield str(collection), space.id
    votes_upkeep.try_unreadable_again()
    votes_upkeep.measure_missing(services)
    votes_upkeep.rebuild(services)
    yield str(Collection.WORKS), ROOTSIFT.id


def move_archive(services: Services, *, to_milvus: bool) -> Iterator[tuple[str, int, int]]:
    """Fill the indexes of the pictures seen in another place from the rows, whichever is searched meanwhile.

    Broken off, it goes on where it was. Yields the space, how many entries are there, and how many the rows have, step
    by step. Raises ``IntegrityError`` when these aren't the same in the end, ``StorageError`` when Milvus fails.
    """
    config = _config_of(services.config, to_milvus=to_milvus)
    for space in (PHASH, *get_descriptors(services).spaces()):
        mend_index(config, SEEN, space)
        index = open_index(config, SEEN, space)
        for _ in catch_up(index, SEEN, space):
            yield space.id, len(index), vectors.count_living(SEEN, space, vectors.last_change(SEEN, space))
        if (archive := archive_of(config, SEEN, space)) is not None:
            archive.sweep()
        if problems := [*held_against_rows(index, SEEN, space, PAGE)]:
            raise IntegrityError(f"{space.id}: {problems[0]}", hint="Give the same command again.")
        yield space.id, len(index), len(index)


def drop_archive(services: Services, *, from_milvus: bool) -> None:
    """Remove the indexes of the pictures seen from where nobody searches them any more: this machine, or Milvus."""
    config = _config_of(services.config, to_milvus=from_milvus)
    for space in (PHASH, *get_descriptors(services).spaces()):
        if (archive := archive_of(config, SEEN, space)) is not None:
            archive.clear()
        else:
            shutil.rmtree(index_folder(config, SEEN, space), ignore_errors=True)


def _config_of(config: Config, *, to_milvus: bool) -> Config:
    if to_milvus and not config.milvus_url:
        hint = "Set EXHIBIT_MILVUS_URL for this command; docs/machines.md says how."
        raise WrongUseError("It isn't said where Milvus is.", hint=hint)
    return config if to_milvus else replace(config, milvus_url="")


def _each(services: Services) -> Iterator[tuple[Collection, Space]]:
    """Every index; that of the local features of works is the last one."""
    spaces = (PHASH, *get_descriptors(services).spaces())
    yield from product(Collection, spaces)
    yield Collection.WORKS, ROOTSIFT


def _states(services: Services, problems_of: Callable[[Collection, Space], tuple[str, ...]]) -> list[IndexState]:
    states: list[IndexState] = []
    known: dict[tuple[Collection, Space], int] = {}
    for collection, space in _each(services):
        problems = problems_of(collection, space)
        folder = index_folder(services.config, collection, space)
        count, sequence, size = 0, 0, sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
        try:
            if (archive := archive_of(services.config, collection, space)) is not None:
                count, sequence, size = archive.held()
            else:
                index = open_index(services.config, collection, space)
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
    config = services.config
    archive, folder = archive_of(config, collection, space), index_folder(config, collection, space)
    damaged = check_index(space, folder) if archive is None else archive.problems()
    yield from damaged
    if not damaged:
        yield from held_against_rows(open_index(config, collection, space), collection, space, PAGE)
