"""Lookup of bundles in whatever a user passes to the verifier, such as a *Bundle for the court*.

A package is a ZIP or folder that contains bundles, as ZIPs or unpacked; the package may itself be in another ZIP. Each
bundle is checked separately. A package proves nothing and may come from any program, so it is read less strictly than a
bundle's own ZIP, but within limits.
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
    FREE_EXPANSION,
    MAX_ENTRIES,
    MAX_EXPANSION,
    ContainerError,
    NoBundleError,
    is_system_file,
    is_valid_name,
)
from evidence.formats.zipread import is_zip
from evidence.verdict.result import Line, Verdict, failed
from evidence.verify.kinds import kind_of
from evidence.verify.verifier import Verifier
from exhibit.digests import CHUNK

MAX_DEPTH = 4
"""Maximum depth of nested ZIPs, including the bundle's own: a clerk may have zipped a package again."""
MAX_BUNDLES = 1000
MAX_NAME_CHARACTERS = 80  # characters shown of the name of a document beside a bundle
BAGIT = "bagit.txt"
HINT = "Give a bundle's ZIP as downloaded, the folder that contains bagit.txt, or a package of such ZIPs."
_END, _END_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_SIZE = 20
_LOCAL = struct.Struct("<26x2H")  # the lengths of name and extra fields
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags
MAX_GAP = 1 << 16
"""Maximum number of bytes between two files of a package; programs that delete files from a ZIP leave such gaps."""


class TwoWaysError(BadZipFile):
    """A ZIP in which programs show different files.

    The caller treats it as a bundle, whose own check then refuses it.
    """


class LockedError(NoBundleError):
    """The contents of a package cannot be read without its password."""


@dataclass(frozen=True, slots=True)
class Place:
    """Location of a bundle: a path, and the steps from there into nested ZIPs or to a folder inside one.

    ``package`` is the path that the user passed if it contains bundles and is not a bundle itself.
    """

    path: Path
    inside: tuple[str, ...] = ()
    package: Path | None = None

    @property
    def file(self) -> str:
        """The path as passed, with the steps into a package: ``/tmp/court.zip/studio-case-1-bundle-1.zip``."""
        return str(self.path) if self.package is None else "/".join([str(self.package), *self._within])

    @property
    def title(self) -> str:
        """Name of the bundle for a reader, such as ``court.zip/studio-case-1-bundle-1.zip``."""
        return self.path.name if self.package is None else "/".join([self.package.name, *self._within])

    @property
    def _within(self) -> list[str]:
        assert self.package is not None
        within = self.path.relative_to(self.package).parts if self.path != self.package else ()
        return [*within, *(name.rstrip("/") for name in self.inside)]


def places_of(path: Path) -> list[Place]:
    """Return the locations of the bundles at a path: one for a bundle, several for a package.

    Raises:
        NoBundleError: The path neither is nor contains a bundle (the message says what it is), or the package exceeds
            the limits.
    """
    try:
        if path.is_dir():
            if (path / BAGIT).is_file():
                return [Place(path)]
            places = list(_in_folder(path))
        elif path.exists() and not path.is_file():
            return [Place(path)]  # a pipe or a device; opening it gives the error
        elif path.is_file() and is_zip(path):
            ways = _in_file(path)
            if ways == [()]:
                return [Place(path)]
            places = [Place(path, way, path) for way in ways]
        else:
            places = []
    except BadZipFile:
        return [Place(path)]  # a damaged bundle, or another file; its own check says which
    except OSError as error:
        raise NoBundleError(f"{path.name} cannot be read: {error.strerror}.", hint=HINT) from error
    if not places:
        what = kind_of(path)
        raise NoBundleError(f"{path.name or path} {what.sentence}", hint=what.hint or HINT)
    return places


def found_at(paths: Sequence[Path]) -> "list[Place | Refused]":
    """Return the locations of the bundles at several paths, in their order, each location once.

    A path without a bundle gives a :class:`Refused` in its place.
    """
    places: dict[tuple[str, ...], Place | Refused] = {}
    for path in paths:
        try:
            for place in places_of(path):
                places.setdefault((str(place.path), *place.inside), place)
        except NoBundleError as error:
            places.setdefault((str(path),), Refused(path, error))
    return [*places.values()]


@dataclass(frozen=True, slots=True)
class Refused:
    """A path without a bundle, and the error that explains it."""

    path: Path
    error: NoBundleError

    @property
    def file(self) -> str:
        """The path as passed."""
        return str(self.path)


