"""Stores for the latest signed checkpoint of a log, kept apart from the log itself in a file or a bucket.

A restored backup resets the log to an earlier state. The log then lacks checkpoints that it signed later and that
outside log witnesses have already seen. The stored checkpoint reveals this.

The file also records its own location on the disk: the number and birth time of its inode. A copy of the file, for
example in a folder restored from a backup, may be out of date; the recorded location identifies it as a copy. An object
in a bucket is shared by all machines and cannot be identified as a copy, so each signing machine also keeps a local
file.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.log.notes import parse_note
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import sync_file, sync_path
from exhibit.ports import SignedCheckpoint, StoredCheckpoint
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from exhibit.files.bucket import BucketFolder


OBJECT_NAME = "log.head"
_BUCKET_LOCATION = ""
"""Location recorded in the local file of a checkpoint that is stored in a bucket.

It is empty, so a file store never accepts that file as its original.
"""


class FileCheckpointStore:
    """Checkpoint store in a local file that is bound to its location on the disk (port ``CheckpointStore``)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> StoredCheckpoint | None:
        """Return the stored checkpoint, with a flag for a copied file; ``None`` without a file.

        Raises:
            IntegrityError: The file cannot be read.
            ServiceMissingError: The file's location cannot be determined now.
        """
        try:
            text, location = _read_text_and_location(self.path)
            record = json.loads(text)
            return StoredCheckpoint(_parse_checkpoint(record["note"]), record["place"] != location)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IntegrityError) as error:
            sentence = Sentence("The log's checkpoint file %(path)s cannot be read.", path=self.path)
            raise IntegrityError(sentence) from error

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Write the file unless it exists."""
        if not self.path.exists():
            self.write(checkpoint)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the file atomically; only one process may write at a time.

        Raises:
            ServiceMissingError: The file's location cannot be determined now; the old file stays.
        """
        _write(self.path, checkpoint, _get_location)

    def set_aside(self) -> None:
        """Move the file out of the way by renaming it."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.replaced"))


class BucketCheckpointStore:
    """Checkpoint store in a bucket that all machines share (port ``CheckpointStore``), with a local file on each.

    An object is replaced only if it has not changed since this process read it. A process that has lost the lock
    without noticing therefore cannot store an older checkpoint. If the bucket has no object yet, the local file of a
    machine that used a file store becomes the object.
    """

    def __init__(self, objects: "BucketFolder", local_path: Path) -> None:
        self._objects, self._local_store, self._version = objects, FileCheckpointStore(local_path), ""

    def read(self) -> StoredCheckpoint | None:
        """Return the checkpoint in the bucket, together with the local one.

        Raises:
            IntegrityError: The object cannot be read.
        """
        stored_object, local_checkpoint = self._objects.get(OBJECT_NAME), self._read_local_checkpoint()
        if stored_object is None and local_checkpoint is not None and not local_checkpoint.is_copied:
            self.begin(local_checkpoint.checkpoint)
            stored_object = self._objects.get(OBJECT_NAME)
        if stored_object is None:
            return None
        data, self._version = stored_object
        try:
            checkpoint = _parse_checkpoint(data.decode())
        except (ValueError, IntegrityError) as error:
            sentence = Sentence("The log's checkpoint object %(name)s cannot be read.", name=OBJECT_NAME)
            raise IntegrityError(sentence) from error
        return StoredCheckpoint(
            checkpoint, is_copied=False, earlier=None if local_checkpoint is None else local_checkpoint.checkpoint
        )

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Create the object unless it exists."""
        if self._objects.create(OBJECT_NAME, checkpoint.note.encode()):
            _write(self._local_store.path, checkpoint, lambda _: _BUCKET_LOCATION)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the object; raises ``StorageError`` if another process has replaced it since it was read."""
        version = self._version or (self._objects.get(OBJECT_NAME) or (b"", ""))[1]
        self._objects.replace(OBJECT_NAME, checkpoint.note.encode(), version)
        self._version = ""
        _write(self._local_store.path, checkpoint, lambda _: _BUCKET_LOCATION)

    def set_aside(self) -> None:
        """Move the object and the local file out of the way by renaming them."""
        if (current := self._objects.get(OBJECT_NAME)) is not None:
            self._objects.put(f"{OBJECT_NAME}.replaced", current[0])
            self._objects.remove(OBJECT_NAME)
        self._local_store.set_aside()

    def _read_local_checkpoint(self) -> StoredCheckpoint | None:
        try:
            return self._local_store.read()
        except IntegrityError:  # the object in the bucket is enough
            return None


def _write(path: Path, checkpoint: SignedCheckpoint, get_location: Callable[[Path], str]) -> None:
    temporary_path = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary_path.open("w", encoding="utf-8") as file:
        json.dump({"note": checkpoint.note, "place": get_location(temporary_path)}, file)
        sync_file(file)
    temporary_path.replace(path)
    sync_path(path.parent)


def _parse_checkpoint(text: str) -> SignedCheckpoint:
    note = parse_note(text)
    return SignedCheckpoint(note.origin, note.size, note.root, text)


def _read_text_and_location(path: Path) -> tuple[str, str]:
    """Return the text and location of one file, even if another process replaces the file in the meantime."""
    while True:
        text = path.read_text(encoding="utf-8")
        location = _get_location(path)
        if path.read_text(encoding="utf-8") == text:
            return text, location


def _get_location(path: Path) -> str:
    """Return the number and birth time of a file's inode: a copy has different values, a renamed file keeps them.

    ``chown`` does not change them either. On the few systems whose `stat` reports no birth times, the result is the
    number only, which the file system may reuse. Times are always in UTC.

    Raises:
        ServiceMissingError: The `stat` program was interrupted or did not run.
    """
    command = ["stat", "--format", "%i %w", "--", str(path)]
    environ = {**os.environ, "TZ": "UTC0", "LC_ALL": "C"}
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env=environ)
    except FileNotFoundError:
        return str(path.stat().st_ino)
    except (OSError, subprocess.SubprocessError) as error:
        raise ServiceMissingError(f"The program stat did not respond: {error}.") from error
    if result.returncode == 1:  # stat reports no birth times, or the file is missing
        return str(path.stat().st_ino)
    if result.returncode:
        raise ServiceMissingError(f"The program stat failed (exit status {result.returncode}).")
    return result.stdout.strip()
