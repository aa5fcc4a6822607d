"""How long each frame of an animation stands, by the file's own words and without decoding anything.

GIF 89a (graphic control extension), PNG third edition (fcTL), WebP (ANMF, RFC 9649), AVIF (the track's box ``stts``,
ISO/IEC 14496-12). Read as browsers read it: 10 ms and less is a tenth of a second, and what isn't played again stays.
``tests/exhibit/pictures/test_as_browsers_show.py`` holds times and playings against Chromium's.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

MAX_FRAMES = 100_000
AFTER_END = 10.0
"""Seconds that the last frame stands longer, where an animation ends: whoever looks at a page sees that one."""
ENDS_WITHIN = 60.0
"""Seconds within which all its playings have to be over for that: nobody waits for the end of days."""
FOR_EVER = 0
_SHORTEST, _AT_ONCE = 0.010, 0.1
_GIF_HEADER, _PNG_HEADER, _WEBP_HEADER = 13, 8, 12
_LOOPED = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_MOST_OF_PNG = 0x7FFFFFFF
_PLACES = {
    b"trak": (b"tkhd", b"edts", b"mdia", b"tref"), b"edts": (b"elst",), b"tref": (b"auxl",),
    b"mdia": (b"mdhd", b"minf"), b"minf": (b"stbl",), b"stbl": (b"stco", b"co64", b"stsc", b"stsd", b"stts"),
}  # fmt: skip
_BOX_HEADER, _AV1 = 8, b"av01"
_ENDLESS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


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


def _told(stated: list[float], plays: int, *, hidden: bool = False, whole: bool = True) -> Animation:
    seconds = [_AT_ONCE if one <= _SHORTEST else one for one in stated]
    if plays != FOR_EVER and len(seconds) > 1 and plays * sum(seconds) <= ENDS_WITHIN:
        seconds[-1] += AFTER_END
    return Animation(tuple(seconds), hidden, whole)


def _gif(data: bytes | memoryview) -> Animation:
    place = _GIF_HEADER + _colours(data[10])
    delay, stated, plays, whole = 0.0, list[float](), 1, True
    try:
        while place < len(data) and len(stated) < MAX_FRAMES:
            kind = data[place]
            if kind == 0x21:
                label, size = data[place + 1], data[place + 2]
                if label == 0xF9 and size >= 4:
                    delay = struct.unpack_from("<H", data, place + 4)[0] / 100
                if label == 0xFF and bytes(data[place + 3 : place + 14]) in _LOOPED:
                    plays = _plays_of_gif(data, place + 14, plays)
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
    return _told(stated, plays, whole=whole)


def _plays_of_gif(data: bytes | memoryview, place: int, otherwise: int) -> int:
    """By the block behind an extension's name, where it says how often it is played again."""
    if bytes(data[place : place + 2]) != b"\3\1":
        return otherwise
    (again,) = struct.unpack_from("<H", data, place + 2)
    return again + 1 if again else FOR_EVER


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _png(data: bytes | memoryview) -> Animation:
    stated, frames, plays, hidden, pixels = list[float](), 0, FOR_EVER, False, False
    place = _PNG_HEADER
    while place + 8 <= len(data) and len(stated) < MAX_FRAMES:
        (size,) = struct.unpack_from(">I", data, place)
        kind, inside = bytes(data[place + 4 : place + 8]), place + 8
        if kind == b"IEND":
            break
        if kind == b"acTL" and not (pixels or frames) and inside + 8 <= len(data):
            frames, plays = struct.unpack_from(">II", data, inside)
        elif kind == b"IDAT":
            hidden, pixels = hidden or not (pixels or stated), True
        elif kind == b"fcTL" and inside + 24 <= len(data):
            over, under = struct.unpack_from(">HH", data, inside + 20)
            stated.append(over / (under or 100))
        place += 12 + size
    whole = place <= len(data)
    if not stated or not 0 < frames <= _MOST_OF_PNG:
        return Animation((), whole=whole)
    return _told(stated[:frames], plays, hidden=hidden, whole=whole)


