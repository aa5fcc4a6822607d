"""Roles of the photos (works, neighbours, unrelated), and execution of the queries."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.common import Progress, processor_seconds, run_each
from bench.matching.answers import FIRST, A, Answer, Answers, Ranked
from bench.matching.peers import FAR, Distances, LoadedPicture, Retriever
from bench.matching.registered import Registered
from bench.queries import Query, photos_in
from exhibit.types import Decision


class Question(Protocol):
    """A query: :class:`bench.queries.Query`, or an object that creates its picture on demand."""

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""


Q = TypeVar("Q", bound=Question)
SHARE_OF_OTHERS = 0.1
MAX_OTHERS = 40


@dataclass(frozen=True, slots=True)
class Roles:
    """Role of each photo. All pictures made from one photo have its role.

    Attributes:
        works: Registered, and searched for in every edit.
        others: Placed beside and behind copies; never registered or searched.
        unrelated: Searched, never registered.
        distractors: Registered, never searched.
    """

    works: tuple[Path, ...]
    neighbours: tuple[Path, ...]
    unrelated: tuple[Path, ...]
    distractors: tuple[Path, ...]

    @property
    def registered(self) -> tuple[Path, ...]:
        """Everything that is registered, works first."""
        return self.works + self.distractors


def roles(pool: Sequence[Path], works: int, seed: int, folders: "Folders") -> Roles:
    """Distribute photos: works, others, then the rest in halves. Roles with their own folder get none.

    Args:
        pool: Photos in any order.
        works: Number of works, at most half of the pool.
        seed: Seed of the distribution.
        folders: Folders of photos with a given role.
    """
    dealt = sorted(pool, key=lambda path: path.name)
    random.Random(seed).shuffle(dealt)
    alone = folders.others and folders.unrelated
    count = min(works, len(dealt) if alone else max(1, len(dealt) // 2))
    work_photos, rest = dealt[:count], dealt[count:]
    neighbours = photos_in(*folders.others)
    if not neighbours:
        share = max(1, min(MAX_OTHERS, round(len(dealt) * SHARE_OF_OTHERS)))
        neighbours, rest = rest[:share], rest[share:]
    middle = 0 if folders.distractors else len(rest) // 2
    unrelated = photos_in(*folders.unrelated) or rest[middle:]
    distractors = photos_in(*folders.distractors) or ([] if folders.unrelated else rest[:middle])
    return Roles(tuple(work_photos), tuple(neighbours), tuple(unrelated), tuple(distractors))


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders of photos with a given role."""

    others: tuple[Path, ...] = ()
    unrelated: tuple[Path, ...] = ()
    distractors: tuple[Path, ...] = ()


def answer_of(query: Query, registered: Registered, retrievers: Sequence[Retriever], names: Sequence[str]) -> Answer:
    """Return the results of all systems for one picture.

    Args:
        query: The picture.
        registered: The works.
        retrievers: Peers with the same works.
        names: Names of the works, in order.
    """
    look = LoadedPicture(query.data)
    started = processor_seconds()
    results = registered.match(look)
    seconds = processor_seconds() - started
    decisions = {names[work]: item.decision for work, item in results if item.decision is not Decision.NONE}
    places = {item.name: rank_of(item.distances(look), names, query.work) for item in retrievers}
    decision = decisions.pop(query.work, Decision.NONE)
    wrong_works = {work: str(item) for work, item in decisions.items()}
    return Answer(query.photo, query.edit, query.work, str(decision), wrong_works, places, seconds)


def rank_of(distances: Distances, names: Sequence[str], work: str) -> Ranked:
    """Return the rank of the true work. Works at equal distance share the worst of their ranks."""
    if not work:
        return Ranked(0, FAR, float(distances.min(initial=FAR)))
    number = names.index(work)
    own, other_distances = float(distances[number]), np.delete(distances, number)
    place = 1 + int((other_distances <= own).sum())
    return Ranked(place if own < FAR and place <= FIRST else 0, own, float(other_distances.min(initial=FAR)))


def run_queries(
    title: str, questions: Iterable[Q], total: int, answers: Answers[A], ask: Callable[[Q], A], jobs: int = 1
) -> list[A]:
    """Return the answers to all queries, from the saved ones and by running the rest. Prints the progress.

    Args:
        title: Title of the progress messages.
        questions: Queries, in the order of the answers.
        total: Number of queries.
        answers: Saved answers.
        ask: Function that runs a query.
        jobs: Number of processes.
    """
    order: list[tuple[str, str]] = []
    progress = Progress(title, total)

    def new() -> Iterator[Q]:
        for question in questions:
            order.append(question.question)
            if question.question not in answers.done:
                yield question

    for answer in run_each(ask, new(), jobs):
        answers.add(answer)
        progress(len(order))
    return [answers.done[question] for question in order]
