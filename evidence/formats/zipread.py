"""Reading of untrusted ZIPs by the strict profile of docs/reference/bundle-format.md.

Anything that two programs could read differently is rejected, so that everybody who unpacks the ZIP gets the files that
were checked here: members lie back to back from the first byte, one directory follows them and one end record ends the
file, and both headers of a member agree. Structures: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.16.
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
from exhibit.digests import CHUNK

_DESCRIPTOR = struct.Struct("<4s3I")
_TAIL = container.END.size + 0xFFFF
_STORED, _DEFLATED = 0, 8
_SYSTEMS = frozenset({0, 3, 10, 11, 14, 19})  # system of the packer: FAT, Unix, Windows (three numbers), macOS
_HAS_DESCRIPTOR = 0x08
_FLAGS = 0x0806 | _HAS_DESCRIPTOR  # compression level, sizes after the data, names in UTF-8
_TIMES = rb"\n\0 \0.{32}|UT(?:\x05\0.{5}|\t\0.{9}|\r\0.{13})|UX(?:\x08\0.{8}|\x0c\0.{12})|Ux(?:\0\0|\x04\0.{4})"
_EXTRA = re.compile(rb"(?:" + _TIMES + rb"|ux\x0b\0.{11})*", re.DOTALL)
"""Extra fields that contain only times and owners: kind, length, and the bytes."""
_FAT_SPECIAL = 0x18
_NAME_AT = container.CENTRAL.size - 6
_SIGNATURES = (b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
_TOP = r"[^\x00-\x1f\x7f/\\:]*[^\x00-\x1f\x7f/\\: .]"
"""A folder around everything: any plain name, such as ``bundle (2)``, that leads nowhere else on any system."""
_PATH = re.compile(rf"{_TOP}(/{_TOP})*/?")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One member.

    ``start`` is the offset of its packed bytes, and ``fields`` the content that both headers must have.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    fields: bytes
    start: int = 0


class ZipContents:
    """The files of a zipped bundle.

    Raises:
        NoBundleError: There is no ZIP.
        ContainerError: The ZIP cannot be read, or not safely.
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
        self.left_over = tuple(sorted(entry.name for entry in left_over))

    def size(self, name: str) -> int:
        """Return the unpacked size in bytes, as declared."""
        return self._entries[name].size

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the unpacked bytes in chunks, exactly as many as declared; else raises ``ContainerError``."""
        return self._read_checked(self._entries[name])

    def same_bytes_as(self, expected: Iterator[bytes]) -> bool | None:
        """Return True if the ZIP's bytes are exactly these; the iterator may itself read from the ZIP."""
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
        for chunk in self._unpack(entry):
            count += len(chunk)
            if count > entry.size:
                break
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if count != entry.size:
            raise ContainerError(f"{entry.name} does not contain the {entry.size} bytes that the ZIP declares.")
        if crc != entry.crc:
            raise ContainerError(f"{entry.name} does not have the CRC-32 that the ZIP declares.")

    def _unpack(self, entry: ZipEntry) -> Iterator[bytes]:
        if entry.method == _STORED:
            yield from self._read_packed(entry)
            return
        unpacker, piece = zlib.decompressobj(-zlib.MAX_WBITS), b""
        try:
            for chunk in self._read_packed(entry):
                piece = chunk
                if unpacker.eof:
                    break
                while piece and not unpacker.eof:
                    yield unpacker.decompress(piece, CHUNK)
                    piece = unpacker.unconsumed_tail
            yield unpacker.flush()
        except zlib.error as error:
            raise ContainerError(f"{entry.name} cannot be unpacked.") from error
        if not unpacker.eof or unpacker.unused_data or piece:
            raise ContainerError(f"{entry.name} cannot be unpacked: it is truncated or followed by other data.")

    def _read_packed(self, entry: ZipEntry) -> Iterator[bytes]:
        position = entry.start
        remaining = entry.packed
        while remaining:
            self._file.seek(position)
            chunk = self._file.read(min(CHUNK, remaining))
            if not chunk:
                raise ContainerError(f"{entry.name} ends too early.")
            position += len(chunk)
            remaining -= len(chunk)
            yield chunk


