"""Recall of copies by single primitive operations and by random chains of them.

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
from bench.matching.registered import RegisteredWorks
from bench.matching.results import QueryResult, ResultStore, parse_result
from bench.matching.roles import PhotoRoles, assign_roles, run_queries, run_query
from bench.matching.run import QuerySelection
from bench.primitives import FAMILIES, PRIMITIVES, Primitive, compose
from bench.queries import Query, list_photos, open_photo
from exhibit.types import Decision

STRENGTHS = (0.3, 0.7)
GRADES = (Decision.CERTAIN, Decision.REVIEW, Decision.RELATED, Decision.NONE)
RANDOM_CHAINS, HELD_OUT_CHAINS = "random chains", "random chains of primitives held back"


def measure(choice: QuerySelection, singles: int, chains: int, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Run all queries, and yield the tables. Results of an interrupted run are reused.

    Args:
        choice: Photographs, number of works, and seed; the other fields are ignored.
        singles: Number of single primitives per work, used in rotation, each at two strengths.
        chains: Number of random chains of each kind per work.
        out: Folder for the results.
        jobs: Number of processes.
    """
    photo_roles = assign_roles(list_photos(*choice.photos), choice.works, choice.seed, choice.folders)
    results = ResultStore(out / "compositions", [asdict(choice), singles, chains], parse_result)
    registered = RegisteredWorks(
        photo_roles.registered, results.folder, Progress("works measured", len(photo_roles.registered))
    )
    names = [str(path) for path in photo_roles.registered]
    copies = run_queries(
        "compositions searched",
        generate_queries(photo_roles, choice.seed, singles, chains),
        len(photo_roles.works) * 2 * (singles + chains),
        results,
        lambda query: run_query(query, registered, [], names),
        jobs,
    )
    yield "compositions", "Copies that nobody listed, by family", _build_family_rows(copies)


def generate_queries(photo_roles: PhotoRoles, seed: int, singles: int, chains: int) -> Iterator[Query]:
    """Yield copies of each work by single primitives, then by chains of both kinds, unless too little of it remains."""
    neighbours = [np.asarray(open_photo(path)) for path in photo_roles.neighbours]
    order = random.Random(seed).sample(list(PRIMITIVES.values()), len(PRIMITIVES))
    for number, path in enumerate(photo_roles.works):
        work = np.asarray(open_photo(path))
        indices = range(number * singles, (number + 1) * singles)
        for spec in _composition_specs([order[index % len(order)] for index in indices], chains):
            spec_seed = zlib.crc32(f"{seed}:{path.name}:{spec.name}".encode())
            composition = compose(work, neighbours, spec.pool, spec_seed, length=spec.length, strength=spec.strength)
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
    """Yield the compositions of one work: single primitives, then chains of both kinds."""
    for primitive in singles:
        for strength in STRENGTHS:
            yield _CompositionSpec(f"{primitive.family}, {strength}", [primitive], 1, strength)
    for chain in range(chains):
        for name, held_out in ((RANDOM_CHAINS, False), (HELD_OUT_CHAINS, True)):
            pool = [primitive for primitive in PRIMITIVES.values() if primitive.held_out is held_out]
            yield _CompositionSpec(f"{name}, {chain}", pool)


def _get_family(result: QueryResult) -> str:
    return result.edit.partition(",")[0]


def _build_family_rows(copies: Sequence[QueryResult]) -> list[Row]:
    groups: dict[str, list[QueryResult]] = defaultdict(list)
    for result in copies:
        groups[_get_family(result)].append(result)
    names = [name for name in (*FAMILIES, RANDOM_CHAINS, HELD_OUT_CHAINS) if name in groups]
    return [_build_row(name, groups[name]) for name in names]


def _build_row(name: str, group: Sequence[QueryResult]) -> Row:
    grade_counts = {str(grade): sum(result.decision == grade for result in group) for grade in GRADES}
    return {
        "what": name,
        "copies": len(group),
        **grade_counts,
        "another work": sum(bool(result.others) for result in group),
    }
