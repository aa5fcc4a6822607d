"""Reading a ZIP that anybody may have made: by its central directory, within limits, without trusting a checksum.

CRC-32 values, dates, comments, extra fields and the order of members are the container's own matter and are passed over
here; the caller compares them by rebuilding the container. What could make two programs see different contents (names
twice, overlapping members, encryption, links) is refused. Structures: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.16.
"""

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from evidence.container import FREE_EXPANSION, MAX_ENTRIES, MAX_EXPANSION, ContainerError, NoBundleError, same_bytes
from evidence.names import check_names, is_junk
from exhibit.digests import CHUNK

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_FULL32 = 0xFFFFFFFF
_TAIL = _END.size + 0xFFFF
_STORED = 0
_DEFLATED = 8
_ENCRYPTED = 0x2041
_UNIX = 3
_MAX_DIRECTORY = MAX_ENTRIES * 1024
_TOP = re.compile(r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]")
"""A folder around everything: any plain name, such as ``bundle (2)``, that leads nowhere else on any system."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One member as the central directory declares it."""

    name: str
    method: int
    packed: int
    size: int
    offset: int


class ZipContents:
    """The files of a zipped bundle."""

    def __init__(self, path: Path) -> None:
        """Read the directory.

        Args:
            path: the ZIP file.

        Raises:
            NoBundleError: the file isn't there, or isn't a ZIP.
            ContainerError: the ZIP can't be read, or can't be read safely.
        """
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise NoBundleError(f"{path.name} can't be opened: {error.strerror}.") from error
        try:
            self._length = path.stat().st_size
            entries, remarks = _tidy(_read_directory(self._file, self._length))
            _check_sizes(entries, self._length)
        except BaseException:
            self._file.close()
            raise
        self._entries = {entry.name: entry for entry in entries}
        self.names = tuple(sorted(self._entries))
        self.remarks = remarks

    def size(self, name: str) -> int:
        """Bytes after unpacking, as declared."""
        return self._entries[name].size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The unpacked bytes in pieces, exactly as many as declared, or ``ContainerError``."""
        entry = self._entries[name]
        count = 0
        for chunk in self._unpacked(entry):
            count += len(chunk)
            if count > entry.size:
                break
            yield chunk
        if count != entry.size:
            raise ContainerError(f"{name} doesn't hold the {entry.size} bytes that the ZIP declares.")

    def same_bytes_as(self, expected: Iterator[bytes]) -> bool | None:
        """Whether the ZIP's bytes are exactly these."""
        return same_bytes(self._file, expected)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unpacked(self, entry: ZipEntry) -> Iterator[bytes]:
        if entry.method == _STORED:
            yield from self._packed(entry)
            return
        unpacker, piece = zlib.decompressobj(-zlib.MAX_WBITS), b""
        try:
            for chunk in self._packed(entry):
                piece = chunk
                if unpacker.eof:
                    break
                while piece and not unpacker.eof:
                    yield unpacker.decompress(piece, CHUNK)
                    piece = unpacker.unconsumed_tail
            yield unpacker.flush()
        except zlib.error as error:
            raise ContainerError(f"{entry.name} can't be unpacked.") from error
        if not unpacker.eof or unpacker.unused_data or piece:
            raise ContainerError(f"{entry.name} can't be unpacked: it breaks off, or more lies behind it.")

    def _packed(self, entry: ZipEntry) -> Iterator[bytes]:
        position = entry.offset + _header_length(self._file, entry)
        left = entry.packed
        while left:
            self._file.seek(position)
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise ContainerError(f"{entry.name} ends too early.")
            position += len(chunk)
            left -= len(chunk)
            yield chunk


