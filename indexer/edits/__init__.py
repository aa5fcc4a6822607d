"""What copyists, applications, printers and screens do to pictures: edits whose result is known, for measuring.

``EDITS`` holds them by name; ``DESIGN``, ``FURTHER``, ``OVERLAYS`` and ``PAGES`` are groups of names; :func:`apply`
makes the bytes of a changed copy. Equal arguments give equal bytes with the same versions of Pillow, NumPy and OpenCV.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from exhibit.errors import WrongUseError
from indexer.edits.catalogue import DESIGN, EDITS, FURTHER, OVERLAYS, PAGES, Edit
from indexer.edits.scene import Scene

__all__ = ["DESIGN", "EDITS", "FURTHER", "LONG_SIDE", "OVERLAYS", "PAGES", "Edit", "EditedPicture", "apply"]

LONG_SIDE = 1280
"""Pixels: larger pictures are first made this small, as sites do."""


@dataclass(frozen=True, slots=True)
class EditedPicture:
    """A changed copy as a site would hold it."""

    data: bytes
    suffix: str  # of its name, with its dot


def apply(name: str, picture: Image.Image, others: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Change a picture of any mode as one edit does; other pictures stand beside or behind it, or else it does itself.

    The seed decides where a crop lies, what a caption says, and the like: one seed lays the same overlay on every
    picture, relative to its size. Raises ``WrongUseError`` when there is no edit of that name.
    """
    edit = EDITS.get(name)
    if edit is None:
        raise WrongUseError(f"There is no edit {name}.", hint=f"There are {', '.join(EDITS)}.")
    shown = _reduced(picture)
    chance = random.Random(f"{name}:{seed}")
    changed = edit.change(Scene(shown, [_reduced(other) for other in others] or [shown], chance))
    return EditedPicture(edit.saving.encode(changed), edit.saving.suffix)


def _reduced(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and max(picture.size) <= LONG_SIDE:
        return picture
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return reduced
