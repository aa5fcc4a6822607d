"""The manifest of an index: which segments count, swapped as a whole; and the place where both lie."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import settle, settle_path

if TYPE_CHECKING:
    from indexer.vectors.milvus_index import Collections

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 1
HINT = "Run the rebuild of the index."


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment of an index."""

    name: str  # of its files, without a suffix
    gone: str | None  # name of the `.npy` file with the places of its removed rows, or `None`


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is durable."""

    space: str  # identity of the space
    generation: int = 0  # grows by one with each write
    sequence: int = 0  # the highest change number that the segments contain
    segments: tuple[SegmentEntry, ...] = ()  # in the order in which they were written

    @property
    def files(self) -> set[str]:
        """Names of all files that it needs, without the segments' suffixes."""
        return {entry.name for entry in self.segments} | {entry.gone for entry in self.segments if entry.gone}


class Place:
    """Where the durable part of one index lies: a folder that all share who search and write; adapters override it.

    What a manifest names there never changes.
    """

    keeps_all = True
    """Whether all of its files are kept in the folder; else a segment is brought there when it is searched."""
    gives_way = False
    """Whether a writer that another one has overtaken leaves it at that, for the rows have what it would write."""
    server: "Collections | None" = None
    """Who holds what the manifest names, where that aren't files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # from where its files are mapped

    def read(self, space: str) -> Manifest:
        """The manifest of the folder, an empty one when there is none.

        Raises ``IntegrityError`` when it is damaged or of another space.
        """
        try:
            raw = json.loads((self.folder / MANIFEST_NAME).read_text())
            segments = tuple(SegmentEntry(**entry) for entry in raw["segments"])
            manifest = Manifest(raw["space"], int(raw["generation"]), int(raw["sequence"]), segments)
            known = raw["format"] == MANIFEST_FORMAT
        except FileNotFoundError:
            return Manifest(space)
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(f"The manifest of index {space} is damaged.", hint=HINT) from error
        if not known:
            raise IntegrityError(f"The index {space} is of another version.", hint=HINT)
        if manifest.space != space:
            raise IntegrityError(f"This folder holds an index of {manifest.space}, not of {space}.")
        return manifest

    def to_replace(self, space: str) -> Manifest:
        """The manifest; where it can't be read an empty one, whose generation is the highest of any file."""
        try:
            return self.read(space)
        except IntegrityError:
            generations = (path.name.split("-")[1] for path in self.folder.glob("segment-*-*"))
            return Manifest(space, generation=max((int(text) for text in generations if text.isdigit()), default=0))

    def fetch(self, name: str) -> None:
        """Have the files of a segment in the folder, or one file; ``FileNotFoundError`` when they have gone."""

    def brought(self) -> dict[str, int]:
        """The bytes of each segment that is brought here to be searched; none where all are kept."""
        return {}

    @contextmanager
    def writer(self) -> Iterator[Path]:
        """Wait for the sole right to write, and hold it; gives the folder for new files.

        Raises ``ServiceMissingError`` when what is done under it fails at the disk; the folder is as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield self.folder
        except (OSError, RuntimeError) as error:
            raise unwritable(self.folder, error) from error

    def publish(self, drafts: Path, manifest: Manifest, over: Manifest) -> bool:
        """Put a manifest in another one's place, all or nothing; false when that isn't there any more.

        Everything that it names must be written by then, and is on the disk before it. Files that it doesn't name are
        removed, but for its predecessor's, which a slow reader may be about to open. What is mapped stays readable.
        """
        for path in drafts.iterdir():
            if {path.name, path.stem} & manifest.files:
                settle_path(path)
        temporary = drafts / f".{MANIFEST_NAME}.new"
        with temporary.open("w") as file:
            json.dump({"format": MANIFEST_FORMAT, **asdict(manifest)}, file, indent=1)
            settle(file)
        settle_path(drafts)
        temporary.replace(drafts / MANIFEST_NAME)
        settle_path(drafts)
        wanted = manifest.files | over.files
        for path in drafts.iterdir():
            if path.name.startswith(("segment-", "gone-")) and not {path.name, path.stem} & wanted:
                path.unlink(missing_ok=True)
        return True

    def problems(self, manifest: Manifest) -> list[str]:  # noqa: ARG002 - for others
        """What is wrong with it beside what its files tell, one sentence each."""
        return []

    def sweep(self) -> int:
        """Remove files that no manifest has named for some time; returns how many. Here :meth:`publish` does it."""
        return 0

    def clear(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def place_of(where: Path | Place) -> Place:
    """The place that is a folder, or another one."""
    return Place(where) if isinstance(where, Path) else where


def replace_segments(
    where: Path | Place, space: str, sequence: int, write: Callable[[Path, int], Iterable[SegmentEntry]]
) -> None:
    """Replace whatever lies in a place by segments that are written into a folder for a generation.

    ``sequence`` is the highest change number that they contain. Readers go on with the old ones until they reopen.
    """
    place = place_of(where)
    with place.writer() as drafts:
        present = place.to_replace(space)
        generation = present.generation + 1
        made = Manifest(space, generation, sequence, tuple(write(drafts, generation)))
        if not place.publish(drafts, made, present):
            raise ServiceMissingError(f"Another process wrote the index {place.folder.name} meanwhile.", hint=HINT)


def segment_name(generation: int, place: int) -> str:
    """The name of a segment's files, without a suffix."""
    return f"segment-{generation:08d}-{place:04d}"


def unwritable(folder: Path, error: OSError | RuntimeError) -> ServiceMissingError:
    """What is said when an index can't be written; FAISS says it with a ``RuntimeError``."""
    said = str(error).strip().splitlines()[-1][:200]
    hint = "Make room on the disk, open the folder, or run the rebuild of the index."
    return ServiceMissingError(f"The index {folder.name} can't be written: {said}.", hint=hint)
