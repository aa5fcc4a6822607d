"""Making a backup while the product runs: the rows of one moment, then the bytes, then what says that it is whole."""

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from django.db import connection, transaction

from exhibit import __version__
from exhibit.clock import now, rfc3339
from exhibit.config.config import FILE_NAME, Config
from exhibit.config.secrets import INSTALLATION, REDIS_PASSWORD
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from exhibit.files.locks import alone
from indexer.calibration.kept import FOLDER as BENCHMARK
from registry.crawls.search_services import own_mappings
from registry.log.accuracy import JOINED
from registry.models import LogCheckpoint, LogEntry
from registry.services.services import Services
from workers.database.backup_format import (
    BLOBS,
    DESCRIPTION,
    FILES,
    Description,
    LogState,
    Part,
    blob_name,
    parse_description,
    verify_written,
)
from workers.database.dumping import dump_rows

Tell = Callable[[str], None]
_LISTED = r"(database-[0-9a-f]{16}\.dump|blobs-[0-9a-f]{16}\.txt)"
_MADE = re.compile(rf"({_LISTED}|blobs/[0-9a-f]{{2}}/[0-9a-f]{{2}}/[0-9a-f]{{64}})(\.partial)?")
"""What a backup's folder holds beside its description and files of the data folder; nothing else is ever removed."""
_BEGUN = ".backup-"
_TOP = re.compile(
    rf"{re.escape(DESCRIPTION)}(\.partial)?|blobs|files|{_LISTED}(\.partial)?|{re.escape(_BEGUN)}.*|lost\+found"
)
KEY_FILES = ("roots", "key_file", "password_file", "bitcoin_credentials")


def back_up(services: Services, place: Path, *, keys: bool, tell: Tell) -> Description:
    """Write a backup and read it again; the product may run meanwhile.

    The rows are those of one moment. The bytes are copied afterwards, so every row finds its bytes, save those that
    expired or were purged in between. A folder, made if missing, is kept up: bytes that it has aren't copied again, an
    interrupted backup goes on, and the earlier one stays whole until the new one is. A TAR file appears when it is
    whole. Without the secrets (``keys``) nothing can be sealed after a restore.

    Raises ``WrongUseError`` when the place can't be used, ``IntegrityError`` when what was written isn't what is there:
    a failing disk.
    """
    place, data = place.resolve(), services.config.data_dir.resolve()
    if place.is_relative_to(data) or data.is_relative_to(place):
        hint = "Name a place on another disk."
        raise WrongUseError("The backup and the data folder can't lie one within the other.", hint=hint)
    busy = WrongUseError("Another backup is being made.", hint="Wait for its end.")
    opened = _in_tar(place) if place.suffix == ".tar" else _in_folder(place)
    try:
        with alone(services.config.data_dir / "locks" / "backup.lock", busy), opened as begun:
            description = _write(services, begun, keys=keys, tell=tell)
            tell("Reading it again.")
            begun.publish(description)
    except OSError as error:
        raise WrongUseError(f"{place} can't be written: {error.strerror or error}.") from error
    return description


def _write(services: Services, target: "_Folder | _Tar", *, keys: bool, tell: Tell) -> Description:
    made_at = rfc3339(now())
    with tempfile.TemporaryDirectory(dir=target.beside, prefix=_BEGUN) as folder:
        dump, listed = Path(folder) / "dump", Path(folder) / "listed"
        tell("Writing the rows down.")
        log, database = _dump(services, dump)
        rows = _part(f"database-{Digest.of_file(dump).hex[:16]}.dump", dump)
        _add_file(target, rows.name, dump)
        files, left_out = _files(services.config, keys=keys)
        parts = []
        for path in files:
            name = FILES + path.relative_to(services.config.data_dir).as_posix()
            parts.append(_part(name, path))
            _add_file(target, name, path)
        tell("Copying the bytes.")
        count = _blobs(services, target, listed)
        tell(f"{count:,} pictures and other files.")
        list_part = _part(f"blobs-{Digest.of_file(listed).hex[:16]}.txt", listed)
        _add_file(target, list_part.name, listed)
    return Description(made_at, __version__, rows, list_part, count, tuple(parts), log, tuple(left_out), database)


