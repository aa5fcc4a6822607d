"""The records of web archives: WARC (ISO 28500:2017) and ARC files, packed by gzip, by zstd, or not.

Of zstd: https://iipc.github.io/warc-specifications/specifications/warc-zstd/, with a dictionary in the first frame or
without one. An error belongs to its record: behind what is damaged, reading goes on at the next record that is found.
"""

import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import IO

from crawler.reading.bodies import field
from exhibit.types import Headers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE, _MIN_PORTION = 1 << 16, 512
_MAX_HEAD = 1 << 20
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_DICTIONARY = b"\x5d\x2a\x4d\x18"
"""How the frame begins that brings the dictionary; zstd passes over it, as over others of its kind."""
_MAX_DICTIONARY = 8 << 20  # bytes, packed or not: what the specification asks of readers
_WINDOW_LOG = 27  # 128 MiB to unpack a frame, as the command zstd takes
MAX_WINDOW: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
MAX_PASSED, MAX_RATIO = 256 << 20, 200
"""What isn't taken may unpack to so many bytes, and to more where it isn't that many times smaller as packed."""
_VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r*\n")
_ARC = re.compile(rb"(\S.*?) (\S+) (\d{4,14}) ([^ \n]*)(?: |$)")
"""The line without its length. Its type may be missing, or have a blank in it; version 2 has more fields behind it."""
_ARC_BEGINS = rb"[a-z]{3,20}:[^ \n]{1,2000} [0-9a-f.:]{3,40} \d{14} "
_MARK = re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|(?<=\n)(?:WARC/\d|" + _ARC_BEGINS + rb")")
_NO_ZERO = re.compile(rb"[^\0]")
_OVERLAP = 2100
_HEAD, _BLOCK = 4096, (1 << 17) + 64  # bytes that begin a member, and a frame: its first block at least
_FRAME_HEAD = 18
_MAX_TRIES = 100_000  # places of a file that look like a record's beginning and are none: by chance few a gigabyte
_MAX_EMPTY = 10_000  # members in a row that hold nothing: to begin with one takes longer than to unpack it


class Cause(Enum):
    """Why a place can't be read, where it isn't merely damaged."""

    NO_ARCHIVE = auto()  # it begins with no record, and none was found behind
    NO_DICTIONARY = auto()  # it is packed with one that the file doesn't bring along
    BAD_DICTIONARY = auto()  # the one that it brings along can't be used
    WINDOW = auto()  # unpacking it takes more memory than is given
    BOMB = auto()  # it is made to unpack to more than anybody reads


class _DamagedError(Exception):
    """What comes next isn't a record, or not a whole one."""

    def __init__(self, cause: Cause | None = None) -> None:
        super().__init__()
        self.cause = cause


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
    cause: Cause | None = None


def records(stream: IO[bytes], after: str = "") -> Iterator[Record | Damage]:
    """The records of a file, and the places that can't be read; all of it, or what lies behind a position."""
    begin, _, number = after.partition("+")
    place, skipped = int(begin or 0), int(number or 0) + 1 if after else 0
    try:
        dictionary = _dictionary(stream)
    except (_DamagedError, zstd.ZstdError, ValueError):
        yield Damage("0", is_end=True, cause=Cause.BAD_DICTIONARY)
        return
    has_read, tries = bool(after), iter(range(_MAX_TRIES))
    while True:
        source = _Unpacked(stream, place, skipped, dictionary)
        try:
            for record in _records(source):
                has_read = True
                yield record
        except (_DamagedError, zlib.error, zstd.ZstdError) as error:
            cause = error.cause if isinstance(error, _DamagedError) else _cause(stream, source.member, dictionary)
            found = _next(stream, source.begun + 1, dictionary, tries)
            if found is None and not has_read:
                cause = cause or Cause.NO_ARCHIVE
            if not source.skipped:
                yield Damage(f"{source.begun}+{source.number + 1}", is_end=found is None, cause=cause)
            if found is None:
                return
            place, skipped = found, 0
        else:
            return


def _records(source: "_Unpacked") -> Iterator[Record]:
    while line := source.begin():
        if _VERSION.fullmatch(line):
            headers = _headers(source)
        elif told := _of_arc(line):
            headers = told
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
        source.pass_over(record)


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


