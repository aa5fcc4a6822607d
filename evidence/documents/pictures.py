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
        side: most pixels of the longer side of a picture that stands alone in its row.
    """

    def __init__(self, side: int) -> None:
        self._side = side
        self._small: dict[str, bytes | UnreadablePictureError] = {}

    def place(self, data: bytes, across: int = 1) -> str:
        """Take a picture in; returns the path under which the template finds it.

        Args:
            data: exact bytes.
            across: pictures that share its row.

        Raises:
            UnreadablePictureError: the bytes can't be decoded within the limits.
        """
        side = self._side // across
        path = f"pictures/{Digest.of(data).hex}-{side}.jpg"
        if path not in self._small:
            self._small[path] = self._shrink(data, side)
        kept = self._small[path]
        if isinstance(kept, UnreadablePictureError):
            raise kept
        return path

    def size(self, path: str) -> tuple[int, int]:
        """Width and height of what :meth:`place` took in, pixels."""
        small = self._small[path]
        assert isinstance(small, bytes)
        with Image.open(io.BytesIO(small)) as picture:
            return picture.size

    @property
    def files(self) -> tuple[TypesetFile, ...]:
        """What was taken in and can be shown."""
        kept = self._small.items()
        return tuple(TypesetFile(path, small) for path, small in kept if isinstance(small, bytes))

    def _shrink(self, data: bytes, side: int) -> bytes | UnreadablePictureError:
        try:
            return small_jpeg(data, side)
        except UnreadablePictureError as error:
            return error
