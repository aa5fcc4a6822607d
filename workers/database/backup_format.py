"""Format of a backup: a folder or TAR file with a description, a database dump, blobs, keys and settings.

backup.json               lists the contents; written last, so a backup without it is incomplete
database-HASH.dump        database dump in pg_dump's custom format
blobs-HASH.txt            SHA-256 digests of the blobs, one per line
blobs/ab/cd/abcd…         blobs, named by their SHA-256
files/…-HASH              from the data folder: exhibit.toml, searches/, benchmark/, secrets/, files named in settings

HASH is the first 16 hexadecimal digits of the SHA-256 of the file's content.
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
DESCRIPTION_NAME = "backup.json"
BLOBS_PREFIX, FILES_PREFIX = "blobs/", "files/"
_DIGEST_PATTERN = re.compile(r"[0-9a-f]{64}")
_NAME_PREFIXES = (".backup-", "database-", "blobs-", FILES_PREFIX)
"""Name prefixes by which files of a backup are recognised."""
_NAME_BACKUP_HINT = "Specify the folder or the TAR file that `exhibit backup` wrote."
_OTHER_BACKUP_HINT = "Create another backup, or use an earlier one."
_OTHER_FORMAT_HINT = "Restore it with that version. Backups from before version 1.0 cannot be converted."


@dataclass(frozen=True, slots=True)
class BackupFile:
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
class BackupDescription:
    """The contents of a backup."""

    made_at: str  # RFC 3339.
    version: str  # Version of Exhibit.
    rows: BackupFile  # The database dump.
    listed: BackupFile  # The list of digests.
    blobs: int  # Number of blobs.
    files: tuple[BackupFile, ...]  # Files from the data folder.
    log: LogState
    left_out: tuple[str, ...]  # Files that are not in the backup: outside the data folder, or secrets.
    database: int  # Size of the database in bytes.
    damaged: tuple[str, ...]  # Digests of blobs that were changed or unreadable, and are not in the backup.

    def to_json(self) -> bytes:
        """Return the description as stored in the backup."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode()


def parse_description(data: bytes) -> BackupDescription:
    """Parse a description, the inverse of :meth:`BackupDescription.to_json`.

    Raises:
        IntegrityError: The data is not a description in this format.
    """
    try:
        values: dict[str, Any] = json.loads(data)
        if values.pop("format") != FORMAT or values.keys() != {field.name for field in fields(BackupDescription)}:
            raise IntegrityError("The backup has the format of another version of Exhibit.", hint=_OTHER_FORMAT_HINT)
        parts = {name: BackupFile(**values.pop(name)) for name in ("rows", "listed")}
        files = tuple(BackupFile(**part) for part in values.pop("files"))
        log = LogState(**values.pop("log"))
        left_out, damaged = tuple(values.pop("left_out")), tuple(values.pop("damaged"))
        rows, listed = parts["rows"], parts["listed"]
        return BackupDescription(
            **values, rows=rows, listed=listed, files=files, log=log, left_out=left_out, damaged=damaged
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"The backup's {DESCRIPTION_NAME} cannot be read.", hint=_OTHER_BACKUP_HINT) from error


def format_blob_name(digest: str) -> str:
    """Return the name of a blob in a backup."""
    return f"{BLOBS_PREFIX}{digest[:2]}/{digest[2:4]}/{digest}"


def measure_bytes(location: Path) -> int:
    """Return the size in bytes of a file or of all files in a folder; 0 if it does not exist."""
    if not location.is_dir():
        return location.stat().st_size if location.exists() else 0
    return sum(path.stat().st_size for path in location.rglob("*") if path.is_file() and not path.is_symlink())


def iterate_files(backup_path: Path) -> Iterator[tuple[str, BufferedReader]]:
    """Yield name and stream of every file of a backup, in no particular order. Read each stream before the next one."""
    if backup_path.is_dir():
        for file_path in sorted(
            file_path for file_path in backup_path.rglob("*") if file_path.is_file() and not file_path.is_symlink()
        ):
            with file_path.open("rb") as file:
                yield file_path.relative_to(backup_path).as_posix(), file
        return
    try:
        with tarfile.open(backup_path, "r|") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is not None:
                    yield member.name, stream  # type: ignore[misc] # a reader of bytes
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no backup {backup_path}.") from error


