"""Simulated edits by copyists, applications, printers and screens, to measure the comparison with known results.

``EDITS`` contains the edits by name; ``DESIGN``, ``FURTHER``, ``OVERLAYS`` and ``PAGES`` are groups of names;
:func:`apply` creates the bytes of an edited copy. Equal arguments give equal bytes with the same versions of Pillow,
NumPy and OpenCV.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from exhibit.errors import InvalidRequestError
from indexer.edits.catalogue import DESIGN, EDITS, FURTHER, OVERLAYS, PAGES, Edit
from indexer.edits.scene import Scene

__all__ = ["DESIGN", "EDITS", "FURTHER", "LONG_SIDE", "OVERLAYS", "PAGES", "Edit", "EditedPicture", "apply"]

LONG_SIDE = 1280
"""Long side in pixels to which larger pictures are reduced first, as sites do."""


@dataclass(frozen=True, slots=True)
class EditedPicture:
    """Edited copy, encoded as a site would store it."""

    data: bytes
    suffix: str  # suffix of its name, with the dot


def apply(name: str, picture: Image.Image, other_pictures: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Apply one edit to a picture of any mode.

    Args:
        name: Name of the edit.
        picture: The picture.
        other_pictures: Pictures placed beside or behind it; the picture itself if empty.
        seed: Seed of random choices such as the position of a crop or the words of a caption. One seed creates the same
            overlay on every picture, relative to its size.

    Returns:
        The edited copy.

    Raises:
        InvalidRequestError: There is no edit of that name.
    """
    edit = EDITS.get(name)
    if edit is None:
        raise InvalidRequestError(f"There is no edit {name}.", hint=f"Edits: {', '.join(EDITS)}.")
    reduced = _reduce(picture)
    chance = random.Random(f"{name}:{seed}")
    edited_picture = edit.change(Scene(reduced, [_reduce(other) for other in other_pictures] or [reduced], chance))
    return EditedPicture(edit.saving.encode(edited_picture), edit.saving.suffix)


def _reduce(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and max(picture.size) <= LONG_SIDE:
        return picture
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return reduced
