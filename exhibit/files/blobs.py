"""Blobs identified by their SHA-256 and written once, in a folder or in a bucket.

Each blob has the key ``ab/cd/abcd…`` (64 hexadecimal digits). :class:`BlobStore` is the store, independent of the
medium. A :class:`Place` is the medium: a :class:`Folder` of this machine, or a bucket (:mod:`exhibit.files.bucket`).
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

from exhibit.digests import CHUNK, Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.files.durable import settle, settle_path
from exhibit.sentences import Sentence

PIECE = 8 << 20
"""Bytes transferred at once. Larger files are transferred in several chunks."""
AT_ONCE = 8
"""Number of blobs written in parallel."""
AHEAD = 4
"""Number of blobs fetched in parallel, ahead of their reader."""
_NAME = re.compile(r"(?:.*/)?([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_READ_ONLY = 0o400


class Place(Protocol):
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

    def move(self, key: str, to: "Place", new: str) -> None:
        """Move a key to a key of another place on the same medium."""

    def remove(self, keys: Sequence[str]) -> None:
        """Remove keys. Missing keys are ignored."""

    def keys(self, below: str) -> Iterator[str]:
        """Yield the keys below a folder, or all keys."""

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """Yield the names of a folder's subfolders and when each last received a file, in seconds since 1970."""

    def clear(self, below: str) -> None:
        """Remove a folder and its contents, as far as possible."""

    def sweep(self, older_than: float) -> int:
        """Remove leftovers of killed writers older than ``older_than`` seconds. Returns their number."""


