"""Maintenance of the indexes: measurement, comparison with the database, and rebuilding from the database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from exhibit.config.config import Config
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.ports import IndexStats, StoredIndex
from indexer.picture.spaces import PHASH, ROOTSIFT
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import (
    CollectionVectors,
    open_index,
    repair_index,
    replay_all,
)
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import local_feature_upkeep
from registry.services.services import Services
from registry.works.models import WorkPicture

FOUND_PICTURES = Collection.PICTURES


@dataclass(frozen=True, slots=True)
class IndexState:
    """Stored state of an index, and its problems, one sentence each."""

    collection: str  # ``works``, ``pictures`` or ``prints``
    space: str
    vectors: int  # for local features, the number of works that have them
    behind: int  # number of newer changes, which each process replays from the database
    size: int  # bytes on disk; also bytes mapped into memory after a full search
    entry_size: int  # bytes on disk per entry
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkSize:
    """Average disk space of a registered work in bytes, without its file."""

    works: int  # number of works
    indexes: int
    features: int  # of all versions and models


def measure_indexes(services: Services) -> list[IndexState]:
    """Measure every index without reading its files."""
    return _measure_indexes(services, check_contents=False)


def measure_work_size(services: Services, states: Iterable[IndexState]) -> WorkSize:
    """Compute the disk space of a registered work from the current state of the indexes."""
    works = WorkPicture.objects.filter(work__removed_at=None).values("picture").distinct().count()
    indexes = sum(state.size for state in states if state.collection == Collection.WORKS)
    feature_files = (services.config.data_dir / "features").rglob("*.npz")
    features = sum(path.stat().st_size for path in feature_files)
    return WorkSize(works, round(indexes / max(1, works)), round(features / max(1, works)))


def check_indexes(services: Services) -> list[IndexState]:
    """Read every index completely and compare it with the database."""
    return _measure_indexes(services, check_contents=True)


def repair_indexes(services: Services) -> None:
    """Rebuild the damaged indexes of this machine and compact all indexes. This may take hours."""
    for collection, index in _iterate_indexes(services):
        if repair_index(index, collection):
            get_indexes(services).close_collection(collection)
            get_indexes(services).refresh(collection)
        index.tidy(CollectionVectors(collection, index.space))


def rebuild_indexes(services: Services) -> Iterator[tuple[str, str]]:
    """Rebuild every index of this machine and in Milvus from the database; yield the collection and space of each.

    Searching processes use the old files until they detect the new ones.
    """
    local_feature_upkeep.reset_unreadable_pictures()
    local_feature_upkeep.compute_missing_features(services)
    for collection, index in _iterate_indexes(services):
        index.rebuild(CollectionVectors(collection, index.space))
        yield str(collection), index.space.id


def copy_found_indexes(services: Services, *, to_milvus: bool) -> Iterator[tuple[str, int, int]]:
    """Copy the indexes of found pictures from the database to Milvus or to local files, while searches continue.

    An interrupted copy is continued where it stopped. Yields the space, the number of entries copied, and their number
    in the database after each step.

    Raises:
        IntegrityError: The numbers differ at the end.
        StorageError: Milvus fails.
    """
    for index in _make_found_indexes(services, in_milvus=to_milvus):
        source = CollectionVectors(FOUND_PICTURES, index.space)
        repair_index(index, FOUND_PICTURES)
        for _ in replay_all(index, FOUND_PICTURES):
            yield index.space.id, len(index), source.count(source.last_change())
        index.tidy(source)
        if problems := index.check(source):
            raise IntegrityError(f"{index.space.id}: {problems[0]}", hint="Run the same command again.")
        yield index.space.id, len(index), len(index)


def drop_found_indexes(services: Services, *, from_milvus: bool) -> None:
    """Delete the unused indexes of found pictures, either in Milvus or on this machine."""
    for index in _make_found_indexes(services, in_milvus=from_milvus):
        index.clear()


def _make_found_indexes(services: Services, *, in_milvus: bool) -> Iterator[StoredIndex]:
    """Return the indexes of found pictures in Milvus or on this machine."""
    config = _select_config(services.config, to_milvus=in_milvus)
    return (open_index(config, FOUND_PICTURES, space) for space in (PHASH, *get_descriptors(services).list_spaces()))


def _select_config(config: Config, *, to_milvus: bool) -> Config:
    if to_milvus and not config.milvus_url:
        hint = "Set EXHIBIT_MILVUS_URL for this command; see docs/how-to/operate/use-milvus.md."
        raise InvalidRequestError("The URL of Milvus is not set.", hint=hint)
    return config if to_milvus else replace(config, milvus_url="")


def _iterate_indexes(services: Services) -> Iterator[tuple[Collection, StoredIndex]]:
    """Yield every index. The index of works' local features comes last."""
    spaces = (PHASH, *get_descriptors(services).list_spaces())
    for collection, space in (*product(Collection, spaces), (Collection.WORKS, ROOTSIFT)):
        yield collection, open_index(services.config, collection, space)


def _measure_indexes(services: Services, *, check_contents: bool) -> list[IndexState]:
    states, sequences = [], {}
    for collection, index in _iterate_indexes(services):
        problems = index.check(CollectionVectors(collection, index.space)) if check_contents else []
        try:
            stats = index.stats()
        except IntegrityError as error:
            stats, problems = IndexStats(), problems or [error.message]
        sequences[collection, index.space] = stats.sequence
        entry_size = round(stats.size / max(1, stats.count))
        states.append(
            IndexState(str(collection), index.space.id, stats.count, 0, stats.size, entry_size, tuple(problems))
        )
    changes_behind = vectors.count_later_changes(sequences)
    return [replace(state, behind=changes_behind[Collection(state.collection), state.space]) for state in states]
