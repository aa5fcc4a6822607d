"""Moving of the exact bytes to another location: each blob is read, written, and verified there."""

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
"""A digest with the number of copied bytes: 0 if it was there already, None if it is damaged.

The whole value is None if the blob expired in the meantime.
"""
Progress = Callable[["Moved"], None]
"""Called after each file with the result so far."""


@dataclass(slots=True)
class Moved:
    """The result of copying to the other location."""

    files: int = 0  # Intact at the destination.
    copied: int = 0  # Copied by this run.
    size: int = 0  # Bytes copied by this run.
    damaged: list[Digest] = field(default_factory=list)  # Damaged at the source, and not copied.


def take_to(config: Config, source: str, to: str, progress: Progress) -> Moved:
    """Copy missing or damaged blobs to another location. Existing ones are verified against their digests.

    Nothing is removed. After an interruption, the same call continues.

    Raises:
        StorageError: A location cannot be used.
        WrongUseError: Another call is in progress, or one location lies within the other.
    """
    _refuse_nested(_folders(config, source), _folders(config, to))
    busy = WrongUseError("The bytes are being moved already.", hint="Wait for the end of that.")
    scratch, moved = config.data_dir / "moving", Moved()
    with alone(lock_folder(config) / "moving.lock", busy):
        shutil.rmtree(scratch, ignore_errors=True)  # Left by a killed process.
        scratch.mkdir()
        try:
            if not to:
                FolderBlobStore(config.data_dir / BLOBS)  # It may have been removed since the bytes were stored there.
            for name in (WITHHELD, BLOBS):
                old, new = store_at(config, source, name), store_at(config, to, name)
                any(new)  # Fails if the location cannot be used.
                count = partial(_count, moved, progress)
                _take_some(iter(old), partial(_copy, old, new, scratch), count)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return moved


def _folders(config: Config, url: str) -> list[Path]:
    """Return the resolved folders of a location; empty for a bucket."""
    place = folder_of(url) if url else config.data_dir
    return [] if place is None else [(place / name).resolve() for name in (BLOBS, WITHHELD)]


def _refuse_nested(old: list[Path], new: list[Path]) -> None:
    """Refuse nested locations, whose copies would be copied again."""
    if old and old == new:
        raise WrongUseError("The bytes lie there already.")
    if any(path.is_relative_to(other) or other.is_relative_to(path) for path in old for other in new):
        hint = "Name a folder beside the one in which they lie."
        raise WrongUseError("The two places can't lie one within the other.", hint=hint)


def _take_some(digests: Iterable[Digest], copy: Callable[[Digest], Copied], count: Callable[[Copied], None]) -> None:
    """Copy several blobs in parallel. Running copies finish before an error or interruption propagates."""
    under_way: deque[Future[Copied]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for each in digests:
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
    """Copy a blob by way of the local disk."""
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
            raise StorageError(Sentence("The content of %(digest)s differs from what was written.", digest=digest))
        return digest, path.stat().st_size
    except NotFoundError:  # It has expired in the meantime.
        return None
    finally:
        path.unlink(missing_ok=True)
