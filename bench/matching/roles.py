"""Assignment of photos to roles (works, neighbours, unrelated), and execution of queries."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.common import Progress, read_processor_seconds, run_tasks
from bench.matching.peers import MAX_DISTANCE, Distances, LoadedPicture, Retriever
from bench.matching.registered import RegisteredWorks
from bench.matching.results import MAX_RANK, A, QueryResult, ResultStore, RetrievalRank
from bench.queries import Query, list_photos
from exhibit.types import Decision


class QueryLike(Protocol):
    """A query: :class:`bench.queries.Query`, or an object that creates its picture on demand."""

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""


Q = TypeVar("Q", bound=QueryLike)
NEIGHBOUR_FRACTION = 0.1
MAX_NEIGHBOURS = 40


@dataclass(frozen=True, slots=True)
class PhotoRoles:
    """Role of each photo. All pictures made from one photo have its role.

    Attributes:
        works: Registered, and searched for in every edit.
        neighbours: Used next to and behind copies; never registered or searched for.
        unrelated: Searched for, never registered.
        distractors: Registered, never searched for.
    """

    works: tuple[Path, ...]
    neighbours: tuple[Path, ...]
    unrelated: tuple[Path, ...]
    distractors: tuple[Path, ...]

    @property
    def registered(self) -> tuple[Path, ...]:
        """All registered photos, works first."""
        return self.works + self.distractors


def assign_roles(pool: Sequence[Path], works: int, seed: int, folders: "RoleFolders") -> PhotoRoles:
    """Distribute photos to works, neighbours, and unrelated and distractors in equal parts, except roles with a folder.

    Args:
        pool: Photos in any order.
        works: Number of works, at most half of the pool.
        seed: Seed of the distribution.
        folders: Folders of photos with a given role.
    """
    shuffled = sorted(pool, key=lambda path: path.name)
    random.Random(seed).shuffle(shuffled)
    has_role_folders = folders.others and folders.unrelated
    count = min(works, len(shuffled) if has_role_folders else max(1, len(shuffled) // 2))
    work_photos, remaining = shuffled[:count], shuffled[count:]
    neighbours = list_photos(*folders.others)
    if not neighbours:
        neighbour_count = max(1, min(MAX_NEIGHBOURS, round(len(shuffled) * NEIGHBOUR_FRACTION)))
        neighbours, remaining = remaining[:neighbour_count], remaining[neighbour_count:]
    middle = 0 if folders.distractors else len(remaining) // 2
    unrelated = list_photos(*folders.unrelated) or remaining[middle:]
    distractors = list_photos(*folders.distractors) or ([] if folders.unrelated else remaining[:middle])
    return PhotoRoles(tuple(work_photos), tuple(neighbours), tuple(unrelated), tuple(distractors))


@dataclass(frozen=True, slots=True)
class RoleFolders:
    """Folders of photos with a given role."""

    others: tuple[Path, ...] = ()
    unrelated: tuple[Path, ...] = ()
    distractors: tuple[Path, ...] = ()


def run_query(
    query: Query, registered: RegisteredWorks, retrievers: Sequence[Retriever], names: Sequence[str]
) -> QueryResult:
    """Run all systems on one picture, and return the results.

    Args:
        query: The picture.
        registered: The works.
        retrievers: Peers with the same works.
        names: Names of the works, in order.
    """
    picture = LoadedPicture(query.data)
    started = read_processor_seconds()
    results = registered.match_picture(picture)
    seconds = read_processor_seconds() - started
    decisions = {names[work]: result.decision for work, result in results if result.decision is not Decision.NONE}
    ranks = {result.name: find_rank(result.compute_distances(picture), names, query.work) for result in retrievers}
    decision = decisions.pop(query.work, Decision.NONE)
    wrong_works = {work: str(result) for work, result in decisions.items()}
    return QueryResult(query.photo, query.edit, query.work, str(decision), wrong_works, ranks, seconds)


def find_rank(distances: Distances, names: Sequence[str], work: str) -> RetrievalRank:
    """Return the rank of the true work. Of works with equal distances, each gets the worst rank."""
    if not work:
        return RetrievalRank(0, MAX_DISTANCE, float(distances.min(initial=MAX_DISTANCE)))
    number = names.index(work)
    own_distance, other_distances = float(distances[number]), np.delete(distances, number)
    rank = 1 + int((other_distances <= own_distance).sum())
    return RetrievalRank(
        rank if own_distance < MAX_DISTANCE and rank <= MAX_RANK else 0,
        own_distance,
        float(other_distances.min(initial=MAX_DISTANCE)),
    )


def run_queries(
    title: str,
    queries: Iterable[Q],
    total: int,
    saved_results: ResultStore[A],
    execute: Callable[[Q], A],
    jobs: int = 1,
) -> list[A]:
    """Return the results of all queries. Queries without a saved result are run, and progress is printed.

    Args:
        title: Title of the progress messages.
        queries: Queries, in the order of the results.
        total: Number of queries.
        saved_results: Saved results.
        execute: Function that runs a query.
        jobs: Number of processes.
    """
    keys: list[tuple[str, str]] = []
    progress = Progress(title, total)

    def iterate_new() -> Iterator[Q]:
        for question in queries:
            keys.append(question.question)
            if question.question not in saved_results.done:
                yield question

    for result in run_tasks(execute, iterate_new(), jobs):
        saved_results.save(result)
        progress(len(keys))
    return [saved_results.done[question] for question in keys]
