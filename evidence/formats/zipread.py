"""Reading of untrusted ZIPs by the strict profile of docs/reference/bundle-format.md.

ZIPs that two programs could read differently are rejected, so that all programs unpack the files that were checked
here. Members are stored back to back from the first byte, followed by one directory and one end record at the end of
the file, and both headers of a member agree. Structures: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.16.
"""

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from evidence.formats import container
from evidence.formats.container import ContainerError, NoBundleError, check_collisions, check_names, is_system_file
from exhibit.digests import CHUNK_BYTES

_DESCRIPTOR = struct.Struct("<4s3I")
_MAX_END_BYTES = container.END_RECORD.size + 0xFFFF
_METHOD_STORED, _METHOD_DEFLATED = 0, 8
_PACKER_SYSTEMS = frozenset({0, 3, 10, 11, 14, 19})  # system of the packer: FAT, Unix, Windows (three numbers), macOS
_HAS_DESCRIPTOR = 0x08
_ALLOWED_FLAGS = 0x0806 | _HAS_DESCRIPTOR  # flags: compression level, sizes after the data, names in UTF-8
_TIME_FIELDS = rb"\n\0 \0.{32}|UT(?:\x05\0.{5}|\t\0.{9}|\r\0.{13})|UX(?:\x08\0.{8}|\x0c\0.{12})|Ux(?:\0\0|\x04\0.{4})"
_EXTRA_FIELDS = re.compile(rb"(?:" + _TIME_FIELDS + rb"|ux\x0b\0.{11})*", re.DOTALL)
"""Extra fields that contain only times and owners: type, length and data."""
_FAT_SPECIAL = 0x18
_NAME_OFFSET = container.CENTRAL_HEADER.size - 6
_SIGNATURES = (b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
_TOP_FOLDER = r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]"
"""Name of a top-level folder: any name, such as ``bundle (2)``, that is a plain relative path on all systems."""
_PATH = re.compile(rf"{_TOP_FOLDER}(/{_TOP_FOLDER})*/?")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """Directory entry of a member.

    ``start`` is the offset of the compressed bytes; ``fields`` is the part that both headers must have in common.
    """

    name: str
    method: int
    crc: int
    packed_size: int
    size: int
    offset: int
    fields: bytes
    start: int = 0


class ZipContents:
    """The files of a zipped bundle.

    Raises:
        NoBundleError: The file cannot be opened.
        ContainerError: The ZIP cannot be read, or reading it would be unsafe.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise NoBundleError(f"{path.name} cannot be opened: {error.strerror}.") from error
        try:
            self._length = path.stat().st_size
            entries = _read_directory(self._file, self._length)
            _check_sizes(entries, self._length)
            members, self.remarks, left_over = _separate_files(entries)
            self._entries = {entry.name: entry for entry in members}
            for entry in left_over:
                for _ in self._read_checked(entry):
                    pass
        except BaseException:
            self._file.close()
            raise
        self.names = tuple(sorted(self._entries))
        self.leftover_files = tuple(sorted(entry.name for entry in left_over))

    def get_size(self, name: str) -> int:
        """Return the unpacked size in bytes, as declared."""
        return self._entries[name].size

    def iterate_chunks(self, name: str) -> Iterator[bytes]:
        """Yield the unpacked bytes in chunks; raises ``ContainerError`` if size or CRC-32 are not as declared."""
        return self._read_checked(self._entries[name])

    def has_same_bytes(self, expected: Iterator[bytes]) -> bool | None:
        """Return True if the ZIP has exactly the expected bytes; the iterator may read from the same ZIP."""
        position = 0
        for chunk in expected:
            self._file.seek(position)
            if self._file.read(len(chunk)) != chunk:
                return False
            position += len(chunk)
        return position == self._length

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_checked(self, entry: ZipEntry) -> Iterator[bytes]:
        count = crc = 0
        for chunk in self._read_unpacked(entry):
            count += len(chunk)
            if count > entry.size:
                break
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if count != entry.size:
            raise ContainerError(f"{entry.name} does not contain the {entry.size} bytes that the ZIP declares.")
        if crc != entry.crc:
            raise ContainerError(f"{entry.name} does not have the CRC-32 that the ZIP declares.")

    def _read_unpacked(self, entry: ZipEntry) -> Iterator[bytes]:
        if entry.method == _METHOD_STORED:
            yield from self._read_packed(entry)
            return
        unpacker, piece = zlib.decompressobj(-zlib.MAX_WBITS), b""
        try:
            for chunk in self._read_packed(entry):
                piece = chunk
                if unpacker.eof:
                    break
                while piece and not unpacker.eof:
                    yield unpacker.decompress(piece, CHUNK_BYTES)
                    piece = unpacker.unconsumed_tail
            yield unpacker.flush()
        except zlib.error as error:
            raise ContainerError(f"{entry.name} cannot be unpacked.") from error
        if not unpacker.eof or unpacker.unused_data or piece:
            raise ContainerError(f"{entry.name} cannot be unpacked: it is truncated or followed by other data.")

    def _read_packed(self, entry: ZipEntry) -> Iterator[bytes]:
        position = entry.start
        remaining = entry.packed_size
        while remaining:
            self._file.seek(position)
            chunk = self._file.read(min(CHUNK_BYTES, remaining))
            if not chunk:
                raise ContainerError(f"{entry.name} ends too early.")
            position += len(chunk)
            remaining -= len(chunk)
            yield chunk


def is_zip(path: Path) -> bool:
    """Return True if a file starts or ends like a ZIP."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(max(0, path.stat().st_size - _MAX_END_BYTES))
        return magic == b"PK\x03\x04" or b"PK\x05\x06" in file.read(_MAX_END_BYTES)


