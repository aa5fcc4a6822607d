"""Containers of a bundle: writing a deterministic ZIP, and reading an untrusted ZIP or an unpacked folder.

Written ZIPs have stored members, sorted by name, dated 1980-01-01, made by "Unix" with mode 0644, no extra fields, no
comment (APPNOTE.TXT 6.3.10, 4.3). The same contents give the same bytes, so rebuilding the ZIP shows if a container
was changed. ZIPs repacked by other programs are accepted if all programs read them in the same way.
"""

import hashlib
import os
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evidence.formats.codec import FormatError
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.errors import InvalidRequestError

MAX_ZIP_BYTES = 0xFFFFFFFE
MAX_ENTRIES = 10_000
MAX_DIRECTORY_BYTES = MAX_ENTRIES * 1024  # bytes
MAX_EXPANSION = 100
UNCHECKED_EXPANSION_BYTES = 64 << 20

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END_RECORD = struct.Struct("<4s4H2IH")
_VERSION = 20
_UNIX = 3
_DATE_1980 = 0x21
_FILE_MODE = (stat.S_IFREG | 0o644) << 16
MAX_NAME_CHARS = 200
_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_NAME_PATTERN = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_RESERVED_NAME = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|/|$)", re.IGNORECASE)
_SYSTEM_FILE = re.compile(r"(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE | re.DOTALL)


class ContainerError(FormatError):
    """The container cannot be read, or reading it would be unsafe."""


class NoBundleError(InvalidRequestError):
    """The input is not a bundle."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file to write into a ZIP."""

    name: str  # path in the bundle
    size: int
    crc: int
    chunks: Callable[[], Iterator[bytes]]  # returns an iterator over the bytes, from the start at each call


@dataclass(frozen=True, slots=True)
class FileMeasurement:
    """Size and digests of a file. The CRC-32 is needed to rebuild the container."""

    size: int
    crc: int
    sha256: Digest
    sha512: bytes


def measure_chunks(chunks: Iterable[bytes]) -> FileMeasurement:
    """Compute size and digests of the bytes in ``chunks``."""
    sha256, sha512, size, crc = hashlib.sha256(), hashlib.sha512(), 0, 0
    for chunk in chunks:
        sha256.update(chunk)
        sha512.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
    return FileMeasurement(size, crc, Digest(sha256.digest()), sha512.digest())


def create_member(name: str, data: bytes) -> Member:
    """Create a member from bytes in memory."""
    return Member(name, len(data), zlib.crc32(data), lambda: iter((data,)))


def compute_zip_size(members: Iterable[Member]) -> int:
    """Compute the size in bytes of the ZIP of these members without writing it."""
    return END_RECORD.size + sum(
        LOCAL_HEADER.size + CENTRAL_HEADER.size + 2 * len(member.name) + member.size for member in members
    )


def iterate_zip_chunks(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the deterministic ZIP of these members in chunks, in order of name.

    Raises:
        FormatError: Names conflict, or the limits of a plain ZIP are exceeded (4 GiB, 10,000 files).
    """
    sorted_members = sorted(members, key=lambda member: member.name)
    check_names((member.name for member in sorted_members), label="The bundle")
    if (
        len(sorted_members) > MAX_ENTRIES
        or sum(file.size + 2 * (len(file.name) + 76) for file in sorted_members) > MAX_ZIP_BYTES
    ):
        raise FormatError("The bundle would be larger than 4 GiB or have more than 10,000 files.")
    offset = 0
    directory = []
    for member in sorted_members:
        name = member.name.encode("ascii")
        fields = (_VERSION, 0, 0, 0, _DATE_1980, member.crc, member.size, member.size, len(name), 0)
        yield LOCAL_HEADER.pack(b"PK\x03\x04", *fields) + name
        yield from member.chunks()
        central = (_UNIX << 8 | _VERSION, *fields, 0, 0, 0, _FILE_MODE, offset)
        directory.append(CENTRAL_HEADER.pack(b"PK\x01\x02", *central) + name)
        offset += LOCAL_HEADER.size + len(name) + member.size
    directory_bytes = b"".join(directory)
    yield directory_bytes
    yield END_RECORD.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), len(directory_bytes), offset, 0)


class Contents(Protocol):
    """The files of a bundle, in any container."""

    names: tuple[str, ...]  # names of all files that belong to the bundle, sorted
    remarks: tuple[str, ...]  # descriptions of unusual features of the container
    leftover_files: tuple[str, ...]  # sorted names of files created by file managers, which are not sealed

    def get_size(self, name: str) -> int:
        """Return the size in bytes, as declared by the container."""

    def iterate_chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes in chunks; raises ``ContainerError`` if they cannot be read."""

    def has_same_bytes(self, expected: Iterator[bytes]) -> bool | None:
        """Return True if the container has exactly these bytes; ``None`` if the bundle is an unpacked folder."""

    def close(self) -> None:
        """Close the file."""


def read_all(contents: Contents, name: str, limit: int) -> bytes:
    """Return a file's bytes; raises ``ContainerError`` if they cannot be read or exceed ``limit``."""
    if contents.get_size(name) > limit:
        raise ContainerError(f"{name} has {contents.get_size(name)} bytes, more than the {limit} that are read.")
    return b"".join(contents.iterate_chunks(name))


class FolderContents:
    """An unpacked bundle: the folder with ``bagit.txt``.

    Raises:
        ContainerError: There is a link, a device, too many files, or a name that a bundle cannot have.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        sizes = dict(_walk(root))
        self.remarks: tuple[str, ...] = ()
        self.leftover_files = tuple(sorted(name for name in sizes if is_system_file(name)))
        self._sizes = {name: size for name, size in sizes.items() if not is_system_file(name)}
        self.names = tuple(sorted(self._sizes))
        check_names(self.names, label="The folder")

    def get_size(self, name: str) -> int:
        """Return the size of the file in bytes."""
        return self._sizes[name]

    def iterate_chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes in chunks, at most as many as when the folder was scanned."""
        remaining = self._sizes[name]
        try:
            with (self._root / name).open("rb") as file:
                while remaining and (chunk := file.read(min(CHUNK_BYTES, remaining))):
                    remaining -= len(chunk)
                    yield chunk
        except OSError as error:
            raise ContainerError(f"{name} cannot be read: {error.strerror}.") from error

    def has_same_bytes(self, expected: Iterator[bytes]) -> bool | None:  # noqa: ARG002 - a folder has no bytes of its own
        """Return ``None``, because a folder has no container to compare."""
        return None

    def close(self) -> None:
        """Do nothing: no file is open."""


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Yield names and sizes of the files in a folder, without following links."""
    count = 0
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                name = Path(entry.path).relative_to(root).as_posix()
                count += 1
                if count > MAX_ENTRIES:
                    raise ContainerError(f"The folder has more than {MAX_ENTRIES} files.")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield name, entry.stat(follow_symlinks=False).st_size
                else:
                    raise ContainerError(f"The folder contains a link or a device: {name[:80]!a}.")


def is_valid_name(name: str) -> bool:
    """Return True if a bundle may have a file of this name: ASCII segments, no ``..``, drive or device, at most 200."""
    return (
        len(name) <= MAX_NAME_CHARS
        and _NAME_PATTERN.fullmatch(name) is not None
        and _RESERVED_NAME.search(name) is None
    )


def is_system_file(name: str) -> bool:
    """Return True for names of files that file managers create (macOS, Windows); bundles have no such files."""
    return _SYSTEM_FILE.fullmatch(name) is not None


def check_names(names: Iterable[str], *, label: str) -> None:
    """Check that names are valid and can coexist in a folder on any system; raises ``FormatError``.

    ``label`` names the container in errors.
    """
    all_names = list(names)
    for name in all_names:
        if not is_valid_name(name):
            raise FormatError(f"{label} contains a name that is not allowed in a bundle: {name[:80]!a}.")
    check_collisions(all_names, label=label)


def check_collisions(names: Iterable[str], *, label: str) -> None:
    """Check that no two names (folder names end with ``/``) refer to the same path on any system.

    Raises:
        FormatError: Ignoring case, a name is listed twice, or one name is a folder in the path of another.
    """
    used_names: set[str] = set()
    folders: set[str] = set()
    for name in names:
        lower_name = name.lower()
        if lower_name in used_names:
            raise FormatError(f"{label} contains the name {name[:80]!a} twice.")
        used_names.add(lower_name)
        parts = lower_name.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if conflicts := sorted(used_names & folders):
        raise FormatError(f"{label} contains {conflicts[0][:80]!a} both as a file and as a folder.")
