"""The format of a backup: a folder or TAR file with a description, rows, exact bytes, keys and settings.

backup.json               lists the contents; written last, so that a backup without it is incomplete
database-HASH.dump        the rows, in pg_dump's custom format
blobs-HASH.txt            the digests of the exact bytes, one per line
blobs/ab/cd/abcd…         the exact bytes, named by their SHA-256
files/…-HASH              from the data folder: exhibit.toml, searches/, benchmark/, secrets/, files named in settings

HASH is the beginning of the SHA-256 of the file's content.
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
"""File name prefixes that only a backup has."""
_NAME_ONE = "Name the folder or the TAR file that `exhibit backup` wrote."
_HINT = "Make another backup, or take an earlier one."
_OTHER_FORMAT = "Restore it with the version that made it. Backups from before version 1.0 cannot be converted."


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a backup: name, SHA-256 in hexadecimal, size in bytes, mode, and path in the data folder."""

    name: str
    digest: str
    size: int
    mode: int = 0o600
    path: str = ""  # Relative to the data folder; empty for other files.


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of the log in a backup: origin, number of entries, Merkle root, and last signed checkpoint."""

    origin: str
    entries: int
    root: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Description:
    """The contents of a backup."""

    made_at: str  # RFC 3339.
    version: str  # Of Exhibit.
    rows: Part  # The dump.
    listed: Part  # The list of digests.
    blobs: int  # Number of blobs.
    files: tuple[Part, ...]  # From the data folder.
    log: LogState
    left_out: tuple[str, ...]  # Files outside the data folder that the settings name, or that were excluded.
    database: int  # Size of the database in bytes.
    damaged: tuple[str, ...]  # Digests of bytes that were changed or unreadable and are not in the backup.

    def to_json(self) -> bytes:
        """Return the description as stored in the backup."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode()


def parse_description(data: bytes) -> Description:
    """Parse a description, the inverse of :meth:`Description.to_json`.

    Raises:
        IntegrityError: The data is not a description in this format.
    """
    try:
        fields_read: dict[str, Any] = json.loads(data)
        if fields_read.pop("format") != FORMAT or fields_read.keys() != {field.name for field in fields(Description)}:
            raise IntegrityError("The backup has the format of another version of Exhibit.", hint=_OTHER_FORMAT)
        parts = {name: Part(**fields_read.pop(name)) for name in ("rows", "listed")}
        files = tuple(Part(**part) for part in fields_read.pop("files"))
        log = LogState(**fields_read.pop("log"))
        left_out, damaged = tuple(fields_read.pop("left_out")), tuple(fields_read.pop("damaged"))
        rows, listed = parts["rows"], parts["listed"]
        return Description(
            **fields_read, rows=rows, listed=listed, files=files, log=log, left_out=left_out, damaged=damaged
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"The backup's {DESCRIPTION} can't be read.", hint=_HINT) from error


def blob_name(digest: str) -> str:
    """Return the name of a blob in a backup."""
    return f"{BLOBS}{digest[:2]}/{digest[2:4]}/{digest}"


def bytes_of(place: Path) -> int:
    """Return the size in bytes of a file or of all files in a folder; 0 if it does not exist."""
    if not place.is_dir():
        return place.stat().st_size if place.exists() else 0
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def members(place: Path) -> Iterator[tuple[str, BufferedReader]]:
    """Yield every file of a backup by name, in no particular order. Read each before requesting the next."""
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
    """Read a whole backup and verify every byte against its description.

    Raises:
        NotFoundError: There is no backup.
        IntegrityError: A file is missing or damaged; the message names it.
    """
    contents = _read_folder(place)
    if contents.description is None:
        if not contents.blobs and not any(name.startswith(_BEGINNINGS) for name in contents.digests):
            raise IntegrityError(f"{place} isn't a backup: nothing of one is in it.", hint=_NAME_ONE)
        hint = "It was interrupted: `exhibit backup` to this folder goes on." if place.is_dir() else _HINT
        raise IntegrityError(f"{place} isn't a whole backup: it has no {DESCRIPTION}.", hint=hint)
    _compare_with_description(contents, contents.description)
    return contents.description


def verify_written(place: Path, description: Description, whole: AbstractSet[str] = frozenset()) -> None:
    """Verify a backup that was just written and whose description is added last.

    Raises the same errors as :func:`verify_backup`. ``whole`` names blobs that were just read and are not read again.
    """
    _compare_with_description(_read_folder(place, whole), description)


@dataclass(slots=True)
class _Contents:
    """The contents of a backup: digests by name, the verified blobs, the digest lists, and the description."""

    digests: dict[str, str]
    blobs: set[bytes]
    listed: dict[str, bytes]
    description: Description | None = None


def _read_folder(place: Path, whole: AbstractSet[str] = frozenset()) -> _Contents:
    contents = _Contents({}, set(), {})
    try:
        for name, stream in members(place):
            if name in whole and name.startswith(BLOBS):
                contents.blobs.add(bytes.fromhex(name.rpartition("/")[2]))
            else:
                _note(contents, name, stream)
    except (tarfile.TarError, EOFError) as error:  # The file ends prematurely.
        raise IntegrityError(f"{place} is no whole TAR file: {error}.", hint=_HINT) from error
    except OSError as error:
        raise IntegrityError(f"{place} can't be read: {error.strerror or error}.", hint=_HINT) from error
    return contents


def _note(contents: _Contents, name: str, stream: BufferedReader) -> None:
    if name == DESCRIPTION:
        contents.description = parse_description(stream.read())
    elif name.startswith(BLOBS):
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if blob_name(digest) == name:
            contents.blobs.add(bytes.fromhex(digest))
    elif name.startswith("blobs-"):
        contents.listed[name] = stream.read()
        contents.digests[name] = Digest.of(contents.listed[name]).hex
    else:
        contents.digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()


def _compare_with_description(contents: _Contents, description: Description) -> None:
    parts = (description.rows, description.listed, *description.files)
    wrong = [part.name for part in parts if contents.digests.get(part.name) != part.digest]
    digests = contents.listed.get(description.listed.name, b"").decode("ascii", "replace").split()
    wrong += [
        blob_name(digest)
        for digest in digests
        if not _DIGEST.fullmatch(digest) or bytes.fromhex(digest) not in contents.blobs
    ]
    if wrong:
        names = ", ".join(wrong[:3])
        sentence = f"Of the backup {len(wrong):,} files are missing or hold other bytes: {names}."
        raise IntegrityError(sentence, hint=_HINT)


def inside(part: Part) -> PurePosixPath:
    """Return a file's relative path within the data folder.

    Raises:
        IntegrityError: The path leads out of the data folder.
    """
    path = PurePosixPath(part.path)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise IntegrityError(f"The backup names a file outside of the data folder: {part.path!r}.", hint=_HINT)
    return path
