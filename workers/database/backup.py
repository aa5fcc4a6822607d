"""Backups while Exhibit runs: database rows at one point in time, then blobs, then the description file."""

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
from exhibit.clock import format_rfc3339, now
from exhibit.config.config import FILE_NAME, Config
from exhibit.config.secrets import INSTALLATION, REDIS_PASSWORD, list_mounted_secrets
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.files.blobs import BlobStore
from exhibit.files.durable import sync_file, sync_path
from exhibit.files.locks import hold_exclusively
from indexer.calibration.filed_pairs import FOLDER as BENCHMARK
from registry.crawls.search_services import list_own_mappings
from registry.log.accuracy import JOINED_COUNTS_NAME
from registry.models import LogCheckpoint, LogEntry
from registry.services.services import Services
from workers.database.backup_format import (
    DESCRIPTION_NAME,
    FILES_PREFIX,
    BackupDescription,
    BackupFile,
    LogState,
    format_blob_name,
    verify_written,
)
from workers.database.dumping import dump_rows

ReportProgress = Callable[[str], None]
_LIST_NAME_PATTERN = r"(database-[0-9a-f]{16}\.dump|blobs-[0-9a-f]{16}\.txt)"
_BLOB_NAME_PATTERN = r"blobs/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}"
_BACKUP_FILE_PATTERN = re.compile(rf"({_LIST_NAME_PATTERN}|{_BLOB_NAME_PATTERN}|files/.+-[0-9a-f]{{16}})(\.partial)?")
"""Names of files in a backup folder, except the description. No other files are ever removed."""
_PARTIAL_PREFIX = ".backup-"
_TOP_LEVEL_PATTERN = re.compile(
    rf"{re.escape(DESCRIPTION_NAME)}(\.partial)?|blobs|files|{_LIST_NAME_PATTERN}(\.partial)?|{re.escape(_PARTIAL_PREFIX)}.*|lost\+found"
)
_EXCLUDED_SECRETS = {REDIS_PASSWORD, INSTALLATION}
"""Secrets that are generated again after a restore."""
KEY_FILE_ATTRIBUTES = ("roots", "key_file", "password_file", "bitcoin_credentials")


def back_up(services: Services, target: Path, *, keys: bool, report: ReportProgress) -> BackupDescription:
    """Write a backup and verify it. Exhibit may keep running.

    All rows are from one point in time. The blobs are copied afterwards, so every row has its blob, except blobs that
    expired or were purged in between. Damaged blobs are listed in the description.

    A folder (created if missing) is updated incrementally: intact blobs are not copied again, an interrupted backup is
    continued, and the previous backup stays usable until the new one is complete. A TAR file appears only once it is
    complete.

    Args:
        services: Services with the blob store and configuration.
        target: Folder, or file name ending in ``.tar``.
        keys: Include the secrets. Without them, nothing can be sealed after a restore.
        report: Called with progress messages.

    Returns:
        The description of the backup.

    Raises:
        InvalidRequestError: The target cannot be used.
        IntegrityError: The written data differs when read again, for example on a failing disk.
    """
    target, data_dir = target.resolve(), services.config.data_dir.resolve()
    if target.is_relative_to(data_dir) or data_dir.is_relative_to(target):
        hint = "Choose a target on another disk."
        raise InvalidRequestError("The target and the data folder cannot contain each other.", hint=hint)
    busy_error = InvalidRequestError("Another backup is in progress.", hint="Wait until it has finished.")
    target_context = _open_tar(target) if target.suffix == ".tar" else _open_folder(target)
    try:
        with (
            hold_exclusively(services.config.data_dir / "locks" / "backup.lock", busy_error),
            target_context as partial_target,
        ):
            description = _write_backup(services, partial_target, keys=keys, report=report)
            report("Verifying the backup.")
            partial_target.publish(description)
    except OSError as error:
        raise InvalidRequestError(f"{target} cannot be written: {error.strerror or error}.") from error
    return description


