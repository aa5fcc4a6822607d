"""Reader for web archive records: WARC (ISO 28500:2017) and ARC files, compressed with gzip or zstd, or uncompressed.

For zstd, see https://iipc.github.io/warc-specifications/specifications/warc-zstd/; a dictionary in the first frame is
optional. An error affects only its record: after damaged data, reading continues at the next record found.
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
"""Start of the frame that contains the dictionary; zstd skips it, like all skippable frames."""
_MAX_DICTIONARY = 8 << 20  # bytes, compressed or not: what the specification requires of readers
_WINDOW_LOG = 27  # 128 MiB to decompress a frame, the default of the zstd command
MAX_WINDOW: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
MAX_PASSED, MAX_RATIO = 256 << 20, 200
"""Decompression limits for skipped data: size in bytes, and ratio to the compressed size above that."""
_VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r*\n")
_ARC = re.compile(rb"(\S.*?) (\S+) (\d{4,14}) ([^ \n]*)(?: |$)")
"""An ARC header line without its length. The type may be missing or contain a space; version 2 adds more fields."""
_ARC_BEGINS = rb"[a-z]{3,20}:[^ \n]{1,2000} [0-9a-f.:]{3,40} \d{14} "
_MARK = re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|(?<=\n)(?:WARC/\d|" + _ARC_BEGINS + rb")")
_NO_ZERO = re.compile(rb"[^\0]")
_OVERLAP = 2100
_HEAD, _BLOCK = 4096, (1 << 17) + 64  # bytes at the start of a member, and of a frame: at least its first block
_FRAME_HEAD = 18
_MAX_TRIES = 100_000  # places in a file that look like the start of a record but are not: few per gigabyte by chance
_MAX_EMPTY = 10_000  # consecutive empty members: starting one takes longer than decompressing it


class Cause(Enum):
    """Reason why data cannot be read, if it is not merely damaged."""

    NO_ARCHIVE = auto()  # it does not start with a record, and no record was found later
    NO_DICTIONARY = auto()  # it needs a dictionary that the file does not contain
    BAD_DICTIONARY = auto()  # the dictionary in the file cannot be used
    WINDOW = auto()  # decompression needs more memory than allowed
    BOMB = auto()  # it decompresses to far more data than any reader accepts


class _DamagedError(Exception):
    """The next data is not a record, or not a complete one."""

    def __init__(self, cause: Cause | None = None) -> None:
        super().__init__()
        self.cause = cause


@dataclass(slots=True)
class Record:
    """A record whose block can be read until the next record is requested."""

    position: str
    """Start of the record: offset in the file in bytes and, in a gzip member with several records, ``+`` and the number
    of the record in the member."""
    headers: Headers  # WARC headers; those of an ARC record are renamed to match
    length: int  # of the block, as declared
    source: "_Unpacked"
    unread_bytes: int = 0  # unread bytes of the block

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string if it is missing."""
        return field(self.headers, name)

    def read(self, most: int) -> bytes:
        """Return the next bytes of the block; fewer than ``most`` at its end, or if the file is truncated."""
        data = self.source.read(min(most, self.unread_bytes))
        self.unread_bytes -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of the file that could not be read."""

    position: str
    is_end: bool  # whether no further record was found after it
    cause: Cause | None = None


def records(stream: IO[bytes], after: str = "") -> Iterator[Record | Damage]:
    """Yield the records of a file and its damaged parts, from the start or after a position."""
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
            next_record = _next(stream, source.begun + 1, dictionary, tries)
            if next_record is None and not has_read:
                cause = cause or Cause.NO_ARCHIVE
            if not source.skipped:
                yield Damage(f"{source.begun}+{source.number + 1}", is_end=next_record is None, cause=cause)
            if next_record is None:
                return
            place, skipped = next_record, 0
        else:
            return


def _records(source: "_Unpacked") -> Iterator[Record]:
    while line := source.begin():
        if _VERSION.fullmatch(line):
            headers = _headers(source)
        elif arc_headers := _of_arc(line):
            headers = arc_headers
        else:
            raise _DamagedError
        length_field = field(headers, "content-length")
        if not (length_field.isascii() and length_field.isdecimal() and len(length_field) <= 18):
            raise _DamagedError
        record = Record(source.position, headers, int(length_field), source, int(length_field))
        if source.skipped:
            source.skipped -= 1
        else:
            yield record
        source.pass_over(record)


def _headers(source: "_Unpacked") -> Headers:
    """Read named fields until an empty line; a line that starts with white space continues the previous field."""
    headers: list[tuple[str, str]] = []
    size = 0
    while (line := source.line()).strip():
        size += len(line)
        if size > _MAX_HEAD:
            raise _DamagedError
        name, colon, value = line.decode("utf-8", "replace").replace("\0", "").partition(":")
        if line[:1] in b" \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.decode('utf-8', 'replace').strip()}")
        elif colon:
            headers.append((name.strip(), value.strip()))
    if not line:
        raise _DamagedError
    return tuple(headers)


def _of_arc(data: bytes) -> Headers:
    """Convert the header line of an ARC record (https://archive.org/web/researcher/ArcFileFormat.php) to WARC headers.

    Empty if the data does not start with such a line. The length is split off first, as searching for it within the
    regular expression would take quadratic time.
    """
    head, _, size = data.partition(b"\n")[0].rstrip(b"\r").rpartition(b" ")
    match = _ARC.match(head) if len(head) <= _PIECE and size.isdigit() and len(size) <= 18 else None
    if match is None:
        return ()
    parts = (*match.groups(), size)
    url, peer, date, media_type, length = (part.decode("utf-8", "replace").replace("\0", "") for part in parts)
    kind = "warcinfo" if url.startswith("filedesc://") else "response"
    headers = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-IP-Address": peer, "WARC-Date": date}
    return (*headers.items(), ("Content-Type", media_type), ("Content-Length", length))


class _Gzip:
    """Decompresses one gzip member."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.rest = b""  # input that has not been decompressed

    @property
    def is_whole(self) -> bool:
        """True if the member is complete."""
        return self._inflater.eof

    @property
    def wants_more(self) -> bool:
        """True if no output is available without more input."""
        return not self.rest

    def unpack(self, data: bytes) -> bytes:
        """Return the next bytes, at most one piece."""
        plain = self._inflater.decompress(self.rest + data, _PIECE)
        self.rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return plain


class _Zstd:
    """Decompresses one zstd frame; a skippable frame has no content."""

    def __init__(self, dictionary: zstd.ZstdDict | None) -> None:
        self._decoder = zstd.ZstdDecompressor(zstd_dict=dictionary, options=MAX_WINDOW)
        self.rest = b""

    @property
    def is_whole(self) -> bool:
        """True if the frame is complete."""
        return self._decoder.eof

    @property
    def wants_more(self) -> bool:
        """True if no output is available without more input."""
        return self._decoder.needs_input

    def unpack(self, data: bytes) -> bytes:
        """Return the next bytes, at most one piece."""
        plain = self._decoder.decompress(data, _PIECE)
        self.rest = self._decoder.unused_data
        return plain


class _Unpacked:
    """The bytes of a file from an offset on, decompressed one gzip member or zstd frame after the other."""

    def __init__(self, stream: IO[bytes], place: int, skipped: int, dictionary: zstd.ZstdDict | None) -> None:
        stream.seek(place)
        self.skipped = skipped  # number of records to skip
        self._stream, self._dictionary = stream, dictionary
        self._packed, self._at = self._stream.read(_PIECE), 0  # compressed data, and the offset of its unread part
        self._plain, self._empty = bytearray(), 0
        self._is_zstd = _is_zstd(self._packed)
        self.is_packed = self._is_zstd or self._packed[:2] == _GZIP[:2]
        self._unpacker: _Gzip | _Zstd = self._new_unpacker()
        self.member, self.number = place, -1  # offset of the member, and number of the current record in it
        self.begun = place  # start of the current record; if compressed, of its member
        if not self.is_packed:
            self._plain, self._packed = bytearray(self._packed), b""

    def _new_unpacker(self) -> _Gzip | _Zstd:
        self._portion = _MIN_PORTION
        return _Zstd(self._dictionary) if self._is_zstd else _Gzip()

    @property
    def position(self) -> str:
        """Position of the record that started last."""
        return f"{self.begun}+{self.number}" if self.is_packed and self.number > 0 else str(self.begun)

    def begin(self) -> bytes:
        """Return the first line of the next record; empty lines before it are skipped."""
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
        """Return one line; empty at the end."""
        while (end := self._plain.find(b"\n")) < 0 and len(self._plain) <= _MAX_HEAD:
            if not self._fill():
                break
        if end < 0 and len(self._plain) > _MAX_HEAD:
            raise _DamagedError
        return self._take(end + 1 or len(self._plain))

    def read(self, most: int) -> bytes:
        """Return the next bytes; fewer at the end."""
        whole = bytearray()
        with suppress(_DamagedError, zlib.error):  # the next record will not be found either
            while len(whole) < most and (self._plain or self._fill()):
                whole += self._take(most - len(whole))
        return bytes(whole)

    def pass_over(self, record: Record) -> None:
        """Skip the rest of a record's block.

        Raises:
            _DamagedError: The block is truncated, or decompresses to too much data.
        """
        place, passed = self._stream.tell(), 0
        while record.unread_bytes:
            if not (piece := record.read(_PIECE)):
                raise _DamagedError
            passed += len(piece)
            if self.is_packed and passed > MAX_PASSED + MAX_RATIO * (self._stream.tell() - place):
                raise _DamagedError(Cause.BOMB)

    def _take(self, size: int) -> bytes:
        data = bytes(self._plain[:size])
        del self._plain[:size]
        return data

    def _fill(self) -> bool:
        """Read more bytes; return False at the end.

        Raises:
            _DamagedError: A member is truncated.
            zlib.error: A gzip member is damaged.
            zstd.ZstdError: A zstd frame is damaged.
        """
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
        """Return the next compressed bytes: only few of a member's first, as data after its end is copied each time."""
        if self._at == len(self._packed):
            self._packed, self._at = self._stream.read(_PIECE), 0
        data = self._packed[self._at : self._at + self._portion]
        self._at += len(data)
        self._portion = min(2 * self._portion, _PIECE)
        return data

    def _following(self) -> bool:
        """Start the next member, if there is one; zero bytes that some writers use as padding are skipped."""
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
    """Return True if a zstd frame or a skippable frame starts here (RFC 8878, 3.1)."""
    return data.startswith(_ZSTD) or (data[1:4] == _DICTIONARY[1:] and data[0] >> 4 == 5)


def _dictionary(stream: IO[bytes]) -> zstd.ZstdDict | None:
    """Read the zstd dictionary that a file contains.

    Raises:
        _DamagedError: The dictionary is incomplete or too large.
        zstd.ZstdError: The dictionary cannot be decompressed or used.
        ValueError: The data is not a dictionary.
    """
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
    zstd.ZstdDecompressor(zstd_dict=dictionary)  # only this validates the whole dictionary
    return dictionary


def _cause(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None) -> Cause | None:
    """Return the reason why a zstd frame cannot be decompressed, if its header shows it (RFC 8878, 3.1.1.1)."""
    stream.seek(place)
    head = stream.read(_FRAME_HEAD)
    try:
        frame = zstd.get_frame_info(head)
    except zstd.ZstdError:
        return None
    if frame.dictionary_id and (dictionary is None or frame.dictionary_id != dictionary.dict_id):
        return Cause.NO_DICTIONARY
    is_single, window = head[4] & 0x20, (8 + (head[5] & 7)) << 7 + (head[5] >> 3)
    return Cause.WINDOW if (frame.decompressed_size or 0 if is_single else window) > 1 << _WINDOW_LOG else None


def _next(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None, tries: Iterator[int]) -> int | None:
    """Find the next offset where a record starts; ``None`` if there is none before the end."""
    stream.seek(place)
    buffer = b""
    while data := stream.read(_PIECE):
        buffer += data
        base = stream.tell() - len(buffer)
        for match in _MARK.finditer(buffer):
            if _is_record(stream, base + match.start(), dictionary):
                return base + match.start()
            if next(tries, None) is None:
                return None
        stream.seek(base + len(buffer))
        buffer = buffer[-_OVERLAP:]
    return None


def _is_record(stream: IO[bytes], place: int, dictionary: zstd.ZstdDict | None) -> bool:
    stream.seek(place - 1)
    before, data = stream.read(1), stream.read(_HEAD)
    if not data.startswith((_GZIP, _ZSTD)):
        return before == b"\n" and _is_head(data)
    unpacker = _Zstd(dictionary) if data.startswith(_ZSTD) else _Gzip()
    begins, rest = b"", _BLOCK
    with suppress(zlib.error, zstd.ZstdError):
        while not (begins := begins or unpacker.unpack(data).lstrip()) and data and rest > 0 and not unpacker.is_whole:
            data = stream.read(_HEAD)
            rest -= len(data)
    return _is_head(begins)


def _is_head(data: bytes) -> bool:
    """Return True if the data starts with a WARC or ARC record."""
    return _VERSION.match(data) is not None or bool(_of_arc(data))
