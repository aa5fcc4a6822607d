"""Backups while Exhibit runs: the rows of one point in time, then the bytes, then the description that completes it."""

import errno
import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from django.db import connection, transaction

from exhibit import __version__
from exhibit.clock import now, rfc3339
from exhibit.config.config import FILE_NAME, Config
from exhibit.config.secrets import INSTALLATION, REDIS_PASSWORD, all_mounted
from exhibit.digests import CHUNK, Digest
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.files.blobs import BlobStore
from exhibit.files.durable import settle, settle_path
from exhibit.files.locks import alone
from indexer.calibration.filed_pairs import FOLDER as BENCHMARK
from registry.crawls.search_services import list_own_mappings
from registry.log.accuracy import JOINED
from registry.models import LogCheckpoint, LogEntry
from registry.services.services import Services
from workers.database.backup_format import (
    DESCRIPTION,
    FILES,
    Description,
    LogState,
    Part,
    blob_name,
    verify_written,
)
from workers.database.dumping import dump_rows

Tell = Callable[[str], None]
_LISTED = r"(database-[0-9a-f]{16}\.dump|blobs-[0-9a-f]{16}\.txt)"
_BLOB = r"blobs/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}"
_BACKUP_FILE = re.compile(rf"({_LISTED}|{_BLOB}|files/.+-[0-9a-f]{{16}})(\.partial)?")
"""File names in a backup folder, besides the description. No other files are ever removed."""
_PARTIAL_PREFIX = ".backup-"
_TOP = re.compile(
    rf"{re.escape(DESCRIPTION)}(\.partial)?|blobs|files|{_LISTED}(\.partial)?|{re.escape(_PARTIAL_PREFIX)}.*|lost\+found"
)
_NOT_KEPT = {REDIS_PASSWORD, INSTALLATION}
"""Secrets that are generated again after a restore."""
KEY_FILES = ("roots", "key_file", "password_file", "bitcoin_credentials")


def back_up(services: Services, place: Path, *, keys: bool, tell: Tell) -> Description:
    """Write a backup and verify it. Exhibit may keep running.

    The rows are those of one point in time. The bytes are copied afterwards, so every row finds its bytes, except those
    that expired or were purged in between and damaged ones, which the description names.

    A folder (created if missing) is updated incrementally: intact bytes are not copied again, an interrupted backup is
    continued, and the previous one stays complete until the new one is. A TAR file appears only once it is complete.

    Args:
        services: Services with the blob store and configuration.
        place: Folder, or file name ending in ``.tar``.
        keys: Include the secrets. Without them, nothing can be sealed after a restore.
        tell: Called with progress messages.

    Returns:
        The description of the backup.

    Raises:
        WrongUseError: The location cannot be used.
        IntegrityError: The written data differs when read again, for example on a failing disk.
    """
    place, data = place.resolve(), services.config.data_dir.resolve()
    if place.is_relative_to(data) or data.is_relative_to(place):
        hint = "Name a place on another disk."
        raise WrongUseError("The backup and the data folder can't lie one within the other.", hint=hint)
    busy = WrongUseError("Another backup is being made.", hint="Wait for its end.")
    opened = _in_tar(place) if place.suffix == ".tar" else _in_folder(place)
    try:
        with alone(services.config.data_dir / "locks" / "backup.lock", busy), opened as partial:
            description = _write(services, partial, keys=keys, tell=tell)
            tell("Reading it again.")
            partial.publish(description)
    except OSError as error:
        raise WrongUseError(f"{place} can't be written: {error.strerror or error}.") from error
    return description


