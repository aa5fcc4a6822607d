"""Selection of works and of unrelated images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import InvalidRequestError, UnreadablePictureError
from exhibit.pictures.decode import decode
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash

ASSETS: Final = Path(__file__).parent / "assets"
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
SIMILAR_BITS: Final = 80
MIN_SIDE: Final = 200

Hashes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageStock:
    """The demonstration's own images that are not works."""

    lookalikes: tuple[Path, ...]
    unrelated: tuple[Path, ...]


def choose_works(folder: Path, limit: int = 24) -> list[Path]:
    """Choose up to ``limit`` images of a folder (without subfolders) as works, in the order of their names.

    Images with a side under 200 px are skipped. Of similar images, only the first is chosen, because a copy must belong
    to exactly one work.

    Raises:
        InvalidRequestError: The folder is missing, or has fewer than four suitable images.
    """
    if not folder.is_dir():
        raise InvalidRequestError(f"There is no folder {folder}.", hint="Give a folder of pictures: PHOTOS=DIR.")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    selection: list[Path] = []
    known_hashes: list[Hashes] = []
    for file in files:
        hashes = _compute_hashes(file)
        if hashes is None or any(_are_similar(hashes, other) for other in known_hashes):
            continue
        selection.append(file)
        known_hashes.append(hashes)
        if len(selection) == limit:
            break
    if len(selection) < 4:
        raise InvalidRequestError(
            f"{folder} holds {len(selection)} pictures that the demonstration can use; it needs at least four.",
            hint=f"Put different photographs with sides of at least {MIN_SIDE} px directly into the folder.",
        )
    return selection


def load_stock(works: Sequence[Path]) -> ImageStock:
    """Return the look-alikes and unrelated images of the demonstration, except those that are similar to a work."""
    work_hashes = [hashes for work in works if (hashes := _compute_hashes(work)) is not None]
    return ImageStock(
        _select_dissimilar(work_hashes, (ASSETS / "lookalikes").iterdir()),
        _select_dissimilar(work_hashes, (ASSETS / "unrelated").iterdir()),
    )


def _select_dissimilar(work_hashes: Sequence[Hashes], files: Iterable[Path]) -> tuple[Path, ...]:
    hashes_by_file = ((file, _compute_hashes(file)) for file in sorted(files))
    return tuple(
        file
        for file, hashes in hashes_by_file
        if hashes is not None and not any(_are_similar(hashes, other) for other in work_hashes)
    )


def _compute_hashes(file: Path) -> Hashes | None:
    """Return the 256-bit pHashes of an image in its 8 orientations, shape (8, 32); None for unsuitable images."""
    try:
        picture = decode(file.read_bytes(), at_least=256)
    except (OSError, UnreadablePictureError):
        return None
    if min(picture.info.width, picture.info.height) < MIN_SIDE:
        return None
    return compute_orientation_hashes(shrink_for_hash(Image.fromarray(picture.pixels).convert("L")))


def _are_similar(hashes: Hashes, other_hashes: Hashes) -> bool:
    return int(np.bitwise_count(hashes[0] ^ other_hashes).sum(axis=1).min()) <= SIMILAR_BITS
