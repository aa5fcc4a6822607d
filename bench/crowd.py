"""Are copies still found among a hundred thousand works? Candidates, decisions, times and sizes of the indexes.

Real works in the 34 edits of the design are looked for by the product's own path, among a thousand works and ten and a
hundred times as many (:mod:`bench.crowd_works`). Questions come in a random order: a part of them tells of all.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.crowd_works import Crowd, Photographs, make_crowd
from bench.edited import Asked, copy_of, opened
from bench.matching.look import Look
from bench.matching.questions import Roles
from bench.progress import Progress
from bench.retrieval import real_hashes
from bench.table import Row, keep
from exhibit.types import Decision
from indexer.edits import DESIGN
from indexer.search.candidates import (
    BEHIND,
    Candidate,
    descriptor_candidates,
    distinct,
    hash_candidates,
    in_turns,
    vote_candidates,
)
from indexer.search.search import find_works

FEWEST = 1_000
"""Works of the smallest crowd, all of them real."""
EDITED = 20
"""Photographs whose edits tell which bits of hashes change."""
KEPT_EVERY = 20
"""Questions after which the figures are kept."""
HASH, VOTES, DESCRIPTOR, TOGETHER = "hash", "local votes", "descriptor", "together, as compared"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one crowd says of one copy.

    Attributes:
        edit: of the copy.
        named: by whom its work is named among the candidates that are compared.
        milliseconds: of processor time, by step.
        decision: on its work.
        compared: works that it was compared with.
        others: works besides its own that it was taken for, for certain or perhaps.
        chance: weight of votes that chance gives, median of the works behind the first.
    """

    edit: str
    named: frozenset[str]
    milliseconds: dict[str, float]
    decision: Decision
    compared: int
    others: int
    chance: float


def measure(parts: Roles, most: int, seed: int, out: Path) -> Iterator[tuple[str, str, list[Row]]]:
    """Ask everything.

    Args:
        parts: who is a work, who stands beside copies, and of whom the crowd is made.
        most: works of the largest crowd.
        seed: of the edits and of the order.
        out: folder for features and indexes; the figures are kept there meanwhile.

    Yields:
        Name of the file, title, rows.
    """
    sources = random.Random(seed).sample(parts.distractors, min(len(parts.distractors), FEWEST - len(parts.works)))
    real = _measured([*parts.works, *sources], out / "crowd" / "features")
    known = real_hashes(sources, EDITED)
    sizes = [size for power in range(3, 10) if (size := 10**power) <= most]
    crowds = [make_crowd(size, real, len(parts.works), known, out / "crowd" / str(size)) for size in sizes]
    answers: list[list[Answer]] = []
    progress = Progress("copies asked", len(parts.works) * len(DESIGN))
    for asked in _questions(parts, seed):
        look, work = Look(asked.data), parts.works.index(Path(asked.work))
        answers.append([_answer(asked.edit, look, work, crowd) for crowd in crowds])
        progress(len(answers))
        if len(answers) % KEPT_EVERY == 0:
            keep(out, "crowd", _table(crowds, answers))
            keep(out, "crowd-edits", _by_edit(crowds, answers))
    yield "crowd", "Copies found among many works", _table(crowds, answers)
    yield "crowd-edits", "Copies found among many works, by edit", _by_edit(crowds, answers)


def _measured(files: Sequence[Path], folder: Path) -> Photographs:
    real = Photographs(files, folder)
    progress = Progress("works measured", len(real))
    for number in range(len(real)):
        real[number]
        progress(number + 1)
    return real


def _questions(parts: Roles, seed: int) -> Iterator[Asked]:
    around = [opened(path) for path in parts.others]
    order = list(product(parts.works, DESIGN))
    random.Random(seed).shuffle(order)
    return (copy_of(path, opened(path), edit, around, seed) for path, edit in order)


