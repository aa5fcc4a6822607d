"""Blobs identified by their SHA-256 and written once, in a folder or in a bucket.

Each blob has the key ``ab/cd/abcd…`` (64 hexadecimal digits). :class:`BlobStore` does not depend on the medium.
A :class:`StorageMedium` is a folder of this machine (:class:`FolderMedium`) or a bucket (:mod:`exhibit.files.bucket`).
"""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.files.durable import sync_file, sync_path
from exhibit.sentences import Sentence

TRANSFER_BYTES = 8 << 20
"""Bytes transferred at once. Larger files are transferred in several chunks."""
PARALLEL_WRITES = 8
"""Number of blobs written in parallel."""
PARALLEL_READS = 4
"""Number of blobs fetched in parallel, ahead of their reader."""
_KEY_PATTERN = re.compile(r"(?:.*/)?([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_READ_ONLY = 0o400


class StorageMedium(Protocol):
    """Storage medium with keys such as ``ab/cd/abcd…``. Access to a missing key raises ``NotFoundError``."""

    def read(self, key: str) -> bytes:
        """Return the bytes of a key."""

    def open(self, key: str) -> BinaryIO:
        """Open the bytes of a key as a stream."""

    def size(self, key: str) -> int:
        """Return the size of a key in bytes."""

    def create(self, key: str, data: bytes) -> bool:
        """Write bytes to a new key, as :meth:`write` does. Returns False if the key exists."""

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Write the bytes of a key atomically. They survive a power failure once the call returns."""

    def move(self, key: str, target: "StorageMedium", target_key: str) -> None:
        """Move the bytes of a key to the key ``target_key`` of another store ``target`` of the same kind."""

    def remove(self, keys: Sequence[str]) -> None:
        """Remove keys. Missing keys are ignored."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder, or all keys."""

    def folders(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Yield the name of each subfolder and the time it last received a file, in seconds since 1970."""

    def clear(self, prefix: str) -> None:
        """Remove a folder and its contents, as far as possible."""

    def sweep(self, older_than: float) -> int:
        """Remove leftovers of killed writers older than ``older_than`` seconds. Returns their number."""


class BlobStore:
    """Store of blobs by SHA-256. Each blob is written once, and verified when it is read.

    Any number of threads, processes and machines may write to it at the same time.

    Args:
        medium: Storage medium.
        folder: Folder in the medium; the whole medium if empty.
    """

    def __init__(self, medium: StorageMedium, folder: str = "") -> None:
        self.medium, self._folder = medium, folder

    def put(self, data: bytes) -> Digest:
        """Store bytes and return their digest. If they are already stored, only a damaged copy is rewritten."""
        digest = Digest.from_bytes(data)
        if not self.medium.create(self.get_key(digest), data) and not self.is_intact(digest):
            self.write_unverified(digest, data)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Store a copy of a file. Raises ``IntegrityError`` if a large file changes while it is read."""
        with path.open("rb") as file:
            start = file.read(TRANSFER_BYTES + 1)
            if len(start) <= TRANSFER_BYTES:
                return self.put(start)
            file.seek(0)
            digest = Digest.from_stream(file)
            if not self.is_intact(digest):
                file.seek(0)
                self.write_unverified(digest, _read_unchanged(file, digest))
        return digest

    def put_all(self, sources: Iterable[bytes | Path]) -> None:
        """Store bytes and files, several in parallel, because disks and buckets have latency."""
        with ThreadPoolExecutor(PARALLEL_WRITES) as pool:
            list(
                pool.map(
                    lambda source: self.put(source) if isinstance(source, bytes) else self.put_file(source), sources
                )
            )

    def get(self, digest: Digest) -> bytes:
        """Return the bytes. Raises ``NotFoundError`` if absent, ``IntegrityError`` if they do not match the digest."""
        return verify_blob(self.medium.read(self.get_key(digest)), digest)

    def prefetch(self, digests: Iterable[Digest]) -> Callable[[Digest], bytes]:
        """Return a function that works like :meth:`get`, and prefetches several of these blobs in parallel."""
        return _BlobPrefetcher(self.get, digests)

    def open(self, digest: Digest) -> BinaryIO:
        """Open a stream of the bytes without verification, for large files if the reader computes the digest."""
        return self.medium.open(self.get_key(digest))

    def size(self, digest: Digest) -> int:
        """Return the size in bytes. Raises ``NotFoundError`` if absent."""
        return self.medium.size(self.get_key(digest))

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes. Returns False if they were absent."""
        is_present = digest in self
        if is_present:
            self.medium.remove([self.get_key(digest)])
        return is_present

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove the bytes of all these digests. Absent ones are ignored."""
        self.medium.remove([self.get_key(digest) for digest in digests])

    def move(self, digest: Digest, target: Self) -> None:
        """Move bytes unchanged, even if damaged, to another store with a medium of the same kind."""
        self.medium.move(self.get_key(digest), target.medium, target.get_key(digest))

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove leftovers of killed writers older than ``older_than`` seconds. Returns their number."""
        return self.medium.sweep(older_than)

    def find_damaged(self, prefix: str) -> Iterator[Digest]:
        """Yield the damaged blobs whose digest begins with these two hexadecimal digits. Reads all of them."""
        return (digest for digest in self._list_digests(prefix) if not self.is_intact(digest))

    def is_intact(self, digest: Digest) -> bool:
        """Return True if a blob is present and its bytes match its digest. Reads the whole blob."""
        try:
            with self.open(digest) as stream:
                return Digest.from_stream(stream) == digest
        except (NotFoundError, OSError):  # the blob is absent, or the disk cannot read it
            return False

    def write_unverified(self, digest: Digest, data: bytes | Iterator[bytes]) -> None:
        """Write bytes under a digest without verification, even if they do not match it."""
        self.medium.write(self.get_key(digest), data)

    def get_key(self, digest: Digest) -> str:
        """Return the key of a digest, present or not."""
        return self._build_key(f"{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex}")

    def __contains__(self, digest: Digest) -> bool:
        try:
            self.size(digest)
        except NotFoundError:
            return False
        return True

    def __iter__(self) -> Iterator[Digest]:
        return self._list_digests("")

    def _list_digests(self, prefix: str) -> Iterator[Digest]:
        names = (_KEY_PATTERN.fullmatch(key) for key in self.medium.keys(self._build_key(prefix)))
        return (Digest.from_hex(name[3]) for name in names if name)

    def _build_key(self, name: str) -> str:
        return f"{self._folder}/{name}".strip("/")


class FolderMedium:
    """Storage medium on a disk. ``incoming/`` holds unfinished files; all other files are complete and read-only.

    If the folder is missing, for example because its disk is not mounted, all operations raise ``OSError``
    (``ESTALE``). The file ``marker`` records that the folder has been created; the folder is then not created again.
    """

    def __init__(self, root: Path, marker: Path | None = None) -> None:
        self.root = root
        self._incoming = root / "incoming"
        if marker is None or not (marker.exists() and is_empty(root)):
            root.mkdir(mode=0o700, exist_ok=True)  # other users of the machine have no access
            self._incoming.mkdir(exist_ok=True)
            with suppress(OSError):  # the process may be read-only
                if marker is not None:
                    marker.touch()

    def read(self, key: str) -> bytes:
        """Read the whole file."""
        with self._locate(key) as path:
            return path.read_bytes()

    def open(self, key: str) -> BinaryIO:
        """Open the file."""
        with self._locate(key) as path:
            return path.open("rb")

    def size(self, key: str) -> int:
        """Return the size from the file system."""
        with self._locate(key) as path:
            return path.stat().st_size

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the file exists. If two processes write the same bytes at once, the result is the same."""
        if (self.root / key).exists():
            return False
        self.write(key, data)
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Write to a file in ``incoming/``, and rename it when all bytes are on the disk."""
        self._check_exists()
        temporary_path = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with temporary_path.open("xb") as file:
                for chunk in (data,) if isinstance(data, bytes) else data:
                    file.write(chunk)
                sync_file(file)
            self.import_file(temporary_path, key)
        finally:
            temporary_path.unlink(missing_ok=True)

    def move(self, key: str, target: StorageMedium, target_key: str) -> None:
        """Rename the file on the same disk, which needs no space, or copy it to another disk."""
        assert isinstance(target, FolderMedium)
        try:
            with self._locate(key) as path:
                target.import_file(path, target_key)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with self.open(key) as file:
                target.write(target_key, iter(lambda: file.read(CHUNK_BYTES), b""))
            self.remove([key])

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the files. The removal survives a power failure once the call returns."""
        self._check_exists()
        for key in keys:
            with suppress(FileNotFoundError):
                (self.root / key).unlink()
                sync_path((self.root / key).parent)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield file names. Unfinished and unrelated files may be among them."""
        self._check_exists()
        for folder, _, names in os.walk(self.root / prefix, onerror=_raise_unreadable_folder_error):
            relative_folder = Path(folder).relative_to(self.root).as_posix()
            yield from (f"{relative_folder}/{name}" for name in names)

    def folders(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Return subfolders with their modification times."""
        return ((path.name, _read_modified_time(path)) for path in (self.root / prefix).iterdir() if path.is_dir())

    def clear(self, prefix: str) -> None:
        """Remove the folder immediately."""
        shutil.rmtree(self.root / prefix, ignore_errors=True)

    def sweep(self, older_than: float) -> int:
        """Remove old files in ``incoming/``."""
        oldest_time = time.time() - older_than
        leftovers = [path for path in self._incoming.iterdir() if _read_modified_time(path) <= oldest_time]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def import_file(self, temporary_path: Path, key: str) -> None:
        """Move a finished file on the same disk to its key."""
        path = self.root / key
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in path.parents[1 : key.count("/") + 1]:
                sync_path(folder)
        temporary_path.chmod(_READ_ONLY)
        temporary_path.replace(path)
        sync_path(path.parent)

    def _check_exists(self) -> None:
        """Raise ``OSError`` if the folder itself is missing: its files are then unknown, not absent."""
        if not self._incoming.is_dir():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self.root))

    @contextmanager
    def _locate(self, key: str) -> Iterator[Path]:
        """Yield the path of a file. Raises ``NotFoundError`` if the file is absent."""
        try:
            yield self.root / key
        except FileNotFoundError:
            self._check_exists()
            raise build_missing_error(key) from None


