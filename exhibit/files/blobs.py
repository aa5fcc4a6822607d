"""Exact bytes, named by their SHA-256 and written once, in a folder or in a bucket.

Each lies by itself as ``ab/cd/abcd…`` (64 hexadecimal digits). :class:`BlobStore` is the store, whatever it lies in; a
:class:`Place` is what it lies in: a :class:`Folder` of this machine, or a bucket (:mod:`exhibit.files.bucket`).
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
"""Bytes that travel at once: a larger file goes in several pieces."""
AT_ONCE = 8
"""So many are written beside one another."""
AHEAD = 4
"""So many bytes are fetched beside one another, ahead of their reader."""
_NAME = re.compile(r"(?:.*/)?([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_READ_ONLY = 0o400


class Place(Protocol):
    """What bytes lie in, by keys such as ``ab/cd/abcd…``; asking for one that isn't here raises ``NotFoundError``."""

    def read(self, key: str) -> bytes:
        """The bytes of a key."""

    def open(self, key: str) -> BinaryIO:
        """A stream of the bytes of a key."""

    def size(self, key: str) -> int:
        """How many bytes a key has."""

    def create(self, key: str, data: bytes) -> bool:
        """Write what has no bytes yet, as :meth:`write` does; false where there are some."""

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Give a key bytes, which appear whole or not at all, and outlive a power cut when the call returns."""

    def move(self, key: str, to: "Place", new: str) -> None:
        """Give a key's bytes to a key of a place beside this one."""

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the bytes of keys, as far as there are any."""

    def keys(self, below: str) -> Iterator[str]:
        """The keys below a folder, or all."""

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """The names of folders in a folder, and when something came into each, in seconds since 1970."""

    def clear(self, below: str) -> None:
        """Remove a folder with all that is below it, as far as it can be."""

    def sweep(self, older_than: float) -> int:
        """Remove what writers that were killed so many seconds ago have left behind; returns how much."""


class BlobStore:
    """Exact bytes by SHA-256, written once, verified when read.

    Any number of threads, processes and machines write to it at the same time.

    Args:
        place: what it lies in.
        folder: where in it; all of it without one.
    """

    def __init__(self, place: Place, folder: str = "") -> None:
        self.place, self._folder = place, folder

    def put(self, data: bytes) -> Digest:
        """Keep bytes; a second time changes nothing, unless what is stored was damaged: that is written anew."""
        digest = Digest.of(data)
        if not self.place.create(self.key(digest), data) and not self.is_whole(digest):
            self.keep_as(digest, data)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Keep a copy of a file's bytes; raises ``IntegrityError`` when a large one is changed meanwhile."""
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

    def put_all(self, given: Iterable[bytes | Path]) -> None:
        """Keep bytes and the bytes of files, some beside one another: a disk and a bucket take their time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda each: self.put(each) if isinstance(each, bytes) else self.put_file(each), given))

    def get(self, digest: Digest) -> bytes:
        """The bytes; raises ``NotFoundError`` when absent, ``IntegrityError`` when they don't match."""
        return verified(self.place.read(self.key(digest)), digest)

    def ahead(self, digests: Iterable[Digest]) -> Callable[[Digest], bytes]:
        """Gives the bytes as :meth:`get` does; some are fetched beside one another, ahead of the reader."""
        return _ReadAhead(self.get, digests)

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of the bytes, not verified: for large files whose reader hashes them."""
        return self.place.open(self.key(digest))

    def size(self, digest: Digest) -> int:
        """Bytes; raises ``NotFoundError`` when absent."""
        return self.place.size(self.key(digest))

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes; false when they weren't here."""
        there = digest in self
        if there:
            self.place.remove([self.key(digest)])
        return there

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove those that are here, without asking for each."""
        self.place.remove([self.key(digest) for digest in digests])

    def move(self, digest: Digest, to: Self) -> None:
        """Hand bytes over to the store beside this one as they are, damaged ones too."""
        self.place.move(self.key(digest), to.place, to.key(digest))

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove what writers that were killed so many seconds ago have left behind; returns how much."""
        return self.place.sweep(older_than)

    def changed(self, begin: str) -> Iterator[Digest]:
        """Those that begin with two hexadecimal digits and aren't whole; reads them all."""
        return (digest for digest in self._below(begin) if not self.is_whole(digest))

    def is_whole(self, digest: Digest) -> bool:
        """Whether a blob is here and its bytes are those of its name; reads them all."""
        try:
            with self.open(digest) as stream:
                return Digest.of_stream(stream) == digest
        except (NotFoundError, OSError):  # it isn't here, or the disk can't read it any more
            return False

    def keep_as(self, digest: Digest, data: bytes | Iterator[bytes]) -> None:
        """Write bytes under a digest as they are, damaged ones too."""
        self.place.write(self.key(digest), data)

    def key(self, digest: Digest) -> str:
        """The key of a digest, present or not."""
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
    """A :class:`Place` on a disk. ``incoming/`` holds what is being written; all else is whole, and read-only.

    When the folder is gone, such as a disk that isn't mounted, whatever is asked of it is an ``OSError`` (``ESTALE``).
    The file ``made`` beside it tells that it was made; then it isn't made again where it is gone.
    """

    def __init__(self, root: Path, made: Path | None = None) -> None:
        self.root = root
        self._incoming = root / "incoming"
        if made is None or not (made.exists() and is_empty(root)):
            root.mkdir(mode=0o700, exist_ok=True)  # what lies here is for nobody else on this machine
            self._incoming.mkdir(exist_ok=True)
            with suppress(OSError):  # it only reads
                if made is not None:
                    made.touch()

    def read(self, key: str) -> bytes:
        """At once."""
        with self._at(key) as path:
            return path.read_bytes()

    def open(self, key: str) -> BinaryIO:
        """The file."""
        with self._at(key) as path:
            return path.open("rb")

    def size(self, key: str) -> int:
        """By the file system."""
        with self._at(key) as path:
            return path.stat().st_size

    def create(self, key: str, data: bytes) -> bool:
        """Two writers of the same bytes may both do it: the second changes nothing."""
        if (self.root / key).exists():
            return False
        self.write(key, data)
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Into a file of ``incoming/``, which gets its name when all of it is on the disk."""
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
        """On the same disk that takes no room."""
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
        """Gone from the disk, too, when the call returns."""
        self._check()
        for key in keys:
            with suppress(FileNotFoundError):
                (self.root / key).unlink()
                settle_path((self.root / key).parent)

    def keys(self, below: str) -> Iterator[str]:
        """By the names of files, some of which may be others' or still be written."""
        self._check()
        for folder, _, names in os.walk(self.root / below, onerror=_unread):
            inside = Path(folder).relative_to(self.root).as_posix()
            yield from (f"{inside}/{name}" for name in names)

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """By the time of a folder."""
        return ((path.name, _written(path)) for path in (self.root / below).iterdir() if path.is_dir())

    def clear(self, below: str) -> None:
        """At once."""
        shutil.rmtree(self.root / below, ignore_errors=True)

    def sweep(self, older_than: float) -> int:
        """Files of ``incoming/``."""
        limit = time.time() - older_than
        leftovers = [path for path in self._incoming.iterdir() if _written(path) <= limit]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def take(self, draft: Path, key: str) -> None:
        """Give a file of this disk its name here."""
        path = self.root / key
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in path.parents[1 : key.count("/") + 1]:
                settle_path(folder)
        draft.chmod(_READ_ONLY)
        draft.replace(path)
        settle_path(path.parent)

    def _check(self) -> None:
        """Raise ``OSError`` when it isn't there at all: then nothing is missing in it."""
        if not self._incoming.is_dir():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self.root))

    @contextmanager
    def _at(self, key: str) -> Iterator[Path]:
        """Asking for one file; raises ``NotFoundError`` when it isn't there."""
        try:
            yield self.root / key
        except FileNotFoundError:
            self._check()
            raise absent(key) from None


