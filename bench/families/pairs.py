"""The pairs: copies of works by primitives, and other pictures that a matcher might take for copies."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import combinations
from pathlib import Path

from bench import series
from bench.edited import Asked, overlay_pairs
from bench.families.measured import ORDER, Measured, Pair
from bench.matching import compositions
from bench.matching.look import Look
from bench.matching.questions import Roles
from bench.matching.registered import Registered
from exhibit.files.delimited import records
from indexer.edits import OVERLAYS, apply
from indexer.picture.features import Features, extract

Exposure = tuple[str, Callable[[], bytes]]
OTHERS = LOOK_ALIKES, STRANGERS, UNDER_OVERLAYS = "look-alikes", "strangers", "under one overlay"
"""Kinds of pairs that are no copies."""


def copies(parts: Roles, singles: int, seed: int) -> Iterator[Pair]:
    """Works, each changed by some primitives in two strengths."""
    for asked in compositions.questions(parts, seed, singles, 0):

        def files(asked: Asked = asked) -> tuple[bytes, Features]:
            return asked.data, _work(asked.work)

        yield Pair(Measured(asked.edit.partition(",")[0], asked.work, asked.edit, Path(asked.work).name), files)


def strangers(parts: Roles, registered: Registered, seed: int) -> Iterator[Pair]:
    """Other photographs, changed by primitives, each with the picture that a search of the product thinks most of."""
    for asked in compositions.questions(parts, seed, 1, 0):

        def files(data: bytes = asked.data) -> tuple[bytes, Features] | None:
            compared = registered.compared(Look(data))
            best = max(compared, key=lambda one: (ORDER.index(one[1].decision), one[1].dense), default=None)
            return None if best is None else (data, registered.features(best[0]))

        yield Pair(Measured(STRANGERS, "what is named", f"{asked.work} {asked.edit}"), files)


def under_overlays(photos: tuple[Path, ...], others: tuple[Path, ...], count: int, seed: int) -> Iterator[Pair]:
    """Two photographs under the same words or marks."""
    for pair in overlay_pairs(photos, others, OVERLAYS, count if len(photos) > 1 else 0, seed):

        def files(found: bytes = pair.found, registered: bytes = pair.registered) -> tuple[bytes, Features]:
            return found, extract(registered)

        photo, other = pair.photos
        yield Pair(Measured(UNDER_OVERLAYS, photo, f"{other} {pair.overlay}", Path(photo).name), files)


def look_alikes(photos: list[Path], groups: Path | None, jobs: int) -> Iterator[Pair]:
    """Two photographs of one scene, the second as it is, saved, made smaller or cut by turns.

    No photograph is in two scenes. What the list calls contested is left out: frames of a film that lie like copies.
    """
    scenes: dict[str, series.Scene] = {}  # by the photographs in them
    for scene in series.neighbours(photos, jobs):
        if scenes.keys().isdisjoint(dict(scene.exposures)):
            scenes |= dict.fromkeys(dict(scene.exposures), scene)
    if groups:
        contested = {row["group"] for row in records(groups / "groups.csv") if row["expected"] == "ambiguous"}
        scenes |= {scene.name: scene for scene in series.listed(groups) if scene.name not in contested}
    twos = [(scene, *two) for scene in dict.fromkeys(scenes.values()) for two in combinations(scene.exposures, 2)]
    for number, (scene, registered, found) in enumerate(twos):
        edit = series.EDITS[number % len(series.EDITS)]

        def files(
            edit: str = edit, found: Exposure = found, registered: Exposure = registered
        ) -> tuple[bytes, Features]:
            data, work = found[1](), registered[1]()
            return data if edit == "none" else apply(edit, Look(data).image, [], 1).data, extract(work)

        yield Pair(Measured(LOOK_ALIKES, registered[0], f"{found[0]} {edit}", scene.name), files)


@lru_cache(maxsize=4)
def _work(path: str) -> Features:
    return extract(Path(path).read_bytes())
