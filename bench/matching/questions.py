"""Which photos are works, which stand beside them, which are asked besides; and the asking."""

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
    """What is asked; :class:`bench.edited.Asked`, or what makes its picture only when it is asked."""

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""


Q = TypeVar("Q", bound=Question)
SHARE_OF_OTHERS = 0.1
MAX_OTHERS = 40


@dataclass(frozen=True, slots=True)
class Roles:
    """What each photo is good for; all pictures made of one photo stay in its role.

    Attributes:
        works: registered, and asked in every edit.
        others: stand beside and behind copies; never registered, never asked.
        unrelated: asked, never registered.
        distractors: registered, never asked.
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
    """Deal photos out: works, others, then the rest half and half; whoever has a folder of its own needs none.

    Args:
        pool: photos, in any order.
        works: how many, and at most half of the pool.
        seed: of the dealing.
        folders: of photos whose role is given.
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
    """Folders of photos whose role is given."""

    others: tuple[Path, ...] = ()
    unrelated: tuple[Path, ...] = ()
    distractors: tuple[Path, ...] = ()


def answer_of(asked: Asked, registered: Registered, retrievers: Sequence[Retriever], names: Sequence[str]) -> Answer:
    """What everybody says of one picture.

    Args:
        asked: the picture.
        registered: the works.
        retrievers: peers, which know the same works.
        names: of the works, in their order.
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
    """Where the right work stands; works at the same distance share the worst place that they take together."""
    if not work:
        return Ranked(0, FAR, float(distances.min(initial=FAR)))
    number = names.index(work)
    own, others = float(distances[number]), np.delete(distances, number)
    place = 1 + int((others <= own).sum())
    return Ranked(place if own < FAR and place <= FIRST else 0, own, float(others.min(initial=FAR)))


def answered(
    title: str, questions: Iterable[Q], total: int, answers: Answers[A], ask: Callable[[Q], A], jobs: int = 1
) -> list[A]:
    """The answers to all questions: those that are kept, and those that are asked now; says how far it is.

    Args:
        title: of what is asked.
        questions: in the order of the answers.
        total: how many there are.
        answers: where answers are kept.
        ask: gives one.
        jobs: processes that ask.
    """
    order: list[tuple[str, str]] = []
    progress = Progress(title, total)

    def new() -> Iterator[Q]:
        for asked in questions:
            order.append(asked.question)
            if asked.question not in answers.done:
                yield asked

    for answer in each(ask, new(), jobs):
        answers.add(answer)
        progress(len(order))
    return [answers.done[question] for question in order]
