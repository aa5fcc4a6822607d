"""The manifest of an index in a folder: which segments count, swapped as a whole."""

import fcntl
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import settle, settle_path

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


def read_manifest(folder: Path, space: str) -> Manifest:
    """The manifest of a folder, an empty one when there is none.

    Raises ``IntegrityError`` when it is damaged or of another space.
    """
    try:
        raw = json.loads((folder / MANIFEST_NAME).read_text())
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


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Wait for the sole right to write into a folder, which is made, and hold it.

    Raises ``ServiceMissingError`` when what is done under it fails at the disk; the folder is as it was.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except (OSError, RuntimeError) as error:
        raise _unwritable(folder, error) from error


def publish(folder: Path, manifest: Manifest, over: Manifest) -> None:
    """Put a manifest in another one's place, all or nothing.

    Everything that it names must be written by then, and is on the disk before it. Files that it doesn't name are
    removed, but for its predecessor's, which a slow reader may be about to open. What is mapped stays readable.
    """
    for path in folder.iterdir():
        if {path.name, path.stem} & manifest.files:
            settle_path(path)
    temporary = folder / f".{MANIFEST_NAME}.new"
    with temporary.open("w") as file:
        json.dump({"format": MANIFEST_FORMAT, **asdict(manifest)}, file, indent=1)
        settle(file)
    settle_path(folder)
    temporary.replace(folder / MANIFEST_NAME)
    settle_path(folder)
    wanted = manifest.files | over.files
    for path in folder.iterdir():
        if path.name.startswith(("segment-", "gone-")) and not {path.name, path.stem} & wanted:
            path.unlink(missing_ok=True)


def replace_segments(
    folder: Path, space: str, sequence: int, write: Callable[[Path, int], Iterable[SegmentEntry]]
) -> None:
    """Replace whatever lies in a folder by segments that are written there for a generation.

    ``sequence`` is the highest change number that they contain. Readers go on with the old ones until they reopen.
    """
    with writing(folder):
        present = _to_replace(folder, space)
        generation = present.generation + 1
        made = Manifest(space, generation, sequence, tuple(write(folder, generation)))
        publish(folder, made, present)


def empty_damaged(folder: Path, space: str, problems: Callable[[], list[str]]) -> list[str]:
    """Make an index empty if something is wrong with it while nobody writes; says what was.

    Whoever searches then reads all changes from the rows again.
    """
    with writing(folder):
        if found := problems():
            present = _to_replace(folder, space)
            publish(folder, Manifest(space, present.generation + 1), present)
    return found


def _to_replace(folder: Path, space: str) -> Manifest:
    """The manifest; where it can't be read an empty one, whose generation is the highest of any file."""
    try:
        return read_manifest(folder, space)
    except IntegrityError:
        generations = (path.name.split("-")[1] for path in folder.glob("segment-*-*"))
        return Manifest(space, generation=max((int(text) for text in generations if text.isdigit()), default=0))


def segment_name(generation: int, place: int) -> str:
    """The name of a segment's files, without a suffix."""
    return f"segment-{generation:08d}-{place:04d}"


def _unwritable(folder: Path, error: OSError | RuntimeError) -> ServiceMissingError:
    """What is said when an index can't be written; FAISS says it with a ``RuntimeError``."""
    said = str(error).strip().splitlines()[-1][:200]
    hint = "Make room on the disk, open the folder, or run the rebuild of the index."
    return ServiceMissingError(f"The index {folder.name} can't be written: {said}.", hint=hint)
