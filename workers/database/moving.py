"""Taking the exact bytes to another place: each is read, written, and read again there."""

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, StorageError, WrongUseError
from exhibit.files.blobs import FolderBlobStore
from exhibit.ports import BlobStore
from exhibit.sentences import Sentence
from workers.servers.embedded import lock_folder
from workers.servers.locks import FileLock
from workers.services.stores import BLOBS, WITHHELD, store_at

AT_ONCE = 8

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

    Nothing is removed. After an interruption the same call goes on. Raises ``StorageError`` when a place can't be used,
    ``WrongUseError`` while another call is at it.
    """
    lock = FileLock(lock_folder(config) / "moving.lock")
    if not lock.take():
        raise WrongUseError("The bytes are being moved already.", hint="Wait for the end of that.")
    scratch, moved = config.data_dir / "moving", Moved()
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    scratch.mkdir()
    try:
        if not to:
            FolderBlobStore(config.data_dir / BLOBS)  # it may have been removed since the bytes lay there
        for name in (WITHHELD, BLOBS):
            old, new = store_at(config, source, name), store_at(config, to, name)
            any(new)  # whether it can be used at all
            _take_some(iter(old), partial(_copy, old, new, scratch), partial(_count, moved, progress))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()
    return moved


def _take_some(
    digests: Iterator[Digest], copy: Callable[[Digest], int], count: Callable[[Digest, "Future[int]"], None]
) -> None:
    """Copy several at once; those under way end before an error or an interruption leaves here."""
    under_way: deque[tuple[Digest, Future[int]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for digest in digests:
                under_way.append((digest, pool.submit(copy, digest)))
                if len(under_way) > AT_ONCE:
                    count(*under_way.popleft())
            while under_way:
                count(*under_way.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _count(moved: Moved, progress: Progress, digest: Digest, done: "Future[int]") -> None:
    try:
        size = done.result()
    except IntegrityError:
        moved.damaged.append(digest)
    except NotFoundError:  # it has expired meanwhile
        return
    else:
        moved.files += 1
        moved.copied += size > 0
        moved.size += size
    progress(moved)


def _copy(old: BlobStore, new: BlobStore, scratch: Path, digest: Digest) -> int:
    """Bytes that were copied, by way of this disk, none when they were there; ``IntegrityError`` for damaged ones."""
    if new.is_whole(digest):
        return 0
    path = scratch / digest.hex
    try:
        with old.open(digest) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if Digest.of_file(path) != digest:
            raise IntegrityError(Sentence("The stored bytes of %(digest)s have changed.", digest=digest))
        new.put_file(path)
        if not new.is_whole(digest):
            raise StorageError(Sentence("What was written of %(digest)s reads otherwise.", digest=digest))
        return path.stat().st_size
    finally:
        path.unlink(missing_ok=True)