def _of_arc(data: bytes) -> Headers:
    """The one line of an ARC record (https://archive.org/web/researcher/ArcFileFormat.php) in the words of WARC.

    Empty where the data doesn't begin with such a line. The length is taken first: to look for it from within the
    expression takes the square of the line's length.
    """
    head, _, size = data.partition(b"\n")[0].rstrip(b"\r").rpartition(b" ")
    match = _ARC.match(head) if len(head) <= _PIECE and size.isdigit() and len(size) <= 18 else None
    if match is None:
        return ()
    parts = (*match.groups(), size)
    url, peer, date, media_type, length = (part.decode("utf-8", "replace").replace("\0", "") for part in parts)
    kind = "warcinfo" if url.startswith("filedesc://") else "response"
    told = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-IP-Address": peer, "WARC-Date": date}
    return (*told.items(), ("Content-Type", media_type), ("Content-Length", length))


class _Gzip:
    """Unpacks a member of gzip."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.rest = b""  # what was given, and not unpacked

    @property
    def is_whole(self) -> bool:
        """Whether all of the member has come."""
        return self._inflater.eof

    @property
    def wants_more(self) -> bool:
        """Whether nothing comes without more of the file."""
        return not self.rest

    def unpack(self, data: bytes) -> bytes:
        """The next bytes, no more than a piece."""
        plain = self._inflater.decompress(self.rest + data, _PIECE)
        self.rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return plain


class _Zstd:
    """Unpacks a frame of zstd; one that is to be passed over holds nothing."""

    def __init__(self, dictionary: zstd.ZstdDict | None) -> None:
        self._decoder = zstd.ZstdDecompressor(zstd_dict=dictionary, options=MAX_WINDOW)
        self.rest = b""

    @property
    def is_whole(self) -> bool:
        """Whether all of the frame has come."""
        return self._decoder.eof

    @property
    def wants_more(self) -> bool:
        """Whether nothing comes without more of the file."""
        return self._decoder.needs_input

    def unpack(self, data: bytes) -> bytes:
        """The next bytes, no more than a piece."""
        plain = self._decoder.decompress(data, _PIECE)
        self.rest = self._decoder.unused_data
        return plain


class _Unpacked:
    """The bytes of a file from a place on, unpacked member by member where they are gzip's, frame by frame of zstd."""

    def __init__(self, stream: IO[bytes], place: int, skipped: int, dictionary: zstd.ZstdDict | None) -> None:
        stream.seek(place)
        self.skipped = skipped  # so many records aren't wanted
        self._stream, self._dictionary = stream, dictionary
        self._packed, self._at = self._stream.read(_PIECE), 0  # what was read, and how far it has been unpacked
        self._plain, self._empty = bytearray(), 0
        self._is_zstd = _is_zstd(self._packed)
        self.is_packed = self._is_zstd or self._packed[:2] == _GZIP[:2]
        self._unpacker: _Gzip | _Zstd = self._new_unpacker()
        self.member, self.number = place, -1  # where it begins, and the number of the record in it that has begun last
        self.begun = place  # where the record begins that is being read; of its member where that is packed
        if not self.is_packed:
            self._plain, self._packed = bytearray(self._packed), b""

    def _new_unpacker(self) -> _Gzip | _Zstd:
        self._portion = _MIN_PORTION
        return _Zstd(self._dictionary) if self._is_zstd else _Gzip()

    @property
    def position(self) -> str:
        """Where the record is that has begun last."""
        return f"{self.begun}+{self.number}" if self.is_packed and self.number > 0 else str(self.begun)

    def begin(self) -> bytes:
        """The first line of the next record; empty lines before it are passed over."""
        empty = 0
        while True:
            if not self._plain and not self._fill():
                return b""
            member, place = self.member, self._stream.tell() - len(self._plain)
            if (line := self.line()).strip():
                break
            empty += len(line)
            if empty > _MAX_HEAD:
                raise _DamagedError
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

    def pass_over(self, record: Record) -> None:
        """Leave the rest of a record's block unread; raises ``_DamagedError`` where it breaks off, or has no end."""
        place, passed = self._stream.tell(), 0
        while record.left:
            if not (piece := record.read(_PIECE)):
                raise _DamagedError
            passed += len(piece)
            if self.is_packed and passed > MAX_PASSED + MAX_RATIO * (self._stream.tell() - place):
                raise _DamagedError(Cause.BOMB)

    def _taken(self, size: int) -> bytes:
        data = bytes(self._plain[:size])
        del self._plain[:size]
        return data

    def _fill(self) -> bool:
        """Have more bytes; false at the end. Raises ``_DamagedError`` where a member breaks off, or its library's."""
        if not self.is_packed:
            self._plain += (data := self._stream.read(_PIECE))
            return bool(data)
        while not self._unpacker.is_whole or self._following():
            data = b""
            if self._unpacker.wants_more and not (data := self._next_portion()):
                raise _DamagedError
            if plain := self._unpacker.unpack(data):
                self._plain += plain
                self._empty = 0
                return True
        return False

    def _next_portion(self) -> bytes:
        """The next packed bytes: few of a member's first, for what lies behind its end is copied each time."""
        if self._at == len(self._packed):
            self._packed, self._at = self._stream.read(_PIECE), 0
        data = self._packed[self._at : self._at + self._portion]
        self._at += len(data)
        self._portion = min(2 * self._portion, _PIECE)
        return data

    def _following(self) -> bool:
        """Go on with the next member, of which there may be none; some writers fill up with zeros."""
        self._empty += 1
        if self._empty > _MAX_EMPTY:
            raise _DamagedError
        self._at -= len(self._unpacker.rest)
        while not (begin := _NO_ZERO.search(self._packed, self._at)):
            self._packed, self._at = self._stream.read(_PIECE), 0
            if not self._packed:
                return False
        self._at = begin.start()
        self.member = self._stream.tell() - len(self._packed) + self._at
        self._unpacker = self._new_unpacker()
        return True


