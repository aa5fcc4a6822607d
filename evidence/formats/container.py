"""The container of a bundle: one deterministic ZIP, and reading an untrusted ZIP or the unpacked folder.

Written ZIPs have stored members, sorted by name, dated 1980-01-01, made by "Unix" with mode 0644, no extra fields, no
comment (APPNOTE.TXT 6.3.10, 4.3). The same contents give the same bytes, so rebuilding them shows whether a container
was changed. Reading accepts ZIPs that other programs repacked, as long as no two programs could read them differently.
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
from exhibit.digests import CHUNK, Digest
from exhibit.errors import WrongUseError

MAX_ZIP_BYTES = 0xFFFFFFFE
MAX_ENTRIES = 10_000
MAX_DIRECTORY = MAX_ENTRIES * 1024  # bytes
MAX_EXPANSION = 100
FREE_EXPANSION = 64 << 20

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
_VERSION = 20
_UNIX = 3
_DATE_1980 = 0x21
_MODE = (stat.S_IFREG | 0o644) << 16
MAX_NAME = 200
_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_RESERVED = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|/|$)", re.IGNORECASE)
_SYSTEM_FILE = re.compile(r"(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE | re.DOTALL)


class ContainerError(FormatError):
    """The container cannot be read, or cannot be read safely."""


class NoBundleError(WrongUseError):
    """The input is not a bundle."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file to be written into a ZIP."""

    name: str  # its path in the bundle
    size: int
    crc: int
    chunks: Callable[[], Iterator[bytes]]  # yields the bytes, from the start at each call


@dataclass(frozen=True, slots=True)
class FileMeasurement:
    """Size and digests of a file; the CRC-32 is for rebuilding the container."""

    size: int
    crc: int
    sha256: Digest
    sha512: bytes


def measure_chunks(chunks: Iterable[bytes]) -> FileMeasurement:
    """Return size and digests of the bytes in these chunks."""
    sha256, sha512, size, crc = hashlib.sha256(), hashlib.sha512(), 0, 0
    for chunk in chunks:
        sha256.update(chunk)
        sha512.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
    return FileMeasurement(size, crc, Digest(sha256.digest()), sha512.digest())


def create_member(name: str, data: bytes) -> Member:
    """Return a member from bytes in memory."""
    return Member(name, len(data), zlib.crc32(data), lambda: iter((data,)))


def compute_zip_size(members: Iterable[Member]) -> int:
    """Return the size in bytes of the ZIP of these members, before it is made."""
    return END.size + sum(LOCAL.size + CENTRAL.size + 2 * len(member.name) + member.size for member in members)


def zip_chunks(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the deterministic ZIP of these members in chunks, in order of name.

    Raises:
        FormatError: Names conflict, or the limits of a plain ZIP are exceeded (4 GiB, 10,000 files).
    """
    ordered = sorted(members, key=lambda member: member.name)
    check_names((member.name for member in ordered), what="The bundle")
    if len(ordered) > MAX_ENTRIES or sum(file.size + 2 * (len(file.name) + 76) for file in ordered) > MAX_ZIP_BYTES:
        raise FormatError("The bundle would be larger than 4 GiB or have more than 10,000 files.")
    offset = 0
    directory = []
    for member in ordered:
        name = member.name.encode("ascii")
        fields = (_VERSION, 0, 0, 0, _DATE_1980, member.crc, member.size, member.size, len(name), 0)
        yield LOCAL.pack(b"PK\x03\x04", *fields) + name
        yield from member.chunks()
        central = (_UNIX << 8 | _VERSION, *fields, 0, 0, 0, _MODE, offset)
        directory.append(CENTRAL.pack(b"PK\x01\x02", *central) + name)
        offset += LOCAL.size + len(name) + member.size
    directory_bytes = b"".join(directory)
    yield directory_bytes
    yield END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), len(directory_bytes), offset, 0)


class Contents(Protocol):
    """The files of a bundle, in any container."""

    names: tuple[str, ...]  # names of all files that belong to the bundle, sorted
    remarks: tuple[str, ...]  # unusual features of the container, in words
    left_over: tuple[str, ...]  # names of files that a file manager left behind, sorted; nobody vouches for them

    def size(self, name: str) -> int:
        """Return the size in bytes, as declared by the container."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes in chunks; raises ``ContainerError`` if they cannot be read."""

    def same_bytes_as(self, expected: Iterator[bytes]) -> bool | None:
        """Return True if the container has exactly these bytes; ``None`` if there is no container."""

    def close(self) -> None:
        """Close the file."""


def read_all(contents: Contents, name: str, limit: int) -> bytes:
    """Return a file's bytes; raises ``ContainerError`` if they cannot be read or exceed ``limit``."""
    if contents.size(name) > limit:
        raise ContainerError(f"{name} has {contents.size(name)} bytes, more than the {limit} that are read.")
    return b"".join(contents.chunks(name))


class FolderContents:
    """An unpacked bundle: the folder with ``bagit.txt``.

    Raises:
        ContainerError: There is a link, a device, too many files, or a name that a bundle cannot have.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        sizes = dict(_walk(root))
        self.remarks: tuple[str, ...] = ()
        self.left_over = tuple(sorted(name for name in sizes if is_system_file(name)))
        self._sizes = {name: size for name, size in sizes.items() if not is_system_file(name)}
        self.names = tuple(sorted(self._sizes))
        check_names(self.names, what="The folder")

    def size(self, name: str) -> int:
        """Return the size of the file in bytes."""
        return self._sizes[name]

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes in chunks, at most as many as when the folder was scanned."""
        remaining = self._sizes[name]
        try:
            with (self._root / name).open("rb") as file:
                while remaining and (chunk := file.read(min(CHUNK, remaining))):
                    remaining -= len(chunk)
                    yield chunk
        except OSError as error:
            raise ContainerError(f"{name} cannot be read: {error.strerror}.") from error

    def same_bytes_as(self, expected: Iterator[bytes]) -> bool | None:  # noqa: ARG002 - a folder has no bytes of its own
        """Return ``None``: there is nothing to compare."""
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
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and _RESERVED.search(name) is None


def is_system_file(name: str) -> bool:
    """Return True for names of files that file managers leave behind (macOS, Windows); no file of a bundle has one."""
    return _SYSTEM_FILE.fullmatch(name) is not None


def check_names(names: Iterable[str], *, what: str) -> None:
    """Check that names can coexist in a folder on any system; raises ``FormatError``."""
    all_names = list(names)
    for name in all_names:
        if not is_valid_name(name):
            raise FormatError(f"{what} contains a name that is not allowed in a bundle: {name[:80]!a}.")
    check_collisions(all_names, what=what)


def check_collisions(names: Iterable[str], *, what: str) -> None:
    """Check that no two names (folder names end with ``/``) refer to one place on any system.

    Raises:
        FormatError: Ignoring case, a name is listed twice, or is the folder of another.
    """
    used_names: set[str] = set()
    folders: set[str] = set()
    for name in names:
        lower_name = name.lower()
        if lower_name in used_names:
            raise FormatError(f"{what} contains the name {name[:80]!a} twice.")
        used_names.add(lower_name)
        parts = lower_name.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if conflicts := sorted(used_names & folders):
        raise FormatError(f"{what} contains {conflicts[0][:80]!a} both as a file and as a folder.")