class FolderBlobStore(BlobStore):
    """Blob store in a folder. Other programs may read its files directly."""

    def __init__(self, root: Path, marker: Path | None = None) -> None:
        super().__init__(FolderMedium(root, marker))
        self.root = root

    def get_path(self, digest: Digest) -> Path:
        """Return the path of a digest, present or not."""
        return self.root / self.get_key(digest)


class _BlobPrefetcher:
    """Callable that returns blobs by digest as ``get`` does, and prefetches the next ones in the background."""

    def __init__(self, get: Callable[[Digest], bytes], digests: Iterable[Digest]) -> None:
        self._get, self._pending = get, dict.fromkeys(digests)
        self._futures: dict[Digest, Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(PARALLEL_READS)

    def __call__(self, digest: Digest) -> bytes:
        self._start_fetches()
        future = self._futures.pop(digest, None)
        self._pending.pop(digest, None)
        self._start_fetches()
        return self._get(digest) if future is None else future.result()

    def _start_fetches(self) -> None:
        while self._pending and len(self._futures) < PARALLEL_READS:
            digest = next(iter(self._pending))
            del self._pending[digest]
            self._futures[digest] = self._pool.submit(self._get, digest)


def is_empty(root: Path) -> bool:
    """Return True if a blob folder is absent or contains no blobs."""
    return not any(root.glob("??"))


def is_missing(root: Path, marker: Path) -> bool:
    """Return True if a blob folder that was created no longer exists, for example because its disk is not mounted."""
    return marker.exists() and is_empty(root) and not (root / "incoming").is_dir()


def verify_blob(data: bytes, digest: Digest) -> bytes:
    """Return the bytes if they match the digest; otherwise raise ``IntegrityError``."""
    if Digest.from_bytes(data) != digest:
        raise IntegrityError(
            Sentence("The stored bytes of %(digest)s have changed.", digest=digest),
            hint=Sentence("Restore this file from a backup, or remove it."),
        )
    return data


def build_missing_error(key: str) -> NotFoundError:
    """Return the error for a missing blob. The digest is the last part of the key."""
    return NotFoundError(Sentence("The bytes of %(digest)s are not stored here.", digest=key.rpartition("/")[2]))


def get_blob_store(data_dir: Path) -> FolderBlobStore:
    """Return the blob store of a data folder."""
    return FolderBlobStore(data_dir / "blobs", marker=data_dir / "blobs.made")


def _read_unchanged(file: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """Yield the chunks of a file, verifying its digest.

    Raises ``IntegrityError`` after the last chunk if the file has changed, so that the write is not completed.
    """
    sha = sha256()
    while chunk := file.read(CHUNK_BYTES):
        sha.update(chunk)
        yield chunk
    if sha.digest() != digest.raw:
        raise IntegrityError(Sentence("The file was changed while it was being read."), hint=Sentence("Try again."))


def _raise_unreadable_folder_error(error: OSError) -> None:
    """Raise an error of an unreadable folder, which must not count as empty. Removed folders are ignored."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _read_modified_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