def _create_ambiguity_error(detail: str) -> ContainerError:
    return ContainerError(f"The ZIP {detail}, which programs interpret differently. Unpack it and verify the folder.")


def _read_directory(file: BinaryIO, length: int) -> list[ZipEntry]:
    start, count = _read_end(file, length)
    file.seek(start)
    raw = file.read(length - start)
    if raw.count(b"PK\x01\x02") != count or [raw.count(signature) for signature in _SIGNATURES] != [1, 0, 0]:
        raise _create_ambiguity_error("has a central directory that contains other structures")
    entries: list[ZipEntry] = []
    position = 0
    for _ in range(count):
        entry, position = _read_entry(raw[: -container.END_RECORD.size], position)
        entries.append(entry)
    if position != len(raw) - container.END_RECORD.size:
        raise _create_ambiguity_error("has data between its directory and its end record")
    return _check_layout(file, entries, start)


def _read_end(file: BinaryIO, length: int) -> tuple[int, int]:
    """Return the offset of the directory, and the number of members."""
    file.seek(max(0, length - container.END_RECORD.size))
    raw = file.read(container.END_RECORD.size)
    if len(raw) < container.END_RECORD.size or raw[:4] != b"PK\x05\x06":
        raise ContainerError("The end record of the ZIP is missing or damaged, or data follow it.")
    _, disk, first_disk, entries_on_disk, count, size, start, comment = container.END_RECORD.unpack(raw)
    if size > container.MAX_DIRECTORY_BYTES:
        raise ContainerError("The directory of the ZIP is larger than that of any bundle.")
    if count > container.MAX_ENTRIES:
        raise ContainerError(f"The ZIP has more than {container.MAX_ENTRIES} files.")
    if not count or (disk, first_disk, entries_on_disk, comment, start + size) != (
        0,
        0,
        count,
        0,
        length - container.END_RECORD.size,
    ):
        raise _create_ambiguity_error("has an end record that does not match its directory")
    return start, count


def _read_entry(raw: bytes, position: int) -> tuple[ZipEntry, int]:
    if raw[position : position + 4] != b"PK\x01\x02" or position + container.CENTRAL_HEADER.size > len(raw):
        raise _create_ambiguity_error("has a damaged directory")
    fields = container.CENTRAL_HEADER.unpack_from(raw, position)
    method, crc, packed_size, size, name_length, extra_length, comment_length = fields[4], *fields[7:13]
    name_end = position + container.CENTRAL_HEADER.size + name_length
    end = name_end + extra_length
    name = _decode_name(raw[position + container.CENTRAL_HEADER.size : name_end])
    if end > len(raw) or comment_length or fields[13] or not _EXTRA_FIELDS.fullmatch(raw[name_end:end]):
        raise _create_ambiguity_error(f"has extra fields for {name[:80]!a} other than times and owners")
    entry = ZipEntry(name, method, crc, packed_size, size, fields[16], raw[position + 6 : name_end])
    _check_kind(entry, fields[1] >> 8, fields[2], fields[3])
    _check_mode(entry, fields[15])
    return entry, end


def _check_kind(entry: ZipEntry, system: int, version: int, flags: int) -> None:
    quoted_name = f"{entry.name[:80]!a}"
    if flags & 0x2041:
        raise ContainerError(f"The ZIP contains an encrypted file: {quoted_name}.")
    if entry.method not in {_METHOD_STORED, _METHOD_DEFLATED}:
        raise ContainerError(
            f"{quoted_name} uses compression method {entry.method}. Unpack the ZIP and verify the folder."
        )
    if flags & ~_ALLOWED_FLAGS or version > 20 or system not in _PACKER_SYSTEMS:
        raise _create_ambiguity_error(f"requires unsupported ZIP features for {quoted_name}")
    if flags & _HAS_DESCRIPTOR and entry.method == _METHOD_STORED:
        raise _create_ambiguity_error(f"does not state the size of {quoted_name} before its bytes")
    if entry.method == _METHOD_STORED and entry.packed_size != entry.size:
        raise _create_ambiguity_error(f"states two sizes of {quoted_name}")


