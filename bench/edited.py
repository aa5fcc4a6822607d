"""Questions whose answers are known: edited copies of works, edited strangers, two strangers under one overlay."""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps

from indexer.edits import LONG_SIDE, apply

ON_STRANGERS = ("jpeg70", "text", "emoji", "webpage", "meme", "watermark", "collage4", "bg40", "crop50", "chain2")
"""Edits in which unrelated photos are asked: those that bring marks, pages and neighbours with them."""
UNDER_OVERLAYS = (600, 450)
"""Size to which two photos are cut before the same overlay is laid on both."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture that is looked for among the works.

    Attributes:
        photo: path of what it was made of; pictures of one photo are not independent of one another.
        edit: how.
        work: path of the work that it shows, or empty where it shows none.
        data: bytes of the file.
        suffix: of its name, with its dot.
    """

    photo: str
    edit: str
    work: str
    data: bytes
    suffix: str

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.photo, self.edit


@dataclass(frozen=True, slots=True)
class Pair:
    """Two different photos under the same overlay.

    Attributes:
        overlay: the edit.
        photos: paths of what they were made of.
        registered: bytes of the first.
        found: bytes of the second.
    """

    overlay: str
    photos: tuple[str, str]
    registered: bytes
    found: bytes

    @property
    def files(self) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """Both by what they are."""
        return ("registered", self.registered), ("found", self.found)


def photos_in(*folders: Path) -> list[Path]:
    """The pictures below some folders, in the order of their names."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def opened(path: Path) -> Image.Image:
    """A photo as its copies are made of: RGB, upright, at most 1,280 pixels."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return upright


def copies(works: Sequence[Path], others: Sequence[Path], edits: Sequence[str], seed: int) -> Iterator[Asked]:
    """Each work in each edit.

    Args:
        works: their files.
        others: what stands beside or behind them; none of them is registered.
        edits: names.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for path in works:
        picture = opened(path)
        for edit in edits:
            yield copy_of(path, picture, edit, around, seed)


def copy_of(path: Path, picture: Image.Image, edit: str, around: Sequence[Image.Image], seed: int) -> Asked:
    """One work in one edit.

    Args:
        path: of the work.
        picture: the work itself.
        edit: its name.
        around: what stands beside or behind it.
        seed: of everything that is left to chance.
    """
    made = apply(edit, picture, around, _seed(path, seed))
    return Asked(str(path), edit, str(path), made.data, made.suffix)


def strangers(photos: Sequence[Path], others: Sequence[Path], each: int, seed: int) -> Iterator[Asked]:
    """Each photo as it is, then in so many of the edits :data:`ON_STRANGERS`, in turns.

    Args:
        photos: none of them is registered.
        others: what stands beside or behind them.
        each: edits of each photo, besides the photo itself.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for number, path in enumerate(photos):
        yield Asked(str(path), "none", "", path.read_bytes(), path.suffix)
        picture = opened(path)
        for turn in range(each):
            edit = ON_STRANGERS[(number + turn) % len(ON_STRANGERS)]
            made = apply(edit, picture, around, _seed(path, seed))
            yield Asked(str(path), edit, "", made.data, made.suffix)


def overlay_pairs(
    photos: Sequence[Path], others: Sequence[Path], overlays: Sequence[str], count: int, seed: int
) -> Iterator[Pair]:
    """Pairs of two photos under the same overlay; no photo is used twice while there are enough.

    Args:
        photos: different from one another; at least two.
        others: neighbours, the same ones for both of a pair.
        overlays: edits, in turns.
        count: how many pairs.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for number, (one, other) in enumerate(islice(_twos(photos, seed), count)):
        overlay = overlays[number % len(overlays)]
        made = [
            apply(overlay, ImageOps.fit(opened(path), UNDER_OVERLAYS), around, seed * 1_000_003 + number).data
            for path in (one, other)
        ]
        yield Pair(overlay, (str(one), str(other)), made[0], made[1])


def _twos(photos: Sequence[Path], seed: int) -> Iterator[tuple[Path, Path]]:
    """Endless pairs: all photos once, then all of them once more in another order."""
    chance, waiting = random.Random(seed), list[Path]()
    while True:
        if len(waiting) < 2:
            waiting = chance.sample(photos, len(photos))
        yield waiting.pop(), waiting.pop()


def _seed(path: Path, seed: int) -> int:
    return zlib.crc32(f"{seed}:{path.name}".encode())
