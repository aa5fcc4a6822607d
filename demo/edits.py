"""The ways in which the demonstration's sites have changed or saved the pictures that they copied."""

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
    picture.save(out, "AVIF", quality=60, max_threads=1)  # several threads could give other bytes
    return EditedPicture(out.getvalue(), ".avif")


def _as_animation(picture: Image.Image) -> EditedPicture:
    """Save a WebP that pulses: the picture, then darker frames."""
    darker = [ImageEnhance.Brightness(picture).enhance(light) for light in (0.8, 0.6)]
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, save_all=True, append_images=darker, duration=_FRAME_MILLISECONDS, loop=0)
    return EditedPicture(out.getvalue(), ".webp")


def _as_deep_png(picture: Image.Image) -> EditedPicture:
    """Save a PNG of 16 bits a channel, which Pillow writes for grey pictures only."""
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
    """Copy a picture as a web site would, changed or saved by the edit of that name; equal arguments give equal bytes.

    Args:
        name: which edit.
        picture: what is copied; larger ones are first reduced to a long side of 900 px, as sites do.
        neighbours: at least three other pictures, for the collage.
        seed: decides where a crop lies, what a caption says, and the like.
    """
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    if name in _SAVED_AS:
        return _SAVED_AS[name](reduced)
    return apply(_MADE_BY[name], reduced, neighbours, seed)