def in_all(outcomes: Sequence[str]) -> str:
    """Summarize the outcomes of several bundles in a sentence: their number, and how many have each outcome."""
    counts = [(name, outcomes.count(name)) for name in dict.fromkeys(outcomes)]
    return f"Total {len(outcomes)}: {', '.join((f'{count} {name}' for name, count in counts))}."


def verified(verifier: Verifier, place: Place) -> Verdict:
    """Check the bundle at a location; raises ``NoBundleError`` as :meth:`Verifier.verify` does."""
    if place.package is None:
        return verifier.verify(place.path)
    if place.path.is_symlink():
        raise NoBundleError(
            f"{place.title[:80]!a} is a link. Links are not followed.", hint="Give the target of the link."
        )
    try:
        with _taken_out(place) as path:
            verdict = verifier.verify(path, called=place.title)
        return replace(verdict, lines=(*verdict.lines, *_beside(place.package, len(place.inside))))
    except (ContainerError, BadZipFile, OSError) as error:
        words = error.message if isinstance(error, ContainerError) else "It cannot be extracted from its package."
        return Verdict(place.title, None, verifier.trust.dated, (failed("container", words),))


def _beside(package: Path, depth: int) -> Iterator[Line]:
    """Yield a line on the other files in a ZIP of bundles (letters, lists, sheets), which no check reads."""
    if not package.is_file():
        return
    with ZipFile(package) as archive:
        every = [name for name in archive.namelist()[:MAX_ENTRIES] if not name.endswith("/")]
    bundles = tuple(name.removesuffix(BAGIT) for name in every if name == BAGIT or name.endswith(f"/{BAGIT}"))
    papers = [name for name in every if not is_system_file(name) and not name.lower().endswith(".zip")]
    papers = [name for name in papers if not name.startswith(bundles)]
    names = ", ".join(repr(name[-MAX_NAME_CHARACTERS:]) for name in papers[:3]) + (", …" if len(papers) > 3 else "")
    parts = [f"{len(papers)} other files in {package.name}: {names}"] * bool(papers)
    parts += ["those in nested ZIPs"] * (depth > 1)
    if parts:
        yield Line("papers", "; ".join(parts), "not examined by any check")


@dataclass(slots=True)
class _UnpackBudget:
    """Number of bytes that may still be unpacked from the user's file: nested ZIPs can grow exponentially."""

    remaining: int

    @classmethod
    def for_file(cls, given: Path) -> "_UnpackBudget":
        return cls(FREE_EXPANSION + MAX_EXPANSION * given.stat().st_size)

    def take(self, size: int) -> None:
        self.remaining -= size
        if self.remaining < 0:
            raise NoBundleError("It would unpack to far more than a package of bundles.", hint=HINT)


