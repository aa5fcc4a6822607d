"""The manifest of an index in a folder, which lists its segments. It is replaced as a whole."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import settle, settle_path

MANIFEST_NAME = "manifest.json"
INDEX_FORMAT = 1
"""Version of the manifest and of all files that it names. An index of another version is rebuilt from the database."""
HINT = "Run the rebuild of the index."


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of an index."""

    name: str  # of its files, without the suffix
    count: int  # entries, including those that were removed later
    sha256: dict[str, str]  # hexadecimal digest of each file, by suffix
    removed: str | None = None  # name of the `.npy` file with the numbers removed since, or `None`


@dataclass(frozen=True, slots=True)
class Manifest:
    """The durable state of an index."""

    space: str  # ID of the space
    generation: int = 0  # grows by one with each write
    sequence: int = 0  # highest change number that the segments contain
    segments: tuple[Segment, ...] = ()  # in the order in which they were written

    @property
    def files(self) -> set[str]:
        """Names of all files of the index except the manifest itself."""
        files = {f"{segment.name}{suffix}" for segment in self.segments for suffix in segment.sha256}
        return files | {segment.removed for segment in self.segments if segment.removed}


def read_manifest(folder: Path, space: str) -> Manifest:
    """Read the manifest of a folder; return an empty one if there is none.

    Raises:
        IntegrityError: The manifest is damaged, of another version, or of another space.
    """
    try:
        raw = json.loads((folder / MANIFEST_NAME).read_text())
        if raw["format"] != INDEX_FORMAT:
            raise IntegrityError(f"The index {space} is of another version.", hint=HINT)
        segments = tuple(Segment(**segment) for segment in raw["segments"])
        manifest = Manifest(raw["space"], int(raw["generation"]), int(raw["sequence"]), segments)
    except FileNotFoundError:
        return Manifest(space)
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(f"The manifest of index {space} is damaged.", hint=HINT) from error
    if manifest.space != space:
        raise IntegrityError(f"This folder contains an index of {manifest.space}, not of {space}.", hint=HINT)
    return manifest


def manifest_to_replace(folder: Path, space: str) -> Manifest:
    """Read the manifest; if it is unreadable, return an empty one with the highest generation of any file."""
    try:
        return read_manifest(folder, space)
    except IntegrityError:
        generations = (path.name.split("-")[1] for path in folder.glob("segment-*-*"))
        return Manifest(space, generation=max((int(text) for text in generations if text.isdigit()), default=0))


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Wait for the exclusive right to write to a folder, which is created if necessary, and hold it.

    Raises:
        ServiceMissingError: The body failed to write; the manifest is unchanged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except (OSError, RuntimeError) as error:  # FAISS raises RuntimeError
        reason = str(error).strip().splitlines()[-1][:200]
        hint = "Free disk space, make the folder writable, or run the rebuild of the index."
        raise ServiceMissingError(f"The index {folder.name} can't be written: {reason}.", hint=hint) from error


def publish(folder: Path, manifest: Manifest, previous: Manifest) -> None:
    """Replace a manifest atomically. All files that the new one names must have been written.

    They are flushed to disk first. Afterwards, files in neither manifest are deleted; those of the previous one stay
    for
    readers that have just read it. Mapped files stay readable.
    """
    for name in manifest.files:
        settle_path(folder / name)
    temporary = folder / f".{MANIFEST_NAME}.new"
    with temporary.open("w") as file:
        json.dump({"format": INDEX_FORMAT, **asdict(manifest)}, file, indent=1)
        settle(file)
    settle_path(folder)
    temporary.replace(folder / MANIFEST_NAME)
    settle_path(folder)
    delete_leftovers(folder, manifest.files | previous.files)


def delete_leftovers(folder: Path, files: set[str]) -> None:
    """Delete all segment files except these, such as those of a killed writer; requires the write lock."""
    for path in folder.iterdir():
        if path.name.startswith(("segment-", "removed-")) and path.name not in files:
            path.unlink(missing_ok=True)