def _dump(services: Services, to: Path) -> tuple[LogState, int]:
    """The rows as they are at one moment; returns what the log is in them, and the bytes of the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        dump_rows(services.config, cursor.fetchone()[0], to)
        cursor.execute("SELECT pg_database_size(current_database())")
        return log_state(services), int(cursor.fetchone()[0])


def log_state(services: Services) -> LogState:
    """The log as the rows hold it."""
    entries, log = LogEntry.objects.count(), services.log
    newest = LogCheckpoint.objects.order_by("-pk").first()
    root = log.root(entries).hex() if entries else ""
    return LogState(log.origin, entries, root, "" if newest is None else newest.note)


def _files(config: Config, *, keys: bool) -> tuple[list[Path], list[str]]:
    """Files of the data folder that can't be made again, and what the settings name and that lies elsewhere."""
    named = [path for anchor in config.anchors for name in KEY_FILES if (path := getattr(anchor, name, None))]
    pairs = sorted(path for path in (config.data_dir / BENCHMARK).rglob("*") if path.parent.name != "incoming")
    secrets = config.data_dir / "secrets"
    kept = [config.data_dir / FILE_NAME, config.data_dir / JOINED, *own_mappings(config), *named, *pairs]
    kept += sorted(path for path in secrets.rglob("*") if path.name not in {REDIS_PASSWORD, INSTALLATION})
    inside = [path for path in dict.fromkeys(kept) if path.is_relative_to(config.data_dir) and path.is_file()]
    if not keys:
        inside = [path for path in inside if not path.is_relative_to(secrets)]
    left_out = [str(path) for path in named if path not in inside]
    return inside, left_out if keys else [*left_out, "secrets/"]


def _blobs(services: Services, target: "_Folder | _Tar", listed: Path) -> int:
    """Copy all exact bytes and list their digests; what expires at this moment is left out."""
    blobs, count = services.blobs, 0
    with listed.open("w", encoding="ascii") as file:
        for digest in sorted(blobs, key=attrgetter("hex")):
            try:
                target.add(blob_name(digest.hex), blobs.size(digest), partial(blobs.open, digest))
            except NotFoundError:
                continue
            file.write(f"{digest.hex}\n")
            count += 1
    return count


def _add_file(target: "_Folder | _Tar", name: str, path: Path) -> None:
    target.add(name, path.stat().st_size, lambda: path.open("rb"))


def _part(name: str, path: Path) -> Part:
    return Part(name, Digest.of_file(path).hex, path.stat().st_size, path.stat().st_mode & 0o777)


@contextmanager
def _in_folder(place: Path) -> "Iterator[_Folder]":
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    strange = sorted(path.name for path in place.iterdir() if not _TOP.fullmatch(path.name))
    if strange:
        hint = "Name an empty folder, or one that holds a backup and nothing else."
        raise WrongUseError(f"{place} holds something that belongs to no backup: {strange[0]}.", hint=hint)
    for left in place.glob(f"{_BEGUN}*"):  # by one that was killed
        shutil.rmtree(left)
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
    """A folder that is kept up from backup to backup."""

    def __init__(self, place: Path) -> None:
        self.beside = place
        self._named: set[str] = set()
        self._earlier = _files_of(place / DESCRIPTION)

    def add(self, name: str, size: int, opened: Callable[[], BinaryIO]) -> None:
        made = self.beside / name
        self._named.add(name)
        if name.startswith(BLOBS) and made.is_file() and made.stat().st_size == size:
            return
        made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = made.with_name(made.name + ".partial")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # whoever may read the folder
        with os.fdopen(handle, "wb") as to, opened() as file:
            shutil.copyfileobj(file, to)
        aside.replace(made)

    def publish(self, description: Description) -> None:
        os.sync()
        verify_written(self.beside, description)
        aside = self.beside / (DESCRIPTION + ".partial")
        aside.write_bytes(description.to_json())
        aside.replace(self.beside / DESCRIPTION)
        for path in list(self.beside.rglob("*")):  # of an earlier backup, or of one that was broken off
            name = path.relative_to(self.beside).as_posix()
            if path.is_file() and name not in self._named and (_MADE.fullmatch(name) or name in self._earlier):
                path.unlink()


def _files_of(description: Path) -> set[str]:
    """The files of the data folder that the backup holds which is there; none of one that can't be read."""
    try:
        return {part.name for part in parse_description(description.read_bytes()).files}
    except (FileNotFoundError, IntegrityError):
        return set()


class _Tar:
    """One file that appears when it is whole."""

    def __init__(self, place: Path, partial: Path, file: BinaryIO, tar: tarfile.TarFile) -> None:
        self.beside = place.parent
        self._place, self._partial, self._file, self._tar = place, partial, file, tar

    def add(self, name: str, size: int, opened: Callable[[], BinaryIO]) -> None:
        with opened() as file:
            told = tarfile.TarInfo(name)
            told.size, told.mode = size, 0o600
            self._tar.addfile(told, file)

    def publish(self, description: Description) -> None:
        data = description.to_json()
        self.add(DESCRIPTION, len(data), lambda: io.BytesIO(data))
        self._tar.close()
        self._file.flush()  # closing the archive leaves the file open, and its last blocks in memory
        os.sync()
        verify_written(self._partial, description)
        self._partial.replace(self._place)