def _answer(edit: str, look: Look, work: int, crowd: Crowd) -> Answer:
    found, milliseconds = look.features, dict[str, float]()

    def timed(step: str, does: Callable[[], T]) -> T:
        began = time.process_time()
        result = does()
        milliseconds[step] = (time.process_time() - began) * 1000
        return result

    def named(candidates: Sequence[Candidate]) -> list[int]:
        owners = crowd.owners(candidates)
        return list(distinct(candidates, lambda one: owners[one.space, one.number]))

    found.quick, found.embeddings  # noqa: B018 - measured before the clock runs
    by_hash = timed(HASH, lambda: hash_candidates([found], crowd.hashes)[0])
    votes = timed(VOTES, lambda: [] if found.is_icon else vote_candidates(found.quick, crowd.votes))
    described = timed(DESCRIPTOR, lambda: [] if found.is_icon else descriptor_candidates(found, crowd.descriptors))
    turns = [*named(by_hash), *named(list(in_turns(votes, described)))]
    by_whom = {HASH: named(by_hash), VOTES: named(votes), DESCRIPTOR: named(described), TOGETHER: turns}
    compared = dict(timed("everything", lambda: find_works(found, lambda: look.data, crowd)))
    decisions = {key: one.decision for key, one in compared.items()}
    return Answer(
        edit=edit,
        named=frozenset(whom for whom, works in by_whom.items() if work in works),
        milliseconds=milliseconds,
        decision=decisions.pop(work, Decision.NONE),
        compared=len(compared),
        others=sum(one is not Decision.NONE for one in decisions.values()),
        chance=float(np.median([vote.weight for vote in crowd.votes.votes(found.quick.descriptors)[BEHIND]] or [0])),
    )


def _table(crowds: Sequence[Crowd], answers: Sequence[Sequence[Answer]]) -> list[Row]:
    """A row for each figure, a column for each crowd."""
    columns = [_column(crowd, [each[place] for each in answers]) for place, crowd in enumerate(crowds)]
    return [
        {"what": what, **{f"{crowd.count:,} works": one[what] for crowd, one in zip(crowds, columns, strict=True)}}
        for what in columns[0]
    ]


def _column(crowd: Crowd, answers: Sequence[Answer]) -> dict[str, object]:
    retrievers = (HASH, VOTES, DESCRIPTOR)
    steps = (*retrievers, "everything")
    return {
        "copies asked": len(answers),
        **{f"work named: {whom}": _share(whom in one.named for one in answers) for whom in (*retrievers, TOGETHER)},
        "found for certain": _share(one.decision is Decision.CERTAIN for one in answers),
        "found, of any grade": _share(one.decision is not Decision.NONE for one in answers),
        "copies taken for another work as well": sum(one.others > 0 for one in answers),
        "works compared, mean": float(np.mean([one.compared for one in answers])),
        "votes by chance, median weight": float(np.median([one.chance for one in answers])),
        **{f"ms: {step}": float(np.mean([one.milliseconds[step] for one in answers])) for step in steps},
        "lists of the votes": crowd.votes.codec.nlist,
        **{f"MB: {index}": crowd.megabytes(index) for index in ("hashes", "descriptors", "votes")},
    }


def _by_edit(crowds: Sequence[Crowd], answers: Sequence[Sequence[Answer]]) -> list[Row]:
    rows: list[Row] = []
    for edit in DESIGN:
        asked = [each for each in answers if each[0].edit == edit]
        row: dict[str, object] = {"edit": edit, "copies": len(asked)}
        for place, crowd in enumerate(crowds):
            here = [each[place] for each in asked]
            row[f"named of {crowd.count:,}"] = _share(TOGETHER in one.named for one in here)
            row[f"found of {crowd.count:,}"] = _share(one.decision is not Decision.NONE for one in here)
        rows.append(row)
    return rows


def _share(truths: Iterator[bool]) -> str:
    values = list(truths)
    return f"{np.mean(values):.3f}".removeprefix("0") if values else "–"