def verify_backup(backup_path: Path) -> BackupDescription:
    """Read a whole backup and verify every byte against its description.

    Raises:
        NotFoundError: There is no backup.
        IntegrityError: A file is missing or damaged; the message names it.
    """
    contents = _read_contents(backup_path)
    if contents.description is None:
        if not contents.blobs and not any(name.startswith(_NAME_PREFIXES) for name in contents.digests):
            raise IntegrityError(f"{backup_path} is not a backup: it contains no backup files.", hint=_NAME_BACKUP_HINT)
        hint = "The backup was interrupted. To continue: exhibit backup" if backup_path.is_dir() else _OTHER_BACKUP_HINT
        raise IntegrityError(f"{backup_path} is not a complete backup: it has no {DESCRIPTION_NAME}.", hint=hint)
    _compare_with_description(contents, contents.description)
    return contents.description


def verify_written(
    backup_path: Path, description: BackupDescription, verified_names: AbstractSet[str] = frozenset()
) -> None:
    """Verify a backup that was just written and whose description is added last.

    Args:
        backup_path: Backup folder, or TAR file under its temporary name.
        description: Description to verify against.
        verified_names: Blobs that were already verified and are not read again.

    Raises:
        IntegrityError: As for :func:`verify_backup`.
    """
    _compare_with_description(_read_contents(backup_path, verified_names), description)


@dataclass(slots=True)
class _BackupContents:
    """The contents of a backup: digests by name, the verified blobs, the digest lists, and the description."""

    digests: dict[str, str]
    blobs: set[bytes]
    digest_lists: dict[str, bytes]
    description: BackupDescription | None = None


def _read_contents(backup_path: Path, verified_names: AbstractSet[str] = frozenset()) -> _BackupContents:
    contents = _BackupContents({}, set(), {})
    try:
        for name, stream in iterate_files(backup_path):
            if name in verified_names and name.startswith(BLOBS_PREFIX):
                contents.blobs.add(bytes.fromhex(name.rpartition("/")[2]))
            else:
                _record_file(contents, name, stream)
    except (tarfile.TarError, EOFError) as error:  # The TAR file is truncated.
        raise IntegrityError(f"{backup_path} is not a complete TAR file: {error}.", hint=_OTHER_BACKUP_HINT) from error
    except OSError as error:
        raise IntegrityError(
            f"{backup_path} cannot be read: {error.strerror or error}.", hint=_OTHER_BACKUP_HINT
        ) from error
    return contents


def _record_file(contents: _BackupContents, name: str, stream: BufferedReader) -> None:
    if name == DESCRIPTION_NAME:
        contents.description = parse_description(stream.read())
    elif name.startswith(BLOBS_PREFIX):
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if format_blob_name(digest) == name:
            contents.blobs.add(bytes.fromhex(digest))
    elif name.startswith("blobs-"):
        contents.digest_lists[name] = stream.read()
        contents.digests[name] = Digest.from_bytes(contents.digest_lists[name]).hex
    else:
        contents.digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()


def _compare_with_description(contents: _BackupContents, description: BackupDescription) -> None:
    parts = (description.rows, description.listed, *description.files)
    damaged_names = [part.name for part in parts if contents.digests.get(part.name) != part.digest]
    digests = contents.digest_lists.get(description.listed.name, b"").decode("ascii", "replace").split()
    damaged_names += [
        format_blob_name(digest)
        for digest in digests
        if not _DIGEST_PATTERN.fullmatch(digest) or bytes.fromhex(digest) not in contents.blobs
    ]
    if damaged_names:
        names = ", ".join(damaged_names[:3])
        sentence = f"{len(damaged_names):,} files in the backup are missing or damaged, including {names}."
        raise IntegrityError(sentence, hint=_OTHER_BACKUP_HINT)


def get_relative_path(part: BackupFile) -> PurePosixPath:
    """Return a file's relative path within the data folder.

    Raises:
        IntegrityError: The path leads out of the data folder.
    """
    path = PurePosixPath(part.path)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise IntegrityError(
            f"The backup contains a path outside the data folder: {part.path!r}.", hint=_OTHER_BACKUP_HINT
        )
    return path
