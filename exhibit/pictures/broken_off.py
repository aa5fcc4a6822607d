"""Decoding files that break off or are damaged, as browsers show them: what is there, on white.

Held against Chromium by ``tests/exhibit/pictures/test_as_browsers_show.py``: a progressive JPEG shows all its pixels as
finely as its scans go; rows that are missing show nothing; those of an interlaced GIF show the row above.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.types import Untyped

MENDABLE = frozenset({"JPEG", "MPO", "PNG", "GIF", "BMP"})
"""Formats of which browsers show a part; of a WebP or AVIF that breaks off they show nothing."""
_WHITE: Mapping[str, int | tuple[int, ...]] = {
    "1": 255,
    "L": 255,
    "P": 255,
    "I;16": 0xFFFF,
    "RGB": (255, 255, 255),
    "CMYK": (0, 0, 0, 0),
}
"""What lies in pixels before they are decoded; in other modes they are transparent, zeros."""
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_NO_DATA = 128
"""The level of all channels that libjpeg gives to blocks of which nothing came."""
_BLOCK = 8
_GIF_PASSES = (8, 4, 2)


def loaded(picture: Image.Image) -> tuple[Image.Image, bool]:
    """The picture with its pixels decoded, and whether its file breaks off or is damaged.

    Raises whatever the decoder raises where browsers show nothing.
    """
    if picture.format not in MENDABLE or getattr(picture, "_im", None) is not None:
        picture.load()
        return picture, False
    file, tiles = picture.fp, list(picture.tile)  # type: ignore[attr-defined]
    _begin_white(picture)
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError):
        picture.tile = []  # type: ignore[attr-defined]  # what is left to decode
        if not _shows(picture) and not _ended(picture, file, tiles):
            raise
        return _as_shown(picture, tiles), True
    return _beside_first_frame(picture, tiles), False


def _begin_white(picture: Image.Image) -> None:
    clear = picture.format == "GIF" and "transparency" in picture.info  # then missing pixels are clear by themselves
    if picture.mode in _WHITE and not clear:
        picture.im = Image.core.fill(picture.mode, picture.size, _WHITE[picture.mode])  # type: ignore[attr-defined]


def _shows(picture: Image.Image) -> bool:
    """Whether anything was decoded."""
    if getattr(picture, "_im", None) is None:
        return False
    white = _WHITE.get(picture.mode, 0)
    levels = white if isinstance(white, tuple) else (white,) * len(picture.getbands())
    extremes = picture.getextrema()
    pairs = extremes if isinstance(extremes[0], tuple) else (extremes,)
    return any(pair != (level, level) for pair, level in zip(pairs, levels, strict=True))


def _ended(picture: Image.Image, file: IO[bytes], tiles: list[Untyped]) -> bool:
    """Decode a JPEG of several scans with an end marker behind what is there; whether it shows anything then.

    The decoder waits for the end of all scans before it gives any row. Rows of which nothing came in any are white.
    """
    if picture.format not in {"JPEG", "MPO"} or not _in_scans(file):
        return False
    picture.load_read = partial(_read_until, file, _end_of_whole_segments(file))  # type: ignore[attr-defined]
    picture.fp, picture.tile = file, tiles  # type: ignore[attr-defined]
    picture.load()
    width, height = picture.size
    bottom = height
    while bottom > 0:
        top = max(0, (bottom - 1) // _BLOCK * _BLOCK)
        extremes = picture.crop((0, top, width, bottom)).getextrema()
        pairs = extremes if isinstance(extremes[0], tuple) else (extremes,)
        if any(pair != (_NO_DATA, _NO_DATA) for pair in pairs):
            break
        bottom = top
    picture.paste(_WHITE.get(picture.mode, 0), (0, bottom, width, height))
    return bottom > 0


def _read_until(file: IO[bytes], end: int, size: int) -> bytes:
    return file.read(max(0, min(size, end - file.tell()))) or _END


def _end_of_whole_segments(file: IO[bytes]) -> int:
    """Where the bytes of a JPEG end, or its last segment begins if that breaks off (ISO/IEC 10918-1, B.1.1)."""
    file.seek(0)
    data = file.read()
    place = 2
    while match := _MARKER.search(data, place):
        place = match.end() + int.from_bytes(data[match.end() : match.end() + 2])
        if place > len(data) or match.end() + 2 > len(data):
            return match.start()
    return len(data)


def _in_scans(file: IO[bytes]) -> bool:
    """Whether a JPEG's first scan isn't all there is of its rows: a progressive one, or one of a few components."""
    file.seek(2)
    components = 0
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == 0xFF:
            file.seek(-3, 1)
            continue
        size = int.from_bytes(head[2:]) - 2
        body = file.read(size)
        if head[1] in (0xC2, 0xC6, 0xCA, 0xCE):
            return True
        if head[1] in (0xC0, 0xC1, 0xC5, 0xC9, 0xCD):
            components = body[5]
        if head[1] == 0xDA:
            return body[0] < components
    return False


def _as_shown(picture: Image.Image, tiles: list[Untyped]) -> Image.Image:
    """White where a palette's pixels are missing, and in an interlaced GIF the row above."""
    if picture.mode != "P":
        return picture
    interlaced = bool(tiles[0].args[1] if picture.format == "GIF" else picture.info.get("interlace"))
    missing = np.asarray(picture) == _WHITE["P"]
    if picture.format == "GIF" or not interlaced:
        missing = np.broadcast_to(missing.all(axis=1)[:, None], missing.shape)
    shown = picture.convert("RGBA")
    if picture.format == "GIF" and interlaced:
        rows = _rows_above(missing[:, 0])
        shown, missing = Image.fromarray(np.asarray(shown)[rows]), missing[rows]
    shown.paste((255, 255, 255, 255), mask=Image.fromarray(missing))
    shown.format = picture.format
    return shown


def _rows_above(missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each row of a GIF in four passes the row that is shown there: itself, or one of an earlier pass."""
    rows = np.arange(len(missing))
    for step in reversed(_GIF_PASSES):
        above = rows // step * step
        rows = np.where(missing[rows], above, rows)
    return rows


def _beside_first_frame(picture: Image.Image, tiles: list[Untyped]) -> Image.Image:
    """A GIF's first frame on white, where it is smaller than the screen."""
    if picture.format != "GIF" or picture.mode != "P" or not tiles:
        return picture
    box = tiles[0].extents
    if box == (0, 0, *picture.size):
        return picture
    shown = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    inside = picture.crop(box).convert("RGBA")
    shown.paste(inside, box[:2], inside)
    shown.format = picture.format
    return shown
