"""Matching of a folder of pictures against a folder of works, without a server.

Works are measured once into a cache and three indexes, which every worker process maps. Each picture is then searched
for as in :mod:`indexer.search.search`.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from exhibit.digests import Digest
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.types import Decision, Space, Verification
from indexer.picture.features import Features, compute_local_fingerprint, compute_work_fingerprints, extract
from indexer.picture.spaces import DESCRIPTOR, PHASH, ROOTSIFT
from indexer.search.cache import FeatureCache
from indexer.search.candidates import Candidate, map_owners
from indexer.search.processes import run_in_processes
from indexer.search.search import find_works
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.rows import decode_vectors, to_rows
from indexer.votes.index import VoteIndex

BATCH_SIZE = 16
CACHED_WORKS = 256
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Match:
    """Match of a picture with a work; both paths are relative to their folders."""

    work: str
    picture: str
    verification: Verification


@dataclass(frozen=True, slots=True)
class Skipped:
    """File that could not be read, with the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PictureResult:
    """Processed picture with its matches, or with the reason why it could not be read."""

    path: str
    results: tuple[Match | Skipped, ...]


@dataclass(frozen=True, slots=True)
class RegisteredFile:
    """File of a work after measurement, with the vectors to be indexed; its features are in the cache."""

    path: str
    digest: Digest
    vectors: tuple[tuple[str, bytes], ...]
    local: bytes
    review_reasons: tuple[str, ...]  # reasons why no match of it is certain


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Locations of a worker process's data."""

    root: Path
    scratch: Path
    works_root: Path
    owners: tuple[tuple[str, tuple[int, ...]], ...] = ()
    works: tuple[tuple[str, Digest], ...] = ()


Progress = Callable[[str, int, int], None]
"""Receives the stage, the number of finished items, and their total."""


def list_files(folder: Path) -> list[str]:
    """List all files below a folder as sorted relative paths, without hidden files and links to folders.

    Raises:
        InvalidRequestError: The path is not a folder, or cannot be read.
    """
    if not folder.is_dir():
        raise InvalidRequestError(f"{folder} is not a folder.")
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [(Path(parent) / name).relative_to(folder).as_posix() for name in names if not name.startswith(".")]
    return sorted(paths)


def match_folders(
    works: Path, pictures: Path, scratch: Path, jobs: int, progress: Progress
) -> Iterator[Match | Skipped | RegisteredFile]:
    """Match every picture below one folder against every work below another, with ``jobs`` processes.

    Measured works are stored in a scratch folder for the next run.

    Args:
        works: Folder of works.
        pictures: Folder of pictures.
        scratch: Folder for measurements.
        jobs: Number of processes.
        progress: Receives the progress.

    Yields:
        Skipped files, works without certain matches, and matches: works first, then pictures in order.

    Raises:
        InvalidRequestError: A folder cannot be read, or contains no work.
        ServiceMissingError: A process died, most likely because of memory.
    """
    for item in match_pictures(works, pictures, scratch, jobs, progress, lambda _, files: files):
        yield from item.results if isinstance(item, PictureResult) else (item,)


def match_pictures(
    works: Path,
    pictures: Path,
    scratch: Path,
    jobs: int,
    progress: Progress,
    choose: Callable[[Sequence[RegisteredFile], Sequence[str]], Sequence[str]],
) -> Generator[PictureResult | Skipped | RegisteredFile, None, None]:
    """Match like :func:`match_folders`, yielding one result per picture.

    ``choose`` selects the pictures after the works have been measured.
    """
    work_files, picture_files = list_files(works), list_files(pictures)
    registered_files = []
    for work in _run_for_each(_measure_work, WorkerContext(works, scratch, works), work_files, jobs):
        if isinstance(work, Skipped) or work.review_reasons:
            yield work
        if isinstance(work, RegisteredFile):
            registered_files.append(work)
        progress("works", len(registered_files), len(work_files))
    if not registered_files:
        raise InvalidRequestError(f"No picture in {works} could be read.")
    context = _write_indexes(WorkerContext(pictures, scratch, works), registered_files)
    remaining_files = choose(registered_files, picture_files)
    for done, result in enumerate(
        _run_for_each(_match_picture, context, remaining_files, jobs),
        start=len(picture_files) - len(remaining_files) + 1,
    ):
        yield result
        progress("pictures", done, len(picture_files))