def is_zip(path: Path) -> bool:
    """Whether a file begins or ends like a ZIP."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, path.stat().st_size - _TAIL))
        return head == b"PK\x03\x04" or b"PK\x05\x06" in file.read(_TAIL)


def _read_directory(file: BinaryIO, length: int) -> list[ZipEntry]:
    end, start, shift = _find_directory(file, length)
    if end - start > _MAX_DIRECTORY:
        raise ContainerError("The ZIP's directory is larger than any bundle's.")
    file.seek(start)
    raw = file.read(end - start)
    entries: list[ZipEntry] = []
    position = 0
    while raw[position : position + 4] == b"PK\x01\x02" and position + _CENTRAL.size <= len(raw):
        entry, position = _read_entry(raw, position)
        entries.append(replace(entry, offset=entry.offset + shift))
        if len(entries) > MAX_ENTRIES:
            raise ContainerError(f"The ZIP has more than {MAX_ENTRIES} files.")
    _check_overlaps(file, [entry for entry in entries if not entry.name.endswith("/")], start)
    return entries


def _find_directory(file: BinaryIO, length: int) -> tuple[int, int, int]:
    """Where the directory ends and starts, and by how much offsets are shifted by bytes put before the ZIP."""
    file.seek(max(0, length - _TAIL))
    tail = file.read(_TAIL)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        raise ContainerError("The ZIP's end is missing or damaged.")
    end = length - len(tail) + found
    _, _, _, _, _, size, offset, _ = _END.unpack_from(tail, found)
    if _FULL32 in {size, offset}:
        end, size, offset = _read_end64(file, end)
    for start in (offset, end - size):
        if 0 <= start <= end - _CENTRAL.size and _signature(file, start) == b"PK\x01\x02":
            return end, start, start - offset if start == end - size else 0
    raise ContainerError("The ZIP's directory can't be found.")


def _read_end64(file: BinaryIO, end: int) -> tuple[int, int, int]:
    file.seek(max(0, end - _LOCATOR64.size))
    raw = file.read(_LOCATOR64.size)
    if len(raw) == _LOCATOR64.size and raw[:4] == b"PK\x06\x07":
        position = min(_LOCATOR64.unpack(raw)[2], end)
        file.seek(position)
        raw = file.read(_END64.size)
        if len(raw) == _END64.size and raw[:4] == b"PK\x06\x06":
            fields = _END64.unpack(raw)
            return position, fields[8], fields[9]
    raise ContainerError("The ZIP's end for large files is damaged.")


def _read_entry(raw: bytes, position: int) -> tuple[ZipEntry, int]:
    fields = _CENTRAL.unpack_from(raw, position)
    made_by, flags, method = fields[1], fields[3], fields[4]
    packed, size, name_length, extra_length, comment_length = fields[8:13]
    name_end = position + _CENTRAL.size + name_length
    name = _name(raw[position + _CENTRAL.size : name_end])
    if flags & _ENCRYPTED:
        raise ContainerError(f"The ZIP has an encrypted file: {name[:80]!a}.")
    if made_by >> 8 == _UNIX and stat.S_ISLNK(fields[15] >> 16):
        raise ContainerError(f"The ZIP has a link instead of a file: {name[:80]!a}.")
    if method not in {_STORED, _DEFLATED}:
        raise ContainerError(
            f"{name[:80]!a} is packed by method {method}, which isn't read here; unpack the ZIP first."
        )
    extra = raw[name_end : name_end + extra_length]
    size, packed, offset = _large_values(extra, size, packed, fields[16])
    return ZipEntry(name, method, packed, size, offset), name_end + extra_length + comment_length


def _name(raw: bytes) -> str:
    """A member's name; older programs write names in other encodings, of which none is a bundle's."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _large_values(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset with those that stand in the ZIP64 extra field put in (APPNOTE.TXT 4.5.3)."""
    values = [size, packed, offset]
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == 1:
            wanted = [index for index, value in enumerate(values) if value == _FULL32]
            for place, index in enumerate(wanted[: len(body) // 8]):
                values[index] = struct.unpack_from("<Q", body, place * 8)[0]
        position += 4 + length
    return values[0], values[1], values[2]


def _check_overlaps(file: BinaryIO, entries: list[ZipEntry], limit: int) -> None:
    reached = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < reached:
            raise ContainerError(f"The ZIP has files that overlap: {entry.name[:80]!a}.")
        if entry.offset > limit:
            raise ContainerError(f"The ZIP has a file that lies outside of it: {entry.name[:80]!a}.")
        reached = entry.offset + _header_length(file, entry) + entry.packed
        if reached > limit:
            raise ContainerError(f"The ZIP has a file that ends outside of it: {entry.name[:80]!a}.")


def _header_length(file: BinaryIO, entry: ZipEntry) -> int:
    file.seek(entry.offset)
    raw = file.read(_LOCAL.size)
    if len(raw) != _LOCAL.size or raw[:4] != b"PK\x03\x04":
        raise ContainerError(f"The ZIP's own header of {entry.name[:80]!a} is damaged.")
    fields = _LOCAL.unpack(raw)
    return _LOCAL.size + int(fields[9]) + int(fields[10])


def _signature(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(4)


def _tidy(entries: list[ZipEntry]) -> tuple[list[ZipEntry], tuple[str, ...]]:
    """Leave out folders and what file managers add, and take off one folder around everything."""
    files = [entry for entry in entries if not entry.name.endswith("/") and not is_junk(entry.name)]
    remarks = [f"{entry.name} was left by a file manager" for entry in entries if is_junk(entry.name)]
    tops = {entry.name.split("/", 1)[0] for entry in files}
    names = {entry.name for entry in files}
    top = tops.pop() if len(tops) == 1 else ""
    if f"{top}/bagit.txt" in names and _TOP.fullmatch(top):
        files = [replace(entry, name=entry.name[len(top) + 1 :]) for entry in files]
        remarks.append("everything lies in a folder of its own")
    check_names((entry.name for entry in files), what="The ZIP")
    return files, tuple(remarks)


def _check_sizes(entries: list[ZipEntry], length: int) -> None:
    total = sum(entry.size for entry in entries)
    if total > FREE_EXPANSION + MAX_EXPANSION * length:
        raise ContainerError(f"The ZIP of {length} bytes would unpack to {total}, which no bundle does.")
