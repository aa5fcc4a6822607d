"""Who names the work that a copy shows, among how many that are compared: by family of change, and of real copies.

Works besides those that are asked for are made of photographs (:mod:`bench.crowd_works`). Real copies and their
originals come from a list of pairs; each original is registered once.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from bench.crowd import EDITED, FEWEST
from bench.crowd_works import Crowd, Photographs, make_crowd
from bench.edited import photos_in
from bench.matching import compositions
from bench.matching.look import Look
from bench.matching.questions import Roles, roles
from bench.matching.run import Choice
from bench.progress import Progress
from bench.retrieval import real_hashes
from bench.table import Row, Titled
from exhibit.errors import UnreadablePictureError
from exhibit.files.delimited import records
from exhibit.pictures.decode import decode
from exhibit.types import Decision
from indexer.search.candidates import Candidate, descriptor_candidates, hash_candidates, vote_candidates
from indexer.search.search import find_works

HASH, DESCRIPTOR, VOTES, WITHIN = "hash", "descriptor", "votes", "within"
REAL: Final = "real copies"
EVERYTHING = "**all**"


@dataclass(frozen=True, slots=True)
class Question:
    """A copy, and the place of its work."""

    family: str
    data: bytes
    work: int


@dataclass(frozen=True, slots=True)
class Naming:
    """What the search of one crowd came to."""

    family: str
    by: frozenset[str]  # who names the work; ``within`` where only a picture within the picture does, or a closer look
    compared: bool  # whether the work is among those that are compared
    others: int  # works that are compared
    found: bool  # whether it is found, for certain or for review


def measure(choice: Choice, among: Sequence[int], singles: int, out: Path) -> Iterator[Titled]:
    """Ask everything; a table for each number of works.

    Args:
        choice: photographs, how many are works and changed, the list of real pairs, and the seed.
        among: numbers of works, at least 1,000.
        singles: changes of each work, each in two strengths, in turns through all families.
        out: folder for features and indexes.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    listed = _real_copies(choice.pairs) if choice.pairs else []
    originals = sorted({original for original, _ in listed})
    asked = [*parts.works, *originals]
    sources = [path for path in parts.distractors if path not in originals][: FEWEST - len(asked)]
    folder = out / "named"
    real = Photographs([*asked, *sources], folder / "features")
    known, crowds = real_hashes(sources, EDITED), []
    for count in among:
        place = folder / str(count)
        shutil.rmtree(place, ignore_errors=True)
        crowds.append(make_crowd(max(count, len(real)), real, len(asked), known, place))
    every: list[list[Naming]] = [[] for _ in crowds]
    progress = Progress("copies asked", 2 * len(parts.works) * singles + len(listed))
    for number, question in enumerate(_questions(choice, parts, asked, singles, listed), start=1):
        try:
            look = Look(question.data)
            for crowd, namings in zip(crowds, every, strict=True):
                namings.append(_named(question, look, crowd))
        except UnreadablePictureError:
            continue
        progress(number)
    for crowd, namings in zip(crowds, every, strict=True):
        yield f"named-{crowd.count}", f"Who names the work among {crowd.count:,}", table(namings)


def table(namings: Sequence[Naming]) -> list[Row]:
    """A row for each family: shares of its copies."""
    by_family: dict[str, list[Naming]] = defaultdict(list)
    for one in namings:
        by_family[one.family].append(one)
        by_family[EVERYTHING].append(one)
    order = sorted(by_family, key=lambda family: (family == EVERYTHING, family == REAL, family))
    return [_row(family, by_family[family]) for family in order]


def _row(family: str, namings: Sequence[Naming]) -> Row:
    shares = {whom: mean(whom in one.by for one in namings) for whom in (HASH, DESCRIPTOR, VOTES, WITHIN)}
    anybody = {"anybody": mean(bool(one.by) for one in namings), "compared": mean(one.compared for one in namings)}
    found = mean(one.found for one in namings)
    told = {name: f"{value:.3f}".removeprefix("0") for name, value in {**shares, **anybody, "found": found}.items()}
    return {"family": family, "copies": len(namings), **told, "works compared": mean(one.others for one in namings)}


def _named(question: Question, look: Look, crowd: Crowd) -> Naming:
    found, work = look.features, question.work

    def names(candidates: Sequence[Candidate]) -> bool:
        return work in crowd.owners(candidates).values()

    by = {HASH} if names(hash_candidates([found], crowd.hashes)[0]) else set()
    if not found.is_icon:
        by |= {VOTES} if names(vote_candidates(found.quick, crowd.votes)) else set()
        by |= {DESCRIPTOR} if names(descriptor_candidates(found, crowd.descriptors)) else set()
    compared = dict(find_works(found, lambda: look.data, crowd))
    if work in compared and not by:
        by = {WITHIN}
    decided = compared[work].decision if work in compared else Decision.NONE
    return Naming(question.family, frozenset(by), work in compared, len(compared), decided is not Decision.NONE)


def _questions(
    choice: Choice, parts: Roles, asked: Sequence[Path], singles: int, listed: Sequence[tuple[Path, Path]]
) -> Iterator[Question]:
    """Copies by primitives, each in two strengths, then the real ones."""
    places = {path: place for place, path in enumerate(asked)}
    for one in compositions.questions(parts, choice.seed, singles, 0):
        yield Question(one.edit.partition(",")[0], one.data, places[Path(one.work)])
    for original, copy in listed:
        yield Question(REAL, copy.read_bytes(), places[original])


def _real_copies(folder: Path) -> list[tuple[Path, Path]]:
    """Originals, as far as they can be read, and copies."""
    rows = [row for row in records(folder / "pairs.csv") if row["expected"].startswith("copy")]
    readable: dict[Path, bool] = {}
    for path in (folder / row["original"] for row in rows):
        if path not in readable:
            try:
                decode(path.read_bytes(), at_least=64)
                readable[path] = True
            except UnreadablePictureError:
                readable[path] = False
    every = [(folder / row["original"], folder / row["copy"]) for row in rows]
    return [(original, copy) for original, copy in every if readable[original]]
