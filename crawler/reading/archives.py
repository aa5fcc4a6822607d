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

from crawler.reading.bodies import get_field
from exhibit.types import Headers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK_BYTES, _MIN_INPUT_BYTES = 1 << 16, 512
_MAX_HEAD_BYTES = 1 << 20
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
"""Start of the frame that contains the dictionary; zstd skips it, like all skippable frames."""
_MAX_DICTIONARY_BYTES = 8 << 20  # bytes, compressed or not; the specification requires readers to support it
_WINDOW_LOG = 27  # 128 MiB to decompress a frame, the default of the zstd command
MAX_WINDOW: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
MAX_SKIPPED_BYTES, MAX_RATIO = 256 << 20, 200
"""Decompression limits for skipped data: size in bytes, and ratio to the compressed size above that."""
_VERSION = re.compile(rb"WARC/\d+\.\d+[ \t]*\r*\n")
_ARC_HEADER = re.compile(rb"(\S.*?) (\S+) (\d{4,14}) ([^ \n]*)(?: |$)")
"""An ARC header line without its length. The type may be missing or contain a space; version 2 adds more fields."""
_ARC_START = rb"[a-z]{3,20}:[^ \n]{1,2000} [0-9a-f.:]{3,40} \d{14} "
_RECORD_START = re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|(?<=\n)(?:WARC/\d|" + _ARC_START + rb")")
_NONZERO_BYTE = re.compile(rb"[^\0]")
_OVERLAP_BYTES = 2100
# Bytes at the start of a member, and of a frame: at least its first block
_HEAD_BYTES, _BLOCK_BYTES = (
    4096,
    (1 << 17) + 64,
)
_FRAME_HEAD_BYTES = 18
_MAX_TRIES = 100_000  # positions that look like the start of a record but are not; a few per gigabyte occur by chance
_MAX_EMPTY_MEMBERS = 10_000  # consecutive empty members: starting one takes longer than decompressing it


