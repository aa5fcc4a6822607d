"""What a backup is: a folder or a TAR file with a description, the rows, the exact bytes, keys and settings.

backup.json               says what belongs to it; it is written last, so a backup without one is none
database-HASH.dump        the rows, as pg_dump writes them (custom format)
blobs-HASH.txt            the digests of the exact bytes, one a line
blobs/ab/cd/abcd…         the exact bytes, named by their SHA-256
files/…-HASH              of the data folder: exhibit.toml, searches/, benchmark/, secrets/, what the settings name

HASH is the beginning of the SHA-256 of what a file holds.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Set as AbstractSet
from dataclasses import asdict, dataclass, fields
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError

FORMAT = "exhibit-backup/1"
DESCRIPTION = "backup.json"
BLOBS, FILES = "blobs/", "files/"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BEGINNINGS = (".backup-", "database-", "blobs-", FILES)
"""Of the names of files that only a backup has."""
_NAME_ONE = "Name the folder or the TAR file that `exhibit backup` wrote."
_HINT = "Make another backup, or take an earlier one."
_OTHER_FORMAT = "Restore it with the version that made it. Backups from before version 1.0 cannot be converted."


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a backup: its name in it, its SHA-256 in hexadecimal digits, its bytes, its mode, where it belongs."""

    name: str
    digest: str
    size: int
    mode: int = 0o600
    path: str = ""  # in the data folder, where it is a file of that


@dataclass(frozen=True, slots=True)
class LogState:
    """The log as the rows of a backup hold it: its name, entries, root over them, and the head that was signed last."""

    origin: str
    entries: int
    root: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Description:
    """What belongs to a backup."""

    made_at: str  # RFC 3339
    version: str  # of Exhibit
    rows: Part  # the dump
    listed: Part  # the list of digests
    blobs: int  # how many there are
    files: tuple[Part, ...]  # of the data folder
    log: LogState
    left_out: tuple[str, ...]  # files that the settings name and that lie elsewhere, or that were to be left out
    database: int  # bytes that the rows took there
    damaged: tuple[str, ...]  # digests of exact bytes that had changed, or couldn't be read, and aren't in it

    def to_json(self) -> bytes:
        """As it stands in the backup."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode()


def parse_description(data: bytes) -> Description:
    """The inverse of :meth:`Description.to_json`; raises ``IntegrityError`` for anything else."""
    try:
        told: dict[str, Any] = json.loads(data)
        if told.pop("format") != FORMAT or told.keys() != {field.name for field in fields(Description)}:
            raise IntegrityError("The backup has the format of another version of Exhibit.", hint=_OTHER_FORMAT)
        parts = {name: Part(**told.pop(name)) for name in ("rows", "listed")}
        files = tuple(Part(**part) for part in told.pop("files"))
        log = LogState(**told.pop("log"))
        left_out, damaged = tuple(told.pop("left_out")), tuple(told.pop("damaged"))
        rows, listed = parts["rows"], parts["listed"]
        return Description(**told, rows=rows, listed=listed, files=files, log=log, left_out=left_out, damaged=damaged)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"The backup's {DESCRIPTION} can't be read.", hint=_HINT) from error


def blob_name(digest: str) -> str:
    """The name of exact bytes in a backup."""
    return f"{BLOBS}{digest[:2]}/{digest[2:4]}/{digest}"


def bytes_of(place: Path) -> int:
    """How large a folder, with all that is in it, or a file is; 0 where there is none."""
    if not place.is_dir():
        return place.stat().st_size if place.exists() else 0
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def members(place: Path) -> Iterator[tuple[str, BufferedReader]]:
    """Every file of a backup by name, in no order, each to be read before the next one is asked for."""
    if place.is_dir():
        for path in sorted(path for path in place.rglob("*") if path.is_file() and not path.is_symlink()):
            with path.open("rb") as file:
                yield path.relative_to(place).as_posix(), file
        return
    try:
        with tarfile.open(place, "r|") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is not None:
                    yield member.name, stream  # type: ignore[misc] # a reader of bytes
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no backup {place}.") from error


def verify_backup(place: Path) -> Description:
    """Read a whole backup, and hold every byte of it against what belongs to it; raises ``NotFoundError`` without one.

    Raises ``IntegrityError`` when something is missing or damaged; the message names it.
    """
    found = _read(place)
    if found.description is None:
        if not found.blobs and not any(name.startswith(_BEGINNINGS) for name in found.digests):
            raise IntegrityError(f"{place} isn't a backup: nothing of one is in it.", hint=_NAME_ONE)
        hint = "It was interrupted: `exhibit backup` to this folder goes on." if place.is_dir() else _HINT
        raise IntegrityError(f"{place} isn't a whole backup: it has no {DESCRIPTION}.", hint=hint)
    _hold_against(found, found.description)
    return found.description


def verify_written(place: Path, description: Description, whole: AbstractSet[str] = frozenset()) -> None:
    """Read what was written of a backup whose description comes last; raises as :func:`verify_backup` does.

    ``whole`` names exact bytes that were read just now and aren't read once more.
    """
    _hold_against(_read(place, whole), description)


@dataclass(slots=True)
class _Found:
    """What a place holds: digests by name, the digests of exact bytes that are what their names say, and two files."""

    digests: dict[str, str]
    blobs: set[bytes]
    listed: dict[str, bytes]
    description: Description | None = None


def _read(place: Path, whole: AbstractSet[str] = frozenset()) -> _Found:
    found = _Found({}, set(), {})
    try:
        for name, stream in members(place):
            if name in whole and name.startswith(BLOBS):
                found.blobs.add(bytes.fromhex(name.rpartition("/")[2]))
            else:
                _note(found, name, stream)
    except (tarfile.TarError, EOFError) as error:  # it ends within a file
        raise IntegrityError(f"{place} is no whole TAR file: {error}.", hint=_HINT) from error
    except OSError as error:
        raise IntegrityError(f"{place} can't be read: {error.strerror or error}.", hint=_HINT) from error
    return found


def _note(found: _Found, name: str, stream: BufferedReader) -> None:
    if name == DESCRIPTION:
        found.description = parse_description(stream.read())
    elif name.startswith(BLOBS):
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if blob_name(digest) == name:
            found.blobs.add(bytes.fromhex(digest))
    elif name.startswith("blobs-"):
        found.listed[name] = stream.read()
        found.digests[name] = Digest.of(found.listed[name]).hex
    else:
        found.digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()


def _hold_against(found: _Found, description: Description) -> None:
    parts = (description.rows, description.listed, *description.files)
    wrong = [part.name for part in parts if found.digests.get(part.name) != part.digest]
    digests = found.listed.get(description.listed.name, b"").decode("ascii", "replace").split()
    wrong += [
        blob_name(digest)
        for digest in digests
        if not _DIGEST.fullmatch(digest) or bytes.fromhex(digest) not in found.blobs
    ]
    if wrong:
        named = ", ".join(wrong[:3])
        sentence = f"Of the backup {len(wrong):,} files are missing or hold other bytes: {named}."
        raise IntegrityError(sentence, hint=_HINT)


def inside(part: Part) -> PurePosixPath:
    """The path of a file of the data folder, below it; raises ``IntegrityError`` for one that leads out of it."""
    path = PurePosixPath(part.path)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise IntegrityError(f"The backup names a file outside of the data folder: {part.path!r}.", hint=_HINT)
    return path