def _write_indexes(context: WorkerContext, registered_files: Sequence[RegisteredFile]) -> WorkerContext:
    """Write all indexes; numbers are consecutive, and ``owners`` maps them to works."""
    owners = []
    for space in (PHASH, DESCRIPTOR):
        rows = [
            (k, vector) for k, work in enumerate(registered_files) for name, vector in work.vectors if name == space.id
        ]
        vectors = to_rows(space, [vector for _, vector in rows])
        FaissIndex(space, _get_index_folder(context, space)).replace([(np.arange(len(rows)), vectors)], len(rows))
        owners.append((space.id, tuple(owner for owner, _ in rows)))
    sets = decode_vectors(ROOTSIFT, [work.local for work in registered_files])
    VoteIndex(_get_index_folder(context, ROOTSIFT)).replace([(np.arange(len(sets)), sets)], len(sets))
    owners.append((ROOTSIFT.id, tuple(range(len(registered_files)))))
    works = tuple((work.path, work.digest) for work in registered_files)
    return WorkerContext(context.root, context.scratch, context.works_root, tuple(owners), works)


def _get_index_folder(context: WorkerContext, space: Space) -> Path:
    return context.scratch / "index" / space.id


class _Worker:
    """State of one process between pictures."""

    def __init__(self, context: WorkerContext) -> None:
        self.place = context
        self.cache = FeatureCache(context.scratch, CACHED_WORKS)
        self._owners = dict(context.owners)
        self.results: dict[Digest, list[tuple[int, Verification]]] = {}

    @cached_property
    def hashes(self) -> FaissIndex:
        """Hashes of the works, mapped on first use like the other indexes."""
        return FaissIndex(PHASH, _get_index_folder(self.place, PHASH))

    @cached_property
    def descriptors(self) -> FaissIndex:
        """Descriptors of the works."""
        return FaissIndex(DESCRIPTOR, _get_index_folder(self.place, DESCRIPTOR))

    @cached_property
    def votes(self) -> VoteIndex:
        """Local features of the works."""
        return VoteIndex(_get_index_folder(self.place, ROOTSIFT))

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the work to which each candidate's vector belongs."""
        return map_owners(candidates, self._owners)

    def features(self, work: int) -> Features:
        """Return the features of a work."""
        path, digest = self.place.works[work]
        return self.cache.get(digest, (self.place.works_root / path).read_bytes)

    def find_matches(self, data: bytes) -> list[tuple[int, Verification]]:
        """Return the works that a picture shows; identical bytes are compared once."""
        digest = Digest.from_bytes(data)
        if digest not in self.results:
            comparisons = find_works(extract(data), lambda: data, self)
            self.results[digest] = [
                (work, verification) for work, verification in comparisons if verification.decision is not Decision.NONE
            ]
        return self.results[digest]


def _measure_work(worker: _Worker, path: str) -> RegisteredFile | Skipped:
    try:
        load = (worker.place.root / path).read_bytes
        digest = Digest.from_bytes(load())
        features = worker.cache.get(digest, load)
    except (ExhibitError, OSError) as error:
        return Skipped(path, str(error))
    local = compute_local_fingerprint(digest, features).vector
    vectors = tuple((row.space, row.vector) for row in compute_work_fingerprints(digest, features))
    return RegisteredFile(path, digest, vectors, local, features.review_reasons)


def _match_picture(worker: _Worker, path: str) -> PictureResult:
    try:
        matches = worker.find_matches((worker.place.root / path).read_bytes())
    except (ExhibitError, OSError) as error:
        return PictureResult(path, (Skipped(path, str(error)),))
    works = worker.place.works
    ordered_matches = sorted(matches, key=lambda pair: works[pair[0]][0])
    return PictureResult(
        path, tuple(Match(works[work][0], path, verification) for work, verification in ordered_matches)
    )


def _run_for_each(
    task: Callable[[_Worker, str], R], context: WorkerContext, paths: Sequence[str], jobs: int
) -> Iterator[R]:
    """Run a task on each path, in order; a small number of paths is processed in the current process."""
    return run_in_processes(1 if len(paths) <= BATCH_SIZE else jobs, (_Worker, context), task, paths, BATCH_SIZE)
