"""Exact bytes in an object store: S3 and what speaks it, Google, Azure; named by their SHA-256, written once.

Below the URL lie ``blobs/ab/cd/abcd…``, as in a folder, and the object ``installation``, which says whose it is. An
object appears whole or not at all. What broken uploads leave behind is for a rule of the bucket to remove.
"""

import io
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Self

import obstore
from obstore import exceptions
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url

from exhibit.digests import CHUNK, Digest
from exhibit.errors import IntegrityError, NotFoundError, StorageError
from exhibit.files.ahead import ReadAhead
from exhibit.files.blobs import absent, verified
from exhibit.ports import BlobStore
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
MARKER = "installation"
Mode = Literal["create", "overwrite"]
PIECE = 8 << 20
"""Bytes that travel at once; a larger file goes in several pieces, four of them beside one another."""
_NAME = re.compile(r"(?:.*/)?([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_FULL = re.compile("Quota|StorageFull|EntityTooLarge|InsufficientStorage|507|413")
_CLIENT: "ClientConfig" = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(minutes=1)}
_OF_CLIENT = {"allow_http", "allow_invalid_certificates", "proxy_url", "proxy_excludes", "root_certificate", "timeout"}
"""What is told to the HTTP client: of what the file says, or the environment, such as ``AWS_ALLOW_HTTP``."""
_RETRY: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=15)}
SILENT = Sentence("The bucket doesn't answer.")
_UNCONDITIONAL = Sentence("The store of the bucket knows no conditional writes.")
LONG = 3.0
"""Seconds from which on an answer that doesn't come was waited for long."""
_SEE = "See docs/machines.md, bytes in a bucket."


class Bucket:
    """A place in an object store, opened when it is first asked, after any fork, and claimed for one installation."""

    def __init__(self, opened: Callable[[], ObjectStore], owner: str, made: Path) -> None:
        """``made`` is the file that tells, once it has been claimed, that it was: it isn't claimed again when gone."""
        self._opened, self._owner, self._made = opened, owner, made
        self._silent_until = 0.0

    @cached_property
    def objects(self) -> ObjectStore:
        """What is asked, claimed; raises ``StorageError`` when it isn't there, or is another installation's."""
        if not self.examine():
            with self.told(), suppress(AlreadyExistsError):  # by another process at the same moment
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            self.check()
        if not self._made.exists():
            self._check_conditions()
        with suppress(OSError):  # it only reads
            self._made.touch()
        return self._objects

    def examine(self) -> bool:
        """Whether it is claimed for this installation, without changing anything; raises as :attr:`objects` does."""
        with self.told():
            owner = _owner_of(self._objects)
        if owner is None and self._made.exists():
            raise _gone()
        if owner not in {None, self._owner}:
            raise StorageError(
                Sentence("The bucket belongs to another installation of Exhibit."),
                hint=f"Name another bucket or prefix. If that one is gone for good, remove the object {MARKER} there.",
            )
        return owner is not None

    def check(self) -> None:
        """Raise ``StorageError`` when the bucket isn't there any more, for then nothing is missing in it."""
        if not self.examine():
            raise _gone()

    def write(self, key: str, data: bytes | Iterator[bytes], mode: Mode = "overwrite") -> None:
        """Write an object, which appears whole or not at all; raises ``AlreadyExistsError`` where it is to be new."""
        several = not isinstance(data, bytes)
        with self.asked() as objects:
            obstore.put(objects, key, data, mode=mode, use_multipart=several, chunk_size=PIECE, max_concurrency=4)

    def piece(self, key: str, start: int, end: int) -> bytes | None:
        """Some of an object's bytes, fewer where it ends before; ``None`` when it isn't there."""
        with self.asked() as objects:
            try:
                return bytes(obstore.get_range(objects, key, start=start, end=end)) if end > start else b""
            except FileNotFoundError:
                self.check()
                return None
            except exceptions.GenericError as error:
                if "InvalidRange" not in str(error):
                    raise
                return b""

    def listed(self, prefix: str) -> "Iterator[Sequence[ObjectMeta]]":
        """The objects below a prefix, many at once."""
        with self.asked() as objects:
            self.check()
            yield from obstore.list(objects, prefix)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove the objects that are there, many with one request."""
        with self.asked() as objects:
            try:
                obstore.delete(objects, keys)
            except FileNotFoundError:  # a store that tells, and leaves the rest
                for key in keys:
                    with suppress(FileNotFoundError):
                        obstore.delete(objects, key)

    def _check_conditions(self) -> None:
        """Raise ``StorageError`` where a store overwrites what is to be new, as some do without a word."""
        with suppress(AlreadyExistsError):
            with self.told():
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            raise StorageError(_UNCONDITIONAL, hint=_SEE)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say what is amiss in a sentence, without what the library says: an address may hold a key.

        Whoever comes just after one that waited long for no answer doesn't wait as long again.
        """
        began = time.monotonic()
        if began < self._silent_until:
            raise StorageError(SILENT, hint=_SEE)
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError:
            raise _gone() from None
        except (exceptions.BaseError, ValueError) as error:
            said, ended = _said(error), time.monotonic()
            if said == SILENT and ended > began + LONG:
                self._silent_until = ended + LONG
            raise StorageError(said, hint=_SEE) from None

    @contextmanager
    def asked(self) -> Iterator[ObjectStore]:
        """What is asked, claimed; says what is amiss as :meth:`told` does."""
        objects = self.objects
        with self.told():
            yield objects

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._opened()


