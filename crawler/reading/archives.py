"""The records of web archives: WARC (ISO 28500:2017) and ARC files, packed by gzip or not.

An error belongs to its record: behind what is damaged, reading goes on at the next record that is found.
"""

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from crawler.reading.bodies import field
from exhibit.types import Headers

_PIECE = 1 << 16
_MAX_HEAD = 1 << 20
_GZIP = b"\x1f\x8b\x08"
_VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n")
_ARC = re.compile(rb"(\S.*?) (\S+) (\d{4,14}) (\S+) (?:\S+ \S+ \S+ \S+ \S+ )?(\d{1,18})\r?\n?")
_MARK = re.compile(rb"\x1f\x8b\x08|(?<=\n)WARC/\d")
_OVERLAP = 8
_HEAD = 4096


class _DamagedError(Exception):
    """What comes next isn't a record, or not a whole one."""


@dataclass(slots=True)
class Record:
    """A record whose block hasn't been read yet; it can be until the next one is asked for."""

    position: str
    """Where it begins: bytes from the file's beginning, and its number behind a ``+`` in a member of gzip that holds
    several."""
    headers: Headers  # of WARC; those of an ARC record are given the same names
    length: int  # of the block, as declared
    source: "_Unpacked"
    left: int = 0  # of it, unread

    def header(self, name: str) -> str:
        """One of its headers, empty where there is none."""
        return field(self.headers, name)

    def read(self, most: int) -> bytes:
        """The next bytes of the block; fewer than asked for at its end, or where the file breaks off."""
        data = self.source.read(min(most, self.left))
        self.left -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class Damage:
    """A place that couldn't be read."""

    position: str
    is_end: bool  # whether nothing of the file was found behind it


def records(stream: IO[bytes], after: str = "") -> Iterator[Record | Damage]:
    """The records of a file, and the places that can't be read; all of it, or what lies behind a position."""
    begin, _, number = after.partition("+")
    place, skipped = int(begin or 0), int(number or 0) + 1 if after else 0
    while True:
        source = _Unpacked(stream, place, skipped)
        try:
            yield from _records(source)
        except (_DamagedError, zlib.error):
            found = _next(stream, source.begun + 1)
            if not source.skipped:
                yield Damage(f"{source.begun}+{source.number + 1}", is_end=found is None)
            if found is None:
                return
            place, skipped = found, 0
        else:
            return


def _records(source: "_Unpacked") -> Iterator[Record]:
    while line := source.begin():
        if _VERSION.fullmatch(line):
            headers = _headers(source)
        elif match := _ARC.fullmatch(line):
            headers = _of_arc(match)
        else:
            raise _DamagedError
        declared = field(headers, "content-length")
        if not (declared.isascii() and declared.isdecimal() and len(declared) <= 18):
            raise _DamagedError
        record = Record(source.position, headers, int(declared), source, int(declared))
        if source.skipped:
            source.skipped -= 1
        else:
            yield record
        while record.left:
            if not record.read(_PIECE):
                raise _DamagedError


def _headers(source: "_Unpacked") -> Headers:
    """Named fields until an empty line; a line that begins with a blank goes on with the one before."""
    found: list[tuple[str, str]] = []
    size = 0
    while (line := source.line()).strip():
        size += len(line)
        if size > _MAX_HEAD:
            raise _DamagedError
        name, colon, value = line.decode("utf-8", "replace").replace("\0", "").partition(":")
        if line[:1] in b" \t" and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.decode('utf-8', 'replace').strip()}")
        elif colon:
            found.append((name.strip(), value.strip()))
    if not line:
        raise _DamagedError
    return tuple(found)


def _of_arc(match: re.Match[bytes]) -> Headers:
    """The one line of an ARC record (https://archive.org/web/researcher/ArcFileFormat.php) in the words of WARC."""
    url, peer, date, media_type, length = (part.decode("utf-8", "replace").replace("\0", "") for part in match.groups())
    kind = "warcinfo" if url.startswith("filedesc://") else "response"
    told = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-IP-Address": peer, "WARC-Date": date}
    return (*told.items(), ("Content-Type", media_type), ("Content-Length", length))


