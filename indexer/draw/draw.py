"""Drawings that illustrate a comparison.

Each view takes a :class:`~indexer.draw.pair.Pair`: two pictures, and their alignment.
"""

import io
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial

from PIL import Image

from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, build_thumbnail_exif, create_small_jpeg
from indexer.draw.difference import draw_difference
from indexer.draw.overlay import draw_overlay
from indexer.draw.pair import Pair, Pixels
from indexer.draw.points import draw_points
from indexer.draw.side_by_side import draw_side_by_side

MEDIA_TYPE = "image/jpeg"
QUALITY = 85


class View(StrEnum):
    """Type of a drawing."""

    SIDE_BY_SIDE = "side-by-side"
    OVERLAY = "overlay"
    DIFFERENCE = "difference"
    POINTS = "points"

    @property
    def file_name(self) -> str:
        """File name, such as ``overlay.jpg``."""
        return f"{self}.jpg"


_DRAWING_FUNCTIONS: Mapping[View, Callable[[Pair], Pixels]] = {
    View.SIDE_BY_SIDE: draw_side_by_side,
    View.OVERLAY: draw_overlay,
    View.DIFFERENCE: draw_difference,
    View.POINTS: draw_points,
}


def draw(view: View, pair: Pair) -> bytes:
    """Draw a view of a comparison as JPEG, at most 1600 pixels wide and high; equal input gives equal bytes.

    Raises:
        UnreadablePictureError: One of the pictures cannot be decoded.
    """
    return encode_jpeg(_DRAWING_FUNCTIONS[view](pair))


def draw_small(view: View, pair: Pair) -> bytes:
    """Draw a view at the pair's size, without a thumbnail."""
    return create_small_jpeg(Image.fromarray(_DRAWING_FUNCTIONS[view](pair)), pair.side)


def draw_png(view: View, pair: Pair) -> bytes:
    """Draw a view as PNG."""
    return encode_png(_DRAWING_FUNCTIONS[view](pair))


DRAW_BY_SUFFIX: Mapping[str, Callable[[View, Pair], bytes]] = {".jpg": draw, ".jpeg": draw, ".png": draw_png}
"""Drawing functions by file suffix."""


def encode_png(pixels: Pixels) -> bytes:
    """Encode as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=2)  # much faster than the default, little larger
    return file.getvalue()


def encode_jpeg(pixels: Pixels) -> bytes:
    """Encode as JPEG with full colour resolution, to keep thin lines sharp, and with a thumbnail for reports."""
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    exif = build_thumbnail_exif(create_small_jpeg(picture, THUMBNAIL_SIDE))
    save = partial(picture.save, format="JPEG", quality=QUALITY, subsampling=0, exif=exif)
    try:
        save(file, optimize=True)
    except OSError:  # noisy pictures take more than one byte per pixel, which exceeds Pillow's buffer
        file = io.BytesIO()
        save(file)
    return file.getvalue()
