"""Files of commands: which ones a command is about, and where it writes its own, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import RefusedError, WrongUseError

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ico", ".avif"}
)


@dataclass(frozen=True, slots=True)
class Given:
    """A file, and the name by which it is known: its path below the folder that was named, else its own name."""

    path: Path
    name: str


def pictures_in(paths: Sequence[Path]) -> list[Given]:
    """Files in a stable order, each once: named ones whatever they are called, of folders those named like pictures."""
    found: dict[Path, Given] = {}
    for path in paths:
        for file in _below(path) if path.is_dir() else [Given(path, path.name)]:
            found.setdefault(file.path.resolve(), file)
    return list(found.values())


def _below(folder: Path) -> Iterator[Given]:
    """Hidden files and folders are left out, and links to folders aren't followed."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here) / name
            if path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                yield Given(path, path.relative_to(folder).as_posix())


def read_picture(path: Path, most: int) -> bytes:
    """A file's bytes; raises ``RefusedError`` where it is no regular file, can't be read or has more bytes."""
    try:
        if not path.is_file():
            raise RefusedError("It isn't a file.", reason="not-a-file")
        if path.stat().st_size > most:
            raise RefusedError(f"It has more than {most:,} bytes.", reason="too-many-bytes")
        return path.read_bytes()
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
