"""Checks whether an image file shows the same image in every way that programs read it.

Programs interpret files differently: whether and how a colour profile is applied, the background behind transparency,
which of two contradicting statements holds. A file that shows different images to different programs, or on a dark
page, may have been made so on purpose. This module does not decide which program is right.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from exhibit.comparison.similarity import Grey, align_pair, blurred, windows
from exhibit.pictures.decode import Limits, decode

IN_DOUBT = "to programs that handle duplicate, misplaced or corrupt parts of it differently ({})"
WITHOUT_PROFILE = "to programs that ignore its colour profile"
ON_DARK_PAGE = "on a dark page, where another ground shows through"
AT_LEAST = 512
"""Minimum pixels of the longer side after decoding."""
SHOWS_SOMETHING, ALIKE = 0.05, 0.5
"""Share of all windows from which a reading shows something, and share of these from which it shows the same image."""
_PNG, _JPEG, _AVIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"ftyp"
_ONCE = frozenset({b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"acTL", b"eXIf"})
_BEFORE_PIXELS = frozenset({b"PLTE", b"tRNS", b"acTL"})
_PROFILE, _SCAN, _APP2 = b"ICC_PROFILE\0", 0xDA, 0xE2
_CUT = b"\0\0\0\x28clap"


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read a file that shows, or may show, a different image than the one that is compared."""

    words: str  # continues "another picture"
    usual: bool = False  # whether it is common in honest files, such as emblems made for one background


def other_readings(data: bytes, limits: Limits) -> Iterator[Reading]:
    """Yield the ways to read a file that show a different image than these limits; none for most files.

    Windows are those of :mod:`exhibit.comparison.similarity`. An inverted image counts as the same image. Raises the
    errors of :func:`exhibit.pictures.decode.decode`.
    """
    if odd := statements_in_doubt(data):
        yield Reading(IN_DOUBT.format(odd))
    usual = decode(data, limits, at_least=AT_LEAST)
    for reading, other_limits in (
        (Reading(WITHOUT_PROFILE), replace(limits, profiles=False)),
        (Reading(ON_DARK_PAGE, usual=True), replace(limits, dark=True)),
    ):
        other = decode(data, other_limits, at_least=AT_LEAST)
        if not np.array_equal(other.pixels, usual.pixels):
            back = np.diag([usual.scale / other.scale, usual.scale / other.scale, 1.0])
            aligned, _, small = align_pair(other.pixels, usual.pixels, back)
            if _shows_another(aligned, small):
                yield reading


def _shows_another(reading: Grey, shown_grey: Grey) -> bool:
    mask = np.ones(shown_grey.shape, np.bool_)
    blurred_reading, other = blurred(reading, mask), blurred(shown_grey, mask)
    textured, _ = windows(blurred_reading, blurred_reading, mask)
    if textured.sum() <= SHOWS_SOMETHING * textured.size:
        return False
    alike = windows(blurred_reading, other, mask)[1] | windows(blurred_reading, 255 - other, mask)[1]
    return bool((alike & textured).sum() < ALIKE * textured.sum())


def statements_in_doubt(data: bytes) -> str:
    """Return a part that is duplicate, misplaced or has a wrong checksum, which programs handle differently.

    Empty for most files. Checks the chunks of a PNG (third edition, table 7), the segments of a JPEG's profile
    (ICC.1:2022, B.4), and the crop rectangle of an AVIF (``clap``, ISO/IEC 23008-12), which some programs ignore.
    """
    try:
        if data.startswith(_PNG):
            return _doubtful_chunk(data)
        if data.startswith(_JPEG):
            return "" if _is_sound(list(_profile_segments(data))) else "ICC_PROFILE"
    except (struct.error, IndexError):
        return ""
    return "clap" if data[4:8] == _AVIF and _CUT in data else ""


def _doubtful_chunk(data: bytes) -> str:
    kinds, place = set[bytes](), len(_PNG)
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind in _ONCE:
            late = kind in _BEFORE_PIXELS and b"IDAT" in kinds
            content = data[place + 4 : place + 8 + size]
            is_sound = data[place + 8 + size : place + 12 + size] == struct.pack(">I", zlib.crc32(content))
            if kind in kinds or late or not is_sound or (kind == b"PLTE" and b"tRNS" in kinds):
                return str(kind, "ascii")
        if kind in _ONCE or kind == b"IDAT":
            kinds.add(kind)
        place += 12 + size
    return ""


def _profile_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the number of each profile segment before the first scan, and the declared total number."""
    place = 2
    while data[place] == 0xFF and data[place + 1] != _SCAN:
        (size,) = struct.unpack_from(">H", data, place + 2)
        inside = place + 4
        if data[place + 1] == _APP2 and data.startswith(_PROFILE, inside):
            yield data[inside + len(_PROFILE)], data[inside + len(_PROFILE) + 1]
        place += 2 + size


def _is_sound(segments: list[tuple[int, int]]) -> bool:
    return sorted(segments) == [(number + 1, len(segments)) for number in range(len(segments))]
