"""Run of the complete matching benchmark."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from bench import pairs
from bench.common import Progress, Row, TitledTable
from bench.matching import sizes, tables
from bench.matching.peers import LoadedPicture, Retriever, find_missing_peers, load_peers
from bench.matching.registered import RegisteredWorks
from bench.matching.results import QueryResult, ResultStore, parse_result
from bench.matching.roles import PhotoRoles, RoleFolders, assign_roles, run_queries, run_query
from bench.queries import generate_copy_queries, generate_unrelated_queries, list_photos
from indexer.edits import EDITS
from indexer.picture.spaces import PIPELINE

NO_FOLDERS = RoleFolders()
PICTURES_PER_SIZE = 40
"""Maximum number of pictures of each size."""


@dataclass(frozen=True, slots=True)
class QuerySelection:
    """Selection of the queries.

    Attributes:
        photos: Pool of photos, distributed by the seed.
        folders: Folders of photos with a given role.
        works: Number of works from the pool.
        edits: Names of edits.
        each: Number of edits of each unrelated photo, in addition to the photo itself.
        most_unrelated: Maximum number of unrelated photos.
        overlays: Number of pairs under one overlay, for the odds model.
        pages: Number of pairs in one page, where the registered picture is also a page, for the odds model.
        mix: Number of pictures whose time is measured.
        seed: Seed of all random choices.
        pairs: Folder with ``pairs.csv``, or ``None``.
        lookalikes: Folder with ``group_pairs.csv``, or ``None``.
    """

    photos: tuple[Path, ...]
    folders: RoleFolders = NO_FOLDERS
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
    """Saved results, and number of processes."""

    answers: ResultStore[QueryResult]
    jobs: int


def measure(choice: QuerySelection, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Run all queries, and yield each table when it is complete.

    Args:
        choice: Selection of the queries.
        out: Folder for the results, from which an interrupted run continues.
        jobs: Number of processes.
    """
    photo_roles = assign_roles(list_photos(*choice.photos), choice.works, choice.seed, choice.folders)
    unrelated = photo_roles.unrelated[: choice.most_unrelated]
    print_status(_format_summary(photo_roles, len(unrelated)))
    yield "matching-run", "What was asked", _query_counts(choice, photo_roles, len(unrelated))
    saved_results = ResultStore(out / "matching", asdict(choice), parse_result)
    progress = Progress("works measured", len(photo_roles.registered))
    registered = RegisteredWorks(photo_roles.registered, saved_results.folder, progress)
    results = _run_all_queries(choice, photo_roles, unrelated, registered, SavedRun(saved_results, jobs))
    yield "matching-recall", "Recall by edit", tables.build_recall_rows(results)
    yield "matching-alarms", "False alarms", tables.build_false_alarm_rows(results)
    yield from _measure_real_pairs(choice)


def measure_sizes(choice: QuerySelection, out: Path) -> Iterator[TitledTable]:
    """Measure only the time for unrelated pictures by size."""
    photo_roles = assign_roles(list_photos(*choice.photos), choice.works, choice.seed, choice.folders)
    print_status(_format_summary(photo_roles, len(photo_roles.unrelated)))
    folder = out / "cost"
    registered = RegisteredWorks(
        photo_roles.registered, folder, Progress("works measured", len(photo_roles.registered))
    )
    by_size = sizes.build_table(
        photo_roles.unrelated,
        min(choice.mix, PICTURES_PER_SIZE),
        registered,
        load_registered_peers(photo_roles, registered),
    )
    yield "matching-sizes", "Processor time of a stranger's picture by size", by_size


def _query_counts(choice: QuerySelection, photo_roles: PhotoRoles, unrelated: int) -> list[Row]:
    counts = {
        "works": len(photo_roles.works),
        "edits of each": len(choice.edits),
        "further pictures registered": len(photo_roles.distractors),
        "unrelated photographs": unrelated,
        "edits of each of them, besides itself": choice.each,
        "neighbours and backgrounds": len(photo_roles.neighbours),
        "seed": choice.seed,
        "pipeline": PIPELINE,
    }
    return [{"what": label, "": count} for label, count in counts.items()]


def _format_summary(photo_roles: PhotoRoles, unrelated: int) -> str:
    missing_note = "".join(f"; {name} isn't installed and is left out" for name in find_missing_peers())
    return (
        f"{len(photo_roles.works):,} works and {len(photo_roles.distractors):,} more registered, "
        f"{unrelated:,} unrelated photos,"
        f" {len(photo_roles.neighbours):,} as neighbours and backgrounds{missing_note}"
    )


def _run_all_queries(
    choice: QuerySelection,
    photo_roles: PhotoRoles,
    unrelated: Sequence[Path],
    registered: RegisteredWorks,
    saved_run: SavedRun,
) -> tables.BenchmarkResults:
    retrievers = load_registered_peers(photo_roles, registered)
    names = [str(path) for path in photo_roles.registered]
    queries = generate_copy_queries(photo_roles.works, photo_roles.neighbours, choice.edits, choice.seed)
    unrelated_picture_queries = generate_unrelated_queries(unrelated, photo_roles.neighbours, choice.each, choice.seed)
    counts = len(photo_roles.works) * len(choice.edits), len(unrelated) * (1 + choice.each)
    results = run_queries(
        "pictures searched",
        chain(queries, unrelated_picture_queries),
        sum(counts),
        saved_run.answers,
        lambda query: run_query(query, registered, retrievers, names),
        saved_run.jobs,
    )
    return tables.BenchmarkResults(results[: counts[0]], results[counts[0] :], retrievers)


def load_registered_peers(photo_roles: PhotoRoles, registered: RegisteredWorks) -> list[Retriever]:
    """Return the peers, after registering all works with them."""
    retrievers = load_peers()
    progress = Progress("works known to the peers", len(photo_roles.registered))
    for number, path in enumerate(photo_roles.registered):
        picture = LoadedPicture(path.read_bytes(), lambda number=number: registered.features(number))  # type: ignore[misc]
        for retriever in retrievers:
            retriever.register(picture)
        progress(number + 1)
    return retrievers


def _measure_real_pairs(choice: QuerySelection) -> Iterator[TitledTable]:
    if choice.pairs:
        yield "matching-pairs", "Real copies by kind", pairs.measure_real_copies(choice.pairs)
    if choice.lookalikes:
        look_alikes = pairs.compare_lookalikes(choice.lookalikes)
        yield "matching-lookalikes", "Look-alikes (counts are false alarms)", pairs.build_lookalike_rows(look_alikes)


def print_status(sentence: str) -> None:
    """Print a message on standard error."""
    print(sentence, file=sys.stderr, flush=True)
