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
"""Edits of unrelated photos, which add overlays, pages and neighbours."""
OVERLAY_SIZE = (600, 450)
"""Size to which two photos are cropped before the same overlay is applied to both."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Query:
    """A picture for which the works are searched.

    Attributes:
        photo: Path of the source photo. Copies of the same photo are not statistically independent.
        edit: Name of the edit.
        work: Path of the work that the picture shows, or empty.
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
        registered_data: Bytes of the registered picture.
        found_data: Bytes of the found picture.
    """

    overlay: str
    photos: tuple[str, str]
    registered_data: bytes
    found_data: bytes

    @property
    def files(self) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """Both files by role."""
        return ("registered", self.registered_data), ("found", self.found_data)


def list_photos(*folders: Path) -> list[Path]:
    """Return the pictures below these folders, sorted by name."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def open_photo(path: Path) -> Image.Image:
    """Open a photo as the source of copies: RGB, upright, at most 1,280 pixels."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return upright


def generate_copy_queries(
    works: Sequence[Path], neighbours: Sequence[Path], edits: Sequence[str], seed: int
) -> Iterator[Query]:
    """Yield a query for each work in each edit.

    Args:
        works: Files of the works.
        neighbours: Pictures placed next to or behind them. None is registered.
        edits: Names of edits.
        seed: Seed of all random choices.
    """
    neighbour_pictures = [open_photo(path) for path in neighbours]
    for path in works:
        picture = open_photo(path)
        for edit in edits:
            yield make_copy_query(path, picture, edit, neighbour_pictures, seed)


def make_copy_query(path: Path, picture: Image.Image, edit: str, neighbours: Sequence[Image.Image], seed: int) -> Query:
    """Create the query of one work in one edit.

    Args:
        path: Path of the work.
        picture: The work.
        edit: Name of the edit.
        neighbours: Pictures placed next to or behind it.
        seed: Seed of all random choices.
    """
    edited = apply(edit, picture, neighbours, _derive_seed(path, seed))
    return Query(str(path), edit, str(path), edited.data, edited.suffix)


def generate_unrelated_queries(
    photos: Sequence[Path], neighbours: Sequence[Path], edits_per_photo: int, seed: int
) -> Iterator[Query]:
    """Yield each photo unchanged, then in ``edits_per_photo`` of the edits :data:`UNRELATED_EDITS`, in rotation.

    Args:
        photos: Photos, none of them registered.
        neighbours: Pictures placed next to or behind them.
        edits_per_photo: Number of edits of each photo, in addition to the photo itself.
        seed: Seed of all random choices.
    """
    neighbour_pictures = [open_photo(path) for path in neighbours]
    for number, path in enumerate(photos):
        yield Query(str(path), "none", "", path.read_bytes(), path.suffix)
        picture = open_photo(path)
        for edit_index in range(edits_per_photo):
            edit = UNRELATED_EDITS[(number + edit_index) % len(UNRELATED_EDITS)]
            edited = apply(edit, picture, neighbour_pictures, _derive_seed(path, seed))
            yield Query(str(path), edit, "", edited.data, edited.suffix)


def generate_overlay_pairs(
    photos: Sequence[Path], neighbours: Sequence[Path], overlays: Sequence[str], count: int, seed: int
) -> Iterator[Pair]:
    """Yield pairs of different photos under the same overlay. Photos are reused only if there are too few.

    Args:
        photos: At least two different photos.
        neighbours: Neighbours, the same for both photos of a pair.
        overlays: Names of edits, used in rotation.
        count: Number of pairs.
        seed: Seed of all random choices.
    """
    neighbour_pictures = [open_photo(path) for path in neighbours]
    for number, (first, second) in enumerate(islice(_generate_photo_pairs(photos, seed), count)):
        overlay = overlays[number % len(overlays)]
        files = [
            apply(
                overlay, ImageOps.fit(open_photo(path), OVERLAY_SIZE), neighbour_pictures, seed * 1_000_003 + number
            ).data
            for path in (first, second)
        ]
        yield Pair(overlay, (str(first), str(second)), files[0], files[1])


def _generate_photo_pairs(photos: Sequence[Path], seed: int) -> Iterator[tuple[Path, Path]]:
    """Yield endless pairs. All photos are used once before they are reused in another order."""
    rng, remaining = random.Random(seed), list[Path]()
    while True:
        if len(remaining) < 2:
            remaining = rng.sample(photos, len(photos))
        yield remaining.pop(), remaining.pop()


def _derive_seed(path: Path, seed: int) -> int:
    return zlib.crc32(f"{seed}:{path.name}".encode())
