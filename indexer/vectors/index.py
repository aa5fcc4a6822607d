"""Opening, checking and rebuilding an index, whatever state its folder is in."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.manifest import Manifest, manifest_to_replace, publish, read_manifest, writer
from indexer.vectors.segments import Rows, opened, segment_problems, write_segments


def open_index(space: Space, folder: Path) -> FaissIndex:
    """The index of a space in a folder; an empty one when the folder isn't there.

    Raises:
        IntegrityError: what lies there is damaged or of another space; :func:`rebuild_index` mends it.
    """
    return FaissIndex(space, folder)


def check_index(space: Space, folder: Path) -> list[str]:
    """Everything that is wrong with what is durable, one sentence each; reads all files whole."""
    try:
        manifest = read_manifest(folder, space.id)
    except IntegrityError as error:
        return [str(error)]
    problems = [problem for entry in manifest.segments for problem in segment_problems(folder, entry.name, space)]
    return problems or _twice_there(space, folder, manifest)


def rebuild_index(space: Space, folder: Path, rows: Iterable[Rows], sequence: int) -> None:
    """Replace whatever lies in a folder by these rows; readers go on with the old ones until they reopen.

    Args:
        space: of the vectors.
        folder: made when absent.
        rows: batches of numbers and vectors, numbers ascending over all of them.
        sequence: the highest change number that they contain.
    """
    with writer(folder):
        present = manifest_to_replace(folder, space.id)
        generation = present.generation + 1
        entries = write_segments(folder, space, generation, rows)
        publish(folder, Manifest(space.id, generation, sequence, tuple(entries)), keep=present.files)


def _twice_there(space: Space, folder: Path, manifest: Manifest) -> list[str]:
    try:
        live = [rows.numbers[~rows.gone] for rows in opened(folder, space, manifest)]
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Removed rows: {error}"]
    numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *live]), return_counts=True)
    return [f"Number {number} is there more than once." for number in numbers[counts > 1][:10]]
