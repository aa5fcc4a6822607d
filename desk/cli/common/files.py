"""Files of commands: which ones a command is about, and where it writes its own, whole or not at all."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import RefusedError, WrongUseError
from exhibit.files.regular import open_regular
from exhibit.types import Json

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ico", ".avif"}
)


BESIDE_PICTURES = frozenset(
    {".xmp", ".aae", ".thm", ".csv", ".xlsx", ".xls", ".ods", ".numbers", ".json", ".txt", ".md", ".rtf", ".doc"}
    | {".docx", ".odt", ".html", ".htm", ".xml", ".log", ".db", ".ini", ".lnk", ".url", ".lrcat", ".cos"}
)
"""Endings of what lies beside pictures, and what nobody takes for one."""
_NAMES_TOLD = 5
_RESOURCE_FORK = "._"
"""How the names of files begin in which macOS keeps what other file systems have no place for."""


@dataclass(frozen=True, slots=True)
class Given:
    """A file, and the name by which it is known: its path below the folder that was named, else its own name."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or a folder below a named folder that a command does not read.

    Attributes:
        file: Its path below the named folder; a folder ends with a slash.
        reason: ``format``, ``hidden``, ``linked-folder`` or ``unreadable``.
        sentence: Why it is not read, and what to do.
    """

    file: str
    reason: str
    sentence: str


def pictures_in(paths: Sequence[Path]) -> list[Given]:
    """Files in a stable order, each once: named ones whatever they are called, of folders those named like pictures."""
    return _each_once(chain.from_iterable(_pictures(path) for path in paths))


def left_out_of(paths: Sequence[Path]) -> list[LeftOut]:
    """Return what :func:`pictures_in` leaves out of folders, but for files that nobody takes for pictures."""
    below = list(chain.from_iterable(_below(path) for path in paths if path.is_dir()))
    skipped = [item for item in below if isinstance(item, LeftOut)]
    suffixes = PICTURE_SUFFIXES | BESIDE_PICTURES
    files = _each_once(item for item in below if isinstance(item, Given) and item.path.suffix.lower() not in suffixes)
    return [*(LeftOut(file.name, "format", _NOT_READ) for file in files), *skipped]


def left_out_as_json(items: Sequence[LeftOut]) -> dict[str, Json]:
    """What was left out, for the answer of a command; ``passed_over`` has the names of files in other formats alone."""
    return {
        "passed_over": [item.file for item in items if item.reason == "format"],
        "left_out": [asdict(item) for item in items],
    }


def left_out_in_words(items: Sequence[LeftOut]) -> str:
    """What was left out for which reason: how much, the first names, and what to do."""
    groups: dict[str, list[LeftOut]] = {}
    for item in items:
        groups.setdefault(item.reason, []).append(item)
    return " ".join(_group_in_words(group) for group in groups.values())


def _group_in_words(group: Sequence[LeftOut]) -> str:
    kinds = ""
    if group[0].reason == "format":
        endings = Counter(Path(item.file).suffix[1:].upper() for item in group)
        kinds = ": " + ", ".join(f"{count:,} {name or 'without a suffix'}" for name, count in sorted(endings.items()))
    more = f" and {len(group) - _NAMES_TOLD:,} more" if len(group) > _NAMES_TOLD else ""
    names = ", ".join(item.file for item in group[:_NAMES_TOLD])
    were = "1 file skipped" if len(group) == 1 else f"{len(group):,} files skipped"
    return f"{were}{kinds} ({names}{more}). {group[0].sentence}"


_NOT_READ = (
    "In folders, Exhibit reads only JPEG, PNG, WebP, GIF, TIFF, BMP, ICO and AVIF files with their usual suffixes. "
    "Export or rename the others."
)
_HIDDEN = "Hidden files and folders are skipped. Rename them, or add them to the command."
_LINKED = "Links to folders are not followed. Add the target folder to the command."


def _pictures(path: Path) -> Iterator[Given]:
    if path.is_dir():
        files = (item for item in _below(path) if isinstance(item, Given))
        yield from (file for file in files if file.path.suffix.lower() in PICTURE_SUFFIXES)
    else:
        yield Given(path, path.name)


def _each_once(files: Iterable[Given]) -> list[Given]:
    unique: dict[Path, Given] = {}
    for file in files:
        unique.setdefault(file.path.resolve(), file)
    return list(unique.values())


def _below(folder: Path) -> Iterator[Given | LeftOut]:
    """All files below a folder, and what of it isn't looked into."""
    unreadable: list[OSError] = []

    def name_of(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    for directory, folders, names in os.walk(folder, onerror=unreadable.append):
        for name in sorted(folders):
            path = Path(directory) / name
            if name.startswith("."):
                yield LeftOut(f"{name_of(path)}/", "hidden", _HIDDEN)
            elif path.is_symlink():
                yield LeftOut(f"{name_of(path)}/", "linked-folder", _LINKED)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(directory) / name
            if not name.startswith("."):
                yield Given(path, name_of(path))
            elif path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(_RESOURCE_FORK):
                yield LeftOut(name_of(path), "hidden", _HIDDEN)
    for error in unreadable:
        sentence = f"The folder cannot be read: {error.strerror}. Change its permissions."
        yield LeftOut(f"{name_of(Path(error.filename))}/", "unreadable", sentence)


def read_picture(path: Path, most: int) -> bytes:
    """A file's bytes; raises ``RefusedError`` where it is no regular file, can't be read or has more bytes."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise RefusedError(f"The file is larger than {most:,} bytes.", reason="too-many-bytes")
            return file.read()
    except OSError as error:
        raise RefusedError(f"The file cannot be read: {error.strerror}.", reason="unreadable") from error


def read_file(path: Path, most: int) -> bytes:
    """The same of a file that a command can't do without: raises ``WrongUseError``, which names it."""
    try:
        return read_picture(path, most)
    except RefusedError as error:
        raise WrongUseError(f"{path} cannot be read. {error.message}") from error


def made_folder(folder: Path) -> Path:
    """The folder, made if missing; raises ``WrongUseError`` where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"The folder {folder} cannot be created: {error.strerror}.") from error
    return folder


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name only when everything is in it; raises ``WrongUseError`` where that can't be."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as place:
            temporary = Path(place) / path.name
            with temporary.open("wb") as file:
                yield file
            temporary.replace(path)
    except OSError as error:
        raise WrongUseError(f"{path} cannot be written: {error.strerror}.") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, whatever kind it is; raises ``WrongUseError`` where that can't be."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise WrongUseError(f"{path} cannot be written: {error.strerror}.") from error
