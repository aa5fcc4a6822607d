"""Pictures as documents show them: decoded within limits, made small, never the evidence itself."""

import io
from collections.abc import Mapping
from functools import lru_cache

from PIL import Image

from evidence.documents.typesetting import TypesetFile
from exhibit.decode import Limits, decode
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError

Pictures = Mapping[str, bytes]
"""Exact bytes by the path inside the bundle, as the facts name it."""

JPEG_QUALITY = 84
SHOWN_LIMITS = Limits()


@lru_cache(maxsize=64)
def small_jpeg(data: bytes, side: int) -> bytes:
    """A JPEG of at most ``side`` pixels on its longer side, RGB, without metadata; same input, same bytes.

    The last ones are remembered: a case is typeset in each language from the same pictures.

    Raises:
        UnreadablePictureError: the bytes can't be decoded within the limits.
    """
    pixels = decode(data, SHOWN_LIMITS, at_least=side).pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


class Album:
    """Collects the pictures of one document.

    Args:
        side: most pixels of the longer side of each.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._small: dict[Digest, bytes | UnreadablePictureError] = {}

    def place(self, data: bytes) -> str:
        """Take a picture in; returns the path under which the template finds it.

        Raises:
            UnreadablePictureError: the bytes can't be decoded within the limits.
        """
        digest = Digest.of(data)
        if digest not in self._small:
            self._small[digest] = self._shrink(data)
        kept = self._small[digest]
        if isinstance(kept, UnreadablePictureError):
            raise kept
        return f"pictures/{digest.hex}.jpg"

    @property
    def files(self) -> tuple[TypesetFile, ...]:
        """What was taken in and can be shown."""
        kept = self._small.items()
        return tuple(TypesetFile(f"pictures/{key.hex}.jpg", small) for key, small in kept if isinstance(small, bytes))

    def _shrink(self, data: bytes) -> bytes | UnreadablePictureError:
        try:
            return small_jpeg(data, self._side)
        except UnreadablePictureError as error:
            return error
