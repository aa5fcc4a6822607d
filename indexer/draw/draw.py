"""Drawings that illustrate a comparison.

Each view takes a :class:`~indexer.draw.pair.Pair`: two pictures, and their alignment.
"""

import io
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial

from PIL import Image

from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, exif_with, small_jpeg
from indexer.draw.difference import difference
from indexer.draw.overlay import overlay
from indexer.draw.pair import Pair, Pixels
from indexer.draw.points import points
from indexer.draw.side_by_side import side_by_side

MEDIA_TYPE = "image/jpeg"
QUALITY = 85


class View(StrEnum):
    """Kind of drawing."""

    SIDE_BY_SIDE = "side-by-side"
    OVERLAY = "overlay"
    DIFFERENCE = "difference"
    POINTS = "points"

    @property
    def file_name(self) -> str:
        """File name, such as ``overlay.jpg``."""
        return f"{self}.jpg"


_DRAWING_FUNCTIONS: Mapping[View, Callable[[Pair], Pixels]] = {
    View.SIDE_BY_SIDE: side_by_side,
    View.OVERLAY: overlay,
    View.DIFFERENCE: difference,
    View.POINTS: points,
}


def draw(view: View, pair: Pair) -> bytes:
    """Draw a view of a comparison as JPEG, at most 1600 pixels wide and high; equal input gives equal bytes.

    Raises:
        UnreadablePictureError: One of the pictures cannot be decoded.
    """
    return jpeg(_DRAWING_FUNCTIONS[view](pair))


def draw_small(view: View, pair: Pair) -> bytes:
    """Draw a view at the pair's size, without a thumbnail."""
    return small_jpeg(Image.fromarray(_DRAWING_FUNCTIONS[view](pair)), pair.side)


def draw_png(view: View, pair: Pair) -> bytes:
    """Draw a view as PNG."""
    return png(_DRAWING_FUNCTIONS[view](pair))


SUFFIXES: Mapping[str, Callable[[View, Pair], bytes]] = {".jpg": draw, ".jpeg": draw, ".png": draw_png}
"""Functions that draw for a file with this suffix."""


def png(pixels: Pixels) -> bytes:
    """Encode as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=2)  # much faster, and not much larger
    return file.getvalue()


def jpeg(pixels: Pixels) -> bytes:
    """Encode as JPEG with full colour resolution, to keep thin lines sharp, and with a thumbnail for reports."""
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    exif = exif_with(small_jpeg(picture, THUMBNAIL_SIDE))
    save = partial(picture.save, format="JPEG", quality=QUALITY, subsampling=0, exif=exif)
    try:
        save(file, optimize=True)
    except OSError:  # noise takes more than a byte a pixel, for which Pillow's buffer is too small
        file = io.BytesIO()
        save(file)
    return file.getvalue()
