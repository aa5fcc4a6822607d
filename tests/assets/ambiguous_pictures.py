"""Files that show one image in some programs and another image in others."""

import struct
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.assets.profiles import rgb_profile, srgb_curve

Levels = NDArray[np.uint8]


def colour_dependent_file(shown_picture: Image.Image, stored_picture: Image.Image, kind: str = "PNG") -> bytes:
    """Return a file whose stored levels show one image, and another with its profile.

    In the profile, only the lower half of each level counts.
    """
    levels = (_grey(stored_picture) & 0xF0) | (_grey(shown_picture) >> 4)
    curve = srgb_curve()[(np.arange(256) & 15) * 17]
    return _saved(np.repeat(levels[..., None], 3, 2), kind, lossless=True, icc_profile=rgb_profile(curve))


def background_dependent_file(white: Image.Image, black: Image.Image) -> bytes:
    """Return a transparent image that shows one image on white and another on black."""
    light, dark = 128 + _grey(white) // 2, _grey(black) // 2
    alpha = 255 - (light - dark)
    colour = np.minimum(255, dark.astype(int) * 255 // np.maximum(alpha, 1)).astype(np.uint8)
    return _saved(np.dstack([colour, colour, colour, alpha]), "PNG")


def insert_chunk(data: bytes, kind: bytes, inside: bytes, before: bytes = b"IDAT") -> bytes:
    """Insert a chunk into a PNG, before the first one of another kind."""
    chunk = struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))
    place = data.index(before) - 4
    return data[:place] + chunk + data[place:]


def with_misnumbered_profile(picture: Image.Image) -> bytes:
    """Return a JPEG with a profile in a single segment, which claims to be the second of one."""
    data = _saved(np.asarray(picture.convert("RGB")), "JPEG", icc_profile=rgb_profile(2.2))
    return data.replace(b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\2\1", 1)


def _grey(picture: Image.Image) -> Levels:
    return np.asarray(picture.convert("L"))


def _saved(pixels: Levels, kind: str, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()