class FolderBlobStore(BlobStore):
    """Exact bytes in a folder, where others may read the files themselves."""

    def __init__(self, root: Path, made: Path | None = None) -> None:
        super().__init__(Folder(root, made))
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Where the bytes of a digest lie, present or not."""
        return self.root / self.key(digest)


class _ReadAhead:
    """Gives bytes by their digest as ``get`` does; the next ones come while the reader works on those before."""

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
    """Whether a folder of exact bytes isn't there, or holds none: where it was made, that one has gone."""
    return not any(root.glob("??"))


def has_gone(root: Path, made: Path) -> bool:
    """Whether a folder of exact bytes that was made isn't there any more, as where its disk isn't mounted."""
    return made.exists() and is_empty(root) and not (root / "incoming").is_dir()


def verified(data: bytes, digest: Digest) -> bytes:
    """The bytes as they are; raises ``IntegrityError`` when they aren't those of the digest."""
    if Digest.of(data) != digest:
        raise IntegrityError(
            Sentence("The stored bytes of %(digest)s have changed.", digest=digest),
            hint=Sentence("Restore this file from a backup, or remove it."),
        )
    return data


def absent(key: str) -> NotFoundError:
    """What is said of bytes that aren't here, by the digest at the end of their key."""
    return NotFoundError(Sentence("The bytes of %(digest)s aren't here.", digest=key.rpartition("/")[2]))


def blob_store(data_dir: Path) -> FolderBlobStore:
    """The exact bytes of a data folder."""
    return FolderBlobStore(data_dir / "blobs", made=data_dir / "blobs.made")


def _unchanged(file: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """A file's pieces; raises ``IntegrityError`` behind the last one, so that nothing appears, when it was changed."""
    seen = sha256()
    while piece := file.read(CHUNK):
        seen.update(piece)
        yield piece
    if seen.digest() != digest.raw:
        raise IntegrityError(Sentence("The file was changed while it was read."), hint=Sentence("Try again."))


def _unread(error: OSError) -> None:
    """A folder that can't be read isn't an empty one; one that was removed is."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
