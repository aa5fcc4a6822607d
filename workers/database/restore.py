"""Restore of a backup into an empty data folder: blobs, then rows, then settings and secrets.

A rejected restore leaves only unreferenced blobs. An interrupted restore keeps its files in a staging folder: running
the command again continues it, and the next start of any process completes or discards it (:func:`resume_restore`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exhibit.config.config import Config, ensure_data_dir
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, InvalidRequestError
from exhibit.files.locks import FileLock, hold_exclusively
from exhibit.machine import count_free_files
from registry.configuration import load_config
from registry.services.stores import get_checkpoint_store, get_named_objects, open_blob_store
from workers.database.backup_format import (
    BLOBS_PREFIX,
    BackupDescription,
    LogState,
    format_blob_name,
    get_relative_path,
    iterate_files,
    measure_bytes,
    verify_backup,
)
from workers.database.dumping import is_empty, read_migrations, restore_rows
from workers.servers.embedded import lock_folder
from workers.servers.keeper import ensure_servers

ReportProgress = Callable[[str], None]
DISK_SPACE_HINT = "Free disk space, or restore into a data folder on another disk (EXHIBIT_DATA)."
DATABASE_FILE_COUNT = 2_000
"""Number of files in a new database."""
_GIB = 1024**3
STAGING_FOLDER = "restoring"  # Folder in the data folder for files that are being restored.
_STARTED_FILE_NAME = "begun"  # File in it with the digest of the dump; written just before the rows are restored.
_MIGRATIONS_FOLDER = Path(__file__).parents[2] / "registry" / "migrations"
_DATABASE_NOT_EMPTY = "The database already contains data. Nothing was restored."
_DATABASE_NOT_EMPTY_HINT = "Restore into another data folder (EXHIBIT_DATA), or set DATABASE_URL to an empty database."


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """The result of a restore."""

    description: BackupDescription
    log: LogState  # State according to the restored rows; equal to that in the backup.
    has_settings_conflict: (
        bool  # True if settings or searches were saved next to existing ones, or cannot be used here.
    )
    signing_stop_reason: str  # Reason why the log is no longer signed, with a remedy; empty if it is signed.
    locked_keys_reason: str  # Reason why owners' keys cannot be decrypted, which prevents sealing; empty if they can.


def restore_backup(config: Config, backup_path: Path, report: ReportProgress) -> RestoreResult:
    """Restore a backup. After an interruption, the same call continues it.

    1. Read the whole backup and check it against its description, this data folder and this version.
    2. Write the blobs, except those that already exist.
    3. Restore the rows in one transaction, then settings and secrets.
    4. Compare the log's root with the backup's, and rebuild the indexes.

    Raises:
        IntegrityError: The backup is damaged, or the restored log differs from the backup's.
        InvalidRequestError: Exhibit is running, the database has rows, the backup has another version's schema, or the
            disk is too small.
    """
    with _hold_locks(config):
        report("Reading the backup.")
        description = verify_backup(backup_path)
        data_dir = ensure_data_dir(config)
        _check_free_space(config, backup_path, description)
        with ensure_servers(config):
            started_digest = _read_text(data_dir / STAGING_FOLDER / _STARTED_FILE_NAME)
            if not is_empty(config) and started_digest != description.rows.digest:
                raise InvalidRequestError(_DATABASE_NOT_EMPTY, hint=_DATABASE_NOT_EMPTY_HINT)
        report("Restoring the files.")
        try:
            dump = _stage_files(data_dir / STAGING_FOLDER, backup_path, description)
            _restore_blobs(config, backup_path)
            with ensure_servers(config):
                if is_empty(config):
                    report("Restoring the database.")
                    (data_dir / STAGING_FOLDER / _STARTED_FILE_NAME).write_text(description.rows.digest)
                    restore_rows(config, dump)
            has_settings_conflict = _restore_files(config)
        except OSError as error:
            hint = "Fix the problem, and run the same command again to continue."
            raise InvalidRequestError(f"{data_dir} cannot be written: {error.strerror or error}.", hint=hint) from error
        config = load_config({**os.environ, "EXHIBIT_DATA": str(config.data_dir)})
        with ensure_servers(config):
            report("Rebuilding the indexes.")
            log, signing_stop_reason, locked_keys_reason = _finish_restore(config, description)
        shutil.rmtree(data_dir / STAGING_FOLDER)
        return RestoreResult(description, log, has_settings_conflict, signing_stop_reason, locked_keys_reason)


def resume_restore(config: Config) -> Callable[[], None]:
    """Complete a restore that was killed, or discard it if its rows were not restored.

    Returns:
        A function to call once the schema is up to date.
    """
    folder, lock = config.data_dir / STAGING_FOLDER, FileLock(lock_folder(config) / "restore.lock")
    if not folder.is_dir() or not lock.acquire():  # Another process is restoring.
        return lambda: None
    if not (folder / _STARTED_FILE_NAME).exists() or is_empty(config):
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        return lambda: None
    _restore_files(config)

    def finish() -> None:
        _clean_up_rows()
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()

    return finish


@contextmanager
def _hold_locks(config: Config) -> Iterator[None]:
    """Hold the locks that prevent starts and other restores in this data folder during the block."""
    folder = lock_folder(config)
    running_error = InvalidRequestError(
        "Exhibit is running with this data folder.", hint="Stop Exhibit first: exhibit down"
    )
    with (
        hold_exclusively(folder / "supervisor.lock", running_error, within=0.5) as lock,
        hold_exclusively(folder / "restore.lock", running_error, within=0.5),
    ):
        lock.write_pid()
        yield


def _check_free_space(config: Config, backup_path: Path, description: BackupDescription) -> None:
    """Check that the disk has room for the data still to be written.

    Raises:
        InvalidRequestError: The disk has too little free space or too few free inodes.
    """
    row_bytes = 0 if config.database_url else description.database
    blobs_folder = backup_path / BLOBS_PREFIX if config.blobs_url else config.data_dir / BLOBS_PREFIX
    needed_bytes = measure_bytes(backup_path) - measure_bytes(blobs_folder) + row_bytes
    free_bytes = shutil.disk_usage(config.data_dir).free
    if needed_bytes > free_bytes:
        sentence = (
            f"The backup requires {needed_bytes / _GIB:.1f} GiB, but only {free_bytes / _GIB:.1f} "
            f"GiB are free in {config.data_dir}"
        )
        raise InvalidRequestError(f"{sentence}: nothing was restored.", hint=DISK_SPACE_HINT)
    file_count = sum(len(names) for _parent, _folders, names in os.walk(config.data_dir / BLOBS_PREFIX))
    missing_blobs = 0 if config.blobs_url else max(0, description.blobs - file_count)
    needed_files = missing_blobs + len(description.files) + (0 if config.database_url else DATABASE_FILE_COUNT)
    if (free_files := count_free_files(config.data_dir)) is not None and needed_files > free_files:
        sentence = (
            f"The backup requires about {needed_files:,} files (inodes), but only {free_files:,} more "
            f"can be created in {config.data_dir}"
        )
        raise InvalidRequestError(f"{sentence}: nothing was restored.", hint=DISK_SPACE_HINT)


def _stage_files(staging_folder: Path, backup_path: Path, description: BackupDescription) -> Path:
    """Write the dump and the files into the staging folder, and check that this version can use them.

    Returns:
        The path of the dump.
    """
    parts = {part.name: part for part in (description.rows, *description.files)}
    paths = {part.name: staging_folder / "files" / get_relative_path(part) for part in description.files}
    paths[description.rows.name] = dump = staging_folder / "dump"
    staging_folder.mkdir(mode=0o700, exist_ok=True)
    try:
        missing_names = set(paths)
        for name, stream in iterate_files(backup_path):
            if name in missing_names:
                paths[name].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with paths[name].open("wb") as file:
                    shutil.copyfileobj(stream, file)
                paths[name].chmod(parts[name].mode)
                missing_names.remove(name)
            if not missing_names:
                break
        _check_schema(dump, description)
    except ExhibitError:
        shutil.rmtree(staging_folder)
        raise
    return dump


def _check_schema(dump: Path, description: BackupDescription) -> None:
    """Raise ``InvalidRequestError`` for a dump with migrations that this version does not have."""
    if unknown_migrations := find_unknown_migrations(read_migrations(dump, "registry")):
        schema = f"the schema of another version of Exhibit ({description.version}, migration {unknown_migrations[-1]})"
        hint = "Restore it with that version. Backups from before version 1.0 cannot be converted."
        raise InvalidRequestError(f"The backup has {schema}: nothing was restored.", hint=hint)


def find_unknown_migrations(applied_names: set[str]) -> list[str]:
    """Return the applied migrations of the registry that this version does not have, in order."""
    return sorted(applied_names - {path.stem for path in _MIGRATIONS_FOLDER.glob("[!_]*.py")})


def _restore_blobs(config: Config, backup_path: Path) -> None:
    blobs, temporary_file = open_blob_store(config, config.blobs_url), config.data_dir / STAGING_FOLDER / "piece"
    for name, stream in iterate_files(backup_path):
        if name.startswith(BLOBS_PREFIX):
            with temporary_file.open("wb") as file:
                shutil.copyfileobj(stream, file)
            if (
                format_blob_name(Digest.from_file(temporary_file).hex) == name
            ):  # Other blobs are damaged and belong to no row.
                blobs.put_file(temporary_file)


def _restore_files(config: Config) -> bool:
    """Move settings and secrets into place; return True if settings were saved next to existing ones.

    The rows have been restored, so the secrets must match them. Secrets that an earlier start without rows created are
    renamed.
    """
    folder, has_settings_conflict = config.data_dir, False
    staging_folder = folder / STAGING_FOLDER / "files"
    for staged_file in sorted(path for path in staging_folder.rglob("*") if path.is_file()):
        path = folder / staged_file.relative_to(staging_folder)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_different = path.exists() and Digest.from_file(path) != Digest.from_file(staged_file)
        if is_different and path.suffix == ".toml":
            staged_file.replace(path.with_name(path.name + ".restored"))
            has_settings_conflict = True
            continue
        if is_different:
            path.replace(path.with_name(path.name + ".replaced"))
            if path.name == "log.key":  # The restored log was signed with another key.
                get_checkpoint_store(config, get_named_objects(config)).set_aside()
        staged_file.replace(path)
    settings = folder / "exhibit.toml"
    if settings.exists() and not _is_config_usable(config):
        settings.replace(settings.with_name("exhibit.toml.restored"))
        has_settings_conflict = True
    return has_settings_conflict


def _is_config_usable(config: Config) -> bool:
    """Return True if the settings can be used here.

    They may name a missing file, belong to another version, or name the original installation's bucket, to which the
    blobs were not restored.
    """
    try:
        loaded_config = load_config({**os.environ, "EXHIBIT_DATA": str(config.data_dir)})
    except ConfigError:
        return False
    return loaded_config.blobs_url == config.blobs_url


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _clean_up_rows() -> None:
    """Correct rows that refer to the original installation."""
    from registry.models import Heartbeat
    from registry.notices import mail

    Heartbeat.objects.all().delete()  # Rows of workers on other machines.
    mail.mark_pending_as_uncertain()


def _finish_restore(config: Config, description: BackupDescription) -> tuple[LogState, str, str]:
    """Update the schema and check that the log is that of the backup."""
    from workers.database.schema import migrate

    migrate()
    from registry.keys.signing_keys import describe_locked_keys
    from registry.log.local_log import get_log
    from registry.matches.index_upkeep import rebuild_indexes
    from registry.services.services import Services
    from workers.database.backup import get_log_state

    _clean_up_rows()
    services = Services(config)
    log = get_log_state(services)
    if (log.entries, log.root) != (description.log.entries, description.log.root):
        raise IntegrityError(
            "The restored log differs from the log in the backup.", hint="Create another backup, or use an earlier one."
        )
    for _ in rebuild_indexes(services):
        pass
    return log, get_log(services).describe_signing_stop(), describe_locked_keys(services)