class BlobStore:
    """Blobs by SHA-256, written once and verified when they are read.

    Any number of threads, processes and machines may write to it at the same time.

    Args:
        place: Storage medium.
        folder: Folder in the medium; the whole medium if empty.
    """

    def __init__(self, place: Place, folder: str = "") -> None:
        self.place, self._folder = place, folder

    def put(self, data: bytes) -> Digest:
        """Store bytes and return their digest. Does nothing if they are stored already, but repairs a damaged copy."""
        digest = Digest.of(data)
        if not self.place.create(self.key(digest), data) and not self.is_whole(digest):
            self.keep_as(digest, data)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Store a copy of a file. Raises ``IntegrityError`` if a large file changes while it is read."""
        with path.open("rb") as file:
            start = file.read(PIECE + 1)
            if len(start) <= PIECE:
                return self.put(start)
            file.seek(0)
            digest = Digest.of_stream(file)
            if not self.is_whole(digest):
                file.seek(0)
                self.keep_as(digest, _unchanged(file, digest))
        return digest

    def put_all(self, sources: Iterable[bytes | Path]) -> None:
        """Store bytes and files, several in parallel, because disks and buckets have latency."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda each: self.put(each) if isinstance(each, bytes) else self.put_file(each), sources))

    def get(self, digest: Digest) -> bytes:
        """Return the bytes. Raises ``NotFoundError`` if absent, ``IntegrityError`` if they do not match the digest."""
        return verified(self.place.read(self.key(digest)), digest)

    def ahead(self, digests: Iterable[Digest]) -> Callable[[Digest], bytes]:
        """Return a function that works like :meth:`get`, with several blobs fetched in parallel ahead of the reader."""
        return _ReadAhead(self.get, digests)

    def open(self, digest: Digest) -> BinaryIO:
        """Open a stream of the bytes without verification, for large files whose reader computes the hash."""
        return self.place.open(self.key(digest))

    def size(self, digest: Digest) -> int:
        """Return the size in bytes. Raises ``NotFoundError`` if absent."""
        return self.place.size(self.key(digest))

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes. Returns False if they were absent."""
        is_present = digest in self
        if is_present:
            self.place.remove([self.key(digest)])
        return is_present

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove all of these that are present, without checking each one first."""
        self.place.remove([self.key(digest) for digest in digests])

    def move(self, digest: Digest, to: Self) -> None:
        """Move bytes unchanged to another store on the same medium, including damaged ones."""
        self.place.move(self.key(digest), to.place, to.key(digest))

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove leftovers of killed writers older than ``older_than`` seconds. Returns their number."""
        return self.place.sweep(older_than)

    def changed(self, begin: str) -> Iterator[Digest]:
        """Yield the damaged blobs whose digest begins with these two hexadecimal digits. Reads all of them."""
        return (digest for digest in self._below(begin) if not self.is_whole(digest))

    def is_whole(self, digest: Digest) -> bool:
        """Return True if a blob is present and its bytes match its digest. Reads the whole blob."""
        try:
            with self.open(digest) as stream:
                return Digest.of_stream(stream) == digest
        except (NotFoundError, OSError):  # it is absent, or the disk can no longer read it
            return False

    def keep_as(self, digest: Digest, data: bytes | Iterator[bytes]) -> None:
        """Write bytes under a digest without verification, including damaged ones."""
        self.place.write(self.key(digest), data)

    def key(self, digest: Digest) -> str:
        """Return the key of a digest, present or not."""
        return self._in_folder(f"{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex}")

    def __contains__(self, digest: Digest) -> bool:
        try:
            self.size(digest)
        except NotFoundError:
            return False
        return True

    def __iter__(self) -> Iterator[Digest]:
        return self._below("")

    def _below(self, begin: str) -> Iterator[Digest]:
        names = (_NAME.fullmatch(key) for key in self.place.keys(self._in_folder(begin)))
        return (Digest.from_hex(name[3]) for name in names if name)

    def _in_folder(self, name: str) -> str:
        return f"{self._folder}/{name}".strip("/")


class Folder:
    """A :class:`Place` on a disk. ``incoming/`` holds unfinished files; all other files are complete and read-only.

    If the folder is missing, for example because its disk is not mounted, all operations raise ``OSError``
    (``ESTALE``). The file ``marker`` beside the folder records its creation; a folder recorded there is not created
    again.
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
        with self._at(key) as path:
            return path.read_bytes()

    def open(self, key: str) -> BinaryIO:
        """Open the file."""
        with self._at(key) as path:
            return path.open("rb")

    def size(self, key: str) -> int:
        """Return the size from the file system."""
        with self._at(key) as path:
            return path.stat().st_size

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the file exists. If two writers of the same bytes race, the second write changes nothing."""
        if (self.root / key).exists():
            return False
        self.write(key, data)
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Write to a file in ``incoming/``, which is renamed once all of it is on the disk."""
        self._check()
        draft = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with draft.open("xb") as file:
                for piece in (data,) if isinstance(data, bytes) else data:
                    file.write(piece)
                settle(file)
            self.take(draft, key)
        finally:
            draft.unlink(missing_ok=True)

    def move(self, key: str, to: Place, new: str) -> None:
        """Rename the file on the same disk, which needs no space, or copy it to another disk."""
        assert isinstance(to, Folder)
        try:
            with self._at(key) as path:
                to.take(path, new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with self.open(key) as file:
                to.write(new, iter(lambda: file.read(CHUNK), b""))
            self.remove([key])

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the files durably: they are gone from the disk when the call returns."""
        self._check()
        for key in keys:
            with suppress(FileNotFoundError):
                (self.root / key).unlink()
                settle_path((self.root / key).parent)

    def keys(self, below: str) -> Iterator[str]:
        """Yield file names. Some may be foreign files or unfinished."""
        self._check()
        for folder, _, names in os.walk(self.root / below, onerror=_unread):
            inside = Path(folder).relative_to(self.root).as_posix()
            yield from (f"{inside}/{name}" for name in names)

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """Return subfolders with their modification times."""
        return ((path.name, _modified_at(path)) for path in (self.root / below).iterdir() if path.is_dir())

    def clear(self, below: str) -> None:
        """Remove the folder immediately."""
        shutil.rmtree(self.root / below, ignore_errors=True)

    def sweep(self, older_than: float) -> int:
        """Remove old files in ``incoming/``."""
        limit = time.time() - older_than
        leftovers = [path for path in self._incoming.iterdir() if _modified_at(path) <= limit]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def take(self, draft: Path, key: str) -> None:
        """Move a file of this disk to its key."""
        path = self.root / key
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in path.parents[1 : key.count("/") + 1]:
                settle_path(folder)
        draft.chmod(_READ_ONLY)
        draft.replace(path)
        settle_path(path.parent)

    def _check(self) -> None:
        """Raise ``OSError`` if the folder itself is missing, because then no statement about its files is possible."""
        if not self._incoming.is_dir():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self.root))

    @contextmanager
    def _at(self, key: str) -> Iterator[Path]:
        """Yield the path of a file. Raises ``NotFoundError`` if the file is absent."""
        try:
            yield self.root / key
        except FileNotFoundError:
            self._check()
            raise absent(key) from None


class FolderBlobStore(BlobStore):
    """A blob store in a folder whose files other programs may read directly."""

    def __init__(self, root: Path, marker: Path | None = None) -> None:
        super().__init__(Folder(root, marker))
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Return the path of a digest, present or not."""
        return self.root / self.key(digest)


class _ReadAhead:
    """Returns blobs by digest as ``get`` does, and prefetches the next ones while the reader works."""

    def __init__(self, get: Callable[[Digest], bytes], digests: Iterable[Digest]) -> None:
        self._get, self._left = get, dict.fromkeys(digests)
        self._coming: dict[Digest, Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(AHEAD)

    def __call__(self, digest: Digest) -> bytes:
        self._begin()
        coming = self._coming.pop(digest, None)
        self._left.pop(digest, None)
        self._begin()
        return self._get(digest) if coming is None else coming.result()

    def _begin(self) -> None:
        while self._left and len(self._coming) < AHEAD:
            digest = next(iter(self._left))
            del self._left[digest]
            self._coming[digest] = self._pool.submit(self._get, digest)


def is_empty(root: Path) -> bool:
    """Return True if a blob folder is absent or empty. If it had been created, it has disappeared."""
    return not any(root.glob("??"))


def is_missing(root: Path, marker: Path) -> bool:
    """Return True if a blob folder that was created no longer exists, for example because its disk is not mounted."""
    return marker.exists() and is_empty(root) and not (root / "incoming").is_dir()


def verified(data: bytes, digest: Digest) -> bytes:
    """Return the bytes. Raises ``IntegrityError`` if they do not match the digest."""
    if Digest.of(data) != digest:
        raise IntegrityError(
            Sentence("The stored bytes of %(digest)s have changed.", digest=digest),
            hint=Sentence("Restore this file from a backup, or remove it."),
        )
    return data


def absent(key: str) -> NotFoundError:
    """Create the error for a missing blob. The digest is the last part of the key."""
    return NotFoundError(Sentence("The bytes of %(digest)s are not stored here.", digest=key.rpartition("/")[2]))


def blob_store(data_dir: Path) -> FolderBlobStore:
    """Return the blob store of a data folder."""
    return FolderBlobStore(data_dir / "blobs", marker=data_dir / "blobs.made")


def _unchanged(file: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """Yield the chunks of a file, verifying its digest.

    Raises ``IntegrityError`` after the last chunk if the file has changed, so that the write is not completed.
    """
    sha = sha256()
    while piece := file.read(CHUNK):
        sha.update(piece)
        yield piece
    if sha.digest() != digest.raw:
        raise IntegrityError(Sentence("The file was changed while it was being read."), hint=Sentence("Try again."))


def _unread(error: OSError) -> None:
    """Raise errors of unreadable folders, which are not empty; ignore folders that have been removed."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
