"""Restore of a backup into an empty data folder: bytes, then rows, then files.

A refused restore leaves nothing but bytes without rows. An interrupted one keeps its files in one folder: the same
command continues it, and the next start of any process completes or discards it (:func:`take_up`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exhibit.config.config import Config, made_data_dir
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, WrongUseError
from exhibit.files.locks import FileLock, alone
from exhibit.machine import files_left
from registry.configuration import load_config
from registry.services.stores import get_checkpoint_store, objects_of, store_at
from workers.database.backup_format import (
    BLOBS,
    Description,
    LogState,
    blob_name,
    bytes_of,
    inside,
    members,
    verify_backup,
)
from workers.database.dumping import is_empty, migrations_in, restore_rows
from workers.servers.embedded import lock_folder
from workers.servers.keeper import ensure_servers

Tell = Callable[[str], None]
MAKE_ROOM = "Make room, or restore into a data folder on another disk (EXHIBIT_DATA)."
FILES_OF_DATABASE = 2_000
"""Number of files in a new database."""
_GIB = 1024**3
FOLDER = "restoring"  # In the data folder: files on their way into the database.
_STARTED_FILE = "begun"  # In that folder, from just before the rows are restored: the digest of their dump.
_MIGRATIONS = Path(__file__).parents[2] / "registry" / "migrations"
_FOREIGN = "There are rows in the database already: nothing was restored."
_FOREIGN_HINT = "Restore into another data folder (EXHIBIT_DATA), or set DATABASE_URL to an empty database."


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    description: Description
    log: LogState  # According to the restored rows; equal to the backup's.
    settings_aside: bool  # Settings or searches were stored next to existing ones, or are unusable here.
    stopped: str  # Reason why the log is no longer signed, with a remedy; empty if it is.
    closed_keys: str  # Reason why owners' keys cannot be decrypted, so that nothing is sealed; empty if they can.


def put_back(config: Config, place: Path, tell: Tell) -> Restored:
    """Restore a backup. After an interruption, the same call continues it.

    1. Read the whole backup and check it against its description, this data folder and this version.
    2. Write the bytes; existing ones are kept.
    3. Restore the rows in one transaction, then settings and secrets.
    4. Compare the log's root with the backup's, and rebuild the indexes.

    Raises:
        IntegrityError: The backup is damaged, or the restored log differs from the backup's.
        WrongUseError: Exhibit is running, the database has rows, the backup has another version's schema, or the disk
            is too small.
    """
    with _alone(config):
        tell("Reading the backup.")
        description = verify_backup(place)
        folder = made_data_dir(config)
        _check_room(config, place, description)
        with ensure_servers(config):
            started = _read_text(folder / FOLDER / _STARTED_FILE)
            if not is_empty(config) and started != description.rows.digest:
                raise WrongUseError(_FOREIGN, hint=_FOREIGN_HINT)
        tell("Putting the files back.")
        try:
            dump = _staged(folder / FOLDER, place, description)
            _bytes_back(config, place)
            with ensure_servers(config):
                if is_empty(config):
                    tell("Putting the rows back.")
                    (folder / FOLDER / _STARTED_FILE).write_text(description.rows.digest)
                    restore_rows(config, dump)
            aside = _files_back(config)
        except OSError as error:
            hint = "When that is mended, the same command goes on."
            raise WrongUseError(f"{folder} can't be written: {error.strerror or error}.", hint=hint) from error
        config = load_config({**os.environ, "EXHIBIT_DATA": str(config.data_dir)})
        with ensure_servers(config):
            tell("Making the indexes again.")
            log, stopped, closed_keys = _begin(config, description)
        shutil.rmtree(folder / FOLDER)
        return Restored(description, log, aside, stopped, closed_keys)


def take_up(config: Config) -> Callable[[], None]:
    """Complete a restore that was killed, or discard it if its rows were not restored.

    Returns:
        A function to call once the schema is up to date.
    """
    folder, lock = config.data_dir / FOLDER, FileLock(lock_folder(config) / "restore.lock")
    if not folder.is_dir() or not lock.take():  # Another process is restoring.
        return lambda: None
    if not (folder / _STARTED_FILE).exists() or is_empty(config):
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        return lambda: None
    _files_back(config)

    def end() -> None:
        _settle_rows()
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()

    return end


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Hold the locks, so that nothing else is started or restored in this data folder."""
    folder = lock_folder(config)
    runs = WrongUseError("Exhibit runs for this data folder.", hint="Stop it first: exhibit down")
    with alone(folder / "supervisor.lock", runs, within=0.5) as lock, alone(folder / "restore.lock", runs, within=0.5):
        lock.sign()
        yield


