"""Queries with known answers: edited copies of works, edited unrelated photos, two photos under one overlay."""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps

from indexer.edits import LONG_SIDE, apply

UNRELATED_EDITS = ("jpeg70", "text", "emoji", "webpage", "meme", "watermark", "collage4", "bg40", "crop50", "chain2")
"""Edits applied to unrelated photos: those that add marks, pages and neighbours."""
OVERLAY_SIZE = (600, 450)
"""Size to which two photos are cropped before the same overlay is applied to both."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Query:
    """A picture that is searched for among the works.

    Attributes:
        photo: Path of the source photo. Pictures of one photo are not statistically independent.
        edit: Name of the edit.
        work: Path of the work that it shows, or empty if it shows none.
        data: Bytes of the file.
        suffix: File name suffix with its dot.
    """

    photo: str
    edit: str
    work: str
    data: bytes
    suffix: str

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""
        return self.photo, self.edit


@dataclass(frozen=True, slots=True)
class Pair:
    """Two different photos under the same overlay.

    Attributes:
        overlay: Name of the edit.
        photos: Paths of the source photos.
        registered: Bytes of the first.
        found: Bytes of the second.
    """

    overlay: str
    photos: tuple[str, str]
    registered_data: bytes
    found_data: bytes

    @property
    def files(self) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """Both files by role."""
        return ("registered", self.registered_data), ("found", self.found_data)


def photos_in(*folders: Path) -> list[Path]:
    """Return the pictures below these folders, sorted by name."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def open_photo(path: Path) -> Image.Image:
    """Open a photo as the source of copies: RGB, upright, at most 1,280 pixels."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return upright


def copy_queries(works: Sequence[Path], neighbours: Sequence[Path], edits: Sequence[str], seed: int) -> Iterator[Query]:
    """Yield each work in each edit.

    Args:
        works: Files of the works.
        neighbours: Pictures placed beside or behind them; none is registered.
        edits: Names of edits.
        seed: Seed of all random choices.
    """
    neighbour_pictures = [open_photo(path) for path in neighbours]
    for path in works:
        picture = open_photo(path)
        for edit in edits:
            yield copy_of(path, picture, edit, neighbour_pictures, seed)


def copy_of(path: Path, picture: Image.Image, edit: str, around: Sequence[Image.Image], seed: int) -> Query:
    """Create one work in one edit.

    Args:
        path: Path of the work.
        picture: The work.
        edit: Name of the edit.
        around: Pictures placed beside or behind it.
        seed: Seed of all random choices.
    """
    edited = apply(edit, picture, around, _seed(path, seed))
    return Query(str(path), edit, str(path), edited.data, edited.suffix)


def unrelated_queries(photos: Sequence[Path], neighbours: Sequence[Path], each: int, seed: int) -> Iterator[Query]:
    """Yield each photo unchanged, then in ``each`` of the edits :data:`UNRELATED_EDITS`, in turns.

    Args:
        photos: Photos, none of them registered.
        neighbours: Pictures placed beside or behind them.
        each: Number of edits of each photo, besides the photo itself.
        seed: Seed of all random choices.
    """
    around = [open_photo(path) for path in neighbours]
    for number, path in enumerate(photos):
        yield Query(str(path), "none", "", path.read_bytes(), path.suffix)
        picture = open_photo(path)
        for turn in range(each):
            edit = UNRELATED_EDITS[(number + turn) % len(UNRELATED_EDITS)]
            edited = apply(edit, picture, around, _seed(path, seed))
            yield Query(str(path), edit, "", edited.data, edited.suffix)


def overlay_pairs(
    photos: Sequence[Path], neighbours: Sequence[Path], overlays: Sequence[str], count: int, seed: int
) -> Iterator[Pair]:
    """Yield pairs of two photos under the same overlay. Photos are reused only if there are too few.

    Args:
        photos: At least two different photos.
        neighbours: Neighbours, the same for both photos of a pair.
        overlays: Names of edits, used in turns.
        count: Number of pairs.
        seed: Seed of all random choices.
    """
    around = [open_photo(path) for path in neighbours]
    for number, (first, second) in enumerate(islice(_photo_pairs(photos, seed), count)):
        overlay = overlays[number % len(overlays)]
        files = [
            apply(overlay, ImageOps.fit(open_photo(path), OVERLAY_SIZE), around, seed * 1_000_003 + number).data
            for path in (first, second)
        ]
        yield Pair(overlay, (str(first), str(second)), files[0], files[1])


def _photo_pairs(photos: Sequence[Path], seed: int) -> Iterator[tuple[Path, Path]]:
    """Yield endless pairs: all photos once, then all of them again in another order."""
    chance, remaining = random.Random(seed), list[Path]()
    while True:
        if len(remaining) < 2:
            remaining = chance.sample(photos, len(photos))
        yield remaining.pop(), remaining.pop()


def _seed(path: Path, seed: int) -> int:
    return zlib.crc32(f"{seed}:{path.name}".encode())
