"""``python -m bench.derived``: what of stylised and filled-in works is found and derived, and of how many strangers."""

import argparse
import io
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.edited import photos_in
from bench.matching.registered import Registered
from bench.primitives import PRIMITIVES, shapes
from bench.primitives.canvas import Canvas, Chance, Pixels, begun
from bench.progress import Progress
from bench.table import Row, machine, show
from exhibit.comparison.derived import grade
from exhibit.pictures.decode import decode
from exhibit.types import Decision, Verification
from indexer.layout.single_thread import cv2
from indexer.picture.features import DEFAULT_LIMITS, extract
from indexer.search.derived import graded
from indexer.search.search import Search, compare_alone

SIDE, OTHERS = 800, 30
"""Pixels of a photograph before it is changed, and photographs that stand in for what was replaced."""
Change = Callable[[Canvas, Chance], Canvas]


def smoothly_filled(canvas: Canvas, chance: Chance) -> Canvas:
    """A rectangle filled in by what surrounds it (A. Telea, 2004)."""
    mask = shapes.any_box(canvas.size, chance, chance.level(0.15, 0.45)) > 0.3
    small = cv2.resize(canvas.pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(mask.astype(np.uint8), (small.shape[1], small.shape[0]))
    filled = cv2.resize(cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA), canvas.size)
    return canvas.covered(filled, mask.astype(np.float32))


def otherwise_filled(canvas: Canvas, chance: Chance) -> Canvas:
    """A figure of any outline filled with another photograph."""
    mask = shapes.soft(shapes.blob(canvas.size, chance, chance.level(0.25, 0.75)), 1.5)
    return canvas.covered(chance.other(canvas.size), mask)


CHANGES: dict[str, Change] = {
    **{name: primitive.change for name, primitive in PRIMITIVES.items() if primitive.family == "style"},
    "filled: smoothly": smoothly_filled,
    "filled: otherwise": otherwise_filled,
}


def measure(photos: Sequence[Path], works: int, strangers: int, changed: int) -> tuple[list[Row], list[Row]]:
    """The tables of copies by kind and of strangers; the works are the first of the photographs."""
    copies: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        told = Progress("works", works)
        registered = Registered(photos[:works], Path(folder), told)
        others = [_pixels(path) for path in photos[works : works + OTHERS]]
        random_numbers, told = np.random.default_rng(7), Progress("copies", changed * len(CHANGES))
        for number in range(changed):
            for name, change in CHANGES.items():
                chance = Chance(random_numbers, 0.5, others)
                data = _jpeg(change(begun(_pixels(photos[number])), chance).pixels)
                copies[name].update(_copy(registered, number, data))
                told(sum(counted["copies"] for counted in copies.values()))
        asked, told = Counter[str](), Progress("strangers", strangers)
        for path in photos[works + OTHERS : works + OTHERS + strangers]:
            asked.update(_stranger(registered, path.read_bytes()))
            told(asked["strangers"])
    columns = ("copies", "named", "certain", "review", "derived", "derived if compared", "grade 3 or more")
    rows: list[Row] = [
        {"kind": name, **{column: counted[column] for column in columns}} for name, counted in copies.items()
    ]
    return rows, [{column: asked[column] for column in ("strangers", "pairs", "found", "derived", "derived pairs")}]


def _copy(registered: Registered, work: int, data: bytes) -> list[str]:
    found, features = extract(data), registered.features(work)
    searched = _searched(registered, data)
    alone = graded(found, features, compare_alone(found, lambda: data, features))
    said = graded(found, features, searched[work]).decision if work in searched else Decision.NONE
    told = {
        "copies": True,
        "named": work in searched,
        "derived" if said is Decision.RESEMBLES else str(said): True,
        "derived if compared": alone.decision is Decision.RESEMBLES,
        "grade 3 or more": grade(alone.survival) > 2,
    }
    return [name for name, holds in told.items() if holds]


def _stranger(registered: Registered, data: bytes) -> list[str]:
    found, searched = extract(data), _searched(registered, data)
    unlike = [work for work, said in searched.items() if said.decision is Decision.NONE]
    said = [graded(found, registered.features(work), searched[work]).decision for work in unlike]
    derived = said.count(Decision.RESEMBLES)
    found_too = ["found"] if len(unlike) < len(searched) else []
    return ["strangers", *["pairs"] * len(said), *["derived pairs"] * derived, *["derived"] * (derived > 0), *found_too]


def _searched(registered: Registered, data: bytes) -> dict[int, Verification]:
    search = Search(extract(data), lambda: data, registered, DEFAULT_LIMITS)
    search.run()
    return search.compared


def _pixels(path: Path) -> Pixels:
    picture = Image.fromarray(decode(path.read_bytes()).pixels)
    picture.thumbnail((SIDE, SIDE))
    return np.asarray(picture)


def _jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return file.getvalue()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.derived", description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    for name, number in (("works", 220), ("strangers", 400), ("changed", 45)):
        parser.add_argument(f"--{name}", type=int, default=number)
    return parser


def main() -> None:
    """Draw photographs by a seed, measure, and print."""
    options = _parser().parse_args()
    photos = photos_in(*options.photos)
    random.Random(1).shuffle(photos)
    print(machine())
    copies, strangers = measure(photos, options.works, options.strangers, options.changed)
    show("Copies that were stylised or filled in", copies)
    show("Strangers", strangers)


if __name__ == "__main__":
    main()
