"""Pairs of a generated and a sighted image, and measurements of their drawings."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from exhibit.types import Decision, Piece, Verification
from indexer.draw.draw import View, draw_png
from indexer.draw.pair import Pair
from tests.assets.textured import encoded, textured

PICTURE = textured(1)
DATA = encoded(PICTURE)
IDENTITY = np.eye(3)
CROP = (100, 60, 300, 210)
CROPPED = np.array([[1.0, 0, 100], [0, 1, 60], [0, 0, 1]])
MIRRORED = np.array([[-1.0, 0, 479], [0, 1, 0], [0, 0, 1]])


def build_verification(*transforms: ArrayLike, pieces: Sequence[Piece] = ()) -> Verification:
    """Return a comparison that aligned copies by these transforms."""
    rows: list[Any] = [tuple(map(tuple, np.asarray(transform, float).tolist())) for transform in transforms]
    same = Verification(Decision.CERTAIN, 0, 90, 1.0, rows[0], False, 0, 1.0, 1.0, None, "")  # noqa: FBT003 - a field
    return replace(same, further=tuple(rows[1:]), pieces=tuple(pieces))


def build_pair(found_picture: Image.Image | bytes, *transforms: ArrayLike) -> Pair:
    """Return the sighted image paired with the generated one, whose copies it shows."""
    return Pair.from_verification(
        found_picture if isinstance(found_picture, bytes) else encoded(found_picture),
        DATA,
        build_verification(*transforms),
    )


def drawing_pixels(view: View, picture_pair: Pair) -> NDArray[np.uint8]:
    """Return the pixels of a drawing."""
    return np.asarray(Image.open(BytesIO(draw_png(view, picture_pair))))


def pixel_positions(pixels: NDArray[np.uint8], colour: Sequence[int]) -> NDArray[np.float64]:
    """Return the columns and rows of the pixels of a colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=2))
    return np.stack([columns, rows], axis=1).astype(np.float64)


def bounding_box(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the bounding box of points."""
    x_min, y_min = points.min(axis=0)
    x_max, y_max = points.max(axis=0)
    return float(x_min), float(y_min), float(x_max), float(y_max)