def _webp(data: bytes | memoryview) -> Animation:
    """As far as the file says that it goes; its first ``ANIM`` counts."""
    stated, place = list[float](), _WEBP_HEADER
    plays: int | None = None
    data = memoryview(data)[: 8 + struct.unpack_from("<I", data, 4)[0]]
    while place + 8 <= len(data) and len(stated) < MAX_FRAMES:
        (size,) = struct.unpack_from("<I", data, place + 4)
        kind, inside = bytes(data[place : place + 4]), place + 8
        if kind == b"ANIM" and plays is None and inside + 6 <= len(data):
            (plays,) = struct.unpack_from("<H", data, inside + 4)
        elif kind == b"ANMF" and inside + 16 <= len(data):
            stated.append(int.from_bytes(data[inside + 12 : inside + 15], "little") / 1000)
        place = inside + size + (size & 1)
    return _told(stated, plays or FOR_EVER, whole=place <= len(data) + 1)


def _avif(data: bytes | memoryview) -> Animation:
    """Of the track that libavif takes: the first with pictures that isn't another one's transparency."""
    movie = next((inside for kind, inside in _boxes(memoryview(data)) if kind == b"moov"), memoryview(b""))
    tracks = (_Track(inside) for kind, inside in _boxes(movie) if kind == b"trak")
    shown = next((track for track in tracks if track.is_shown), None)
    return Animation(()) if shown is None else _told(shown.seconds(), shown.plays())


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each box (ISO/IEC 14496-12, 4.2)."""
    place = 0
    while place + _BOX_HEADER <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        begin = place + _BOX_HEADER
        if size == 1:
            (size,), begin = struct.unpack_from(">Q", data, begin), begin + 8
        end = place + size if size else len(data)
        if end < begin:
            return
        yield kind, data[begin:end]
        place = end


class _Track:
    """What is read of a track: its boxes where they belong, and nowhere else."""

    def __init__(self, data: memoryview) -> None:
        self._boxes: dict[bytes, list[memoryview]] = {}
        self._add(b"trak", data)

    def _add(self, place: bytes, data: memoryview) -> None:
        for kind, inside in _boxes(data):
            if kind in _PLACES[place]:
                self._boxes.setdefault(kind, []).append(inside)
                if kind in _PLACES:
                    self._add(kind, inside)

    @property
    def is_shown(self) -> bool:
        """Whether it has a number and samples of pictures, and is no auxiliary of another one."""
        number = any(_long(box, 20 if box[0] else 12) for box in self._of(b"tkhd"))
        pictures = any(kind == _AV1 for box in self._of(b"stsd") for kind, _inside in _boxes(box[8:]))
        return number and pictures and self._chunks > 0 and not any(_long(box, 0) for box in self._of(b"auxl"))

    def seconds(self) -> list[float]:
        """How long each sample stands by ``stts``, whose last words hold for all that are left (libavif)."""
        scale = next((_long(box, 20 if box[0] else 12) for box in reversed(self._of(b"mdhd"))), 0) or 1
        left, units, stated = min(self._samples(), MAX_FRAMES), 0, list[float]()
        for box in self._of(b"stts"):
            for count, units in _rows(box, ">II"):
                stated += repeat(units / scale, min(count, left - len(stated)))
        return [*stated, *repeat(units / scale, left - len(stated))]

    def plays(self) -> int:
        """As often as the list of edits, where it is to be repeated, fills the track (ISO/IEC 23008-12, 9.6.1)."""
        for edits, header in zip(self._of(b"elst"), self._of(b"tkhd"), strict=False):
            if not edits[3] & 1:
                return 1
            once, length = (
                struct.unpack_from(">Q" if box[0] else ">I", box, place)[0]
                for box, place in ((edits, 8), (header, 28 if header[0] else 20))
            )
            return FOR_EVER if length in _ENDLESS else -(-length // (once or 1))
        return FOR_EVER

    @property
    def _chunks(self) -> int:
        return sum(_long(box, 4) for kind in (b"stco", b"co64") for box in self._of(kind))

    def _samples(self) -> int:
        """By ``stsc``: from which chunk on each holds how many."""
        rows = [row for box in self._of(b"stsc") for row in _rows(box, ">III")]
        ends = [*(first for first, _each, _kind in rows[1:]), self._chunks + 1]
        return sum(max(0, end - first) * each for (first, each, _kind), end in zip(rows, ends, strict=True))

    def _of(self, kind: bytes) -> list[memoryview]:
        return self._boxes.get(kind, [])


def _rows(box: memoryview, form: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table whose number stands before them."""
    size = struct.calcsize(form)
    for number in range(min(_long(box, 4), MAX_FRAMES)):
        yield struct.unpack_from(form, box, 8 + size * number)


def _long(box: memoryview, place: int) -> int:
    (number,) = struct.unpack_from(">I", box, place)
    return int(number)
