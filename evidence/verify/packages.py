"""Search for bundles in the files and folders that a user passes to the verifier, such as a *Bundle for the court*.

A package is a ZIP or folder that contains bundles, as ZIPs or unpacked; the package may itself be in another ZIP. Each
bundle is checked separately. A package proves nothing and may come from any program, so its ZIP is read less strictly
than that of a bundle, but within limits.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Self
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from evidence.bundle.manifest import MANIFEST_PATH
from evidence.formats.container import (
    MAX_ENTRIES,
    MAX_EXPANSION,
    UNCHECKED_EXPANSION_BYTES,
    ContainerError,
    NoBundleError,
    is_system_file,
    is_valid_name,
)
from evidence.formats.zipread import is_zip
from evidence.verdict.result import Line, Verdict, fail_check
from evidence.verify.kinds import detect_kind
from evidence.verify.verifier import Verifier
from exhibit.digests import CHUNK_BYTES

MAX_DEPTH = 4
"""Maximum depth of nested ZIPs, including that of the bundle: a package may have been zipped again."""
MAX_BUNDLES = 1000
MAX_NAME_CHARACTERS = 80  # maximum number of characters shown of the name of another file in a package
BAGIT = "bagit.txt"
HINT = "Use a bundle's ZIP as downloaded, the folder that contains bagit.txt, or a package of such ZIPs."
_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_SIZE = 20
_LOCAL_HEADER = struct.Struct("<26x2H")  # the lengths of name and extra fields
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags
MAX_GAP = 1 << 16
"""Maximum number of bytes between two files of a package; programs that delete files from a ZIP leave such gaps."""


class AmbiguousZipError(BadZipFile):
    """Different programs would show different files of a ZIP.

    The caller treats the ZIP as a bundle, and the check of the bundle rejects it.
    """


class EncryptedPackageError(NoBundleError):
    """The content of a package cannot be read without a password."""


@dataclass(frozen=True, slots=True)
class BundleLocation:
    """Location of a bundle: a path, and the steps from the path into nested ZIPs or to a folder in a ZIP.

    ``package`` is the path that the user passed if it contains bundles and is not a bundle itself.
    """

    path: Path
    steps: tuple[str, ...] = ()
    package: Path | None = None

    @property
    def file(self) -> str:
        """Path as passed, with the steps into a package, such as ``/tmp/court.zip/studio-case-1-bundle-1.zip``."""
        return str(self.path) if self.package is None else "/".join([str(self.package), *self._list_steps])

    @property
    def title(self) -> str:
        """Name of the bundle for a reader, such as ``court.zip/studio-case-1-bundle-1.zip``."""
        return self.path.name if self.package is None else "/".join([self.package.name, *self._list_steps])

    @property
    def _list_steps(self) -> list[str]:
        assert self.package is not None
        steps = self.path.relative_to(self.package).parts if self.path != self.package else ()
        return [*steps, *(name.rstrip("/") for name in self.steps)]


def find_bundles(path: Path) -> list[BundleLocation]:
    """Find the bundles at a path: one location for a bundle, several for a package.

    Raises:
        NoBundleError: The path neither is nor contains a bundle (the message states its kind), or the package exceeds
            the limits.
    """
    try:
        if path.is_dir():
            if (path / BAGIT).is_file():
                return [BundleLocation(path)]
            locations = list(_find_in_folder(path))
        elif path.exists() and not path.is_file():
            return [BundleLocation(path)]  # a pipe or a device; opening it raises the error
        elif path.is_file() and is_zip(path):
            step_lists = _list_bundles_in_zip(path)
            if step_lists == [()]:
                return [BundleLocation(path)]
            locations = [BundleLocation(path, steps, path) for steps in step_lists]
        else:
            locations = []
    except BadZipFile:
        return [BundleLocation(path)]  # a damaged bundle or another file; the check of the bundle decides
    except OSError as error:
        raise NoBundleError(f"{path.name} cannot be read: {error.strerror}.", hint=HINT) from error
    if not locations:
        kind = detect_kind(path)
        raise NoBundleError(f"{path.name or path} {kind.sentence}", hint=kind.hint or HINT)
    return locations


def find_bundles_at(paths: Sequence[Path]) -> "list[BundleLocation | RefusedPath]":
    """Find the bundles at several paths, in the order of the paths, each location once.

    A path without a bundle is represented by a :class:`RefusedPath`.
    """
    locations: dict[tuple[str, ...], BundleLocation | RefusedPath] = {}
    for path in paths:
        try:
            for location in find_bundles(path):
                locations.setdefault((str(location.path), *location.steps), location)
        except NoBundleError as error:
            locations.setdefault((str(path),), RefusedPath(path, error))
    return [*locations.values()]


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """A path without a bundle, and the error that explains it."""

    path: Path
    error: NoBundleError

    @property
    def file(self) -> str:
        """Path as passed."""
        return str(self.path)


def summarize_outcomes(outcomes: Sequence[str]) -> str:
    """Summarize the outcomes of several bundles in a sentence: the total, and the number of each outcome."""
    counts = [(name, outcomes.count(name)) for name in dict.fromkeys(outcomes)]
    return f"Total {len(outcomes)}: {', '.join((f'{count} {name}' for name, count in counts))}."


def verify_location(verifier: Verifier, location: BundleLocation) -> Verdict:
    """Check the bundle at a location; raises ``NoBundleError`` as :meth:`Verifier.verify` does."""
    if location.package is None:
        return verifier.verify(location.path)
    if location.path.is_symlink():
        raise NoBundleError(
            f"{location.title[:80]!a} is a link. Links are not followed.", hint="Use the target of the link."
        )
    try:
        with _extract_bundle(location) as path:
            verdict = verifier.verify(path, display_name=location.title)
        return replace(verdict, lines=(*verdict.lines, *_describe_other_files(location.package, len(location.steps))))
    except (ContainerError, BadZipFile, OSError) as error:
        sentence = error.message if isinstance(error, ContainerError) else "It cannot be extracted from its package."
        return Verdict(location.title, None, verifier.trust.dated, (fail_check("container", sentence),))


def _describe_other_files(package: Path, depth: int) -> Iterator[Line]:
    """Yield a line on the other files in a ZIP of bundles (notices, lists, sheets), which no check reads."""
    if not package.is_file():
        return
    with ZipFile(package) as archive:
        all_names = [name for name in archive.namelist()[:MAX_ENTRIES] if not name.endswith("/")]
    bundles = tuple(name.removesuffix(BAGIT) for name in all_names if name == BAGIT or name.endswith(f"/{BAGIT}"))
    other_names = [name for name in all_names if not is_system_file(name) and not name.lower().endswith(".zip")]
    other_names = [name for name in other_names if not name.startswith(bundles)]
    name_text = ", ".join(repr(name[-MAX_NAME_CHARACTERS:]) for name in other_names[:3]) + (
        ", …" if len(other_names) > 3 else ""
    )
    parts = [f"{len(other_names)} other files in {package.name}: {name_text}"] * bool(other_names)
    parts += ["those in nested ZIPs"] * (depth > 1)
    if parts:
        yield Line("papers", "; ".join(parts), "not examined by any check")


@dataclass(slots=True)
class _UnpackBudget:
    """Remaining number of bytes to unpack from the user's file; nested ZIPs can expand exponentially."""

    remaining: int

    @classmethod
    def for_file(cls, path: Path) -> "_UnpackBudget":
        return cls(UNCHECKED_EXPANSION_BYTES + MAX_EXPANSION * path.stat().st_size)

    def take(self, size: int) -> None:
        self.remaining -= size
        if self.remaining < 0:
            raise NoBundleError("If unpacked, it would be far larger than a package of bundles.", hint=HINT)


