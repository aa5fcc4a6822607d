"""Recall of unlisted copies: each primitive operation alone, and random chains of them.

The families are those of :mod:`bench.primitives`.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.common import Progress, Row, TitledTable
from bench.matching.answers import Answer, Answers, answer_from
from bench.matching.registered import Registered
from bench.matching.roles import Roles, answer_of, roles, run_queries
from bench.matching.run import Choice
from bench.primitives import FAMILIES, PRIMITIVES, Primitive, composed
from bench.queries import Query, open_photo, photos_in
from exhibit.types import Decision

STRENGTHS = (0.3, 0.7)
GRADES = (Decision.CERTAIN, Decision.REVIEW, Decision.RESEMBLES, Decision.NONE)
REGULAR, HELD_OUT = "random chains", "random chains of primitives held back"


def measure(choice: Choice, singles: int, chains: int, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Run all queries, and yield the tables. Results of an interrupted run are reused.

    Args:
        choice: Photographs, which of them are works, and the seed; the other fields are ignored.
        singles: Number of single primitives for each work, used in turns, each at two strengths.
        chains: Number of random chains of both kinds for each work.
        out: Folder for the answers.
        jobs: Number of processes.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    answers = Answers(out / "compositions", [asdict(choice), singles, chains], answer_from)
    registered = Registered(parts.registered, answers.folder, Progress("works measured", len(parts.registered)))
    names = [str(path) for path in parts.registered]
    copies = run_queries(
        "compositions asked",
        questions(parts, choice.seed, singles, chains),
        len(parts.works) * 2 * (singles + chains),
        answers,
        lambda query: answer_of(query, registered, [], names),
        jobs,
    )
    yield "compositions", "Copies that nobody listed, by family", _by_family(copies)


def questions(parts: Roles, seed: int, singles: int, chains: int) -> Iterator[Query]:
    """Yield each work in some single primitives, then in chains of both kinds, unless too little of it remains."""
    around = [np.asarray(open_photo(path)) for path in parts.neighbours]
    order = random.Random(seed).sample(list(PRIMITIVES.values()), len(PRIMITIVES))
    for number, path in enumerate(parts.works):
        work = np.asarray(open_photo(path))
        turns = range(number * singles, (number + 1) * singles)
        for spec in _composition_specs([order[turn % len(order)] for turn in turns], chains):
            draw = zlib.crc32(f"{seed}:{path.name}:{spec.name}".encode())
            composition = composed(work, around, spec.pool, draw, length=spec.length, strength=spec.strength)
            if composition is not None:
                edit = f"{spec.name}: {' + '.join(composition.names)}"
                yield Query(str(path), edit, str(path), composition.data, ".jpg")


@dataclass(frozen=True, slots=True)
class _CompositionSpec:
    name: str
    pool: Sequence[Primitive]
    length: int | None = None
    strength: float | None = None


def _composition_specs(singles: Sequence[Primitive], chains: int) -> Iterator[_CompositionSpec]:
    """Yield the compositions for one work: some single primitives, then chains of both kinds."""
    for primitive in singles:
        for strength in STRENGTHS:
            yield _CompositionSpec(f"{primitive.family}, {strength}", [primitive], 1, strength)
    for chain in range(chains):
        for name, held_out in ((REGULAR, False), (HELD_OUT, True)):
            pool = [primitive for primitive in PRIMITIVES.values() if primitive.held_out is held_out]
            yield _CompositionSpec(f"{name}, {chain}", pool)


def _family(answer: Answer) -> str:
    return answer.edit.partition(",")[0]


def _by_family(copies: Sequence[Answer]) -> list[Row]:
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in copies:
        groups[_family(answer)].append(answer)
    names = [name for name in (*FAMILIES, REGULAR, HELD_OUT) if name in groups]
    return [_row(name, groups[name]) for name in names]


def _row(name: str, group: Sequence[Answer]) -> Row:
    grade_counts = {str(grade): sum(answer.decision == grade for answer in group) for grade in GRADES}
    return {
        "what": name,
        "copies": len(group),
        **grade_counts,
        "another work": sum(bool(answer.others) for answer in group),
    }
