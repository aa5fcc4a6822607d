"""Opening, checking and rebuilding an index, whatever state its folder is in."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.folder_index import repeated_numbers
from indexer.vectors.manifest import Manifest, Place, place_of, replace_segments
from indexer.vectors.milvus_index import MilvusIndex, write_collection
from indexer.vectors.segments import Rows, opened, segment_problems, write_segments


def open_index(space: Space, where: Path | Place) -> FaissIndex:
    """The index of a space in a folder or another place; an empty one when nothing is there.

    Raises ``IntegrityError`` when what lies there is damaged or of another space; :func:`rebuild_index` mends it.
    """
    return (FaissIndex if place_of(where).server is None else MilvusIndex)(space, where)


def check_index(space: Space, where: Path | Place) -> list[str]:
    """Everything that is wrong with what is durable, one sentence each; reads all files whole, if it lies in files."""
    place = place_of(where)
    try:
        manifest = place.read(space.id)
    except IntegrityError as error:
        return [str(error)]
    problems = place.problems(manifest)
    if place.server is not None:
        return problems
    problems += [problem for entry in manifest.segments for problem in segment_problems(place, entry.name, space)]
    return problems or _twice_there(space, place, manifest)


def rebuild_index(space: Space, where: Path | Place, rows: Iterable[Rows], sequence: int) -> None:
    """Replace whatever lies in a place by batches of numbers and vectors, numbers ascending over all of them.

    ``sequence`` is the highest change number that they contain.
    """
    server = place_of(where).server
    segments = partial(write_segments, space=space, batches=rows)
    write = segments if server is None else lambda *_: write_collection(server, space, rows)
    replace_segments(where, space.id, sequence, write)


def _twice_there(space: Space, place: Place, manifest: Manifest) -> list[str]:
    try:
        return repeated_numbers(opened(place, space, manifest))
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Removed rows: {error}"]