def _write_backup(
    services: Services, target: "_FolderTarget | _TarTarget", *, keys: bool, report: ReportProgress
) -> BackupDescription:
    made_at, data_dir = format_rfc3339(now()), services.config.data_dir
    with tempfile.TemporaryDirectory(dir=target.parent_folder, prefix=_PARTIAL_PREFIX) as folder:
        temporary_file, digest_list = Path(folder) / "draft", Path(folder) / "listed"
        report("Dumping the database.")
        log, database = _dump_rows(services, temporary_file)
        rows = _add_file(target, temporary_file, "database-", ".dump")
        files, excluded_names = _list_files(services.config, keys=keys)
        parts = []
        for path in files:
            relative_path, mode = path.relative_to(data_dir).as_posix(), path.stat().st_mode & 0o777
            shutil.copyfile(path, temporary_file)
            parts.append(
                replace(
                    _add_file(target, temporary_file, f"{FILES_PREFIX}{relative_path}-"), mode=mode, path=relative_path
                )
            )
        report("Copying the files.")
        count, damaged_digests = _copy_blobs(services.blobs, target, temporary_file, digest_list)
        report(f"{count:,} pictures and other files copied.")
        list_part = _add_file(target, digest_list, "blobs-", ".txt")
    return BackupDescription(
        made_at,
        __version__,
        rows,
        list_part,
        count,
        tuple(parts),
        log,
        tuple(excluded_names),
        database,
        tuple(damaged_digests),
    )


def _dump_rows(services: Services, dump_path: Path) -> tuple[LogState, int]:
    """Dump the rows as of one point in time; return the state of the log in them and the database size in bytes."""
    with transaction.atomic(), connection.cursor() as db_cursor:
        db_cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        db_cursor.execute("SELECT pg_export_snapshot()")
        dump_rows(services.config, db_cursor.fetchone()[0], dump_path)
        db_cursor.execute("SELECT pg_database_size(current_database())")
        return get_log_state(services), int(db_cursor.fetchone()[0])


def get_log_state(services: Services) -> LogState:
    """Return the state of the log according to the rows."""
    from registry.log.local_log import get_log

    entries, log = LogEntry.objects.count(), get_log(services)
    newest = LogCheckpoint.objects.order_by("-pk").first()
    root = log.compute_root(entries).hex() if entries else ""
    return LogState(log.origin, entries, root, "" if newest is None else newest.note)


def _list_files(config: Config, *, keys: bool) -> tuple[list[Path], list[str]]:
    """Return the files to back up, and the names of the excluded ones.

    Files in the data folder are included if they cannot be generated again. Secrets outside the data folder, and other
    files outside it that the settings name, are excluded.
    """
    referenced_files = [
        path for anchor in config.anchors for name in KEY_FILE_ATTRIBUTES if (path := getattr(anchor, name, None))
    ]
    pair_files = sorted(path for path in (config.data_dir / BENCHMARK).rglob("*") if path.parent.name != "incoming")
    secrets = config.data_dir / "secrets"
    candidates = [
        config.data_dir / FILE_NAME,
        config.data_dir / JOINED_COUNTS_NAME,
        *list_own_mappings(config),
        *referenced_files,
        *pair_files,
    ]
    candidates += sorted(path for path in secrets.rglob("*") if path.name not in _EXCLUDED_SECRETS)
    included_files = [
        path for path in dict.fromkeys(candidates) if path.is_relative_to(config.data_dir) and path.is_file()
    ]
    if not keys:
        included_files = [path for path in included_files if not path.is_relative_to(secrets)]
    mounted_secrets = [path for path in list_mounted_secrets(config) if path.name not in _EXCLUDED_SECRETS]
    excluded_names = [
        str(path) for path in dict.fromkeys([*referenced_files, *mounted_secrets]) if path not in included_files
    ]
    return included_files, excluded_names if keys else [*excluded_names, "secrets/"]


def _copy_blobs(
    blobs: BlobStore, target: "_FolderTarget | _TarTarget", temporary_file: Path, list_path: Path
) -> tuple[int, list[str]]:
    """Copy all blobs and list their digests. Blobs that expire in the meantime are left out.

    Damaged blobs are copied from the previous backup in the same location.

    Returns:
        The number of copied blobs, and the digests of blobs that are damaged in both places.
    """
    count, damaged_digests = 0, []
    with list_path.open("w", encoding="ascii") as file:
        for digest in sorted(blobs, key=attrgetter("hex")):
            name = format_blob_name(digest.hex)
            sources = (_read_blob(blobs, digest), target.read_previous(name))
            try:
                is_stored = target.has_file(name, digest.hex)
                is_intact = is_stored or any(_copy_and_verify(source, digest, temporary_file) for source in sources)
            except NotFoundError:
                continue
            if not is_intact:
                damaged_digests.append(digest.hex)
                continue
            if not is_stored:
                target.move_file(temporary_file, name)
            file.write(f"{digest.hex}\n")
            count += 1
    return count, damaged_digests


def _copy_and_verify(source: Iterable[bytes], digest: Digest, destination: Path) -> bool:
    """Write the chunks to a file; return True if their digest matches."""
    hasher = sha256()
    with destination.open("wb") as file:
        for chunk in source:
            hasher.update(chunk)
            file.write(chunk)
    return hasher.digest() == digest.raw


