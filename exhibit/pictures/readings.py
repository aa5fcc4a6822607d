"""Check for image files that show different images in different programs.

Programs handle colour profiles, the background behind transparency, and contradictory parts of a file differently. A
file that shows different images in different programs, or on a dark page, may have been created on purpose. This module
does not decide which program is right.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from exhibit.comparison.similarity import Grey, align_pair, blur_masked, match_windows
from exhibit.pictures.decode import Limits, decode

PARTS_READ_DIFFERENTLY = "to programs that handle duplicate, misplaced or corrupt parts of it differently ({})"
PROFILE_IGNORED = "to programs that ignore its colour profile"
SHOWN_ON_DARK_PAGE = "on a dark page, where another background shows through"
MIN_DECODED_SIDE = 512
"""Minimum pixels of the longer side after decoding."""
MIN_TEXTURED_FRACTION, MIN_MATCHING_FRACTION = 0.05, 0.5
"""Minimum fraction of textured windows in a visible image, and of these the minimum fraction that must agree."""
_PNG, _JPEG, _AVIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"ftyp"
_UNIQUE_CHUNKS = frozenset({b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"acTL", b"eXIf"})
_CHUNKS_BEFORE_PIXELS = frozenset({b"PLTE", b"tRNS", b"acTL"})
_PROFILE, _SCAN, _APP2 = b"ICC_PROFILE\0", 0xDA, 0xE2
_CROP_BOX = b"\0\0\0\x28clap"


@dataclass(frozen=True, slots=True)
class AlternativeReading:
    """Alternative interpretation of a file, which shows (or may show) a different image than the compared one."""

    description: str  # completes a sentence that starts with "another picture"
    is_common: bool = False  # true if common in legitimate files, such as emblems for one background colour


def find_other_readings(data: bytes, limits: Limits) -> Iterator[AlternativeReading]:
    """Yield the interpretations of a file that show a different image than the decoded one; none for most files.

    Images are compared by the windows of :mod:`exhibit.comparison.similarity`. An inverted image counts as the same
    image. Raises the errors of :func:`exhibit.pictures.decode.decode`.
    """
    if doubtful_part := find_ambiguous_part(data):
        yield AlternativeReading(PARTS_READ_DIFFERENTLY.format(doubtful_part))
    default = decode(data, limits, at_least=MIN_DECODED_SIDE)
    for reading, other_limits in (
        (AlternativeReading(PROFILE_IGNORED), replace(limits, profiles=False)),
        (AlternativeReading(SHOWN_ON_DARK_PAGE, is_common=True), replace(limits, dark=True)),
    ):
        other = decode(data, other_limits, at_least=MIN_DECODED_SIDE)
        if not np.array_equal(other.pixels, default.pixels):
            scaling = np.diag([default.scale / other.scale, default.scale / other.scale, 1.0])
            aligned, _, small = align_pair(other.pixels, default.pixels, scaling)
            if _shows_other_picture(aligned, small):
                yield reading


def _shows_other_picture(reading: Grey, shown_grey: Grey) -> bool:
    mask = np.ones(shown_grey.shape, np.bool_)
    blurred_reading, other = blur_masked(reading, mask), blur_masked(shown_grey, mask)
    textured, _ = match_windows(blurred_reading, blurred_reading, mask)
    if textured.sum() <= MIN_TEXTURED_FRACTION * textured.size:
        return False
    matching = match_windows(blurred_reading, other, mask)[1] | match_windows(blurred_reading, 255 - other, mask)[1]
    return bool((matching & textured).sum() < MIN_MATCHING_FRACTION * textured.sum())


def find_ambiguous_part(data: bytes) -> str:
    """Return the name of a part that programs may handle differently; empty for most files.

    Such a part is duplicate, misplaced, or has a wrong checksum. Checks the chunks of a PNG (third edition, table 7),
    the segments of a JPEG's profile (ICC.1:2022, B.4), and the crop rectangle of an AVIF (``clap``, ISO/IEC 23008-12),
    which some programs ignore.
    """
    try:
        if data.startswith(_PNG):
            return _find_ambiguous_chunk(data)
        if data.startswith(_JPEG):
            return "" if _is_complete(list(_read_profile_segments(data))) else "ICC_PROFILE"
    except (struct.error, IndexError):
        return ""
    return "clap" if data[4:8] == _AVIF and _CROP_BOX in data else ""


def _find_ambiguous_chunk(data: bytes) -> str:
    kinds, offset = set[bytes](), len(_PNG)
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        if kind in _UNIQUE_CHUNKS:
            is_late = kind in _CHUNKS_BEFORE_PIXELS and b"IDAT" in kinds
            content = data[offset + 4 : offset + 8 + size]
            is_sound = data[offset + 8 + size : offset + 12 + size] == struct.pack(">I", zlib.crc32(content))
            if kind in kinds or is_late or not is_sound or (kind == b"PLTE" and b"tRNS" in kinds):
                return str(kind, "ascii")
        if kind in _UNIQUE_CHUNKS or kind == b"IDAT":
            kinds.add(kind)
        offset += 12 + size
    return ""


def _read_profile_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the number of each profile segment before the first scan, and the declared total number."""
    offset = 2
    while data[offset] == 0xFF and data[offset + 1] != _SCAN:
        (size,) = struct.unpack_from(">H", data, offset + 2)
        content_start = offset + 4
        if data[offset + 1] == _APP2 and data.startswith(_PROFILE, content_start):
            yield data[content_start + len(_PROFILE)], data[content_start + len(_PROFILE) + 1]
        offset += 2 + size


def _is_complete(segments: list[tuple[int, int]]) -> bool:
    return sorted(segments) == [(number + 1, len(segments)) for number in range(len(segments))]
