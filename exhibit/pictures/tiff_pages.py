"""Selection of the image in a TIFF, and detection of raw photographs, whose previews are not their content.

TIFF 6.0, section 2; SubIFDs: TIFF Technical Note 1; raw photographs: DNG 1.7, TIFF/EP (ISO 12234-2).
"""

import struct
from dataclasses import dataclass
from typing import IO

from PIL import TiffImagePlugin

from exhibit.types import Untyped

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 256, 257, 254, 262, 330, 50706
_MASK = 0b100
_RAW_PHOTOMETRIC = (32803, 34892)
"""Samples behind a colour filter array, and samples that were only interpolated (DNG: CFA, LinearRaw)."""
_AT_ONCE = (b"CR\x02", b"IIII")
"""Bytes directly after the header in raw files of Canon and Phase One."""
_BIG = 43
_UNREADABLE = (struct.error, EOFError, IndexError, KeyError, OSError, SyntaxError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class TiffPages:
    """Directories of a TIFF: its pages and the parts that these refer to."""

    largest: int | None  # offset of the directory of the largest image; none if nothing is readable
    is_raw: bool


def read_pages(stream: IO[bytes], most: int) -> TiffPages:
    """Read up to ``most`` directories of a file, as far as possible. Of equally large images the first one counts."""
    largest, pixels, is_raw = None, 0, False
    header = stream.read(16)
    stream.seek(0)
    if not header.startswith(MAGICS):
        return TiffPages(None, is_raw=False)
    try:
        directory: Untyped = TiffImagePlugin.ImageFileDirectory_v2(
            header[: 16 if header[2:4] in (b"+\0", b"\0+") else 8]
        )
    except _UNREADABLE:
        return TiffPages(None, is_raw=False)
    queue, visited = [directory.next], set[int]()
    while queue and len(visited) < most:
        place = queue.pop(0)
        if not place or place in visited:
            continue
        visited.add(place)
        try:
            stream.seek(place)
            directory.load(stream)
            queue += [directory.next, *_numbers(directory, _SUB_DIRECTORIES)]
            (width, height, kind, photometric) = (
                next(iter(_numbers(directory, tag)), 0) for tag in (_WIDTH, _HEIGHT, _SUBFILE_TYPE, _PHOTOMETRIC)
            )
            is_raw |= photometric in _RAW_PHOTOMETRIC or _DNG_VERSION in directory
        except _UNREADABLE:
            continue
        if width * height > pixels and not kind & _MASK:
            largest, pixels = place, width * height
    stream.seek(0)
    return TiffPages(largest, is_raw=is_raw or header[8:].startswith(_AT_ONCE))


def turn_to(picture: Untyped, place: int) -> None:
    """Switch an opened TIFF to the image whose directory is at this offset."""
    places: list[int] = picture._frame_pos  # noqa: SLF001 - as Pillow's own ``get_child_images`` does
    if place not in places[: picture.n_frames]:
        places.append(place)
    picture._seek(places.index(place))  # noqa: SLF001


def _numbers(directory: Untyped, tag: int) -> list[int]:
    value = directory.get(tag, ())
    return [number for number in (value if isinstance(value, tuple) else (value,)) if isinstance(number, int)]
