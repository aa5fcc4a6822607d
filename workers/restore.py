"""Putting a backup back into an empty data folder: files, bytes, and then the rows, so that none misses its bytes."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exhibit.blobs import FolderBlobStore
from exhibit.config import Config, load_config, made_data_dir
from exhibit.errors import IntegrityError, WrongUseError
from workers.backup_format import BLOBS, Description, LogState, bytes_of, inside, members, verify_backup
from workers.dumping import is_empty, restore_rows
from workers.keeper import ensure_servers
from workers.supervisor import running_status

Tell = Callable[[str], None]
_GIB = 1024**3
FOLDER = "restoring"
"""Of the data folder: what is on its way into the database."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back.

    Attributes:
        description: of the backup.
        log: as the restored rows hold it, which is what the backup says.
        settings_aside: whether the data folder had settings or searches of its own, and those of the backup stand
            beside them.
        stopped: why the log's head isn't signed from here on, with what to do; empty when signing goes on.
    """

    description: Description
    log: LogState
    settings_aside: bool
    stopped: str


def put_back(config: Config, place: Path, tell: Tell) -> Restored:
    """Put a backup back; after an interruption the same command goes on.

    1. Read the whole backup and hold it against its description.
    2. Write settings and secrets, then the bytes; what is there already stays.
    3. Put the rows back, in one transaction: until then nothing works with the data folder.
    4. Hold the log's root against the backup's, and make the indexes again.

    Raises:
        IntegrityError: the backup is damaged, or the restored log isn't that of the backup.
        WrongUseError: the product runs, there are rows or other secrets in the data folder, or the disk is too small.
    """
    if running_status(config) is not None:
        raise WrongUseError("Exhibit runs for this data folder.", hint="Stop it first: exhibit down")
    tell("Reading the backup.")
    description = verify_backup(place)
    folder = made_data_dir(config)
    _check_room(config, place, description)
    with ensure_servers(config):
        broken_off = (folder / FOLDER).is_dir()  # made after the database was found empty
        if not broken_off and not is_empty(config):
            hint = "Restore into another data folder (EXHIBIT_DATA), or set DATABASE_URL to an empty database."
            raise WrongUseError("There are rows in the database already: nothing was restored.", hint=hint)
    tell("Putting the files back.")
    try:
        dump, aside = _files_back(folder, place, description)
    except OSError as error:
        hint = "When that is mended, the same command goes on."
        raise WrongUseError(f"{folder} can't be written: {error.strerror or error}.", hint=hint) from error
    config = load_config({**os.environ, "EXHIBIT_DATA": str(config.data_dir)})
    with ensure_servers(config):
        if is_empty(config):
            tell("Putting the rows back.")
            restore_rows(config, dump)
        tell("Making the indexes again.")
        log, stopped = _begin(config, description)
    shutil.rmtree(folder / FOLDER)
    return Restored(description, log, aside, stopped)


def _check_room(config: Config, place: Path, description: Description) -> None:
    """Raise ``WrongUseError`` where the disk of the data folder hasn't the room for what is still to be written."""
    rows = 0 if config.database_url else description.database
    needed = bytes_of(place) - bytes_of(config.data_dir / "blobs") + rows
    free = shutil.disk_usage(config.data_dir).free
    if needed > free:
        told = f"The backup takes {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} are free below {config.data_dir}"
        hint = "Make room, or restore into a data folder on another disk (EXHIBIT_DATA)."
        raise WrongUseError(f"{told}: nothing was restored.", hint=hint)


def _files_back(folder: Path, place: Path, description: Description) -> tuple[Path, bool]:
    """Write everything but the rows; returns where the dump lies, and whether settings of its own were there."""
    made, aside = folder / FOLDER, False
    made.mkdir(mode=0o700, exist_ok=True)
    modes = {part.name: part.mode for part in description.files}
    blobs, piece = FolderBlobStore(folder / "blobs"), made / "piece"
    for name, stream in members(place):
        if not (name.startswith(BLOBS) or name in modes or name == description.rows.name):
            continue
        with piece.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if name.startswith(BLOBS):
            blobs.put_file(piece)
        elif name in modes:
            piece.chmod(modes[name])
            aside |= _file_back(folder, name, piece)
        else:
            piece.replace(made / "dump")
    return made / "dump", aside


def _file_back(folder: Path, name: str, piece: Path) -> bool:
    """Write a file of the data folder; settings that are there stay, and secrets that are there must be the same."""
    path = folder / inside(name)
    data = piece.read_bytes()
    if path.exists() and path.read_bytes() != data:
        if path.suffix != ".toml":
            hint = "Restore into an empty data folder, or put these keys somewhere else first."
            raise WrongUseError(f"There are other keys already: {path}.", hint=hint)
        piece.replace(path.with_name(path.name + ".restored"))
        return True
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    piece.replace(path)
    return False


def _begin(config: Config, description: Description) -> tuple[LogState, str]:
    """Bring the schema up to date, and see whether the log is that of the backup."""
    from workers.migrate import migrate  # noqa: PLC0415 - sets Django up

    migrate()
    from registry import notice_mail  # noqa: PLC0415
    from registry.models import Heartbeat  # noqa: PLC0415
    from workers.backup import log_state  # noqa: PLC0415
    from workers.index_upkeep import rebuild_indexes  # noqa: PLC0415
    from workers.wiring import House  # noqa: PLC0415

    Heartbeat.objects.all().delete()  # of workers elsewhere
    notice_mail.doubt_waiting()
    house = House(config)
    log = log_state(house)
    if (log.entries, log.root) != (description.log.entries, description.log.root):
        raise IntegrityError("The restored log isn't that of the backup.", hint="Make another backup.")
    for _ in rebuild_indexes(house):
        pass
    return log, house.log.stopped()
