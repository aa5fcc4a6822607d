"""Roles of the photos (works, neighbours, unrelated), and execution of the queries."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.common import Progress, each, processor_seconds
from bench.edited import Asked, photos_in
from bench.matching.answers import FIRST, A, Answer, Answers, Ranked
from bench.matching.peers import FAR, Distances, Look, Retriever
from bench.matching.registered import Registered
from exhibit.types import Decision


class Question(Protocol):
    """A query: :class:`bench.edited.Asked`, or an object that creates its picture on demand."""

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
    others: tuple[Path, ...]
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
    chosen, rest = dealt[:count], dealt[count:]
    others = photos_in(*folders.others)
    if not others:
        share = max(1, min(MAX_OTHERS, round(len(dealt) * SHARE_OF_OTHERS)))
        others, rest = rest[:share], rest[share:]
    middle = 0 if folders.distractors else len(rest) // 2
    unrelated = photos_in(*folders.unrelated) or rest[middle:]
    distractors = photos_in(*folders.distractors) or ([] if folders.unrelated else rest[:middle])
    return Roles(tuple(chosen), tuple(others), tuple(unrelated), tuple(distractors))


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders of photos with a given role."""

    others: tuple[Path, ...] = ()
    unrelated: tuple[Path, ...] = ()
    distractors: tuple[Path, ...] = ()


def answer_of(asked: Asked, registered: Registered, retrievers: Sequence[Retriever], names: Sequence[str]) -> Answer:
    """Return the results of all systems for one picture.

    Args:
        asked: The picture.
        registered: The works.
        retrievers: Peers with the same works.
        names: Names of the works, in order.
    """
    look = Look(asked.data)
    started = processor_seconds()
    compared = registered.compared(look)
    seconds = processor_seconds() - started
    decisions = {names[work]: one.decision for work, one in compared if one.decision is not Decision.NONE}
    places = {one.name: ranked(one.distances(look), names, asked.work) for one in retrievers}
    decision = decisions.pop(asked.work, Decision.NONE)
    others = {work: str(one) for work, one in decisions.items()}
    return Answer(asked.photo, asked.edit, asked.work, str(decision), others, places, seconds)


def ranked(distances: Distances, names: Sequence[str], work: str) -> Ranked:
    """Return the rank of the true work. Works at equal distance share the worst of their ranks."""
    if not work:
        return Ranked(0, FAR, float(distances.min(initial=FAR)))
    number = names.index(work)
    own, others = float(distances[number]), np.delete(distances, number)
    place = 1 + int((others <= own).sum())
    return Ranked(place if own < FAR and place <= FIRST else 0, own, float(others.min(initial=FAR)))


def answered(
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

    for answer in each(ask, new(), jobs):
        answers.add(answer)
        progress(len(order))
    return [answers.done[question] for question in order]
