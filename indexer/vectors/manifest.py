"""Manifest of an index in a folder, which lists the segments. The file is always replaced as a whole."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import sync_file, sync_path

MANIFEST_NAME = "manifest.json"
INDEX_FORMAT = 1
"""Version of the manifest and of all files that it lists. An index of another version is rebuilt from the database."""
HINT = "Rebuild the index: exhibit index rebuild"


@dataclass(frozen=True, slots=True)
class Segment:
    """Segment of an index."""

    name: str  # of its files, without the suffix
    count: int  # number of entries, including those that were removed later
    sha256: dict[str, str]  # hexadecimal digest of each file, by suffix
    removed: str | None = None  # name of the `.npy` file with the numbers removed since, or `None`


@dataclass(frozen=True, slots=True)
class Manifest:
    """Durable state of an index."""

    space: str  # ID of the space
    generation: int = 0  # increases by one with each write
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
        manifest_data = json.loads((folder / MANIFEST_NAME).read_text())
        if manifest_data["format"] != INDEX_FORMAT:
            raise IntegrityError(f"The index {space} is of another version.", hint=HINT)
        segments = tuple(Segment(**segment) for segment in manifest_data["segments"])
        manifest = Manifest(
            manifest_data["space"], int(manifest_data["generation"]), int(manifest_data["sequence"]), segments
        )
    except FileNotFoundError:
        return Manifest(space)
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(f"The manifest of index {space} is damaged.", hint=HINT) from error
    if manifest.space != space:
        raise IntegrityError(f"This folder contains an index of {manifest.space}, not of {space}.", hint=HINT)
    return manifest


def read_manifest_to_replace(folder: Path, space: str) -> Manifest:
    """Read the manifest, or return an empty one with the highest generation of any file if it is unreadable."""
    try:
        return read_manifest(folder, space)
    except IntegrityError:
        generations = (path.name.split("-")[1] for path in folder.glob("segment-*-*"))
        return Manifest(space, generation=max((int(text) for text in generations if text.isdigit()), default=0))


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Acquire and hold the write lock of a folder, which is created if necessary.

    Raises:
        ServiceMissingError: The body of the with statement failed to write; the manifest is unchanged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except (OSError, RuntimeError) as error:  # FAISS raises RuntimeError
        reason = str(error).strip().splitlines()[-1][:200]
        hint = "Free disk space, make the folder writable, or rebuild the index."
        raise ServiceMissingError(f"The index {folder.name} cannot be written: {reason}.", hint=hint) from error


def publish_manifest(folder: Path, manifest: Manifest, previous_manifest: Manifest) -> None:
    """Replace a manifest atomically. All files that the new one lists must have been written.

    These files are flushed to disk first. Afterwards, files that neither manifest lists are deleted; those of the
    previous one stay for processes that have just read it. Mapped files stay readable.
    """
    for name in manifest.files:
        sync_path(folder / name)
    temporary = folder / f".{MANIFEST_NAME}.new"
    with temporary.open("w") as file:
        json.dump({"format": INDEX_FORMAT, **asdict(manifest)}, file, indent=1)
        sync_file(file)
    sync_path(folder)
    temporary.replace(folder / MANIFEST_NAME)
    sync_path(folder)
    delete_leftover_files(folder, manifest.files | previous_manifest.files)


def delete_leftover_files(folder: Path, files: set[str]) -> None:
    """Delete all segment files except these, such as those of a killed writer; requires the write lock."""
    for path in folder.iterdir():
        if path.name.startswith(("segment-", "removed-")) and path.name not in files:
            path.unlink(missing_ok=True)
