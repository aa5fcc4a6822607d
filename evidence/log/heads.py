"""What a log remembers of its heads apart from its store: the one signed last, in a file bound to its place.

A store can be set back to an earlier state, as by a restore; it then knows nothing of what it has signed meanwhile, and
outside witnesses do. The file tells. It also names its own place on the disk, by the number and the birth of its inode:
a copy of it, as in a whole folder that was put back from a backup, may itself be old, and is told by that.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evidence.log.notes import parse_note
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.files.durable import settle, settle_path
from exhibit.ports import SignedCheckpoint
from exhibit.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Head:
    """A remembered head."""

    checkpoint: SignedCheckpoint  # what was signed last, or seen outside
    moved: bool  # whether the file was copied here, so that it may be older than what was signed last


def read_head(path: Path) -> Head | None:
    """What is remembered; ``None`` without a file.

    Raises ``IntegrityError`` when it can't be read, ``ServiceMissingError`` when nobody can tell now where it lies.
    """
    try:
        text, place = _text_and_place(path)
        kept = json.loads(text) if text.startswith("{") else {"note": text, "place": place}  # as earlier versions
        was = kept["place"]  # earlier versions told the birth in the zone of the process
        note, moved = parse_note(kept["note"]), was != place and _in_utc(was) != _in_utc(place)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IntegrityError) as error:
        raise IntegrityError(Sentence("The file of the log's head, %(path)s, can't be read.", path=path)) from error
    return Head(SignedCheckpoint(note.origin, note.size, note.root, kept["note"]), moved)


def write_head(path: Path, checkpoint: SignedCheckpoint) -> None:
    """Remember a head instead, whole or not at all; one at a time may.

    Raises ``ServiceMissingError`` when nobody can tell now where the file lies; what was remembered stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"note": checkpoint.note, "place": _place(draft)}, file)
        settle(file)
    draft.replace(path)
    settle_path(path.parent)


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


def _in_utc(place: str) -> tuple[str, ...]:
    """The parts of a place, its birth (day, time, offset) in UTC; the nanoseconds as they stand."""
    number, *birth = place.split(" ")
    if len(birth) != 3:
        return (number, *birth)
    day, time, offset = birth
    whole, _, nanoseconds = time.partition(".")
    moment = datetime.strptime(f"{day} {whole} {offset}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    return number, moment.isoformat(), nanoseconds
