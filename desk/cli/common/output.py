"""Where a command writes its files: a folder that is made, files that are there whole or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import click

from desk.cli.common.command import Taken
from exhibit.errors import WrongUseError


def made_folder(folder: Path) -> Path:
    """The folder, made if missing; raises ``WrongUseError`` where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"The folder {folder} can't be made: {error.strerror}.") from error
    return folder


Out = Annotated[
    Path,
    Taken(
        "--out",
        required=True,
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Made if missing.",
        found=lambda _desk, folder: made_folder(folder),
    ),
]


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
