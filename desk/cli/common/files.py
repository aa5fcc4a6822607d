"""Input files of commands, and atomic output files."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.files.regular import open_regular_file
from exhibit.types import Json

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ico", ".avif"}
)


SIDECAR_SUFFIXES = frozenset(
    {".xmp", ".aae", ".thm", ".csv", ".xlsx", ".xls", ".ods", ".numbers", ".json", ".txt", ".md", ".rtf", ".doc"}
    | {".docx", ".odt", ".html", ".htm", ".xml", ".log", ".db", ".ini", ".lnk", ".url", ".lrcat", ".cos"}
)
"""Suffixes of sidecar, table and document files, which are not reported as skipped."""
_MAX_NAMES = 5
_RESOURCE_FORK_PREFIX = "._"
"""Name prefix of files in which macOS stores metadata on other file systems."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file with its name: the path relative to the folder argument, or the file name of a file argument."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file or folder inside a folder argument that the command does not read.

    Attributes:
        file: Path relative to the folder argument; a folder ends with a slash.
        reason: ``format``, ``hidden``, ``linked-folder`` or ``unreadable``.
        sentence: Explanation of the reason, and what to do.
    """

    file: str
    reason: str
    sentence: str


def find_pictures(paths: Sequence[Path]) -> list[InputFile]:
    """List input files in a stable order, without duplicates.

    Files passed as arguments are always included. From folders, only files with the suffix of a picture format are
    included.
    """
    return _remove_duplicates(chain.from_iterable(_list_pictures(path) for path in paths))


def find_skipped_files(paths: Sequence[Path]) -> list[SkippedFile]:
    """List the files in folders that :func:`find_pictures` skips, except sidecar and document files."""
    entries = list(chain.from_iterable(_walk_folder(path) for path in paths if path.is_dir()))
    skipped_files = [item for item in entries if isinstance(item, SkippedFile)]
    suffixes = PICTURE_SUFFIXES | SIDECAR_SUFFIXES
    files = _remove_duplicates(
        item for item in entries if isinstance(item, InputFile) and item.path.suffix.lower() not in suffixes
    )
    return [*(SkippedFile(file.name, "format", _UNSUPPORTED_FORMAT) for file in files), *skipped_files]


def skipped_to_json(items: Sequence[SkippedFile]) -> dict[str, Json]:
    """Convert skipped files to JSON. ``passed_over`` contains only the names of files in unsupported formats."""
    return {
        "passed_over": [item.file for item in items if item.reason == "format"],
        "left_out": [asdict(item) for item in items],
    }


def describe_skipped_files(items: Sequence[SkippedFile]) -> str:
    """Describe skipped files by reason: their number, the first names, and what to do."""
    groups: dict[str, list[SkippedFile]] = {}
    for item in items:
        groups.setdefault(item.reason, []).append(item)
    return " ".join(_describe_group(group) for group in groups.values())


def _describe_group(group: Sequence[SkippedFile]) -> str:
    kinds = ""
    if group[0].reason == "format":
        endings = Counter(Path(item.file).suffix[1:].upper() for item in group)
        kinds = ": " + ", ".join(f"{count:,} {name or 'without a suffix'}" for name, count in sorted(endings.items()))
    remainder = f" and {len(group) - _MAX_NAMES:,} more" if len(group) > _MAX_NAMES else ""
    names = ", ".join(item.file for item in group[:_MAX_NAMES])
    summary = "1 file skipped" if len(group) == 1 else f"{len(group):,} files skipped"
    return f"{summary}{kinds} ({names}{remainder}). {group[0].sentence}"


_UNSUPPORTED_FORMAT = (
    "In folders, Exhibit reads only JPEG, PNG, WebP, GIF, TIFF, BMP, ICO and AVIF files with their usual suffixes. "
    "Export or rename the others."
)
_HIDDEN_FILE = "Hidden files and folders are skipped. Rename them, or pass them as arguments."
_LINKED_FOLDER = "Links to folders are not followed. Pass the target folder as an argument."


def _list_pictures(path: Path) -> Iterator[InputFile]:
    if path.is_dir():
        files = (item for item in _walk_folder(path) if isinstance(item, InputFile))
        yield from (file for file in files if file.path.suffix.lower() in PICTURE_SUFFIXES)
    else:
        yield InputFile(path, path.name)


def _remove_duplicates(files: Iterable[InputFile]) -> list[InputFile]:
    unique: dict[Path, InputFile] = {}
    for file in files:
        unique.setdefault(file.path.resolve(), file)
    return list(unique.values())


def _walk_folder(folder: Path) -> Iterator[InputFile | SkippedFile]:
    """Yield all files in a folder and its subfolders, and the files and folders that are skipped."""
    errors: list[OSError] = []

    def get_relative_name(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    for directory, folders, names in os.walk(folder, onerror=errors.append):
        for name in sorted(folders):
            path = Path(directory) / name
            if name.startswith("."):
                yield SkippedFile(f"{get_relative_name(path)}/", "hidden", _HIDDEN_FILE)
            elif path.is_symlink():
                yield SkippedFile(f"{get_relative_name(path)}/", "linked-folder", _LINKED_FOLDER)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(directory) / name
            if not name.startswith("."):
                yield InputFile(path, get_relative_name(path))
            elif path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(_RESOURCE_FORK_PREFIX):
                yield SkippedFile(get_relative_name(path), "hidden", _HIDDEN_FILE)
    for error in errors:
        sentence = f"The folder cannot be read: {error.strerror}. Change its permissions."
        yield SkippedFile(f"{get_relative_name(Path(error.filename))}/", "unreadable", sentence)


def read_picture(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        RefusedError: The file is not a regular file, cannot be read, or is larger than ``max_bytes``.
    """
    try:
        with open_regular_file(path) as file:
            if os.fstat(file.fileno()).st_size > max_bytes:
                raise RefusedError(f"The file is larger than {max_bytes:,} bytes.", reason="too-many-bytes")
            return file.read()
    except OSError as error:
        raise RefusedError(f"The file cannot be read: {error.strerror}.", reason="unreadable") from error


def read_required_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file that the command requires.

    Raises:
        InvalidRequestError: The file cannot be read, or is larger than ``max_bytes``.
    """
    try:
        return read_picture(path, max_bytes)
    except RefusedError as error:
        raise InvalidRequestError(f"{path} cannot be read. {error.message}") from error


def create_folder(folder: Path) -> Path:
    """Create a folder if it does not exist, and return it.

    Raises:
        InvalidRequestError: The folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"The folder {folder} cannot be created: {error.strerror}.") from error
    return folder


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` when the context ends without an error.

    Raises:
        InvalidRequestError: The file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            temporary = Path(folder) / path.name
            with temporary.open("wb") as file:
                yield file
            temporary.replace(path)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror}.") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file in place, which may also be a device or a pipe.

    Raises:
        InvalidRequestError: The file cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror}.") from error