class _Archive:
    """An untrusted ZIP, and the bundles in it. Raises ``BadZipFile``."""

    def __init__(self, path: Path, room: _UnpackBudget, depth: int = 1) -> None:
        self._room, self._depth = room, depth
        with path.open("rb") as file:
            count = _check_directory(file, path.stat().st_size)
            try:
                self._zip = ZipFile(path)
                every = self._zip.infolist()
                _check_layout(file, path.stat().st_size, self._zip.start_dir, every, count)
            except (ValueError, OverflowError, NotImplementedError, EOFError, struct.error, LargeZipFile) as error:
                raise BadZipFile("It cannot be read as a ZIP.") from error
        # Some programs write ``\\`` instead of ``/`` between folders.
        entries = [(entry.filename.replace("\\", "/"), entry) for entry in every]
        _check_places([name for name, _ in entries])
        self._files = {name: entry for name, entry in entries if not name.endswith("/")}
        left_over = [name for name in self._files if is_system_file(name) and not self._begins_as_zip(name)]
        for name in left_over:
            del self._files[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def is_bundle(self) -> bool:
        """True if the ZIP is itself a bundle, also inside a single top folder or with a few files missing."""
        tops = {name.partition("/")[0] for name in self._files}
        folder = f"{next(iter(tops))}/" if len(tops) == 1 else ""
        return any(f"{start}{name}" in self._files for start in {"", folder} for name in (BAGIT, MANIFEST_PATH))

    def bundles(self) -> Iterator[tuple[str, ...]]:
        """Yield the steps to each bundle: names of nested ZIPs, and maybe of a folder, which ends with a slash."""
        folders = [name[: -len(BAGIT)] for name in self._files if name.endswith(f"/{BAGIT}")]
        count = 0
        for name in sorted(self._files):
            if name.endswith(f"/{BAGIT}"):
                ways: Sequence[tuple[str, ...]] = [(name[: -len(BAGIT)],)]
            elif name.startswith(tuple(folders)) or not (_is_called_zip(name) or self._begins_as_zip(name)):
                continue
            else:
                ways = self._within(name)
            count += len(ways)
            if count > MAX_BUNDLES:
                raise NoBundleError(
                    f"It contains more than {MAX_BUNDLES} bundles.", hint="Give parts of it separately."
                )
            yield from ways

    def _within(self, name: str) -> Sequence[tuple[str, ...]]:
        """Return the steps to the bundles in a nested ZIP.

        A file with the extension .zip that cannot be read counts as a bundle, which its own check then refuses.
        """
        if self._depth >= MAX_DEPTH:
            if not _is_called_zip(name):
                return []
            raise NoBundleError(f"ZIPs are nested more than {MAX_DEPTH} levels deep.", hint="Unpack the outer ones.")
        with TemporaryDirectory(prefix="exhibit-verify-") as folder:
            path = Path(folder) / "inner.zip"
            try:
                self.take_out(name, path)
                with _Archive(path, self._room, self._depth + 1) as inner:
                    if inner.is_bundle:
                        return [(name,)]
                    return [(name, *way) for way in inner.bundles()]
            except (TwoWaysError, LockedError):
                return [(name,)]
            except (BadZipFile, ContainerError):
                return [(name,)] if _is_called_zip(name) else []

    def _begins_as_zip(self, name: str) -> bool:
        """Return True if a file is or may be a ZIP, whatever its name: mail programs and clerks rename attachments."""
        if self._files[name].flag_bits & ENCRYPTED:
            return True
        try:
            with self._zip.open(self._files[name]) as file:
                return file.read(4) == b"PK\x03\x04"
        except (BadZipFile, NotImplementedError, RuntimeError, OSError, zlib.error, EOFError):
            return False

    def take_out(self, name: str, path: Path) -> None:
        """Write a file of the ZIP to a path; raises ``ContainerError`` if it cannot be unpacked within the limits."""
        entry = self._files.get(name)
        if entry is None:
            raise ContainerError(f"It does not contain {name[:80]!a}.")
        self._check(entry)
        try:
            with self._zip.open(entry) as source, path.open("wb") as out:
                while piece := source.read(CHUNK):
                    self._room.take(len(piece))
                    out.write(piece)
        except (BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
            raise ContainerError(f"{name[:80]!a} cannot be unpacked.") from error

    def take_folder(self, name: str, root: Path) -> None:
        """Write a folder of the ZIP into another folder.

        Raises ``ContainerError`` for a name that a bundle cannot have.
        """
        for path in sorted(path for path in self._files if path.startswith(name)):
            inside = path[len(name) :]
            if not is_valid_name(inside):
                raise ContainerError(f"The ZIP contains a name that is not allowed in a bundle: {inside[:80]!a}.")
            (root / inside).parent.mkdir(parents=True, exist_ok=True)
            if (root / inside).exists():
                raise ContainerError(f"The ZIP contains the name {inside[:80]!a} twice.")
            self.take_out(path, root / inside)

    @staticmethod
    def _check(entry: ZipInfo) -> None:
        if entry.flag_bits & ENCRYPTED:
            raise LockedError(f"{entry.filename[:80]!a} is encrypted.", hint="Unpack the package with its password.")
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise ContainerError(f"{entry.filename[:80]!a} is a link or a device.")


@contextmanager
def _taken_out(place: Place) -> Iterator[Path]:
    """Unpack the bundle's ZIP or folder to a temporary path, as a context manager."""
    with TemporaryDirectory(prefix="exhibit-verify-") as folder:
        path, room = place.path, None
        for depth, name in enumerate(place.inside, 1):
            room = room or _UnpackBudget.for_file(place.path)
            target = Path(folder) / f"{depth}"
            with _Archive(path, room, depth) as archive:
                if name.endswith("/"):
                    target.mkdir()
                    archive.take_folder(name, target)
                else:
                    archive.take_out(name, target)
            if path != place.path:
                path.unlink()
            path = target
        yield path


def _in_folder(root: Path) -> Iterator[Place]:
    """Yield the bundles in a folder that is not a bundle itself, unpacked or in ZIPs, without following links."""
    count, entry_count, folders = 0, 0, [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            every = sorted(entries, key=lambda entry: entry.name)
        entry_count += len(every)
        if entry_count > MAX_ENTRIES:
            raise NoBundleError(f"{root.name} is a folder with more than {MAX_ENTRIES} files.", hint=HINT)
        for entry in every:
            path = Path(entry.path)
            places: Sequence[Place] = []
            if entry.is_symlink():
                places = [Place(path, (), root)] * (_is_called_zip(entry.name) or (path / BAGIT).is_file())
            elif entry.is_dir(follow_symlinks=False):
                if (path / BAGIT).is_file():
                    places = [Place(path, (), root)]
                else:
                    folders.append(path)
            elif entry.is_file(follow_symlinks=False) and not is_system_file(entry.name):
                places = [Place(path, way, root) for way in _in_file_of_folder(path)]
            count += len(places)
            if count > MAX_BUNDLES:
                raise NoBundleError(
                    f"It contains more than {MAX_BUNDLES} bundles.", hint="Give parts of it separately."
                )
            yield from places


def _in_file(path: Path) -> Sequence[tuple[str, ...]]:
    """Return the steps to each bundle in a ZIP; a ZIP that is itself a bundle has no steps. Raises ``BadZipFile``."""
    with _Archive(path, _UnpackBudget.for_file(path)) as archive:
        return [()] if archive.is_bundle else list(archive.bundles())


def _in_file_of_folder(path: Path) -> Sequence[tuple[str, ...]]:
    """Return the steps to each bundle in any file.

    A file without the extension .zip counts only if it contains a bundle.
    """
    is_called_zip = _is_called_zip(path.name)
    try:
        return _in_file(path) if is_zip(path) else []
    except NoBundleError:
        return []
    except BadZipFile as error:
        return [()] if is_called_zip or isinstance(error, TwoWaysError) else []
    except OSError:
        if is_called_zip:
            raise
        return []


def _is_called_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _check_places(names: Sequence[str]) -> None:
    """Raise ``TwoWaysError`` if two files, or a file and a folder, have one name: one of them would stay hidden."""
    files = [name for name in names if not name.endswith("/")]
    folders = {name[:place] for name in names for place, sign in enumerate(name) if sign == "/"}
    if len(set(files)) < len(files) or folders.intersection(files):
        raise TwoWaysError("It contains two files with the same name, or a file with the name of a folder.")


def _check_layout(file: BinaryIO, length: int, directory: int, entries: Sequence[ZipInfo], count: int) -> None:
    """Reject a ZIP in which programs that read from the start, or find another end record, would see other files."""
    reached, gaps = 0, []
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        file.seek(entry.header_offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size:
            raise BadZipFile("It contains a file path outside the archive.")
        *_, name_length, extra_length = _LOCAL.unpack(head)
        name = file.read(name_length).decode("utf-8" if entry.flag_bits & UTF_8 else "cp437", "replace")
        if name != entry.orig_filename:
            raise TwoWaysError("It contains a file with two names.")
        gaps.append((reached, entry.header_offset))
        reached = entry.header_offset + _LOCAL.size + name_length + extra_length + entry.compress_size
    file.seek(directory)
    ends = file.read(length - directory)
    if count != len(entries) or ends.count(b"PK\x05\x06") != 1 or b"PK\x03\x04" in ends:
        raise TwoWaysError("It has several end records, or a wrong number of files.")
    for start, end in (*gaps, (reached, directory)):
        file.seek(start)
        if end - start > MAX_GAP or b"PK\x03\x04" in file.read(max(0, end - start)):
            raise TwoWaysError("It contains data between its files that other programs may read as a file.")


def _check_directory(file: BinaryIO, length: int) -> int:
    """Return the number of files in the end record; raises ``BadZipFile`` before reading a directory that is too large.

    The end record is located as ``zipfile`` does.
    """
    start = max(0, length - _END.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    at = len(tail) - _END.size
    if at < 0 or tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BadZipFile("The end record of the ZIP is missing.")
    _, _, _, _, count, size, _, _ = _END.unpack_from(tail, at)
    before = start + at - _LOCATOR_SIZE - _END_64.size
    if before >= 0:
        file.seek(before)
        raw = file.read(_END_64.size)
        if raw[:4] == b"PK\x06\x06":
            *_, count, size, _ = _END_64.unpack(raw)
    if count > MAX_ENTRIES or size > MAX_ENTRIES * 1024:
        raise BadZipFile(f"It is a ZIP with more than {MAX_ENTRIES} files.")
    return int(count)
