"""Works and found pictures for :mod:`bench.whole`: as many as are asked for, of fewer photographs.

A photograph that is a work, or a quarter of it where there are too few, is in no other picture than its copies. What
the web brings besides is made of the other photographs: another part, mirrored or not, darker or lighter each time.
"""

import io
import os
import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from bench.edited import opened
from bench.matching.cost import icon
from demo.edits import EDITS, edited

SEED = 20
LONG_SIDE = 800
"""Pixels of works and unrelated pictures: smaller photographs are enlarged, with grain as a sensor leaves it."""
GRAIN = 0.06
COPIES = 20
"""Every twentieth picture is an edited copy of a work."""
SMALL = 3
"""Every third one is a thumbnail or an icon."""
ICONS = 0.4
"""Share of the small ones that are icons."""
THUMBNAILS = (64, 100, 120, 150, 160, 200, 240)
A_FOLDER = 2_000
"""Pictures in one folder: each folder is one crawl."""


@dataclass(frozen=True, slots=True)
class Made:
    """Where the works lie, and what else pictures are made of.

    Attributes:
        folder: for the pictures.
        works: the works' files.
        others: photographs of which nothing is a work.
    """

    folder: Path
    works: Sequence[Path]
    others: Sequence[Path]


def make_works(folder: Path, photos: Sequence[Path], count: int) -> Made:
    """Works of at most half of the photographs; the same photographs and numbers give the same files."""
    chosen = _chosen(photos)
    quarters, needed = _needed(len(chosen), count)
    made = works_made(folder, photos, count)
    (folder / "works").mkdir(exist_ok=True)
    grain = _grain()

    def make(number: int) -> None:
        picture = opened(chosen[number % needed])
        part = _quarter(picture, number // needed) if quarters else picture
        _write(made.works[number], _large(part, grain, number))

    _for_each(make, range(count))
    return made


def works_made(folder: Path, photos: Sequence[Path], count: int) -> Made:
    """What :func:`make_works` has made there before."""
    chosen = _chosen(photos)
    _, needed = _needed(len(chosen), count)
    works = [folder / "works" / f"{number:06d}.jpg" for number in range(count)]
    return Made(folder / "pictures", works, chosen[needed:])


def _chosen(photos: Sequence[Path]) -> list[Path]:
    return random.Random(SEED).sample(list(photos), len(photos))


def _needed(photos: int, count: int) -> tuple[bool, int]:
    """Whether works are quarters of photographs, and how many photographs they take."""
    quarters = count > photos // 2
    return quarters, -(-count // 4) if quarters else count


def make_pictures(made: Made, numbers: range) -> list[Path]:
    """The pictures of these numbers, in folders; those that were made before are removed."""
    shutil.rmtree(made.folder, ignore_errors=True)
    grain = _grain()
    folders = {number: made.folder / f"{max(numbers.start, number // A_FOLDER * A_FOLDER):06d}" for number in numbers}
    for folder in set(folders.values()):
        folder.mkdir(parents=True)
    _for_each(lambda number: _make(folders[number], number, made, grain), numbers)
    return sorted(set(folders.values()))


def _for_each(make: Callable[[int], None], numbers: range) -> None:
    """Make them by a thread for each core: Pillow works outside of Python's lock."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for _ in threads.map(make, numbers):
            pass


def _make(folder: Path, number: int, made: Made, grain: Image.Image) -> None:
    chance = random.Random(SEED * 1_000_003 + number)
    if number % COPIES == COPIES - 1:
        work = opened(chance.choice(made.works))
        beside = [opened(chance.choice(made.others)) for _ in range(3)]
        copy = edited(chance.choice(EDITS), work, beside, number)
        (folder / f"copy-{number:06d}{copy.suffix}").write_bytes(copy.data)
    elif number % SMALL == 0 and chance.random() < ICONS:
        (folder / f"other-{number:06d}.png").write_bytes(icon(chance))
    else:
        picture = _varied(opened(made.others[number % len(made.others)]), chance)
        if number % SMALL == 0:
            side = chance.choice(THUMBNAILS)
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        else:
            picture = _large(picture, grain, number)
        _write(folder / f"other-{number:06d}.jpg", picture)


def _varied(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Another picture of the same: three quarters or more of each side, perhaps mirrored, darker or lighter."""
    width, height = (round(side * chance.uniform(0.75, 1)) for side in picture.size)
    left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
    part = picture.crop((left, top, left + width, top + height))
    part = ImageOps.mirror(part) if chance.random() < 0.5 else part
    return ImageEnhance.Brightness(part).enhance(chance.uniform(0.8, 1.2))


def _quarter(picture: Image.Image, place: int) -> Image.Image:
    width, height = picture.width // 2, picture.height // 2
    left, top = place % 2 * width, place // 2 * height
    return picture.crop((left, top, left + width, top + height))


def _grain() -> Image.Image:
    values = np.random.default_rng(SEED).normal(128, 6, (2 * LONG_SIDE, 2 * LONG_SIDE))
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _large(picture: Image.Image, grain: Image.Image, number: int) -> Image.Image:
    """Enlarged where it is smaller, with another piece of the grain for each number."""
    scale = LONG_SIDE / max(picture.size)
    large = ImageOps.scale(picture, scale, Image.Resampling.BICUBIC) if scale > 1 else picture
    left, top = random.Random(number).sample(range(2 * LONG_SIDE - max(large.size) + 1), 2)
    return Image.blend(large, grain.crop((left, top, left + large.width, top + large.height)), GRAIN)


def _write(path: Path, picture: Image.Image) -> None:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    path.write_bytes(out.getvalue())
