"""Edits with which the demonstration's sites have changed or saved the images that they copied."""

import io
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from indexer.edits import EditedPicture, apply

_MADE_BY: Final = {
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


def _as_avif(picture: Image.Image) -> EditedPicture:
    out = io.BytesIO()
    picture.save(out, "AVIF", quality=60, max_threads=1)  # several threads could give different bytes
    return EditedPicture(out.getvalue(), ".avif")


def _as_animation(picture: Image.Image) -> EditedPicture:
    """Save an animated WebP that pulses: the image, then darker frames."""
    darker = [ImageEnhance.Brightness(picture).enhance(light) for light in (0.8, 0.6)]
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, save_all=True, append_images=darker, duration=_FRAME_MILLISECONDS, loop=0)
    return EditedPicture(out.getvalue(), ".webp")


def _as_deep_png(picture: Image.Image) -> EditedPicture:
    """Save a PNG with 16 bits a channel, which Pillow supports only for grey images."""
    deep = np.asarray(picture)[..., ::-1].astype(np.uint16) * 257
    return EditedPicture(cv2.imencode(".png", deep)[1].tobytes(), ".png")


_SAVED_AS: Final[dict[str, Callable[[Image.Image], EditedPicture]]] = {
    "avif": _as_avif,
    "animated webp": _as_animation,
    "16-bit png": _as_deep_png,
}
EDITS: Final = (*_MADE_BY, *_SAVED_AS)
LONG_SIDE: Final = 900


def edited(name: str, picture: Image.Image, neighbours: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Copy an image as a web site would, changed or saved by the edit of that name. The output is deterministic.

    Args:
        name: Name of the edit.
        picture: Original image; larger ones are first reduced to a long side of 900 px, as sites do.
        neighbours: At least three other images, for the collage.
        seed: Determines the position of a crop, the text of a caption, and so on.
    """
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    if name in _SAVED_AS:
        return _SAVED_AS[name](reduced)
    return apply(_MADE_BY[name], reduced, neighbours, seed)
