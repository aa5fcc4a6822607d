"""Pictures as shown in documents: decoded within limits and reduced, never the evidence itself. Also QR codes."""

import io
from collections.abc import Mapping
from contextlib import suppress

import segno
from PIL import Image

from evidence.documents.typeset.compiler import TypesetFile
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, small_jpeg, thumbnail_of

Pictures = Mapping[str, bytes]  # exact bytes by path inside the bundle, as in the facts
SHOWN_LIMITS = Limits()
DRAWINGS = frozenset({"side-by-side", "overlay", "difference", "points"})
"""Roles of the pictures that Exhibit makes itself."""


_REMEMBERED = 64
_small: dict[tuple[Digest, int], bytes] = {}


def shrunk(data: bytes, side: int) -> bytes:
    """Return a JPEG of at most ``side`` pixels on its longer side, RGB, without metadata; same input, same bytes.

    Recent results are cached: a case is typeset in each language from the same pictures.

    Raises:
        UnreadablePictureError: The bytes cannot be decoded within the limits.
    """
    key = Digest.of(data), side
    small = _small.pop(key, None)
    if small is None:
        small = small_jpeg(Image.fromarray(decode(data, SHOWN_LIMITS, at_least=side).pixels), side)
    _small[key] = small
    for oldest in list(_small)[:-_REMEMBERED]:
        _small.pop(oldest, None)
    return small


class Album:
    """Collection of a document's pictures; one that is alone in its row has ``side`` pixels on its longer side."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._small: dict[str, bytes | UnreadablePictureError] = {}

    def place(self, data: bytes, across: int = 1, *, drawing: bool = False) -> str:
        """Add a picture of a row of ``across`` pictures; returns the path at which the template finds it.

        For a drawing made by Exhibit, its embedded thumbnail is used, or the drawing itself if it is small.

        Raises:
            UnreadablePictureError: The bytes cannot be decoded within the limits.
        """
        side = self._side // across
        path = f"pictures/{Digest.of(data).hex}-{side}.jpg"
        if path not in self._small:
            self._small[path] = self._shrink(data, side, drawing=drawing)
        entry = self._small[path]
        if isinstance(entry, UnreadablePictureError):
            raise entry
        return path

    def size(self, path: str) -> tuple[int, int]:
        """Return width and height of a picture added by :meth:`place`, in pixels."""
        small = self._small[path]
        assert isinstance(small, bytes)
        with Image.open(io.BytesIO(small)) as picture:
            return picture.size

    @property
    def files(self) -> tuple[TypesetFile, ...]:
        """Added pictures that can be shown."""
        return tuple(TypesetFile(path, small) for path, small in self._small.items() if isinstance(small, bytes))

    def _shrink(self, data: bytes, side: int, *, drawing: bool) -> bytes | UnreadablePictureError:
        carried = _drawn_small(data) if drawing and side == THUMBNAIL_SIDE else None
        if carried is not None:
            return carried
        try:
            return shrunk(data, side)
        except UnreadablePictureError as error:
            return error


def qr_png(text: str) -> bytes:
    """Return a QR code (ISO/IEC 18004) as PNG, black and white with its quiet zone.

    A quarter may be damaged (level Q).
    """
    png = io.BytesIO()
    segno.make_qr(text, error="q").save(png, kind="png", scale=8)
    return png.getvalue()


def _drawn_small(data: bytes) -> bytes | None:
    """Return a drawing's thumbnail, or the drawing itself if it is no larger."""
    carried = thumbnail_of(data)
    if carried is None:
        with suppress(OSError), Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            return data if max(picture.size) <= THUMBNAIL_SIDE else None
    return carried
