"""Copying of blobs to another storage location: each blob is read, written, and verified there."""

import shutil
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError, StorageError
from exhibit.files.blobs import BlobStore, FolderBlobStore
from exhibit.files.locks import hold_exclusively
from exhibit.sentences import Sentence
from registry.services.stores import BLOBS, WITHHELD, open_blob_store, parse_folder_url
from workers.servers.embedded import lock_folder

PARALLEL_COPIES = 8

CopyResult = tuple[Digest, int | None] | None
"""A digest with the number of copied bytes: 0 if the blob existed already, None if it is damaged.

The whole value is None if the blob expired in the meantime.
"""
ReportProgress = Callable[["MoveResult"], None]
"""Function that is called after each blob with the current result."""


@dataclass(slots=True)
class MoveResult:
    """The result of copying to the other location."""

    files: int = 0  # Blobs that are intact at the destination.
    copied: int = 0  # Blobs copied by this run.
    size: int = 0  # Bytes copied by this run.
    damaged: list[Digest] = field(default_factory=list)  # Blobs damaged at the source, which were not copied.


def copy_blobs(config: Config, source: str, target: str, progress: ReportProgress) -> MoveResult:
    """Copy missing or damaged blobs to another location. Existing ones are verified against their digests.

    Nothing is removed. After an interruption, the same call continues.

    Raises:
        StorageError: A location cannot be used.
        InvalidRequestError: Another call is in progress, or one location lies within the other.
    """
    _check_not_nested(_resolve_folders(config, source), _resolve_folders(config, target))
    busy_error = InvalidRequestError("Files are already being moved.", hint="Wait until the move has finished.")
    scratch, result = config.data_dir / "moving", MoveResult()
    with hold_exclusively(lock_folder(config) / "moving.lock", busy_error):
        shutil.rmtree(scratch, ignore_errors=True)  # A killed process may have left it.
        scratch.mkdir()
        try:
            if not target:
                FolderBlobStore(config.data_dir / BLOBS)  # It may have been removed since the blobs were stored.
            for name in (WITHHELD, BLOBS):
                old_store, new_store = open_blob_store(config, source, name), open_blob_store(config, target, name)
                any(new_store)  # Fails if the location cannot be used.
                count = partial(_count_copy, result, progress)
                _copy_in_parallel(iter(old_store), partial(_copy_blob, old_store, new_store, scratch), count)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return result


def _resolve_folders(config: Config, url: str) -> list[Path]:
    """Return the resolved blob folders of a location; empty for a bucket."""
    location = parse_folder_url(url) if url else config.data_dir
    return [] if location is None else [(location / name).resolve() for name in (BLOBS, WITHHELD)]


def _check_not_nested(old: list[Path], new: list[Path]) -> None:
    """Raise ``InvalidRequestError`` for nested locations, because their copies would be copied again."""
    if old and old == new:
        raise InvalidRequestError("The files are already stored in the new location.")
    if any(path.is_relative_to(other) or other.is_relative_to(path) for path in old for other in new):
        hint = "Choose a folder next to the current folder."
        raise InvalidRequestError("The two locations cannot contain each other.", hint=hint)


def _copy_in_parallel(
    digests: Iterable[Digest], copy: Callable[[Digest], CopyResult], count: Callable[[CopyResult], None]
) -> None:
    """Copy blobs in parallel. Copies in progress finish before an error or interrupt propagates."""
    futures: deque[Future[CopyResult]] = deque()
    with ThreadPoolExecutor(PARALLEL_COPIES) as pool:
        try:
            for digest in digests:
                futures.append(pool.submit(copy, digest))
                if len(futures) > PARALLEL_COPIES:
                    count(futures.popleft().result())
            while futures:
                count(futures.popleft().result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _count_copy(result: MoveResult, progress: ReportProgress, copy_result: CopyResult) -> None:
    if copy_result is None:
        return
    digest, size = copy_result
    if size is None:
        result.damaged.append(digest)
        return
    result.files += 1
    result.copied += size > 0
    result.size += size
    progress(result)


def _copy_blob(source: BlobStore, target: BlobStore, scratch: Path, digest: Digest) -> CopyResult:
    """Copy a blob through a temporary file on the local disk."""
    if target.is_intact(digest):
        return digest, 0
    path = scratch / digest.hex
    try:
        with source.open(digest) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if Digest.from_file(path) != digest:
            return digest, None
        target.put_file(path)
        if not target.is_intact(digest):
            raise StorageError(Sentence("The content of %(digest)s differs from what was written.", digest=digest))
        return digest, path.stat().st_size
    except NotFoundError:  # The blob expired in the meantime.
        return None
    finally:
        path.unlink(missing_ok=True)
