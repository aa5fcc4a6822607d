"""Selection of the largest image in a TIFF, and detection of raw photographs, of which Pillow reads only a preview.

See TIFF 6.0, section 2; for SubIFDs, TIFF Technical Note 1; for raw photographs, DNG 1.7 and TIFF/EP (ISO 12234-2).
"""

import struct
from dataclasses import dataclass
from typing import IO

from PIL import TiffImagePlugin

from exhibit.types import Untyped

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 256, 257, 254, 262, 330, 50706
_MASK_TYPE = 0b100
_RAW_PHOTOMETRIC = (32803, 34892)
"""Samples of a colour filter array, and interpolated samples without further processing (DNG: CFA, LinearRaw)."""
_RAW_HEADERS = (b"CR\x02", b"IIII")
"""Bytes directly after the header in raw files of Canon and Phase One."""
_BIG_MAGIC = 43
_READ_ERRORS = (struct.error, EOFError, IndexError, KeyError, OSError, SyntaxError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class TiffPages:
    """Result of reading the directories of a TIFF: its pages and their parts."""

    largest: int | None  # offset of the directory of the largest image; `None` if nothing is readable
    is_raw: bool


def read_pages(stream: IO[bytes], limit: int) -> TiffPages:
    """Read up to ``limit`` directories, skipping unreadable ones. Of equally large images, the first one counts."""
    largest, pixels, is_raw = None, 0, False
    header = stream.read(16)
    stream.seek(0)
    if not header.startswith(MAGICS):
        return TiffPages(None, is_raw=False)
    try:
        directory: Untyped = TiffImagePlugin.ImageFileDirectory_v2(
            header[: 16 if header[2:4] in (b"+\0", b"\0+") else 8]
        )
    except _READ_ERRORS:
        return TiffPages(None, is_raw=False)
    queue, visited = [directory.next], set[int]()
    while queue and len(visited) < limit:
        offset = queue.pop(0)
        if not offset or offset in visited:
            continue
        visited.add(offset)
        try:
            stream.seek(offset)
            directory.load(stream)
            queue += [directory.next, *_read_numbers(directory, _SUB_DIRECTORIES)]
            (width, height, kind, photometric) = (
                next(iter(_read_numbers(directory, tag)), 0) for tag in (_WIDTH, _HEIGHT, _SUBFILE_TYPE, _PHOTOMETRIC)
            )
            is_raw |= photometric in _RAW_PHOTOMETRIC or _DNG_VERSION in directory
        except _READ_ERRORS:
            continue
        if width * height > pixels and not kind & _MASK_TYPE:
            largest, pixels = offset, width * height
    stream.seek(0)
    return TiffPages(largest, is_raw=is_raw or header[8:].startswith(_RAW_HEADERS))


def switch_to_directory(picture: Untyped, offset: int) -> None:
    """Switch an opened TIFF to the image whose directory is at this offset."""
    offsets: list[int] = picture._frame_pos  # noqa: SLF001 - as Pillow's own ``get_child_images`` does
    if offset not in offsets[: picture.n_frames]:
        offsets.append(offset)
    picture._seek(offsets.index(offset))  # noqa: SLF001


def _read_numbers(directory: Untyped, tag: int) -> list[int]:
    value = directory.get(tag, ())
    return [number for number in (value if isinstance(value, tuple) else (value,)) if isinstance(number, int)]
