"""What a log remembers of its heads apart from its store: the one signed last, in a file bound to its place.

A store can be set back to an earlier state, as by a restore; it then knows nothing of what it has signed meanwhile, and
outside witnesses do. The file tells. It also names its own place on the disk, by the number and the birth of its inode:
a copy of it, as in a whole folder that was put back from a backup, may itself be old, and is told by that.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from evidence.notes import parse_note
from exhibit.errors import IntegrityError
from exhibit.ports import SignedCheckpoint


@dataclass(frozen=True, slots=True)
class Head:
    """A remembered head.

    Attributes:
        checkpoint: what was signed last, or seen outside.
        moved: whether the file was copied here, so that it may be older than what was signed last.
    """

    checkpoint: SignedCheckpoint
    moved: bool


class HeadFile:
    """The file of one log.

    Args:
        path: may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Head | None:
        """What is remembered; ``None`` without a file.

        Raises:
            IntegrityError: the file can't be read.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        moved = False
        if text.startswith("{"):  # earlier versions wrote the note alone
            try:
                fields = json.loads(text)
                text, moved = str(fields["note"]), fields["place"] != _place(self._path)
            except (ValueError, KeyError, TypeError) as error:
                raise IntegrityError(
                    f"The file {self._path} can't be read.", hint="Don't sign; see docs/log.md."
                ) from error
        note = parse_note(text)
        return Head(SignedCheckpoint(note.origin, note.size, note.root, text), moved)

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Remember a head instead, whole or not at all."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"note": checkpoint.note, "place": _place(draft)}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _place(path: Path) -> str:
    """Number and birth of a file's inode; a copy has another one, and renaming or ``chown`` changes neither.

    Without a `stat` that tells births, as on few systems, the number alone, which may be given out again.
    """
    command = ["stat", "--format", "%i %w", "--", str(path)]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return str(path.stat().st_ino)