def _is_zstd(data: bytes) -> bool:
    """Whether a frame of zstd begins here, or one that is to be passed over (RFC 8878, 3.1)."""
    return data.startswith(_ZSTD) or (data[1:4] == _DICTIONARY[1:] and data[0] >> 4 == 5)


def _dictionary(stream: IO[bytes]) -> zstd.ZstdDict | None:
    """What a file brings along to unpack it; raises ``_DamagedError``, ``ZstdError``, ``ValueError``."""
    stream.seek(0)
    head = stream.read(8)
    if not head.startswith(_DICTIONARY):
        return None
    size = int.from_bytes(head[4:], "little")
    if size > _MAX_DICTIONARY:
        raise _DamagedError
    data = stream.read(size)
    if data.startswith(_ZSTD):
        decoder = zstd.ZstdDecompressor(options=MAX_WINDOW)
        data = decoder.decompress(data, _MAX_DICTIONARY)
        if not decoder.eof:
            raise _DamagedError
    dictionary = zstd.ZstdDict(data)
    zstd.ZstdDecompressor(zstd_dict=dictionary)  # only that looks at all of it
    return dictionary


def _cause(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None) -> Cause | None:
    """Why a frame of zstd can't be unpacked, where its head tells it (RFC 8878, 3.1.1.1)."""
    stream.seek(place)
    head = stream.read(_FRAME_HEAD)
    try:
        found = zstd.get_frame_info(head)
    except zstd.ZstdError:
        return None
    if found.dictionary_id and (dictionary is None or found.dictionary_id != dictionary.dict_id):
        return Cause.NO_DICTIONARY
    is_single, window = head[4] & 0x20, (8 + (head[5] & 7)) << 7 + (head[5] >> 3)
    return Cause.WINDOW if (found.decompressed_size or 0 if is_single else window) > 1 << _WINDOW_LOG else None


def _next(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None, tries: Iterator[int]) -> int | None:
    """Where a record begins that can be told from what lies around it; ``None`` when there is none up to the end."""
    stream.seek(place)
    held = b""
    while data := stream.read(_PIECE):
        held += data
        base = stream.tell() - len(held)
        for match in _MARK.finditer(held):
            if _is_record(stream, base + match.start(), dictionary):
                return base + match.start()
            if next(tries, None) is None:
                return None
        stream.seek(base + len(held))
        held = held[-_OVERLAP:]
    return None


def _is_record(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None) -> bool:
    stream.seek(place - 1)
    before, data = stream.read(1), stream.read(_HEAD)
    if not data.startswith((_GZIP, _ZSTD)):
        return before == b"\n" and _is_head(data)
    unpacker = _Zstd(dictionary) if data.startswith(_ZSTD) else _Gzip()
    begins, left = b"", _BLOCK
    with suppress(zlib.error, zstd.ZstdError):
        while not (begins := begins or unpacker.unpack(data).lstrip()) and data and left > 0 and not unpacker.is_whole:
            data = stream.read(_HEAD)
            left -= len(data)
    return _is_head(begins)


def _is_head(data: bytes) -> bool:
    """Whether data begin as a record of either form."""
    return _VERSION.match(data) is not None or bool(_of_arc(data))