class BucketBlobStore(BlobStore):
    """A ``BlobStore`` in a bucket that any number of threads, processes and machines write to at the same time.

    Whatever the bucket is to blame for is a ``StorageError``.
    """

    def __init__(self, bucket: Bucket, folder: str = "blobs") -> None:
        self.bucket, self._folder = bucket, folder

    def put(self, data: bytes) -> Digest:
        """Keep bytes; a second time changes nothing, unless what is stored was damaged: that is written anew."""
        digest = Digest.of(data)
        try:
            self.bucket.write(self._key(digest), data, "create")
        except AlreadyExistsError:
            if not self.is_whole(digest):
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

    def get(self, digest: Digest) -> bytes:
        """The bytes; raises ``NotFoundError`` when absent, ``IntegrityError`` when they don't match."""
        with self._found(digest) as objects:
            return verified(bytes(obstore.get(objects, self._key(digest)).bytes()), digest)

    def ahead(self, digests: Iterable[Digest]) -> ReadAhead:
        """Gives the bytes as :meth:`get` does; some are fetched beside one another, ahead of the reader."""
        return ReadAhead(self.get, [((digest,), partial(self._alone, digest)) for digest in digests])

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of the bytes, not verified, asked for piece by piece: a slow reader loses no connection."""
        return io.BufferedReader(_Pieces(self, digest, self.size(digest)), PIECE)

    def size(self, digest: Digest) -> int:
        """Bytes; raises ``NotFoundError`` when absent."""
        with self._found(digest) as objects:
            return obstore.head(objects, self._key(digest))["size"]

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes; false when they weren't here."""
        there = digest in self
        if there:
            self.bucket.remove([self._key(digest)])
        return there

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove those that are here, without asking for each."""
        self.bucket.remove([self._key(digest) for digest in digests])

    def move(self, digest: Digest, to: Self) -> None:
        """Hand bytes over to another store of the same bucket as they are, damaged ones too."""
        with self._found(digest) as objects:
            obstore.rename(objects, self._key(digest), to._key(digest))

    def sweep(self, older_than: float = 3600.0) -> int:  # noqa: ARG002 - as the port has it
        """Nothing is left behind that can be seen; parts of broken uploads are for a rule of the bucket to remove."""
        return 0

    def changed(self, begin: str) -> Iterator[Digest]:
        """Those that begin with two hexadecimal digits and aren't whole; reads them all."""
        return (digest for digest in self._listed(f"{self._folder}/{begin}") if not self.is_whole(digest))

    def is_whole(self, digest: Digest) -> bool:
        """Whether a blob is here and its bytes are those of its name; reads them all."""
        try:
            with self.open(digest) as stream:
                return Digest.of_stream(stream) == digest
        except NotFoundError:
            return False

    def piece(self, digest: Digest, start: int, end: int) -> bytes:
        """Some of the bytes, which are there."""
        if (data := self.bucket.piece(self._key(digest), start, end)) is None:
            raise absent(digest)
        return data

    def __contains__(self, digest: Digest) -> bool:
        try:
            self.size(digest)
        except NotFoundError:
            return False
        return True

    def __iter__(self) -> Iterator[Digest]:
        return self._listed(self._folder)

    def _listed(self, prefix: str) -> Iterator[Digest]:
        for some in self.bucket.listed(prefix):
            yield from (Digest.from_hex(name[3]) for name in (_NAME.fullmatch(one["path"]) for one in some) if name)

    def _alone(self, digest: Digest) -> dict[Digest, bytes]:
        return {digest: self.get(digest)}

    def _key(self, digest: Digest) -> str:
        return f"{self._folder}/{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex}"

    def keep_as(self, digest: Digest, data: bytes | Iterator[bytes]) -> None:
        """Write bytes under a digest as they are, damaged ones too."""
        self.bucket.write(self._key(digest), data)

    @contextmanager
    def _found(self, digest: Digest) -> Iterator[ObjectStore]:
        """Asking for one object; raises ``NotFoundError`` when it isn't there."""
        with self.bucket.asked() as objects:
            try:
                yield objects
            except FileNotFoundError:
                self.bucket.check()
                raise absent(digest) from None


