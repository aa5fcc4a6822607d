"""Selection of the training pictures: filtered by licence, split by source, with near-duplicates identified."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from exhibit.files.delimited import read_records

Pixels = NDArray[np.uint8]

LIST_NAMES = ("LICENSES.csv", "groups.csv")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
EXCLUDED_LICENCES = re.compile(r"\bBY[- ](NC|SA|ND)\b|\bOSL\b|\bAFL\b|\b[AL]?GPL|share-?alike", re.IGNORECASE)
NEAR_DUPLICATE_BITS = 4
"""Maximum distance (bits of 64) of the perceptual hashes of near-duplicates, unless listed as look-alikes."""
MAX_SHORT_SIDE, MAX_LONG_SIDE = 320, 560


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a training folder.

    Attributes:
        path: Path of its file.
        category: Category. Pictures are drawn by category, so that a large category does not dominate.
        source: Collection from which it comes. Pictures are held out by source.
        group: Group of listed look-alikes, or empty. They are each other's hard negatives.
        is_one_work: True if the members of the group may count as copies and are therefore not negatives.
        phash: 64-bit perceptual hash.
    """

    path: Path
    category: str
    source: str
    group: str
    is_one_work: bool
    phash: int


@dataclass(frozen=True, eq=False)
class Collection:
    """The pictures, decoded.

    Attributes:
        pictures: Their metadata.
        pixels: Their pixels, reduced, uint8 RGB.
        works: For each picture, the index of the first near-duplicate.
        training: Indices of the training pictures.
        held_out: Indices of the pictures used only for evaluation.
    """

    pictures: list[Picture]
    pixels: list[Pixels]
    works: NDArray[np.int64]
    training: list[int]
    held_out: list[int]


def load_collection(folders: Sequence[Path], held_out: Sequence[str], most_held_out: int, seed: int) -> Collection:
    """Read folders of pictures.

    From a folder with a list (``LICENSES.csv`` or ``groups.csv``), only rows with a clear licence without conditions
    for derived works are used; from a folder without one, all pictures.

    Args:
        folders: Folders with pictures.
        held_out: Parts of names of sources that are never used for training, whatever their licence.
        most_held_out: Maximum number of held-out pictures, chosen at random.
        seed: Seed of that choice.
    """
    training, held_out_pictures = [], []
    for folder in folders:
        for picture, may_train in _list_pictures(folder):
            if any(name in picture.source for name in held_out):
                held_out_pictures.append(picture)
            elif may_train:
                training.append(picture)
    selection = np.random.default_rng(seed).permutation(len(held_out_pictures))[:most_held_out]
    held_out_pictures = [held_out_pictures[index] for index in sorted(selection)]
    hashes = np.array([picture.phash for picture in held_out_pictures], np.uint64)
    training = [
        picture
        for picture in training
        if not len(hashes) or int(compute_distances(hashes, picture.phash).min()) > 2 * NEAR_DUPLICATE_BITS
    ]
    pictures = training + held_out_pictures
    count = len(training)
    pixels = [read_pixels(picture.path) for picture in pictures]
    return Collection(pictures, pixels, _assign_works(pictures), list(range(count)), list(range(count, len(pictures))))


def read_pixels(path: Path) -> Pixels:
    """Read a picture, reduced to a short side of at most about 320 pixels."""
    with Image.open(path) as image:
        image.draft("RGB", (MAX_LONG_SIDE, MAX_LONG_SIDE))
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    factor = min(1.0, max(MAX_SHORT_SIDE / min(pixels.shape[:2]), 0.01), MAX_LONG_SIDE / max(pixels.shape[:2]))
    if factor == 1.0:
        return np.ascontiguousarray(pixels)
    size = (max(8, round(pixels.shape[1] * factor)), max(8, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def compute_category_weights(pictures: Sequence[Picture]) -> NDArray[np.float64]:
    """Return the probability of drawing each picture. A category's weight is the square root of its size."""
    sizes = Counter(picture.category for picture in pictures)
    weights = np.array([sizes[picture.category] ** -0.5 for picture in pictures])
    return np.asarray(weights / weights.sum())


def compute_perceptual_hash(path: Path) -> int:
    """Return a 64-bit hash: the lowest 8x8 cosine coefficients of 32x32 grey values, compared with their median."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    low_frequencies = cv2.dct(grey)[:8, :8]
    return int("".join("1" if bit else "0" for bit in (low_frequencies > np.median(low_frequencies)).ravel()), 2)


def _list_pictures(folder: Path) -> Iterator[tuple[Picture, bool]]:
    """Yield the pictures of a folder, each with True if its licence allows training."""
    lists = [folder / name for name in LIST_NAMES if (folder / name).is_file()]
    if not lists:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            category = path.relative_to(folder).parts[0] if path.parent != folder else folder.name
            yield Picture(path, category, folder.name, "", is_one_work=False, phash=compute_perceptual_hash(path)), True
        return
    for row in read_records(lists[0]):
        path = folder / row["file"]
        if path.is_file():
            yield _parse_picture(path, row), _licence_allows(row)


def _parse_picture(path: Path, row: dict[str, str]) -> Picture:
    hash_text = row.get("phash64") or ""
    return Picture(
        path=path,
        category=(row.get("category") or row.get("kind") or "").split(":")[0],
        source=f"{row.get('source_repo', '')}/{row.get('source_path', '')}",
        group=row.get("group") or "",
        is_one_work=row.get("expected") == "ambiguous",
        phash=int(hash_text, 16) if hash_text else compute_perceptual_hash(path),
    )


def _licence_allows(row: dict[str, str]) -> bool:
    return row["licence_clear"].startswith("yes") and not EXCLUDED_LICENCES.search(row["licence"])


def _assign_works(pictures: Sequence[Picture]) -> NDArray[np.int64]:
    """Assign the same number to near-duplicates. Listed look-alikes keep separate numbers."""
    works = np.arange(len(pictures))
    hashes = np.array([picture.phash for picture in pictures], np.uint64)
    for index, picture in enumerate(pictures):
        for other in np.flatnonzero(compute_distances(hashes[:index], picture.phash) <= NEAR_DUPLICATE_BITS).tolist():
            if not (picture.group and picture.group == pictures[other].group):
                works[index] = works[other]
                break
    for members in _group_pictures(pictures):
        if pictures[members[0]].is_one_work:
            works[members] = works[members[0]]
    return works


def _group_pictures(pictures: Sequence[Picture]) -> Iterable[list[int]]:
    groups: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        if picture.group:
            groups.setdefault(picture.group, []).append(index)
    return groups.values()


def compute_distances(hashes: NDArray[np.uint64], phash: int) -> NDArray[np.int64]:
    """Return the Hamming distance of each hash to one hash."""
    return np.asarray(np.bitwise_count(hashes ^ np.uint64(phash)), np.int64)
