"""Files of commands: which ones a command is about, and where it writes its own, whole or not at all."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import RefusedError, WrongUseError
from exhibit.files.regular import open_regular

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ico", ".avif"}
)


_BESIDE_PICTURES = frozenset(
    {".xmp", ".aae", ".thm", ".csv", ".xlsx", ".xls", ".ods", ".numbers", ".json", ".txt", ".md", ".rtf", ".doc"}
    | {".docx", ".odt", ".pdf", ".html", ".htm", ".xml", ".log", ".db", ".ini", ".lnk", ".url", ".lrcat", ".cos"}
)
"""Endings of what lies beside pictures, and what nobody takes for one."""
_NAMES_TOLD = 5


@dataclass(frozen=True, slots=True)
class Given:
    """A file, and the name by which it is known: its path below the folder that was named, else its own name."""

    path: Path
    name: str


def pictures_in(paths: Sequence[Path]) -> list[Given]:
    """Files in a stable order, each once: named ones whatever they are called, of folders those named like pictures."""
    return _each_once(chain.from_iterable(_pictures(path) for path in paths))


def passed_over(paths: Sequence[Path]) -> list[str]:
    """Names of the files in folders that :func:`pictures_in` leaves out, and that a person may take for pictures."""
    known = PICTURE_SUFFIXES | _BESIDE_PICTURES
    below = chain.from_iterable(_below(path) for path in paths if path.is_dir())
    return [file.name for file in _each_once(file for file in below if file.path.suffix.lower() not in known)]


def passed_over_in_words(names: Sequence[str]) -> str:
    """What was passed over, by ending, with the first names, and what to do."""
    endings = Counter(Path(name).suffix[1:].upper() for name in names)
    kinds = ", ".join(f"{count:,} {ending or 'without an ending'}" for ending, count in sorted(endings.items()))
    more = f" and {len(names) - _NAMES_TOLD:,} more" if len(names) > _NAMES_TOLD else ""
    were = "1 file was" if len(names) == 1 else f"{len(names):,} files were"
    taken = "Of folders JPEG, PNG, WebP, GIF, TIFF, BMP, ICO and AVIF are read, by the endings of their names"
    return f"{were} passed over: {kinds} ({', '.join(names[:_NAMES_TOLD])}{more}). {taken}: export or rename others."


def _pictures(path: Path) -> Iterator[Given]:
    if path.is_dir():
        yield from (file for file in _below(path) if file.path.suffix.lower() in PICTURE_SUFFIXES)
    else:
        yield Given(path, path.name)


def _each_once(files: Iterable[Given]) -> list[Given]:
    found: dict[Path, Given] = {}
    for file in files:
        found.setdefault(file.path.resolve(), file)
    return list(found.values())


def _below(folder: Path) -> Iterator[Given]:
    """All files; hidden files and folders are left out, and links to folders aren't followed."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = Path(here) / name
                yield Given(path, path.relative_to(folder).as_posix())


def read_picture(path: Path, most: int) -> bytes:
    """A file's bytes; raises ``RefusedError`` where it is no regular file, can't be read or has more bytes."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise RefusedError(f"It has more than {most:,} bytes.", reason="too-many-bytes")
            return file.read()
    except OSError as error:
        raise RefusedError(f"It can't be read: {error.strerror}.", reason="unreadable") from error


def read_file(path: Path, most: int) -> bytes:
    """The same of a file that a command can't do without: raises ``WrongUseError``, which names it."""
    try:
        return read_picture(path, most)
    except RefusedError as error:
        raise WrongUseError(f"{path} can't be read. {error.message}") from error


def made_folder(folder: Path) -> Path:
    """The folder, made if missing; raises ``WrongUseError`` where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"The folder {folder} can't be made: {error.strerror}.") from error
    return folder


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name only when everything is in it; raises ``WrongUseError`` where that can't be."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as place:
            made = Path(place) / path.name
            with made.open("wb") as file:
                yield file
            made.replace(path)
    except OSError as error:
        raise WrongUseError(f"{path} can't be written: {error.strerror}.") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, whatever kind it is; raises ``WrongUseError`` where that can't be."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise WrongUseError(f"{path} can't be written: {error.strerror}.") from error