class _Archive:
    """An untrusted ZIP with bundles; raises ``BadZipFile``."""

    def __init__(self, path: Path, budget: _UnpackBudget, depth: int = 1) -> None:
        self._budget, self._depth = budget, depth
        with path.open("rb") as file:
            count = _check_directory(file, path.stat().st_size)
            try:
                self._zip = ZipFile(path)
                zip_entries = self._zip.infolist()
                _check_layout(file, path.stat().st_size, self._zip.start_dir, zip_entries, count)
            except (ValueError, OverflowError, NotImplementedError, EOFError, struct.error, LargeZipFile) as error:
                raise BadZipFile("It cannot be read as a ZIP.") from error
        # Some programs write ``\\`` instead of ``/`` between folders.
        entries = [(entry.filename.replace("\\", "/"), entry) for entry in zip_entries]
        _check_names([name for name, _ in entries])
        self._files = {name: entry for name, entry in entries if not name.endswith("/")}
        system_files = [name for name in self._files if is_system_file(name) and not self._is_possible_zip(name)]
        for name in system_files:
            del self._files[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def is_bundle(self) -> bool:
        """True if the ZIP is a bundle, also in a single top-level folder or with a few missing files."""
        top_names = {name.partition("/")[0] for name in self._files}
        folder = f"{next(iter(top_names))}/" if len(top_names) == 1 else ""
        return any(f"{start}{name}" in self._files for start in {"", folder} for name in (BAGIT, MANIFEST_PATH))

    def list_bundles(self) -> Iterator[tuple[str, ...]]:
        """Yield the steps to each bundle: names of nested ZIPs, optionally a folder whose name ends with a slash."""
        folders = [name[: -len(BAGIT)] for name in self._files if name.endswith(f"/{BAGIT}")]
        count = 0
        for name in sorted(self._files):
            if name.endswith(f"/{BAGIT}"):
                step_lists: Sequence[tuple[str, ...]] = [(name[: -len(BAGIT)],)]
            elif name.startswith(tuple(folders)) or not (_has_zip_extension(name) or self._is_possible_zip(name)):
                continue
            else:
                step_lists = self._list_nested_bundles(name)
            count += len(step_lists)
            if count > MAX_BUNDLES:
                raise NoBundleError(
                    f"It contains more than {MAX_BUNDLES} bundles.", hint="Verify parts of it separately."
                )
            yield from step_lists

    def _list_nested_bundles(self, name: str) -> Sequence[tuple[str, ...]]:
        """List the steps to the bundles in a nested ZIP.

        An unreadable file with the extension .zip counts as a bundle; the check of the bundle rejects it.
        """
        if self._depth >= MAX_DEPTH:
            if not _has_zip_extension(name):
                return []
            raise NoBundleError(f"ZIPs are nested more than {MAX_DEPTH} levels deep.", hint="Unpack the outer ones.")
        with TemporaryDirectory(prefix="exhibit-verify-") as folder:
            path = Path(folder) / "inner.zip"
            try:
                self.extract_file(name, path)
                with _Archive(path, self._budget, self._depth + 1) as archive:
                    if archive.is_bundle:
                        return [(name,)]
                    return [(name, *steps) for steps in archive.list_bundles()]
            except (AmbiguousZipError, EncryptedPackageError):
                return [(name,)]
            except (BadZipFile, ContainerError):
                return [(name,)] if _has_zip_extension(name) else []

    def _is_possible_zip(self, name: str) -> bool:
        """Return True if a file is or may be a ZIP; the name does not matter, because attachments get renamed."""
        if self._files[name].flag_bits & ENCRYPTED:
            return True
        try:
            with self._zip.open(self._files[name]) as file:
                return file.read(4) == b"PK\x03\x04"
        except (BadZipFile, NotImplementedError, RuntimeError, OSError, zlib.error, EOFError):
            return False

    def extract_file(self, name: str, path: Path) -> None:
        """Extract a file of the ZIP to a path; raises ``ContainerError`` if it cannot be unpacked within the limits."""
        entry = self._files.get(name)
        if entry is None:
            raise ContainerError(f"It does not contain {name[:80]!a}.")
        self._check_entry(entry)
        try:
            with self._zip.open(entry) as source, path.open("wb") as target:
                while chunk := source.read(CHUNK_BYTES):
                    self._budget.take(len(chunk))
                    target.write(chunk)
        except (BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
            raise ContainerError(f"{name[:80]!a} cannot be unpacked.") from error

    def extract_folder(self, name: str, root: Path) -> None:
        """Extract a folder of the ZIP into another folder.

        Raises:
            ContainerError: A bundle cannot have a file of this name, or a name occurs twice.
        """
        for path in sorted(path for path in self._files if path.startswith(name)):
            relative_name = path[len(name) :]
            if not is_valid_name(relative_name):
                raise ContainerError(
                    f"The ZIP contains a name that is not allowed in a bundle: {relative_name[:80]!a}."
                )
            (root / relative_name).parent.mkdir(parents=True, exist_ok=True)
            if (root / relative_name).exists():
                raise ContainerError(f"The ZIP contains the name {relative_name[:80]!a} twice.")
            self.extract_file(path, root / relative_name)

    @staticmethod
    def _check_entry(entry: ZipInfo) -> None:
        if entry.flag_bits & ENCRYPTED:
            raise EncryptedPackageError(
                f"{entry.filename[:80]!a} is encrypted.", hint="Unpack the package with its password."
            )
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise ContainerError(f"{entry.filename[:80]!a} is a link or a device.")


@contextmanager
def _extract_bundle(location: BundleLocation) -> Iterator[Path]:
    """Unpack the bundle's ZIP or folder to a temporary path, as a context manager."""
    with TemporaryDirectory(prefix="exhibit-verify-") as folder:
        path, budget = location.path, None
        for depth, name in enumerate(location.steps, 1):
            budget = budget or _UnpackBudget.for_file(location.path)
            target = Path(folder) / f"{depth}"
            with _Archive(path, budget, depth) as archive:
                if name.endswith("/"):
                    target.mkdir()
                    archive.extract_folder(name, target)
                else:
                    archive.extract_file(name, target)
            if path != location.path:
                path.unlink()
            path = target
        yield path


def _find_in_folder(root: Path) -> Iterator[BundleLocation]:
    """Yield the bundles in a folder that is not itself a bundle, unpacked or in ZIPs; links are not followed."""
    count, entry_count, folders = 0, 0, [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            sorted_entries = sorted(entries, key=lambda entry: entry.name)
        entry_count += len(sorted_entries)
        if entry_count > MAX_ENTRIES:
            raise NoBundleError(f"{root.name} is a folder with more than {MAX_ENTRIES} files.", hint=HINT)
        for entry in sorted_entries:
            path = Path(entry.path)
            locations: Sequence[BundleLocation] = []
            if entry.is_symlink():
                locations = [BundleLocation(path, (), root)] * (
                    _has_zip_extension(entry.name) or (path / BAGIT).is_file()
                )
            elif entry.is_dir(follow_symlinks=False):
                if (path / BAGIT).is_file():
                    locations = [BundleLocation(path, (), root)]
                else:
                    folders.append(path)
            elif entry.is_file(follow_symlinks=False) and not is_system_file(entry.name):
                locations = [BundleLocation(path, steps, root) for steps in _list_bundles_in_file(path)]
            count += len(locations)
            if count > MAX_BUNDLES:
                raise NoBundleError(
                    f"It contains more than {MAX_BUNDLES} bundles.", hint="Verify parts of it separately."
                )
            yield from locations


def _list_bundles_in_zip(path: Path) -> Sequence[tuple[str, ...]]:
    """List the steps to each bundle in a ZIP; empty steps if the ZIP is a bundle. Raises ``BadZipFile``."""
    with _Archive(path, _UnpackBudget.for_file(path)) as archive:
        return [()] if archive.is_bundle else list(archive.list_bundles())


def _list_bundles_in_file(path: Path) -> Sequence[tuple[str, ...]]:
    """List the steps to each bundle in any file.

    A file without the extension .zip counts only if it contains a bundle.
    """
    has_extension = _has_zip_extension(path.name)
    try:
        return _list_bundles_in_zip(path) if is_zip(path) else []
    except NoBundleError:
        return []
    except BadZipFile as error:
        return [()] if has_extension or isinstance(error, AmbiguousZipError) else []
    except OSError:
        if has_extension:
            raise
        return []


def _has_zip_extension(name: str) -> bool:
    return name.lower().endswith(".zip")


def _check_names(names: Sequence[str]) -> None:
    """Raise ``AmbiguousZipError`` if two files, or a file and a folder, have one name: one would stay hidden."""
    files = [name for name in names if not name.endswith("/")]
    folders = {name[:position] for name in names for position, char in enumerate(name) if char == "/"}
    if len(set(files)) < len(files) or folders.intersection(files):
        raise AmbiguousZipError("It contains two files with the same name, or a file with the name of a folder.")


def _check_layout(file: BinaryIO, length: int, directory: int, entries: Sequence[ZipInfo], count: int) -> None:
    """Reject a ZIP if programs that read from the start, or use another end record, would show other files."""
    position, gaps = 0, []
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size:
            raise BadZipFile("It contains a file path outside the archive.")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        name = file.read(name_length).decode("utf-8" if entry.flag_bits & UTF_8 else "cp437", "replace")
        if name != entry.orig_filename:
            raise AmbiguousZipError("It contains a file with two names.")
        gaps.append((position, entry.header_offset))
        position = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length + entry.compress_size
    file.seek(directory)
    tail = file.read(length - directory)
    if count != len(entries) or tail.count(b"PK\x05\x06") != 1 or b"PK\x03\x04" in tail:
        raise AmbiguousZipError("It has several end records, or a wrong number of files.")
    for start, end in (*gaps, (position, directory)):
        file.seek(start)
        if end - start > MAX_GAP or b"PK\x03\x04" in file.read(max(0, end - start)):
            raise AmbiguousZipError("It contains data between its files that other programs may read as a file.")


def _check_directory(file: BinaryIO, length: int) -> int:
    """Return the number of files in the end record; raises ``BadZipFile`` instead of reading a too large directory.

    The end record is located as in ``zipfile``.
    """
    start = max(0, length - _END.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    position = len(tail) - _END.size
    if position < 0 or tail[position : position + 4] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        position = tail.rfind(b"PK\x05\x06")
    if position < 0 or len(tail) - position < _END.size:
        raise BadZipFile("The end record of the ZIP is missing.")
    _, _, _, _, count, size, _, _ = _END.unpack_from(tail, position)
    offset = start + position - _LOCATOR_SIZE - _END_64.size
    if offset >= 0:
        file.seek(offset)
        raw = file.read(_END_64.size)
        if raw[:4] == b"PK\x06\x06":
            *_, count, size, _ = _END_64.unpack(raw)
    if count > MAX_ENTRIES or size > MAX_ENTRIES * 1024:
        raise BadZipFile(f"It is a ZIP with more than {MAX_ENTRIES} files.")
    return int(count)