class _Pieces(io.RawIOBase):
    """The bytes of an object, each piece asked for by itself."""

    def __init__(self, store: BucketBlobStore, digest: Digest, size: int) -> None:
        self._store, self._digest, self._size, self._place = store, digest, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._place + len(view), self._size)
        if end <= self._place:
            return 0
        data = self._store.piece(self._digest, self._place, end)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def open_store(url: str, keys: Path) -> ObjectStore:
    """What is asked at a URL; keys are those of the environment and, before them, of a file of the data folder."""
    try:
        given = tomllib.loads(keys.read_text("utf-8")) if keys.exists() else {}
        client = {name: os.environ[f"AWS_{name.upper()}"] for name in _OF_CLIENT if f"AWS_{name.upper()}" in os.environ}
        client |= {name: given.pop(name) for name in _OF_CLIENT & given.keys()}
        options: ClientConfig = {**_CLIENT, **client}  # type: ignore[typeddict-item]  # the library looks at them
        return from_url(url, config=given, client_options=options, retry_config=_RETRY)  # type: ignore[call-overload, no-any-return]  # of whichever kind the URL says
    except (exceptions.BaseError, ValueError, TypeError) as error:
        said = str(error).partition("\n")[0].partition(" error: ")[2]
        raise StorageError(Sentence("The bucket can't be used as it is configured."), hint=f"{said}. {_SEE}") from None


def _owner_of(objects: ObjectStore) -> str | None:
    try:
        return bytes(obstore.get(objects, MARKER).bytes()).decode("ascii", "replace")
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise
        return None


def _unchanged(file: BinaryIO, digest: Digest) -> Iterator[bytes]:
    """A file's pieces; raises ``IntegrityError`` behind the last one, so that nothing appears, when it was changed."""
    seen = sha256()
    while piece := file.read(CHUNK):
        seen.update(piece)
        yield piece
    if seen.digest() != digest.raw:
        raise IntegrityError(Sentence("The file was changed while it was read."), hint=Sentence("Try again."))


def _gone() -> StorageError:
    return StorageError(Sentence("The bucket isn't there, or isn't the one that it was."), hint=_SEE)


def _said(error: Exception) -> Sentence:
    """What is amiss, by what the store's answer says."""
    text = str(error)
    code = found[1] if (found := _CODE.search(text)) else type(error).__name__.removesuffix("Error")
    if _FULL.search(code) or " 507 " in text or " 413 " in text:
        return Sentence("The bucket is full, or its quota is used up.")
    if "169.254.169.254" in text or "metadata.google" in text:
        return Sentence("There are no keys for the bucket.")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Sentence("The bucket refuses these keys: %(code)s.", code=code)
    if isinstance(error, exceptions.NotSupportedError) or code == "NotImplemented":
        return _UNCONDITIONAL
    if found is None or code in {"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"}:
        return SILENT
    return Sentence("The bucket refuses: %(code)s.", code=code)