def _check_room(config: Config, place: Path, description: Description) -> None:
    """Check that the disk has room for the data still to be written.

    Raises:
        WrongUseError: Bytes or inodes are insufficient.
    """
    rows = 0 if config.database_url else description.database
    blobs_folder = place / BLOBS if config.blobs_url else config.data_dir / BLOBS
    needed = bytes_of(place) - bytes_of(blobs_folder) + rows
    free = shutil.disk_usage(config.data_dir).free
    if needed > free:
        sentence = f"The backup takes {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} are free below {config.data_dir}"
        raise WrongUseError(f"{sentence}: nothing was restored.", hint=MAKE_ROOM)
    file_count = sum(len(names) for _parent, _folders, names in os.walk(config.data_dir / BLOBS))
    bytes_here = 0 if config.blobs_url else max(0, description.blobs - file_count)
    count = bytes_here + len(description.files) + (0 if config.database_url else FILES_OF_DATABASE)
    if (free_files := files_left(config.data_dir)) is not None and count > free_files:
        sentence = (
            f"The backup takes some {count:,} files (inodes), and {free_files:,} more fit below {config.data_dir}"
        )
        raise WrongUseError(f"{sentence}: nothing was restored.", hint=MAKE_ROOM)


def _staged(source: Path, place: Path, description: Description) -> Path:
    """Write everything but the bytes into the staging folder and check that it can be used here.

    Returns:
        The path of the dump.
    """
    parts = {part.name: part for part in (description.rows, *description.files)}
    paths = {part.name: source / "files" / inside(part) for part in description.files}
    paths[description.rows.name] = dump = source / "dump"
    source.mkdir(mode=0o700, exist_ok=True)
    try:
        missing = set(paths)
        for name, stream in members(place):
            if name in missing:
                paths[name].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with paths[name].open("wb") as file:
                    shutil.copyfileobj(stream, file)
                paths[name].chmod(parts[name].mode)
                missing.remove(name)
            if not missing:
                break
        _refuse_other_schema(dump, description)
    except ExhibitError:
        shutil.rmtree(source)
        raise
    return dump


def _refuse_other_schema(dump: Path, description: Description) -> None:
    """Raise ``WrongUseError`` for a dump with migrations that this version does not have."""
    if unknown := unknown_migrations(migrations_in(dump, "registry")):
        schema = f"the schema of another version of Exhibit ({description.version}, migration {unknown[-1]})"
        hint = "Restore it with the version that made it. Backups from before version 1.0 cannot be converted."
        raise WrongUseError(f"The backup has {schema}: nothing was restored.", hint=hint)


def unknown_migrations(applied: set[str]) -> list[str]:
    """Return the applied migrations of the registry that this version does not have, in order."""
    return sorted(applied - {path.stem for path in _MIGRATIONS.glob("[!_]*.py")})


def _bytes_back(config: Config, place: Path) -> None:
    blobs, piece = store_at(config, config.blobs_url), config.data_dir / FOLDER / "piece"
    for name, stream in members(place):
        if name.startswith(BLOBS):
            with piece.open("wb") as file:
                shutil.copyfileobj(stream, file)
            if blob_name(Digest.of_file(piece).hex) == name:  # Otherwise it is damaged and does not belong to any row.
                blobs.put_file(piece)


def _files_back(config: Config) -> bool:
    """Move settings and secrets into place; return True if settings were stored next to existing ones.

    The rows have been restored, so their secrets apply. Others, created by a start without rows, are kept under another
    name.
    """
    folder, aside = config.data_dir, False
    beside = folder / FOLDER / "files"
    for staged in sorted(path for path in beside.rglob("*") if path.is_file()):
        path = folder / staged.relative_to(beside)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        other = path.exists() and Digest.of_file(path) != Digest.of_file(staged)
        if other and path.suffix == ".toml":
            staged.replace(path.with_name(path.name + ".restored"))
            aside = True
            continue
        if other:
            path.replace(path.with_name(path.name + ".replaced"))
            if path.name == "log.key":  # The log is signed with the other key.
                get_checkpoint_store(config, objects_of(config)).set_aside()
        staged.replace(path)
    settings = folder / "exhibit.toml"
    if settings.exists() and not _usable(config):
        settings.replace(settings.with_name("exhibit.toml.restored"))
        aside = True
    return aside


def _usable(config: Config) -> bool:
    """Return True if the settings can be used here.

    They may name a missing file, belong to another version, or name the original installation's bucket, in which the
    bytes were not restored.
    """
    try:
        loaded = load_config({**os.environ, "EXHIBIT_DATA": str(config.data_dir)})
    except ConfigError:
        return False
    return loaded.blobs_url == config.blobs_url


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _settle_rows() -> None:
    """Adjust rows that come from another installation."""
    from registry.models import Heartbeat
    from registry.notices import mail

    Heartbeat.objects.all().delete()  # Of workers on other machines.
    mail.mark_pending_as_in_doubt()


def _begin(config: Config, description: Description) -> tuple[LogState, str, str]:
    """Update the schema and check that the log is that of the backup."""
    from workers.database.schema import migrate

    migrate()
    from registry.keys.signing_keys import locked_keys_fault
    from registry.log.local_log import get_log
    from registry.matches.index_upkeep import rebuild_indexes
    from registry.services.services import Services
    from workers.database.backup import log_state

    _settle_rows()
    services = Services(config)
    log = log_state(services)
    if (log.entries, log.root) != (description.log.entries, description.log.root):
        raise IntegrityError("The restored log isn't that of the backup.", hint="Make another backup.")
    for _ in rebuild_indexes(services):
        pass
    return log, get_log(services).describe_stop(), locked_keys_fault(services)
