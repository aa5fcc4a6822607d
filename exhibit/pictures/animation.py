"""How long each frame of an animation stands, by the file's own words and without decoding anything.

GIF 89a (graphic control extension), PNG third edition (fcTL), WebP (ANMF, RFC 9649), AVIF (the track's box ``stts``,
ISO/IEC 14496-12). Read as browsers read it: 10 ms and less is a tenth of a second, and what isn't played again stays.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

MAX_FRAMES = 100_000
AFTER_END = 10.0
"""Seconds that the last frame stands longer, where an animation ends: whoever looks at a page sees that one."""
_SHORTEST, _AT_ONCE = 0.010, 0.1
_GIF_HEADER, _PNG_HEADER, _WEBP_HEADER = 13, 8, 12
_LOOPED = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


@dataclass(frozen=True, slots=True)
class Animation:
    """The frames of a file, as its structure tells them."""

    seconds: tuple[float, ...]  # for which each stands; empty where nothing is told
    hidden: bool = False  # whether the file begins with a picture that isn't part of the animation
    whole: bool = True  # whether nothing breaks off


def animation_of(data: bytes | memoryview, kind: str) -> Animation:
    """What a file of this format (Pillow's name) tells; still pictures and what can't be read tell no frames."""
    read = {"GIF": _gif, "PNG": _png, "WEBP": _webp, "AVIF": _avif}.get(kind)
    try:
        return Animation(()) if read is None else read(data)
    except (struct.error, IndexError):
        return Animation((), whole=False)


def _told(stated: list[float], *, ends: bool, hidden: bool = False, whole: bool = True) -> Animation:
    seconds = [_AT_ONCE if one <= _SHORTEST else one for one in stated]
    if ends and len(seconds) > 1:
        seconds[-1] += AFTER_END
    return Animation(tuple(seconds), hidden, whole)


def _gif(data: bytes | memoryview) -> Animation:
    place = _GIF_HEADER + _colours(data[10])
    delay, stated, ends, whole = 0.0, list[float](), True, True
    try:
        while place < len(data) and len(stated) < MAX_FRAMES:
            kind = data[place]
            if kind == 0x21:
                label, size = data[place + 1], data[place + 2]
                if label == 0xF9 and size >= 4:
                    delay = struct.unpack_from("<H", data, place + 4)[0] / 100
                if label == 0xFF and bytes(data[place + 3 : place + 14]) in _LOOPED:
                    ends = bytes(data[place + 14 : place + 16]) == b"\3\1" and data[place + 16 : place + 18] != b"\0\0"
                place += 2
            elif kind == 0x2C:
                place += 11 + _colours(data[place + 9])
                stated.append(delay)
                delay = 0.0
            else:  # the end, or where a browser stops, too
                break
            while size := data[place]:
                place += 1 + size
            place += 1
    except (IndexError, struct.error):
        whole = False
    return _told(stated, ends=ends, whole=whole)


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _png(data: bytes | memoryview) -> Animation:
    stated, animated, hidden, ends, pixels = list[float](), False, False, False, False
    place = _PNG_HEADER
    while place + 8 <= len(data) and len(stated) < MAX_FRAMES:
        (size,) = struct.unpack_from(">I", data, place)
        kind, inside = bytes(data[place + 4 : place + 8]), place + 8
        if kind == b"IEND":
            break
        if kind == b"acTL" and not pixels and inside + 8 <= len(data):
            animated, ends = True, struct.unpack_from(">I", data, inside + 4)[0] != 0
        elif kind == b"IDAT":
            hidden, pixels = hidden or not (pixels or stated), True
        elif kind == b"fcTL" and animated and inside + 24 <= len(data):
            over, under = struct.unpack_from(">HH", data, inside + 20)
            stated.append(over / (under or 100))
        place += 12 + size
    whole = place <= len(data)
    if not animated or not stated:
        return Animation((), whole=whole)
    return _told(stated, ends=ends, hidden=hidden, whole=whole)


def _webp(data: bytes | memoryview) -> Animation:
    stated, ends, place = list[float](), False, _WEBP_HEADER
    while place + 8 <= len(data) and len(stated) < MAX_FRAMES:
        (size,) = struct.unpack_from("<I", data, place + 4)
        kind, inside = bytes(data[place : place + 4]), place + 8
        if kind == b"ANIM" and inside + 6 <= len(data):
            ends = struct.unpack_from("<H", data, inside + 4)[0] != 0
        elif kind == b"ANMF" and inside + 16 <= len(data):
            stated.append(int.from_bytes(data[inside + 12 : inside + 15], "little") / 1000)
        place = inside + size + (size & 1)
    return _told(stated, ends=ends, whole=place <= len(data) + 1)


def _avif(data: bytes | memoryview) -> Animation:
    """Of the first track: the durations of its samples in the units of its ``mdhd``, which stands before ``stts``."""
    raw = bytes(data)
    at, head = raw.find(b"stts"), raw.find(b"mdhd")
    if at < 0 or head < 0:
        return Animation(())
    (scale,) = struct.unpack_from(">I", raw, head + (24 if raw[head + 4] else 16))
    (entries,) = struct.unpack_from(">I", raw, at + 8)
    stated = list[float]()
    for count, units in _counted(raw, at + 12, entries):
        stated += repeat(units / (scale or 1), min(count, MAX_FRAMES - len(stated)))
    return _told(stated, ends=False)


def _counted(raw: bytes, place: int, entries: int) -> Iterator[tuple[int, int]]:
    for number in range(min(entries, MAX_FRAMES)):
        count, units = struct.unpack_from(">II", raw, place + 8 * number)
        yield count, units
