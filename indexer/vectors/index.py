"""Checking and rebuilding an index in a folder, whatever state it is in."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.folder_index import repeated_numbers
from indexer.vectors.manifest import Manifest, read_manifest, replace_segments
from indexer.vectors.segments import Rows, opened, segment_problems, write_segments


def check_index(space: Space, folder: Path) -> list[str]:
    """Everything that is wrong with what is durable, one sentence each; reads all files whole."""
    try:
        manifest = read_manifest(folder, space.id)
    except IntegrityError as error:
        return [str(error)]
    problems = [problem for entry in manifest.segments for problem in segment_problems(folder, entry.name, space)]
    return problems or _twice_there(space, folder, manifest)


def rebuild_index(space: Space, folder: Path, rows: Iterable[Rows], sequence: int) -> None:
    """Replace whatever lies in a folder by batches of numbers and vectors, numbers ascending over all of them.

    ``sequence`` is the highest change number that they contain.
    """
    replace_segments(folder, space.id, sequence, partial(write_segments, space=space, batches=rows))


def _twice_there(space: Space, folder: Path, manifest: Manifest) -> list[str]:
    try:
        return repeated_numbers(opened(folder, space, manifest))
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Removed rows: {error}"]