def is_zip(path: Path) -> bool:
    """Return True if a file starts or ends like a ZIP."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, path.stat().st_size - _TAIL))
        return head == b"PK\x03\x04" or b"PK\x05\x06" in file.read(_TAIL)


def _create_ambiguity_error(what: str) -> ContainerError:
    return ContainerError(f"The ZIP {what}, which programs interpret differently. Unpack it and verify the folder.")


def _read_directory(file: BinaryIO, length: int) -> list[ZipEntry]:
    start, count = _read_end(file, length)
    file.seek(start)
    raw = file.read(length - start)
    if raw.count(b"PK\x01\x02") != count or [raw.count(signature) for signature in _SIGNATURES] != [1, 0, 0]:
        raise _create_ambiguity_error("has a directory that contains other structures")
    entries: list[ZipEntry] = []
    position = 0
    for _ in range(count):
        entry, position = _read_entry(raw[: -container.END.size], position)
        entries.append(entry)
    if position != len(raw) - container.END.size:
        raise _create_ambiguity_error("has data between its directory and its end record")
    return _check_layout(file, entries, start)


def _read_end(file: BinaryIO, length: int) -> tuple[int, int]:
    """Return the offset of the directory, and its number of members."""
    file.seek(max(0, length - container.END.size))
    raw = file.read(container.END.size)
    if len(raw) < container.END.size or raw[:4] != b"PK\x05\x06":
        raise ContainerError("The end record of the ZIP is missing or damaged, or data follow it.")
    _, disk, first_disk, entries_on_disk, count, size, start, comment = container.END.unpack(raw)
    if size > container.MAX_DIRECTORY:
        raise ContainerError("The directory of the ZIP is larger than that of any bundle.")
    if count > container.MAX_ENTRIES:
        raise ContainerError(f"The ZIP has more than {container.MAX_ENTRIES} files.")
    if not count or (disk, first_disk, entries_on_disk, comment, start + size) != (
        0,
        0,
        count,
        0,
        length - container.END.size,
    ):
        raise _create_ambiguity_error("has an end record that does not match its directory")
    return start, count


def _read_entry(raw: bytes, position: int) -> tuple[ZipEntry, int]:
    if raw[position : position + 4] != b"PK\x01\x02" or position + container.CENTRAL.size > len(raw):
        raise _create_ambiguity_error("has a damaged directory")
    fields = container.CENTRAL.unpack_from(raw, position)
    method, crc, packed, size, name_length, extra_length, comment_length = fields[4], *fields[7:13]
    name_end = position + container.CENTRAL.size + name_length
    end = name_end + extra_length
    name = _decode_name(raw[position + container.CENTRAL.size : name_end])
    if end > len(raw) or comment_length or fields[13] or not _EXTRA.fullmatch(raw[name_end:end]):
        raise _create_ambiguity_error(f"has extra fields for {name[:80]!a} other than times and owners")
    entry = ZipEntry(name, method, crc, packed, size, fields[16], raw[position + 6 : name_end])
    _check_kind(entry, fields[1] >> 8, fields[2], fields[3])
    _check_mode(entry, fields[15])
    return entry, end


def _check_kind(entry: ZipEntry, system: int, version: int, flags: int) -> None:
    quoted_name = f"{entry.name[:80]!a}"
    if flags & 0x2041:
        raise ContainerError(f"The ZIP contains an encrypted file: {quoted_name}.")
    if entry.method not in {_STORED, _DEFLATED}:
        raise ContainerError(
            f"{quoted_name} uses compression method {entry.method}. Unpack the ZIP and verify the folder."
        )
    if flags & ~_FLAGS or version > 20 or system not in _SYSTEMS:
        raise _create_ambiguity_error(f"requires unsupported ZIP features for {quoted_name}")
    if flags & _HAS_DESCRIPTOR and entry.method == _STORED:
        raise _create_ambiguity_error(f"does not state the size of {quoted_name} before its bytes")
    if entry.method == _STORED and entry.packed != entry.size:
        raise _create_ambiguity_error(f"states two sizes of {quoted_name}")


def _check_mode(entry: ZipEntry, attributes: int) -> None:
    """Check that exactly the names that end with a slash are folders, and that there are no links or devices."""
    is_folder = entry.name.endswith("/")
    kind = stat.S_IFMT(attributes >> 16)
    if kind == stat.S_IFLNK:
        raise ContainerError(f"The ZIP contains a link instead of a file: {entry.name[:80]!a}.")
    expected = stat.S_IFDIR if is_folder else stat.S_IFREG
    if kind not in {0, expected} or (not is_folder and attributes & _FAT_SPECIAL) or (is_folder and entry.packed):
        raise _create_ambiguity_error(f"contains {entry.name[:80]!a} both as a file and as another entry")


def _decode_name(raw: bytes) -> str:
    """Decode a member's name, which must be UTF-8 and lead nowhere else on any system."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _create_ambiguity_error("contains a name that is not UTF-8") from error
    if not _PATH.fullmatch(name) or name.startswith("\ufeff"):
        raise ContainerError(f"The ZIP contains a name that is not allowed in a bundle: {name[:80]!a}.")
    return name