class _Unpacked:
    """The bytes of a file from a place on, unpacked member by member where they are gzip's."""

    def __init__(self, stream: IO[bytes], place: int, skipped: int) -> None:
        stream.seek(place)
        self.skipped = skipped  # so many records aren't wanted
        self._stream = stream
        self._packed = self._stream.read(_PIECE)  # read, and not unpacked yet
        self._plain = bytearray()
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.is_packed = self._packed[:2] == _GZIP[:2]
        self._member, self.number = place, -1  # where it begins, and the number of the record in it that has begun last
        self.begun = place  # where the record begins that is being read; of its member where that is packed
        if not self.is_packed:
            self._plain, self._packed = bytearray(self._packed), b""

    @property
    def position(self) -> str:
        """Where the record is that has begun last."""
        return f"{self.begun}+{self.number}" if self.is_packed and self.number > 0 else str(self.begun)

    def begin(self) -> bytes:
        """The first line of the next record; empty lines before it are passed over."""
        while True:
            if not self._plain and not self._fill():
                return b""
            member, place = self._member, self._stream.tell() - len(self._plain)
            if (line := self.line()).strip():
                break
        self.number = self.number + 1 if self.is_packed and member == self.begun else 0
        self.begun = member if self.is_packed else place
        return line

    def line(self) -> bytes:
        """One line; empty at the end."""
        while (end := self._plain.find(b"\n")) < 0 and len(self._plain) <= _MAX_HEAD:
            if not self._fill():
                break
        if end < 0 and len(self._plain) > _MAX_HEAD:
            raise _DamagedError
        return self._taken(end + 1 or len(self._plain))

    def read(self, most: int) -> bytes:
        """Bytes; fewer at the end."""
        whole = bytearray()
        with suppress(_DamagedError, zlib.error):  # the next record won't be there either
            while len(whole) < most and (self._plain or self._fill()):
                whole += self._taken(most - len(whole))
        return bytes(whole)

    def _taken(self, size: int) -> bytes:
        data = bytes(self._plain[:size])
        del self._plain[:size]
        return data

    def _fill(self) -> bool:
        """Have more bytes; false at the end. Raises ``_DamagedError`` where a member breaks off, ``zlib.error``."""
        while not self.is_packed or not self._inflater.eof or self._following():
            data = self._packed or self._stream.read(_PIECE)
            if not data:
                if self.is_packed and not self._inflater.eof:
                    raise _DamagedError
                return False
            if not self.is_packed:
                self._plain += data
                return True
            plain = self._inflater.decompress(data, _PIECE)
            self._packed = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if plain:
                self._plain += plain
                return True
        return False

    def _following(self) -> bool:
        """Go on with the next member, of which there may be none; some writers fill up with zeros."""
        while not (rest := self._packed.lstrip(b"\0")):
            self._packed = self._stream.read(_PIECE)
            if not self._packed:
                return False
        self._packed = rest
        self._member = self._stream.tell() - len(rest)
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return True


def _next(stream: IO[bytes], place: int) -> int | None:
    """Where a record begins that can be told from what lies around it; ``None`` when there is none up to the end."""
    stream.seek(place)
    held = b""
    while data := stream.read(_PIECE):
        held += data
        base = stream.tell() - len(held)
        for match in _MARK.finditer(held):
            if _is_record(stream, base + match.start()):
                return base + match.start()
        stream.seek(base + len(held))
        held = held[-_OVERLAP:]
    return None


def _is_record(stream: IO[bytes], place: int) -> bool:
    stream.seek(place - 1)
    before, data = stream.read(1), stream.read(_HEAD)
    if not data.startswith(_GZIP):
        return before == b"\n" and _VERSION.match(data) is not None
    try:
        data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _HEAD).lstrip()
    except zlib.error:
        return False
    return (_VERSION.match(data) or _ARC.match(data)) is not None
