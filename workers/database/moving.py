"""Taking the exact bytes to another place: each is read, written, and read again there."""

import shutil
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, StorageError, WrongUseError
from exhibit.files.blobs import BlobStore, FolderBlobStore
from exhibit.files.locks import alone
from exhibit.sentences import Sentence
from registry.services.stores import BLOBS, WITHHELD, folder_of, store_at
from workers.servers.embedded import lock_folder

AT_ONCE = 8

Copied = tuple[Digest, int | None] | None
"""A digest with the bytes that were copied: 0 when they were there already, ``None`` when they are damaged.

``None`` for what has expired meanwhile."""
Progress = Callable[["Moved"], None]
"""Told after each file what has come of it so far."""


@dataclass(slots=True)
class Moved:
    """What lies in the other place now."""

    files: int = 0  # that are whole there
    copied: int = 0  # of these in this run
    size: int = 0  # bytes copied in this run
    damaged: list[Digest] = field(default_factory=list)  # which lie changed where they were, and weren't taken


def take_to(config: Config, source: str, to: str, progress: Progress) -> Moved:
    """Copy what is missing or damaged in another place; what is there is read and held against its digest.

    Nothing is removed. After an interruption the same call goes on. Raises ``StorageError`` when a place can't be
    used, ``WrongUseError`` while another call is at it, or for places of which one lies within the other.
    """
    _refuse_nested(_folders(config, source), _folders(config, to))
    busy = WrongUseError("The bytes are being moved already.", hint="Wait for the end of that.")
    scratch, moved = config.data_dir / "moving", Moved()
    with alone(lock_folder(config) / "moving.lock", busy):
        shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
        scratch.mkdir()
        try:
            if not to:
                FolderBlobStore(config.data_dir / BLOBS)  # it may have been removed since the bytes lay there
            for name in (WITHHELD, BLOBS):
                old, new = store_at(config, source, name), store_at(config, to, name)
                any(new)  # whether it can be used at all
                count = partial(_count, moved, progress)
                _take_some(iter(old), partial(_copy, old, new, scratch), count)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return moved


def _folders(config: Config, url: str) -> list[Path]:
    """The folders in which bytes lie at a place, wherever links lead; none for a bucket."""
    place = folder_of(url) if url else config.data_dir
    return [] if place is None else [(place / name).resolve() for name in (BLOBS, WITHHELD)]


def _refuse_nested(old: list[Path], new: list[Path]) -> None:
    """What is copied there would be copied again from there."""
    if old and old == new:
        raise WrongUseError("The bytes lie there already.")
    if any(one.is_relative_to(other) or other.is_relative_to(one) for one in old for other in new):
        hint = "Name a folder beside the one in which they lie."
        raise WrongUseError("The two places can't lie one within the other.", hint=hint)


def _take_some(given: Iterable[Digest], copy: Callable[[Digest], Copied], count: Callable[[Copied], None]) -> None:
    """Copy several at once; those under way end before an error or an interruption leaves here."""
    under_way: deque[Future[Copied]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for each in given:
                under_way.append(pool.submit(copy, each))
                if len(under_way) > AT_ONCE:
                    count(under_way.popleft().result())
            while under_way:
                count(under_way.popleft().result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _count(moved: Moved, progress: Progress, copied: Copied) -> None:
    if copied is None:
        return
    digest, size = copied
    if size is None:
        moved.damaged.append(digest)
        return
    moved.files += 1
    moved.copied += size > 0
    moved.size += size
    progress(moved)


def _copy(old: BlobStore, new: BlobStore, scratch: Path, digest: Digest) -> Copied:
    """Copy bytes by way of this disk."""
    if new.is_whole(digest):
        return digest, 0
    path = scratch / digest.hex
    try:
        with old.open(digest) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if Digest.of_file(path) != digest:
            return digest, None
        new.put_file(path)
        if not new.is_whole(digest):
            raise StorageError(Sentence("What was written of %(digest)s reads otherwise.", digest=digest))
        return digest, path.stat().st_size
    except NotFoundError:  # it has expired meanwhile
        return None
    finally:
        path.unlink(missing_ok=True)
