"""The latest signed checkpoint of a log ("head"), stored apart from the log's store in a file or a bucket.

A store can be reset to an earlier state, such as by a restore; it then lacks checkpoints that the log has signed since
and that outside witnesses know. The remembered head reveals this.

The file also records its own location on the disk, by number and birth time of its inode. A copy of it, as in a whole
folder restored from a backup, may itself be old and is detected this way. An object in a bucket, which all machines
share, cannot be recognized as a copy; each machine that signs also keeps its own knowledge in a file.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.log.notes import parse_note
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import settle, settle_path
from exhibit.ports import Head, SignedCheckpoint
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from exhibit.files.bucket import NamedObjects


OBJECT_NAME = "log.head"
_BUCKET_PLACE = ""
"""Location recorded in a file that accompanies a head in a bucket.

Empty, so that it is never taken for the only one.
"""


class FileCheckpointStore:
    """A remembered head in a file of this machine, bound to its location (port ``HeadStore``)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Head | None:
        """Return the remembered head, and whether the file is a copy; ``None`` without a file.

        Raises:
            IntegrityError: The file cannot be read.
            ServiceMissingError: The file's location cannot be determined now.
        """
        try:
            text, place = _read_text_and_place(self.path)
            stored = json.loads(text)
            return Head(_parse_checkpoint(stored["note"]), stored["place"] != place)
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
        _write(self.path, checkpoint, _get_place)

    def set_aside(self) -> None:
        """Rename the file."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.replaced"))


class BucketCheckpointStore:
    """A remembered head in a bucket for all machines (port ``HeadStore``), with a file of what this machine last knew.

    The object is replaced only if it is as it was read here, so that a process that has lost its turn without knowing
    cannot put an older head in its place. If the data folder of a machine held the head before, its file becomes the
    object.
    """

    def __init__(self, objects: "NamedObjects", own: Path) -> None:
        self._objects, self._own, self._mark = objects, FileCheckpointStore(own), ""

    def read(self) -> Head | None:
        """Return the head in the bucket, with this machine's own.

        Raises ``IntegrityError`` if the object cannot be read.
        """
        stored_object, own = self._objects.get(OBJECT_NAME), self._read_own()
        if stored_object is None and own is not None and not own.moved:
            self.begin(own.checkpoint)
            stored_object = self._objects.get(OBJECT_NAME)
        if stored_object is None:
            return None
        data, self._mark = stored_object
        try:
            checkpoint = _parse_checkpoint(data.decode())
        except (ValueError, IntegrityError) as error:
            sentence = Sentence("The log's checkpoint object %(name)s cannot be read.", name=OBJECT_NAME)
            raise IntegrityError(sentence) from error
        return Head(checkpoint, moved=False, besides=None if own is None else own.checkpoint)

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Create the object unless it exists."""
        if self._objects.create(OBJECT_NAME, checkpoint.note.encode()):
            _write(self._own.path, checkpoint, lambda _: _BUCKET_PLACE)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the object; raises ``StorageError`` if another process has replaced it since it was read."""
        mark = self._mark or (self._objects.get(OBJECT_NAME) or (b"", ""))[1]
        self._objects.replace(OBJECT_NAME, checkpoint.note.encode(), mark)
        self._mark = ""
        _write(self._own.path, checkpoint, lambda _: _BUCKET_PLACE)

    def set_aside(self) -> None:
        """Rename the object and the file."""
        if (current := self._objects.get(OBJECT_NAME)) is not None:
            self._objects.put(f"{OBJECT_NAME}.replaced", current[0])
            self._objects.remove(OBJECT_NAME)
        self._own.set_aside()

    def _read_own(self) -> Head | None:
        try:
            return self._own.read()
        except IntegrityError:  # the object suffices
            return None


def _write(path: Path, checkpoint: SignedCheckpoint, place: Callable[[Path], str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"note": checkpoint.note, "place": place(draft)}, file)
        settle(file)
    draft.replace(path)
    settle_path(path.parent)


def _parse_checkpoint(text: str) -> SignedCheckpoint:
    note = parse_note(text)
    return SignedCheckpoint(note.origin, note.size, note.root, text)


def _read_text_and_place(path: Path) -> tuple[str, str]:
    """Return text and location of the same file, even if another file replaces it meanwhile."""
    while True:
        text = path.read_text(encoding="utf-8")
        place = _get_place(path)
        if path.read_text(encoding="utf-8") == text:
            return text, place


def _get_place(path: Path) -> str:
    """Return number and birth time of a file's inode; a copy has others, and renaming or ``chown`` changes neither.

    On the few systems whose `stat` reports no birth times, only the number is returned, which may be reused. Times are
    in UTC, whatever the time zone of this process.

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
        raise ServiceMissingError(f"The program stat didn't answer: {error}.") from error
    if result.returncode == 1:  # it reports no birth times, or the file is missing
        return str(path.stat().st_ino)
    if result.returncode:
        raise ServiceMissingError(f"The program stat was broken off ({result.returncode}).")
    return result.stdout.strip()