def _write(services: Services, target: "_Folder | _Tar", *, keys: bool, tell: Tell) -> Description:
    made_at, data = rfc3339(now()), services.config.data_dir
    with tempfile.TemporaryDirectory(dir=target.beside, prefix=_PARTIAL_PREFIX) as folder:
        draft, listed = Path(folder) / "draft", Path(folder) / "listed"
        tell("Writing the rows down.")
        log, database = _dump(services, draft)
        rows = _add(target, draft, "database-", ".dump")
        files, left_out = _files(services.config, keys=keys)
        parts = []
        for path in files:
            inside, mode = path.relative_to(data).as_posix(), path.stat().st_mode & 0o777
            shutil.copyfile(path, draft)
            parts.append(replace(_add(target, draft, f"{FILES}{inside}-"), mode=mode, path=inside))
        tell("Copying the bytes.")
        count, damaged = _blobs(services.blobs, target, draft, listed)
        tell(f"{count:,} pictures and other files.")
        list_part = _add(target, listed, "blobs-", ".txt")
    return Description(
        made_at, __version__, rows, list_part, count, tuple(parts), log, tuple(left_out), database, tuple(damaged)
    )


def _dump(services: Services, to: Path) -> tuple[LogState, int]:
    """Dump the rows as of one point in time; return the state of the log in them and the database size in bytes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        dump_rows(services.config, cursor.fetchone()[0], to)
        cursor.execute("SELECT pg_database_size(current_database())")
        return log_state(services), int(cursor.fetchone()[0])


def log_state(services: Services) -> LogState:
    """Return the state of the log according to the rows."""
    from registry.log.local_log import get_log

    entries, log = LogEntry.objects.count(), get_log(services)
    newest = LogCheckpoint.objects.order_by("-pk").first()
    root = log.root(entries).hex() if entries else ""
    return LogState(log.origin, entries, root, "" if newest is None else newest.note)


def _files(config: Config, *, keys: bool) -> tuple[list[Path], list[str]]:
    """Return the files to back up, and the names of those left out.

    Files in the data folder are included if they cannot be generated again. Files outside it that the settings name,
    and secrets outside it, are left out.
    """
    referenced = [path for anchor in config.anchors for name in KEY_FILES if (path := getattr(anchor, name, None))]
    pairs = sorted(path for path in (config.data_dir / BENCHMARK).rglob("*") if path.parent.name != "incoming")
    secrets = config.data_dir / "secrets"
    candidates = [
        config.data_dir / FILE_NAME,
        config.data_dir / JOINED,
        *list_own_mappings(config),
        *referenced,
        *pairs,
    ]
    candidates += sorted(path for path in secrets.rglob("*") if path.name not in _NOT_KEPT)
    inside = [path for path in dict.fromkeys(candidates) if path.is_relative_to(config.data_dir) and path.is_file()]
    if not keys:
        inside = [path for path in inside if not path.is_relative_to(secrets)]
    mounted = [path for path in all_mounted(config) if path.name not in _NOT_KEPT]
    left_out = [str(path) for path in dict.fromkeys([*referenced, *mounted]) if path not in inside]
    return inside, left_out if keys else [*left_out, "secrets/"]


def _blobs(blobs: BlobStore, target: "_Folder | _Tar", draft: Path, listed: Path) -> tuple[int, list[str]]:
    """Copy all blobs and list their digests. Blobs that expire in the meantime are left out.

    Damaged blobs are taken from the previous backup at the same location. Returns the number of blobs, and the digests
    of those that are intact in neither.
    """
    count, damaged = 0, []
    with listed.open("w", encoding="ascii") as file:
        for digest in sorted(blobs, key=attrgetter("hex")):
            name = blob_name(digest.hex)
            sources = (_stored(blobs, digest), target.had(name))
            try:
                is_stored = target.holds(name, digest.hex)
                whole = is_stored or any(_copied(source, digest, draft) for source in sources)
            except NotFoundError:
                continue
            if not whole:
                damaged.append(digest.hex)
                continue
            if not is_stored:
                target.take(draft, name)
            file.write(f"{digest.hex}\n")
            count += 1
    return count, damaged


def _copied(source: Iterable[bytes], digest: Digest, to: Path) -> bool:
    """Write bytes to a file; return True if they match the digest."""
    seen = sha256()
    with to.open("wb") as file:
        for piece in source:
            seen.update(piece)
            file.write(piece)
    return seen.digest() == digest.raw


def _stored(blobs: BlobStore, digest: Digest) -> Iterator[bytes]:
    """Yield the readable bytes of a blob.

    Raises:
        OSError: The storage itself is gone (ESTALE).
    """
    try:
        with blobs.open(digest) as stream:
            yield from iter(lambda: stream.read(CHUNK), b"")
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise


def _add(target: "_Folder | _Tar", path: Path, begin: str, end: str = "") -> Part:
    """Add a file under a name derived from its content, so that a name of an earlier backup never gets other bytes."""
    digest, size = Digest.of_file(path).hex, path.stat().st_size
    name = f"{begin}{digest[:16]}{end}"
    if not target.holds(name, digest):
        target.take(path, name)
    return Part(name, digest, size)


@contextmanager
def _in_folder(place: Path) -> "Iterator[_Folder]":
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    strange = sorted(path.name for path in place.iterdir() if not _TOP.fullmatch(path.name))
    if strange:
        hint = "Name an empty folder, or one that holds a backup and nothing else."
        raise WrongUseError(f"{place} holds something that belongs to no backup: {strange[0]}.", hint=hint)
    for leftover in place.glob(f"{_PARTIAL_PREFIX}*"):  # Left by a killed process.
        shutil.rmtree(leftover)
    yield _Folder(place)


@contextmanager
def _in_tar(place: Path) -> "Iterator[_Tar]":
    partial = place.with_name(place.name + ".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            yield _Tar(place, partial, file, tar)
    finally:
        partial.unlink(missing_ok=True)


class _Folder:
    """A backup folder that is updated incrementally."""

    def __init__(self, place: Path) -> None:
        self.beside = place
        self._named: set[str] = set()
        self._whole: set[str] = set()

    def holds(self, name: str, digest: str) -> bool:
        """Return True if a file has these bytes, which are read. A different one is kept until it can be replaced."""
        self._named.add(name)
        with suppress(OSError):  # The file does not exist or is unreadable.
            if Digest.of_file(self.beside / name).hex == digest:
                self._whole.add(name)
                return True
        return False

    def had(self, name: str) -> Iterator[bytes]:  # noqa: ARG002 - as a TAR file has it
        """Return nothing: a folder has no content besides its files."""
        return iter(())

    def take(self, path: Path, name: str) -> None:
        """Move a file from the same disk to its name in the backup."""
        target = self.beside / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o600)  # Access is controlled by the folder.
        path.replace(target)

    def publish(self, description: Description) -> None:
        os.sync()
        verify_written(self.beside, description, self._whole)
        aside = self.beside / (DESCRIPTION + ".partial")
        with aside.open("wb") as file:
            file.write(description.to_json())
            settle(file)
        aside.replace(self.beside / DESCRIPTION)
        settle_path(self.beside)
        for path in list(self.beside.rglob("*")):  # From an earlier or interrupted backup.
            name = path.relative_to(self.beside).as_posix()
            if path.is_file() and name not in self._named and _BACKUP_FILE.fullmatch(name):
                path.unlink()


class _Tar:
    """A TAR file that appears once it is complete."""

    def __init__(self, place: Path, partial: Path, file: BinaryIO, tar: tarfile.TarFile) -> None:
        self.beside = place.parent
        self._place, self._partial, self._file, self._tar = place, partial, file, tar

    def holds(self, name: str, digest: str) -> bool:  # noqa: ARG002 - as a folder has it
        """Return False: the file is written from scratch."""
        return False

    def had(self, name: str) -> Iterator[bytes]:
        """Yield the content of a name in the previous backup, which this one replaces."""
        with suppress(OSError, tarfile.TarError, KeyError), tarfile.open(self._place, "r:") as earlier:
            stream = earlier.extractfile(name)
            if stream is not None:
                yield from iter(lambda: stream.read(CHUNK), b"")

    def take(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            self._append(name, path.stat().st_size, file)
        path.unlink()

    def publish(self, description: Description) -> None:
        data = description.to_json()
        self._append(DESCRIPTION, len(data), io.BytesIO(data))
        self._tar.close()
        self._file.flush()  # Closing the archive does not close the file, whose last blocks are still in memory.
        os.sync()
        verify_written(self._partial, description)
        self._partial.replace(self._place)

    def _append(self, name: str, size: int, file: BinaryIO) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._tar.addfile(info, file)
