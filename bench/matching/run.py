"""The whole benchmark of matching in one run."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from bench import pairs
from bench.common import Progress, Row, TitledTable
from bench.matching import sizes, tables
from bench.matching.answers import Answer, Answers, answer_from
from bench.matching.peers import LoadedPicture, Retriever, missing_peers, peers
from bench.matching.registered import Registered
from bench.matching.roles import Folders, Roles, answer_of, roles, run_queries
from bench.queries import copy_queries, photos_in, unrelated_queries
from indexer.edits import EDITS
from indexer.picture.spaces import PIPELINE

NO_FOLDERS = Folders()
PICTURES_PER_SIZE = 40
"""Pictures of each size."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Selection of the queries.

    Attributes:
        photos: Pool of photos, distributed by the seed.
        folders: Folders of photos with a given role.
        works: Number of works from the pool.
        edits: Names of edits.
        each: Edits of each unrelated photo, besides the photo itself.
        most_unrelated: Maximum number of unrelated photos.
        overlays: Pairs under one overlay, for weighing.
        pages: Pairs in one page, where the registered picture is also a page, for weighing.
        mix: Pictures whose time is measured.
        seed: Seed of all random choices.
        pairs: Folder with ``pairs.csv``, or ``None``.
        lookalikes: Folder with ``group_pairs.csv``, or ``None``.
    """

    photos: tuple[Path, ...]
    folders: Folders = NO_FOLDERS
    works: int = 100
    edits: tuple[str, ...] = tuple(EDITS)
    each: int = 1
    most_unrelated: int = 2000
    overlays: int = 1000
    pages: int = 120
    mix: int = 200
    seed: int = 1
    pairs: Path | None = None
    lookalikes: Path | None = None


@dataclass(frozen=True, slots=True)
class SavedRun:
    """Saved answers, and number of processes."""

    answers: Answers[Answer]
    jobs: int


def measure(choice: Choice, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Run all queries, and yield each table when it is complete.

    Args:
        choice: Selection of the queries.
        out: Folder for the answers, with which an interrupted run continues.
        jobs: Number of processes.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    unrelated = parts.unrelated[: choice.most_unrelated]
    print_status(_summary(parts, len(unrelated)))
    yield "matching-run", "What was asked", _query_counts(choice, parts, len(unrelated))
    answers = Answers(out / "matching", asdict(choice), answer_from)
    progress = Progress("works measured", len(parts.registered))
    registered = Registered(parts.registered, answers.folder, progress)
    results = _results(choice, parts, unrelated, registered, SavedRun(answers, jobs))
    yield "matching-recall", "Recall by edit", tables.recall(results)
    yield "matching-alarms", "False alarms", tables.false_alarms(results)
    yield from _real_pairs(choice)


def measure_sizes(choice: Choice, out: Path) -> Iterator[TitledTable]:
    """Measure only the time for unrelated pictures by size."""
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    print_status(_summary(parts, len(parts.unrelated)))
    folder = out / "cost"
    registered = Registered(parts.registered, folder, Progress("works measured", len(parts.registered)))
    by_size = sizes.table(parts.unrelated, min(choice.mix, PICTURES_PER_SIZE), registered, peers_of(parts, registered))
    yield "matching-sizes", "Processor time of a stranger's picture by size", by_size


def _query_counts(choice: Choice, parts: Roles, unrelated: int) -> list[Row]:
    counts = {
        "works": len(parts.works),
        "edits of each": len(choice.edits),
        "further pictures registered": len(parts.distractors),
        "unrelated photographs": unrelated,
        "edits of each of them, besides itself": choice.each,
        "neighbours and backgrounds": len(parts.neighbours),
        "seed": choice.seed,
        "pipeline": PIPELINE,
    }
    return [{"what": what, "": count} for what, count in counts.items()]


def _summary(parts: Roles, unrelated: int) -> str:
    absent = "".join(f"; {name} isn't installed and is left out" for name in missing_peers())
    return (
        f"{len(parts.works):,} works and {len(parts.distractors):,} more registered, {unrelated:,} unrelated photos,"
        f" {len(parts.neighbours):,} as neighbours and backgrounds{absent}"
    )


def _results(
    choice: Choice, parts: Roles, unrelated: Sequence[Path], registered: Registered, asking: SavedRun
) -> tables.Results:
    retrievers = peers_of(parts, registered)
    names = [str(path) for path in parts.registered]
    questions = copy_queries(parts.works, parts.neighbours, choice.edits, choice.seed)
    stranger_questions = unrelated_queries(unrelated, parts.neighbours, choice.each, choice.seed)
    counts = len(parts.works) * len(choice.edits), len(unrelated) * (1 + choice.each)
    every = run_queries(
        "pictures asked",
        chain(questions, stranger_questions),
        sum(counts),
        asking.answers,
        lambda query: answer_of(query, registered, retrievers, names),
        asking.jobs,
    )
    return tables.Results(every[: counts[0]], every[counts[0] :], retrievers)


def peers_of(parts: Roles, registered: Registered) -> list[Retriever]:
    """Return the peers, all with the registered works."""
    retrievers = peers()
    progress = Progress("works known to the peers", len(parts.registered))
    for number, path in enumerate(parts.registered):
        look = LoadedPicture(path.read_bytes(), lambda number=number: registered.features(number))  # type: ignore[misc]
        for retriever in retrievers:
            retriever.register(look)
        progress(number + 1)
    return retrievers


def _real_pairs(choice: Choice) -> Iterator[TitledTable]:
    if choice.pairs:
        yield "matching-pairs", "Real copies by kind", pairs.real_copies(choice.pairs)
    if choice.lookalikes:
        alike = pairs.compare_lookalikes(choice.lookalikes)
        yield "matching-lookalikes", "Look-alikes (counts are false alarms)", pairs.lookalikes(alike)


def print_status(sentence: str) -> None:
    """Print a message on standard error."""
    print(sentence, file=sys.stderr, flush=True)
