"""What a log remembers of its heads apart from its store: the one signed last, in a file or in a bucket.

A store can be set back to an earlier state, as by a restore; it then knows nothing of what it has signed meanwhile, and
outside witnesses do. What is remembered tells.

A file also names its own place on the disk, by the number and the birth of its inode: a copy of it, as in a whole
folder that was put back from a backup, may itself be old, and is told by that. An object of a bucket, which all
machines share, can't tell that it is a copy; each machine that signs keeps what it knew in a file besides.
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


NAME = "log.head"
_OF_BUCKET = ""
"""The place that a file names beside a head in a bucket: nowhere, so that it is never taken for the only one."""


class FileHead:
    """A head in a file of this machine, bound to its place (port ``HeadStore``)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Head | None:
        """What is remembered, and whether the file was copied here; ``None`` without a file.

        Raises ``IntegrityError`` when it can't be read, ``ServiceMissingError`` when nobody can tell now where it lies.
        """
        try:
            text, place = _text_and_place(self.path)
            kept = json.loads(text)
            return Head(_parsed(kept["note"]), kept["place"] != place)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IntegrityError) as error:
            sentence = Sentence("The file of the log's head, %(path)s, can't be read.", path=self.path)
            raise IntegrityError(sentence) from error

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Write the file unless it is there."""
        if not self.path.exists():
            self.write(checkpoint)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Write the file anew, whole or not at all; one at a time may.

        Raises ``ServiceMissingError`` when nobody can tell now where it lies; what was remembered stays.
        """
        _write(self.path, checkpoint, _place)

    def set_aside(self) -> None:
        """Give the file another name."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.replaced"))


class ObjectHead:
    """A head in a bucket, for all machines (port ``HeadStore``), and in a file what this machine knew of it last.

    It is replaced only as it was read here, so that a process whose turn is over, and which doesn't know it yet, puts
    no older one in its place. The file of a machine whose data folder held the head before becomes the object.
    """

    def __init__(self, objects: "NamedObjects", own: Path) -> None:
        self._objects, self._own, self._mark = objects, FileHead(own), ""

    def read(self) -> Head | None:
        """What the bucket remembers, and this machine besides; ``IntegrityError`` when the object can't be read."""
        found, own = self._objects.get(NAME), self._besides()
        if found is None and own is not None and not own.moved:
            self.begin(own.checkpoint)
            found = self._objects.get(NAME)
        if found is None:
            return None
        data, self._mark = found
        try:
            checkpoint = _parsed(data.decode())
        except (ValueError, IntegrityError) as error:
            sentence = Sentence("The object of the log's head, %(name)s, can't be read.", name=NAME)
            raise IntegrityError(sentence) from error
        return Head(checkpoint, moved=False, besides=None if own is None else own.checkpoint)

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Make the object unless it is there."""
        if self._objects.create(NAME, checkpoint.note.encode()):
            _write(self._own.path, checkpoint, lambda _: _OF_BUCKET)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the object; raises ``StorageError`` when another process has done so since it was read."""
        mark = self._mark or (self._objects.get(NAME) or (b"", ""))[1]
        self._objects.replace(NAME, checkpoint.note.encode(), mark)
        self._mark = ""
        _write(self._own.path, checkpoint, lambda _: _OF_BUCKET)

    def set_aside(self) -> None:
        """Give object and file other names."""
        if (found := self._objects.get(NAME)) is not None:
            self._objects.put(f"{NAME}.replaced", found[0])
            self._objects.remove(NAME)
        self._own.set_aside()

    def _besides(self) -> Head | None:
        try:
            return self._own.read()
        except IntegrityError:  # the object tells
            return None


def _write(path: Path, checkpoint: SignedCheckpoint, place: Callable[[Path], str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"note": checkpoint.note, "place": place(draft)}, file)
        settle(file)
    draft.replace(path)
    settle_path(path.parent)


def _parsed(text: str) -> SignedCheckpoint:
    note = parse_note(text)
    return SignedCheckpoint(note.origin, note.size, note.root, text)


def _text_and_place(path: Path) -> tuple[str, str]:
    """Both of one file, though another may be put in its place meanwhile."""
    while True:
        text = path.read_text(encoding="utf-8")
        place = _place(path)
        if path.read_text(encoding="utf-8") == text:
            return text, place


def _place(path: Path) -> str:
    """Number and birth of a file's inode; a copy has another one, and renaming or ``chown`` changes neither.

    Without a `stat` that tells births, as on few systems, the number alone, which may be given out again. The time is
    told in UTC, whatever the zone of this process is. Raises ``ServiceMissingError`` when such a `stat` was broken off.
    """
    command = ["stat", "--format", "%i %w", "--", str(path)]
    environ = {**os.environ, "TZ": "UTC0", "LC_ALL": "C"}
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env=environ)
    except FileNotFoundError:
        return str(path.stat().st_ino)
    except (OSError, subprocess.SubprocessError) as error:
        raise ServiceMissingError(f"The program stat didn't answer: {error}.") from error
    if ran.returncode == 1:  # it doesn't know births, or the file isn't there
        return str(path.stat().st_ino)
    if ran.returncode:
        raise ServiceMissingError(f"The program stat was broken off ({ran.returncode}).")
    return ran.stdout.strip()
