"""Which pictures are trained on: chosen by licence, split by source, near-duplicates known as such."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from exhibit.files.delimited import records

Pixels = NDArray[np.uint8]

LISTS = ("LICENSES.csv", "groups.csv")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
NOT_FOR_SHIPPED_WEIGHTS = re.compile(r"\bBY[- ](NC|SA|ND)\b|\bOSL\b|\bAFL\b|\b[AL]?GPL|share-?alike", re.IGNORECASE)
NEAR_SAME = 4
"""Bits of a 64-bit perceptual hash within which two pictures count as one, unless a list calls them look-alikes."""
SHORT, LONG = 320, 560


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a training folder.

    Attributes:
        path: of its file.
        category: pictures are drawn by category, so that a large one doesn't drown the others.
        source: the collection it comes from; what is held out is held out by source.
        group: of listed look-alikes, or empty. They are each other's hard negatives.
        one_work: whether the members of the group may be called copies, so that they are no negatives.
        phash: 64-bit perceptual hash.
    """

    path: Path
    category: str
    source: str
    group: str
    one_work: bool
    phash: int


@dataclass(frozen=True, eq=False)
class Collection:
    """The pictures, decoded.

    Attributes:
        pictures: what is known of each.
        pixels: uint8 RGB of each, reduced.
        works: for each the number of the first that counts as the same picture.
        training: which are trained on.
        held_out: which are only looked at.
    """

    pictures: list[Picture]
    pixels: list[Pixels]
    works: NDArray[np.int64]
    training: list[int]
    held_out: list[int]


def collect(folders: Sequence[Path], held_out: Sequence[str], most_held_out: int, seed: int) -> Collection:
    """Read folders of pictures.

    A folder with a list (``LICENSES.csv`` or ``groups.csv``) gives the rows whose licence is clear and asks nothing of
    derived works; a folder without one gives all its pictures.

    Args:
        folders: where the pictures are.
        held_out: parts of names of sources that are never trained on, whatever their licence.
        most_held_out: how many pictures of those are read, chosen at random.
        seed: of that choice.
    """
    training, apart = [], []
    for folder in folders:
        for picture, may_train in _listed(folder):
            if any(name in picture.source for name in held_out):
                apart.append(picture)
            elif may_train:
                training.append(picture)
    chosen = np.random.default_rng(seed).permutation(len(apart))[:most_held_out]
    apart = [apart[index] for index in sorted(chosen)]
    hashes = np.array([one.phash for one in apart], np.uint64)
    training = [one for one in training if not len(hashes) or int(distances(hashes, one.phash).min()) > 2 * NEAR_SAME]
    pictures = training + apart
    count = len(training)
    pixels = [read(one.path) for one in pictures]
    return Collection(pictures, pixels, _works(pictures), list(range(count)), list(range(count, len(pictures))))


def read(path: Path) -> Pixels:
    """A picture as it is looked at, with a short side of about 320 pixels at most."""
    with Image.open(path) as image:
        image.draft("RGB", (LONG, LONG))
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    factor = min(1.0, max(SHORT / min(pixels.shape[:2]), 0.01), LONG / max(pixels.shape[:2]))
    if factor == 1.0:
        return np.ascontiguousarray(pixels)
    size = (max(8, round(pixels.shape[1] * factor)), max(8, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def weights_by_category(pictures: Sequence[Picture]) -> NDArray[np.float64]:
    """How often each picture is drawn: a category counts by the root of its size."""
    sizes = Counter(one.category for one in pictures)
    weights = np.array([sizes[one.category] ** -0.5 for one in pictures])
    return np.asarray(weights / weights.sum())


def perceptual_hash(path: Path) -> int:
    """64 bits: the lowest 8x8 of the cosine transform of 32x32 grey values, against their median."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    low = cv2.dct(grey)[:8, :8]
    return int("".join("1" if bit else "0" for bit in (low > np.median(low)).ravel()), 2)


def _listed(folder: Path) -> Iterator[tuple[Picture, bool]]:
    """The pictures of a folder, and whether their licence lets a model be made of them."""
    lists = [folder / name for name in LISTS if (folder / name).is_file()]
    if not lists:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            category = path.relative_to(folder).parts[0] if path.parent != folder else folder.name
            yield Picture(path, category, folder.name, "", one_work=False, phash=perceptual_hash(path)), True
        return
    for row in records(lists[0]):
        path = folder / row["file"]
        if path.is_file():
            yield _picture(path, row), _licence_allows(row)


def _picture(path: Path, row: dict[str, str]) -> Picture:
    known = row.get("phash64") or ""
    return Picture(
        path=path,
        category=(row.get("category") or row.get("kind") or "").split(":")[0],
        source=f"{row.get('source_repo', '')}/{row.get('source_path', '')}",
        group=row.get("group") or "",
        one_work=row.get("expected") == "ambiguous",
        phash=int(known, 16) if known else perceptual_hash(path),
    )


def _licence_allows(row: dict[str, str]) -> bool:
    return row["licence_clear"].startswith("yes") and not NOT_FOR_SHIPPED_WEIGHTS.search(row["licence"])


def _works(pictures: Sequence[Picture]) -> NDArray[np.int64]:
    """Give near-same pictures one number; listed look-alikes keep numbers of their own."""
    works = np.arange(len(pictures))
    hashes = np.array([one.phash for one in pictures], np.uint64)
    for index, one in enumerate(pictures):
        for other in np.flatnonzero(distances(hashes[:index], one.phash) <= NEAR_SAME).tolist():
            if not (one.group and one.group == pictures[other].group):
                works[index] = works[other]
                break
    for members in _groups(pictures):
        if pictures[members[0]].one_work:
            works[members] = works[members[0]]
    return works


def _groups(pictures: Sequence[Picture]) -> Iterable[list[int]]:
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(pictures):
        if one.group:
            groups.setdefault(one.group, []).append(index)
    return groups.values()


def distances(hashes: NDArray[np.uint64], one: int) -> NDArray[np.int64]:
    """Bits in which each hash differs from one."""
    return np.asarray(np.bitwise_count(hashes ^ np.uint64(one)), np.int64)
