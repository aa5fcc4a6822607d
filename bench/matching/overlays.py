"""Two different photos under the same overlay: nothing that both hold is a copy of anything but the overlay."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from bench.edited import Pair
from bench.matching.look import Look
from bench.matching.processes import each
from bench.matching.tables import per_cent
from bench.progress import Progress
from bench.table import Row
from exhibit.comparison.confidence import upper_bound
from indexer.edits import OVERLAYS, PAGES
from indexer.search.search import compare


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair, and what was said of it."""

    overlay: str
    photos: tuple[str, str]
    decision: str
    inliers: int
    dense: float


def judged(pairs: Iterable[Pair], total: int, kept: Path, jobs: int = 1) -> list[Judged]:
    """Compare every pair as the product compares a picture with a candidate.

    Args:
        pairs: in the same order each time.
        total: how many there are.
        kept: a file in which answers are kept, so that a run that was stopped goes on.
        jobs: processes that compare.
    """
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    done = [Judged(**json.loads(line)) for line in lines if line.endswith("}")]
    progress = Progress("pairs under one overlay", total)
    for one in each(_judged, islice(pairs, len(done), None), jobs):
        done.append(one)
        with kept.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(one)))  # on a line of its own, even after half of one
        progress(len(done))
    return done[:total]


def _judged(pair: Pair) -> Judged:
    found, registered = Look(pair.found), Look(pair.registered)
    one = compare(found.features, registered.features)
    return Judged(pair.overlay, pair.photos, str(one.decision), one.inliers, round(one.dense, 3))


def table(every: Sequence[Judged]) -> list[Row]:
    """Alarms by overlay, and over all pairs with their bound."""
    by_overlay: dict[str, list[Judged]] = defaultdict(list)
    for one in every:
        by_overlay[one.overlay].append(one)
    rows: list[Row] = []
    for title, names in (("marks", OVERLAYS), ("pages", PAGES)):
        group = [one for one in every if one.overlay in names]
        rows += [_row(name, by_overlay[name]) for name in names if name in by_overlay]
        rows += [_row(f"**all {title}**", group)] if group else []
    return rows


def _row(name: str, group: Sequence[Judged]) -> Row:
    return {
        "overlay": name,
        "pairs": len(group),
        "certain": sum(one.decision == "certain" for one in group),
        "review": sum(one.decision == "review" for one in group),
        "certain at most, 95%": per_cent(bound(group, "certain")),
        "review at most, 95%": per_cent(bound(group, "review")),
    }


def bound(group: Sequence[Judged], decision: str) -> float:
    """What the rate of a decision is at most; a photo that is registered in several pairs counts once."""
    by_photo: dict[str, bool] = defaultdict(bool)
    for one in group:
        by_photo[one.photos[0]] |= one.decision == decision
    return upper_bound(sum(by_photo.values()), len(by_photo))


def named(every: Sequence[Judged]) -> list[Row]:
    """Each pair that raised an alarm."""
    return [
        {
            "overlay": one.overlay,
            "photos": " / ".join(photo.rpartition("/")[2] for photo in one.photos),
            "decision": one.decision,
            "inliers": one.inliers,
            "dense": one.dense,
        }
        for one in every
        if one.decision != "none"
    ]
