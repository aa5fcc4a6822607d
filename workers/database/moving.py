"""Taking the exact bytes to another place: each is read, written, and read again there."""

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from exhibit.config.config import Config
from exhibit.digests import CHUNK, Digest
from exhibit.errors import NotFoundError, StorageError, WrongUseError
from exhibit.files.blobs import FolderBlobStore
from exhibit.ports import BlobStore
from exhibit.sentences import Sentence
from workers.servers.embedded import lock_folder
from workers.servers.locks import alone
from workers.services.stores import BLOBS, WITHHELD, store_at

if TYPE_CHECKING:
    from workers.services.packs import PackedBlobStore, Place

AT_ONCE = 8
T = TypeVar("T")

Copied = list[tuple[Digest, int | None]]
"""Digests with the bytes that were copied: none when they were there already, nothing known of damaged ones."""
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

    From a bucket to a bucket packs are taken as they are, save what was removed; the rows hold for both then. Where
    one of the places is a bucket, Django has to be set up. Nothing is removed. After an interruption the same call
    goes on. Raises ``StorageError`` when a place can't be used, ``WrongUseError`` while another call is at it.
    """
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
                if name == BLOBS and not isinstance(old, FolderBlobStore):
                    _take_packs(old, new, count)
                _take_some(iter(old), partial(_copy, old, new, scratch), count)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return moved


def _take_some(given: Iterable[T], copy: Callable[[T], Copied], count: Callable[[Copied], None]) -> None:
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
    for digest, size in copied:
        if size is None:
            moved.damaged.append(digest)
            continue
        moved.files += 1
        moved.copied += size > 0
        moved.size += size
        progress(moved)


def _take_packs(old: BlobStore, new: BlobStore, count: Callable[[Copied], None]) -> None:
    from registry.models import Pack
    from workers.services.packs import PackedBlobStore, runs, with_packs

    source, to = with_packs(old), with_packs(new)
    assert isinstance(source, PackedBlobStore)
    lie = (source.places(pack) for pack in Pack.objects.order_by("pk"))
    if isinstance(to, PackedBlobStore):
        _take_some(lie, partial(_copy_pack, source, to), count)
    else:
        _take_some((run for places in lie for run in runs(places)), partial(_unpack, source, to), count)


def _copy_pack(old: "PackedBlobStore", new: "PackedBlobStore", places: "list[Place]") -> Copied:
    if not places or not old.has(places[0].pack):
        return []
    there = new.has(places[0].pack) and all(Digest.of(data) == place.digest for place, data in new.stream(places))
    if not there:
        new.write(places[0].pack, _filled(old.stream(places)))
    wrong = set() if there else {place.digest for place, data in new.stream(places) if Digest.of(data) != place.digest}
    return [(one.digest, None if one.digest in wrong else 0 if there else one.size) for one in places]


def _filled(pieces: "Iterator[tuple[Place, bytes]]") -> Iterator[bytes]:
    """A pack with nothing but zeros where bytes were removed."""
    end = 0
    for place, data in pieces:
        for start in range(end, place.start, CHUNK):
            yield bytes(min(CHUNK, place.start - start))
        yield data
        end = place.end


def _unpack(old: "PackedBlobStore", new: BlobStore, run: "list[Place]") -> Copied:
    """Write bytes of a pack each by itself."""
    missing = [place for place in run if not new.is_whole(place.digest)]
    copied: Copied = [(place.digest, 0) for place in run if place not in missing]
    for digest, data in (old.fetch(missing) if missing else {}).items():
        whole = Digest.of(data) == digest
        if whole and (new.put(data) != digest or not new.is_whole(digest)):
            raise _reads_otherwise(digest)
        copied.append((digest, len(data) if whole else None))
    return copied


def _copy(old: BlobStore, new: BlobStore, scratch: Path, digest: Digest) -> Copied:
    """Copy bytes by way of this disk."""
    if new.is_whole(digest):
        return [(digest, 0)]
    path = scratch / digest.hex
    try:
        with old.open(digest) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if Digest.of_file(path) != digest:
            return [(digest, None)]
        new.put_file(path)
        if not new.is_whole(digest):
            raise _reads_otherwise(digest)
        return [(digest, path.stat().st_size)]
    except NotFoundError:  # it has expired meanwhile
        return []
    finally:
        path.unlink(missing_ok=True)


def _reads_otherwise(digest: Digest) -> StorageError:
    return StorageError(Sentence("What was written of %(digest)s reads otherwise.", digest=digest))