def _read_blob(blobs: BlobStore, digest: Digest) -> Iterator[bytes]:
    """Yield the readable bytes of a blob.

    Raises:
        OSError: The storage is no longer mounted (ESTALE).
    """
    try:
        with blobs.open(digest) as stream:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise


def _add_file(target: "_FolderTarget | _TarTarget", path: Path, prefix: str, suffix: str = "") -> BackupFile:
    """Add a file under a name derived from its content, so that a file of an earlier backup is never overwritten."""
    digest, size = Digest.from_file(path).hex, path.stat().st_size
    name = f"{prefix}{digest[:16]}{suffix}"
    if not target.has_file(name, digest):
        target.move_file(path, name)
    return BackupFile(name, digest, size)


@contextmanager
def _open_folder(folder: Path) -> "Iterator[_FolderTarget]":
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unknown_names = sorted(path.name for path in folder.iterdir() if not _TOP_LEVEL_PATTERN.fullmatch(path.name))
    if unknown_names:
        hint = "Choose an empty folder, or a folder that contains only a backup."
        raise InvalidRequestError(
            f"{folder} contains a file that is not part of a backup: {unknown_names[0]}.", hint=hint
        )
    for leftover in folder.glob(f"{_PARTIAL_PREFIX}*"):  # The process that created it was killed.
        shutil.rmtree(leftover)
    yield _FolderTarget(folder)


@contextmanager
def _open_tar(tar_path: Path) -> "Iterator[_TarTarget]":
    partial = tar_path.with_name(tar_path.name + ".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            yield _TarTarget(tar_path, partial, file, tar)
    finally:
        partial.unlink(missing_ok=True)


class _FolderTarget:
    """A backup folder that is updated incrementally."""

    def __init__(self, folder: Path) -> None:
        self.parent_folder = folder
        self._names: set[str] = set()
        self._verified_names: set[str] = set()

    def has_file(self, name: str, digest: str) -> bool:
        """Return True if the file exists with this digest. A different file stays until it is replaced."""
        self._names.add(name)
        with suppress(OSError):  # The file is missing or unreadable.
            if Digest.from_file(self.parent_folder / name).hex == digest:
                self._verified_names.add(name)
                return True
        return False

    def read_previous(self, name: str) -> Iterator[bytes]:  # noqa: ARG002 - as a TAR file has it
        """Return an empty iterator: the previous content of a folder is in its files."""
        return iter(())

    def move_file(self, path: Path, name: str) -> None:
        """Move a file, which must be on the same disk, into the backup."""
        target = self.parent_folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o600)  # Access is controlled by the folder.
        path.replace(target)

    def publish(self, description: BackupDescription) -> None:
        os.sync()
        verify_written(self.parent_folder, description, self._verified_names)
        partial_path = self.parent_folder / (DESCRIPTION_NAME + ".partial")
        with partial_path.open("wb") as file:
            file.write(description.to_json())
            sync_file(file)
        partial_path.replace(self.parent_folder / DESCRIPTION_NAME)
        sync_path(self.parent_folder)
        for path in list(self.parent_folder.rglob("*")):  # Remove files of earlier and interrupted backups.
            name = path.relative_to(self.parent_folder).as_posix()
            if path.is_file() and name not in self._names and _BACKUP_FILE_PATTERN.fullmatch(name):
                path.unlink()


class _TarTarget:
    """A TAR file that appears once it is complete."""

    def __init__(self, tar_path: Path, partial: Path, file: BinaryIO, tar: tarfile.TarFile) -> None:
        self.parent_folder = tar_path.parent
        self._tar_path, self._partial_path, self._file, self._tar = tar_path, partial, file, tar

    def has_file(self, name: str, digest: str) -> bool:  # noqa: ARG002 - as a folder has it
        """Return False, because a TAR file is always written from scratch."""
        return False

    def read_previous(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file in the previous backup at this path."""
        with suppress(OSError, tarfile.TarError, KeyError), tarfile.open(self._tar_path, "r:") as previous_tar:
            stream = previous_tar.extractfile(name)
            if stream is not None:
                yield from iter(lambda: stream.read(CHUNK_BYTES), b"")

    def move_file(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            self._append(name, path.stat().st_size, file)
        path.unlink()

    def publish(self, description: BackupDescription) -> None:
        data = description.to_json()
        self._append(DESCRIPTION_NAME, len(data), io.BytesIO(data))
        self._tar.close()
        self._file.flush()  # Closing the archive does not flush the underlying file.
        os.sync()
        verify_written(self._partial_path, description)
        self._partial_path.replace(self._tar_path)

    def _append(self, name: str, size: int, file: BinaryIO) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._tar.addfile(info, file)