def _check_mode(entry: ZipEntry, attributes: int) -> None:
    """Check that a member is a folder if and only if its name ends with a slash, and is no link or device."""
    is_folder = entry.name.endswith("/")
    kind = stat.S_IFMT(attributes >> 16)
    if kind == stat.S_IFLNK:
        raise ContainerError(f"The ZIP contains a link instead of a file: {entry.name[:80]!a}.")
    expected = stat.S_IFDIR if is_folder else stat.S_IFREG
    if kind not in {0, expected} or (not is_folder and attributes & _FAT_SPECIAL) or (is_folder and entry.packed_size):
        raise _create_ambiguity_error(f"contains {entry.name[:80]!a} both as a file and as another entry")


def _decode_name(raw: bytes) -> str:
    """Decode a member's name, which must be UTF-8 and a plain relative path on any system."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _create_ambiguity_error("contains a name that is not UTF-8") from error
    if not _PATH.fullmatch(name) or name.startswith("\ufeff"):
        raise ContainerError(f"The ZIP contains a name that is not allowed in a bundle: {name[:80]!a}.")
    return name


def _check_layout(file: BinaryIO, entries: list[ZipEntry], limit: int) -> list[ZipEntry]:
    """Return the members, which must be stored back to back in directory order, from the first byte up to ``limit``."""
    members = []
    position = 0
    for entry in entries:
        quoted_name = f"{entry.name[:80]!a}"
        if entry.offset < position:
            raise ContainerError(f"The ZIP contains overlapping files: {quoted_name}.")
        if entry.offset > position:
            raise _create_ambiguity_error(f"has a gap before {quoted_name}, or a different order in its directory")
        start = _find_start(file, entry)
        position = start + entry.packed_size
        if entry.fields[2] & _HAS_DESCRIPTOR:
            file.seek(position)
            if file.read(_DESCRIPTOR.size) != _DESCRIPTOR.pack(b"PK\x07\x08", entry.crc, entry.packed_size, entry.size):
                raise _create_ambiguity_error(f"describes {quoted_name} differently after its bytes")
            position += _DESCRIPTOR.size
        if position > limit:
            raise ContainerError(f"The ZIP contains a file that ends outside of it: {quoted_name}.")
        members.append(replace(entry, start=start))
    if position != limit:
        raise _create_ambiguity_error("has a gap before its directory")
    return members


def _find_start(file: BinaryIO, entry: ZipEntry) -> int:
    """Return the offset of the compressed bytes, after a header that must agree with the directory."""
    file.seek(entry.offset)
    raw = file.read(container.LOCAL_HEADER.size)
    if len(raw) != container.LOCAL_HEADER.size or raw[:4] != b"PK\x03\x04":
        raise ContainerError(f"The header of {entry.name[:80]!a} in the ZIP is damaged.")
    fields = container.LOCAL_HEADER.unpack(raw)
    sizes = (entry.crc, entry.packed_size, entry.size)
    name = entry.fields[_NAME_OFFSET:]
    name_and_extra = file.read(fields[9] + fields[10])
    has_descriptor = entry.fields[2] & _HAS_DESCRIPTOR
    has_equal_sizes = all(
        local_value == central_value or (has_descriptor and local_value == 0)
        for local_value, central_value in zip(fields[6:9], sizes, strict=True)
    )
    has_equal_fields = raw[4:14] == entry.fields[:10] and name_and_extra[: fields[9]] == name
    if (
        not has_equal_sizes
        or not has_equal_fields
        or len(name_and_extra) != fields[9] + fields[10]
        or not _EXTRA_FIELDS.fullmatch(name_and_extra[fields[9] :])
    ):
        raise _create_ambiguity_error(
            f"describes {entry.name[:80]!a} differently before its bytes and in its directory"
        )
    return entry.offset + container.LOCAL_HEADER.size + len(name_and_extra)


def _separate_files(entries: list[ZipEntry]) -> tuple[list[ZipEntry], tuple[str, ...], list[ZipEntry]]:
    """Return the files of the bundle, without a common top-level folder, unusual features, and left-over files."""
    check_collisions((entry.name for entry in entries), label="The ZIP")
    files = [entry for entry in entries if not entry.name.endswith("/")]
    leftover_entries = [entry for entry in files if is_system_file(entry.name)]
    files = [entry for entry in files if not is_system_file(entry.name)]
    remarks: tuple[str, ...] = ()
    top_folders = {entry.name.split("/", 1)[0] for entry in files}
    top_folder = top_folders.pop() if len(top_folders) == 1 else ""
    if any(entry.name == f"{top_folder}/bagit.txt" for entry in files):
        files = [replace(entry, name=entry.name[len(top_folder) + 1 :]) for entry in files]
        remarks = ("all files are in one top-level folder",)
    check_names((entry.name for entry in files), label="The ZIP")
    return files, remarks, leftover_entries


def _check_sizes(entries: list[ZipEntry], length: int) -> None:
    total = sum(entry.size for entry in entries)
    if total > container.UNCHECKED_EXPANSION_BYTES + container.MAX_EXPANSION * length:
        raise ContainerError(f"The ZIP of {length} bytes would have {total} bytes when unpacked, more than any bundle.")
