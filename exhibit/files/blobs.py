"""Exact bytes in a folder, named by their SHA-256, written once.

Layout: ``ab/cd/abcd…`` (64 hexadecimal digits, read-only), and ``incoming/`` for what is being written. A blob appears
under its name only when all its bytes are on the disk, so a killed writer leaves a file in ``incoming/`` and nothing
else; :meth:`FolderBlobStore.sweep` removes those.
"""

import errno
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from exhibit.digests import CHUNK, Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.files.durable import settle, settle_path
from exhibit.ports import BlobStore
from exhibit.sentences import Sentence

_NAME = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = 0o400


class FolderBlobStore(BlobStore):
    """A ``BlobStore`` in a folder that any number of threads and processes write to at the same time.

    When the folder is gone, such as a disk that isn't mounted, whatever is asked of it is an ``OSError`` (``ESTALE``).
    The file ``made`` beside it tells that it was made; then it isn't made again where it is gone.
    """

    def __init__(self, root: Path, made: Path | None = None) -> None:
        self.root = root
        self._incoming = root / "incoming"
        if made is None or not made.exists() or any(root.glob("??")):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies here is for nobody else on this machine
            self._incoming.mkdir(exist_ok=True)
            with suppress(OSError):  # it only reads
                if made is not None:
                    made.touch()

    def put(self, data: bytes) -> Digest:
        """Keep bytes; a second time changes nothing, unless what is stored was damaged: that is written anew."""
        digest = Digest.of(data)
        if not self.is_whole(digest):
            temporary = self._temporary()
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    settle(file)
                self._publish(temporary, digest)
            finally:
                temporary.unlink(missing_ok=True)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Keep a copy of a file's bytes as they are while they are read; heals as :meth:`put` does."""
        temporary = self._temporary()
        try:
            with path.open("rb") as source, temporary.open("xb") as file:
                while piece := source.read(CHUNK):
                    file.write(piece)
                settle(file)
            digest = Digest.of_file(temporary)
            if not self.is_whole(digest):
                self._publish(temporary, digest)
        finally:
            temporary.unlink(missing_ok=True)
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes; raises ``NotFoundError`` when absent, ``IntegrityError`` when they don't match."""
        with self.open(digest) as file:
            return verified(file.read(), digest)

    def ahead(self, digests: Iterable[Digest]) -> Callable[[Digest], bytes]:  # noqa: ARG002 - the disk is near
        """Gives the bytes as :meth:`get` does."""
        return self.get

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of the bytes, not verified: for large files whose reader hashes them."""
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError as error:
            raise self._absent(digest) from error

    def size(self, digest: Digest) -> int:
        """Bytes; raises ``NotFoundError`` when absent."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError as error:
            raise self._absent(digest) from error

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes; false when they weren't here."""
        path = self.path(digest)
        try:
            path.unlink()
        except FileNotFoundError:
            self._check()
            return False
        settle_path(path.parent)
        return True

    def move(self, digest: Digest, to: Self) -> None:
        """Hand bytes over to another store as they are, damaged ones too; on the same disk that takes no room."""
        try:
            to._publish(self.path(digest), digest)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            to.put_file(self.path(digest))
            self.remove(digest)

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove what writers that were killed so many seconds ago have left behind; returns how many files."""
        limit = time.time() - older_than
        leftovers = [path for path in self._incoming.iterdir() if _written(path) <= limit]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def path(self, digest: Digest) -> Path:
        """Where the bytes of a digest lie, present or not."""
        name = digest.hex
        return self.root / name[:2] / name[2:4] / name

    def __contains__(self, digest: Digest) -> bool:
        return self.path(digest).is_file()

    def __iter__(self) -> Iterator[Digest]:
        return self._among("[0-9a-f][0-9a-f]")

    def changed(self, begin: str) -> Iterator[Digest]:
        """Those that begin with two hexadecimal digits and aren't whole; reads them all."""
        return (digest for digest in self._among(begin) if not self.is_whole(digest))

    def is_whole(self, digest: Digest) -> bool:
        """Whether a blob is here and its bytes are those of its name; reads them all."""
        try:
            return Digest.of_file(self.path(digest)) == digest
        except OSError:  # it isn't here, or the disk can't read it any more
            return False

    def _among(self, begin: str) -> Iterator[Digest]:
        self._check()
        for path in self.root.glob(f"{begin}/[0-9a-f][0-9a-f]/*"):
            if _NAME.fullmatch(path.name):
                yield Digest.from_hex(path.name)

    def _check(self) -> None:
        if not self._incoming.is_dir():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self.root))

    def _absent(self, digest: Digest) -> NotFoundError:
        self._check()
        return absent(digest)

    def _temporary(self) -> Path:
        self._check()
        return self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"

    def _publish(self, temporary: Path, digest: Digest) -> None:
        """Give the bytes their name. Two writers of the same bytes may both do it: the second changes nothing."""
        path = self.path(digest)
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            settle_path(path.parent.parent)
            settle_path(self.root)
        temporary.chmod(_READ_ONLY)
        temporary.replace(path)
        settle_path(path.parent)


def verified(data: bytes, digest: Digest) -> bytes:
    """The bytes as they are; raises ``IntegrityError`` when they aren't those of the digest."""
    if Digest.of(data) != digest:
        raise IntegrityError(
            Sentence("The stored bytes of %(digest)s have changed.", digest=digest),
            hint=Sentence("Restore this file from a backup, or remove it."),
        )
    return data


def absent(digest: Digest) -> NotFoundError:
    """What is said of bytes that aren't here."""
    return NotFoundError(Sentence("The bytes of %(digest)s aren't here.", digest=digest))


def blob_store(data_dir: Path) -> FolderBlobStore:
    """The exact bytes of a data folder."""
    return FolderBlobStore(data_dir / "blobs", made=data_dir / "blobs.made")


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