class Cause(Enum):
    """Reason why data cannot be read, other than damage."""

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
    source: "_UnpackedStream"
    unread_bytes: int = 0  # unread bytes of the block

    def get_header(self, name: str) -> str:
        """Return a header's value, or an empty string if it is missing."""
        return get_field(self.headers, name)

    def read(self, size: int) -> bytes:
        """Return the next bytes of the block; fewer than ``size`` at its end, or if the file is truncated."""
        data = self.source.read(min(size, self.unread_bytes))
        self.unread_bytes -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of the file that could not be read."""

    position: str
    is_end: bool  # whether no further record was found after it
    cause: Cause | None = None


def read_records(stream: IO[bytes], after: str = "") -> Iterator[Record | Damage]:
    """Yield the records of a file and its damaged parts, from the start or after a position."""
    offset_text, _, number = after.partition("+")
    offset, skip_count = int(offset_text or 0), int(number or 0) + 1 if after else 0
    try:
        dictionary = _read_dictionary(stream)
    except (_DamagedError, zstd.ZstdError, ValueError):
        yield Damage("0", is_end=True, cause=Cause.BAD_DICTIONARY)
        return
    has_read, tries = bool(after), iter(range(_MAX_TRIES))
    while True:
        source = _UnpackedStream(stream, offset, skip_count, dictionary)
        try:
            for record in _read_records(source):
                has_read = True
                yield record
        except (_DamagedError, zlib.error, zstd.ZstdError) as error:
            cause = (
                error.cause
                if isinstance(error, _DamagedError)
                else _find_cause(stream, source.member_offset, dictionary)
            )
            next_record = _find_next_record(stream, source.record_start + 1, dictionary, tries)
            if next_record is None and not has_read:
                cause = cause or Cause.NO_ARCHIVE
            if not source.skip_count:
                yield Damage(
                    f"{source.record_start}+{source.record_number + 1}", is_end=next_record is None, cause=cause
                )
            if next_record is None:
                return
            offset, skip_count = next_record, 0
        else:
            return


def _read_records(source: "_UnpackedStream") -> Iterator[Record]:
    while line := source.read_first_line():
        if _VERSION.fullmatch(line):
            headers = _read_headers(source)
        elif arc_headers := _parse_arc_header(line):
            headers = arc_headers
        else:
            raise _DamagedError
        length_field = get_field(headers, "content-length")
        if not (length_field.isascii() and length_field.isdecimal() and len(length_field) <= 18):
            raise _DamagedError
        record = Record(source.position, headers, int(length_field), source, int(length_field))
        if source.skip_count:
            source.skip_count -= 1
        else:
            yield record
        source.skip_block(record)


def _read_headers(source: "_UnpackedStream") -> Headers:
    """Read named fields until an empty line; a line that starts with white space continues the previous field."""
    headers: list[tuple[str, str]] = []
    size = 0
    while (line := source.read_line()).strip():
        size += len(line)
        if size > _MAX_HEAD_BYTES:
            raise _DamagedError
        name, colon, value = line.decode("utf-8", "replace").replace("\0", "").partition(":")
        if line[:1] in b" \t" and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.decode('utf-8', 'replace').strip()}")
        elif colon:
            headers.append((name.strip(), value.strip()))
    if not line:
        raise _DamagedError
    return tuple(headers)


def _parse_arc_header(data: bytes) -> Headers:
    """Convert the header line of an ARC record (https://archive.org/web/researcher/ArcFileFormat.php) to WARC headers.

    Empty if the data does not start with such a line. The length is split off first, as searching for it within the
    regular expression would take quadratic time.
    """
    head, _, size = data.partition(b"\n")[0].rstrip(b"\r").rpartition(b" ")
    line_match = _ARC_HEADER.match(head) if len(head) <= _CHUNK_BYTES and size.isdigit() and len(size) <= 18 else None
    if line_match is None:
        return ()
    parts = (*line_match.groups(), size)
    url, peer, date, media_type, length = (part.decode("utf-8", "replace").replace("\0", "") for part in parts)
    kind = "warcinfo" if url.startswith("filedesc://") else "response"
    headers = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-IP-Address": peer, "WARC-Date": date}
    return (*headers.items(), ("Content-Type", media_type), ("Content-Length", length))


class _GzipDecoder:
    """Decompresses one gzip member."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.unused_input = b""  # input that has not been decompressed

    @property
    def is_complete(self) -> bool:
        """True if the member is complete."""
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        """True if no output is available without more input."""
        return not self.unused_input

    def unpack(self, data: bytes) -> bytes:
        """Return the next bytes, at most one piece."""
        output = self._inflater.decompress(self.unused_input + data, _CHUNK_BYTES)
        self.unused_input = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return output


class _ZstdDecoder:
    """Decompresses one zstd frame; a skippable frame has no content."""

    def __init__(self, dictionary: zstd.ZstdDict | None) -> None:
        self._decoder = zstd.ZstdDecompressor(zstd_dict=dictionary, options=MAX_WINDOW)
        self.unused_input = b""

    @property
    def is_complete(self) -> bool:
        """True if the frame is complete."""
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        """True if no output is available without more input."""
        return self._decoder.needs_input

    def unpack(self, data: bytes) -> bytes:
        """Return the next bytes, at most one piece."""
        output = self._decoder.decompress(data, _CHUNK_BYTES)
        self.unused_input = self._decoder.unused_data
        return output


class _UnpackedStream:
    """The bytes of a file from an offset on, decompressed one gzip member or zstd frame after the other."""

    def __init__(self, stream: IO[bytes], offset: int, skip_count: int, dictionary: zstd.ZstdDict | None) -> None:
        stream.seek(offset)
        self.skip_count = skip_count  # number of records to skip
        self._stream, self._dictionary = stream, dictionary
        # Compressed data, and the offset of its unread part
        self._packed, self._packed_offset = (
            self._stream.read(_CHUNK_BYTES),
            0,
        )
        self._unpacked, self._empty_members = bytearray(), 0
        self._is_zstd = _is_zstd(self._packed)
        self.is_packed = self._is_zstd or self._packed[:2] == _GZIP_MAGIC[:2]
        self._unpacker: _GzipDecoder | _ZstdDecoder = self._make_unpacker()
        # Offset of the member, and number of the current record in it
        self.member_offset, self.record_number = (
            offset,
            -1,
        )
        self.record_start = offset  # start of the current record; if compressed, of its member
        if not self.is_packed:
            self._unpacked, self._packed = bytearray(self._packed), b""

    def _make_unpacker(self) -> _GzipDecoder | _ZstdDecoder:
        self._input_size = _MIN_INPUT_BYTES
        return _ZstdDecoder(self._dictionary) if self._is_zstd else _GzipDecoder()

    @property
    def position(self) -> str:
        """Position of the record that started last."""
        return (
            f"{self.record_start}+{self.record_number}"
            if self.is_packed and self.record_number > 0
            else str(self.record_start)
        )

    def read_first_line(self) -> bytes:
        """Return the first line of the next record; empty lines before it are skipped."""
        empty_bytes = 0
        while True:
            if not self._unpacked and not self._fill_buffer():
                return b""
            member, offset = self.member_offset, self._stream.tell() - len(self._unpacked)
            if (line := self.read_line()).strip():
                break
            empty_bytes += len(line)
            if empty_bytes > _MAX_HEAD_BYTES:
                raise _DamagedError
        self.record_number = self.record_number + 1 if self.is_packed and member == self.record_start else 0
        self.record_start = member if self.is_packed else offset
        return line

    def read_line(self) -> bytes:
        """Return one line; empty at the end."""
        while (end := self._unpacked.find(b"\n")) < 0 and len(self._unpacked) <= _MAX_HEAD_BYTES:
            if not self._fill_buffer():
                break
        if end < 0 and len(self._unpacked) > _MAX_HEAD_BYTES:
            raise _DamagedError
        return self._pop_bytes(end + 1 or len(self._unpacked))

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer at the end."""
        result = bytearray()
        with suppress(_DamagedError, zlib.error):  # searching for the next record reports the error
            while len(result) < size and (self._unpacked or self._fill_buffer()):
                result += self._pop_bytes(size - len(result))
        return bytes(result)

    def skip_block(self, record: Record) -> None:
        """Skip the rest of a record's block.

        Raises:
            _DamagedError: The block is truncated, or decompresses to too much data.
        """
        start_offset, skipped_bytes = self._stream.tell(), 0
        while record.unread_bytes:
            if not (chunk := record.read(_CHUNK_BYTES)):
                raise _DamagedError
            skipped_bytes += len(chunk)
            if self.is_packed and skipped_bytes > MAX_SKIPPED_BYTES + MAX_RATIO * (self._stream.tell() - start_offset):
                raise _DamagedError(Cause.BOMB)

    def _pop_bytes(self, size: int) -> bytes:
        data = bytes(self._unpacked[:size])
        del self._unpacked[:size]
        return data

    def _fill_buffer(self) -> bool:
        """Read more bytes; return False at the end.

        Raises:
            _DamagedError: A member is truncated.
            zlib.error: A gzip member is damaged.
            zstd.ZstdError: A zstd frame is damaged.
        """
        if not self.is_packed:
            self._unpacked += (data := self._stream.read(_CHUNK_BYTES))
            return bool(data)
        while not self._unpacker.is_complete or self._start_next_member():
            data = b""
            if self._unpacker.needs_input and not (data := self._read_input()):
                raise _DamagedError
            if output := self._unpacker.unpack(data):
                self._unpacked += output
                self._empty_members = 0
                return True
        return False

    def _read_input(self) -> bytes:
        """Return the next compressed bytes: few at the start of a member, as data after its end is copied each time."""
        if self._packed_offset == len(self._packed):
            self._packed, self._packed_offset = self._stream.read(_CHUNK_BYTES), 0
        data = self._packed[self._packed_offset : self._packed_offset + self._input_size]
        self._packed_offset += len(data)
        self._input_size = min(2 * self._input_size, _CHUNK_BYTES)
        return data

    def _start_next_member(self) -> bool:
        """Start the next member, if there is one; zero bytes that some writers use as padding are skipped."""
        self._empty_members += 1
        if self._empty_members > _MAX_EMPTY_MEMBERS:
            raise _DamagedError
        self._packed_offset -= len(self._unpacker.unused_input)
        while not (nonzero_byte := _NONZERO_BYTE.search(self._packed, self._packed_offset)):
            self._packed, self._packed_offset = self._stream.read(_CHUNK_BYTES), 0
            if not self._packed:
                return False
        self._packed_offset = nonzero_byte.start()
        self.member_offset = self._stream.tell() - len(self._packed) + self._packed_offset
        self._unpacker = self._make_unpacker()
        return True


def _is_zstd(data: bytes) -> bool:
    """Return True if a zstd frame or a skippable frame starts here (RFC 8878, 3.1)."""
    return data.startswith(_ZSTD_MAGIC) or (data[1:4] == _DICTIONARY_MAGIC[1:] and data[0] >> 4 == 5)


def _read_dictionary(stream: IO[bytes]) -> zstd.ZstdDict | None:
    """Read the zstd dictionary that a file contains.

    Raises:
        _DamagedError: The dictionary is incomplete or too large.
        zstd.ZstdError: The dictionary cannot be decompressed or used.
        ValueError: The data is not a dictionary.
    """
    stream.seek(0)
    head = stream.read(8)
    if not head.startswith(_DICTIONARY_MAGIC):
        return None
    size = int.from_bytes(head[4:], "little")
    if size > _MAX_DICTIONARY_BYTES:
        raise _DamagedError
    data = stream.read(size)
    if data.startswith(_ZSTD_MAGIC):
        decoder = zstd.ZstdDecompressor(options=MAX_WINDOW)
        data = decoder.decompress(data, _MAX_DICTIONARY_BYTES)
        if not decoder.eof:
            raise _DamagedError
    dictionary = zstd.ZstdDict(data)
    zstd.ZstdDecompressor(zstd_dict=dictionary)  # only this validates the whole dictionary
    return dictionary


def _find_cause(stream: IO[bytes], offset: int, dictionary: zstd.ZstdDict | None) -> Cause | None:
    """Return the reason why a zstd frame cannot be decompressed, if its header shows it (RFC 8878, 3.1.1.1)."""
    stream.seek(offset)
    head = stream.read(_FRAME_HEAD_BYTES)
    try:
        frame = zstd.get_frame_info(head)
    except zstd.ZstdError:
        return None
    if frame.dictionary_id and (dictionary is None or frame.dictionary_id != dictionary.dict_id):
        return Cause.NO_DICTIONARY
    is_single_segment, window = head[4] & 0x20, (8 + (head[5] & 7)) << 7 + (head[5] >> 3)
    return Cause.WINDOW if (frame.decompressed_size or 0 if is_single_segment else window) > 1 << _WINDOW_LOG else None


def _find_next_record(
    stream: IO[bytes], offset: int, dictionary: zstd.ZstdDict | None, tries: Iterator[int]
) -> int | None:
    """Find the next offset where a record starts; ``None`` if there is none before the end."""
    stream.seek(offset)
    buffer = b""
    while data := stream.read(_CHUNK_BYTES):
        buffer += data
        base = stream.tell() - len(buffer)
        for match in _RECORD_START.finditer(buffer):
            if _is_record(stream, base + match.start(), dictionary):
                return base + match.start()
            if next(tries, None) is None:
                return None
        stream.seek(base + len(buffer))
        buffer = buffer[-_OVERLAP_BYTES:]
    return None


def _is_record(stream: IO[bytes], offset: int, dictionary: zstd.ZstdDict | None) -> bool:
    stream.seek(offset - 1)
    previous_byte, data = stream.read(1), stream.read(_HEAD_BYTES)
    if not data.startswith((_GZIP_MAGIC, _ZSTD_MAGIC)):
        return previous_byte == b"\n" and _is_record_head(data)
    unpacker = _ZstdDecoder(dictionary) if data.startswith(_ZSTD_MAGIC) else _GzipDecoder()
    start, bytes_left = b"", _BLOCK_BYTES
    with suppress(zlib.error, zstd.ZstdError):
        while (
            not (start := start or unpacker.unpack(data).lstrip())
            and data
            and bytes_left > 0
            and not unpacker.is_complete
        ):
            data = stream.read(_HEAD_BYTES)
            bytes_left -= len(data)
    return _is_record_head(start)


def _is_record_head(data: bytes) -> bool:
    """Return True if the data starts with a WARC or ARC record."""
    return _VERSION.match(data) is not None or bool(_parse_arc_header(data))
