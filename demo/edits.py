"""Edits and file formats in which the demonstration's sites publish the images that they copied."""

import io
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from indexer.edits import EditedPicture, apply

_BENCH_EDITS: Final = {
    "recompressed": "jpeg30",
    "resized": "resize50",
    "webp": "webp",
    "mirrored": "mirror",
    "turned": "rot90",
    "cropped": "crop50",
    "captioned": "text",
    "bordered": "border",
    "watermarked": "watermark",
    "grey": "gray",
    "screenshot": "webpage",
    "collage": "collage4",
}
_FRAME_MILLISECONDS: Final = 400


def _save_avif(picture: Image.Image) -> EditedPicture:
    out = io.BytesIO()
    picture.save(out, "AVIF", quality=60, max_threads=1)  # Several threads could produce different bytes.
    return EditedPicture(out.getvalue(), ".avif")


def _save_animation(picture: Image.Image) -> EditedPicture:
    """Save an animated WebP that pulses: the image, then darker frames."""
    darker = [ImageEnhance.Brightness(picture).enhance(light) for light in (0.8, 0.6)]
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, save_all=True, append_images=darker, duration=_FRAME_MILLISECONDS, loop=0)
    return EditedPicture(out.getvalue(), ".webp")


def _save_16_bit_png(picture: Image.Image) -> EditedPicture:
    """Save a PNG with 16 bits a channel, which Pillow supports only for grey images."""
    pixels = np.asarray(picture)[..., ::-1].astype(np.uint16) * 257
    return EditedPicture(cv2.imencode(".png", pixels)[1].tobytes(), ".png")


_SAVE_FUNCTIONS: Final[dict[str, Callable[[Image.Image], EditedPicture]]] = {
    "avif": _save_avif,
    "animated webp": _save_animation,
    "16-bit png": _save_16_bit_png,
}
EDIT_NAMES: Final = (*_BENCH_EDITS, *_SAVE_FUNCTIONS)
MAX_LONG_SIDE: Final = 900


def edit_picture(name: str, picture: Image.Image, neighbours: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Create a copy of an image with the given edit or file format. The output is deterministic.

    Args:
        name: Name of the edit.
        picture: Original image; larger ones are first reduced to a long side of 900 px, as sites do.
        neighbours: At least three other images, for the collage.
        seed: Determines the position of a crop, the text of a caption, and so on.
    """
    reduced = picture.convert("RGB")
    reduced.thumbnail((MAX_LONG_SIDE, MAX_LONG_SIDE), Image.Resampling.LANCZOS)
    if name in _SAVE_FUNCTIONS:
        return _SAVE_FUNCTIONS[name](reduced)
    return apply(_BENCH_EDITS[name], reduced, neighbours, seed)