def _check_layout(file: BinaryIO, entries: list[ZipEntry], limit: int) -> list[ZipEntry]:
    """Return the members, which must lie back to back in the directory's order, from the first byte up to it."""
    members = []
    position = 0
    for entry in entries:
        quoted_name = f"{entry.name[:80]!a}"
        if entry.offset < position:
            raise ContainerError(f"The ZIP contains overlapping files: {quoted_name}.")
        if entry.offset > position:
            raise _create_ambiguity_error(f"has a gap before {quoted_name}, or a different order in its directory")
        start = _find_start(file, entry)
        position = start + entry.packed
        if entry.fields[2] & _HAS_DESCRIPTOR:
            file.seek(position)
            if file.read(_DESCRIPTOR.size) != _DESCRIPTOR.pack(b"PK\x07\x08", entry.crc, entry.packed, entry.size):
                raise _create_ambiguity_error(f"describes {quoted_name} differently after its bytes")
            position += _DESCRIPTOR.size
        if position > limit:
            raise ContainerError(f"The ZIP contains a file that ends outside of it: {quoted_name}.")
        members.append(replace(entry, start=start))
    if position != limit:
        raise _create_ambiguity_error("has a gap before its directory")
    return members


def _find_start(file: BinaryIO, entry: ZipEntry) -> int:
    """Return the offset of the packed bytes, after a header that must agree with the directory."""
    file.seek(entry.offset)
    raw = file.read(container.LOCAL.size)
    if len(raw) != container.LOCAL.size or raw[:4] != b"PK\x03\x04":
        raise ContainerError(f"The header of {entry.name[:80]!a} in the ZIP is damaged.")
    fields = container.LOCAL.unpack(raw)
    sizes = (entry.crc, entry.packed, entry.size)
    name = entry.fields[_NAME_AT:]
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
        or not _EXTRA.fullmatch(name_and_extra[fields[9] :])
    ):
        raise _create_ambiguity_error(
            f"describes {entry.name[:80]!a} differently before its bytes and in its directory"
        )
    return entry.offset + container.LOCAL.size + len(name_and_extra)


def _separate_files(entries: list[ZipEntry]) -> tuple[list[ZipEntry], tuple[str, ...], list[ZipEntry]]:
    """Return the bundle's files without a folder around everything, unusual features, and left-over files."""
    check_collisions((entry.name for entry in entries), what="The ZIP")
    files = [entry for entry in entries if not entry.name.endswith("/")]
    left_over = [entry for entry in files if is_system_file(entry.name)]
    files = [entry for entry in files if not is_system_file(entry.name)]
    remarks: tuple[str, ...] = ()
    top_folders = {entry.name.split("/", 1)[0] for entry in files}
    top_folder = top_folders.pop() if len(top_folders) == 1 else ""
    if any(entry.name == f"{top_folder}/bagit.txt" for entry in files):
        files = [replace(entry, name=entry.name[len(top_folder) + 1 :]) for entry in files]
        remarks = ("all files are in one top-level folder",)
    check_names((entry.name for entry in files), what="The ZIP")
    return files, remarks, left_over


def _check_sizes(entries: list[ZipEntry], length: int) -> None:
    total = sum(entry.size for entry in entries)
    if total > container.FREE_EXPANSION + container.MAX_EXPANSION * length:
        raise ContainerError(f"The ZIP of {length} bytes would unpack to {total}, more than any bundle.")
