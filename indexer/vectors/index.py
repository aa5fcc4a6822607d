"""Opening, checking and rebuilding an index, whatever state its folder is in."""

from collections.abc import Iterable
from pathlib import Path

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.folder_index import repeated_numbers
from indexer.vectors.manifest import Manifest, read_manifest, replace_segments
from indexer.vectors.segments import Rows, opened, segment_problems, write_segments


def open_index(space: Space, folder: Path) -> FaissIndex:
    """The index of a space in a folder; an empty one when the folder isn't there.

    Raises ``IntegrityError`` when what lies there is damaged or of another space; :func:`rebuild_index` mends it.
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
    """Replace whatever lies in a folder by batches of numbers and vectors, numbers ascending over all of them.

    ``sequence`` is the highest change number that they contain.
    """
    replace_segments(folder, space.id, sequence, lambda generation: write_segments(folder, space, generation, rows))


def _twice_there(space: Space, folder: Path, manifest: Manifest) -> list[str]:
    try:
        return repeated_numbers(opened(folder, space, manifest))
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Removed rows: {error}"]
