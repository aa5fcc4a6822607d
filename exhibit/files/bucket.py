"""A :class:`Place` in an object store: S3 and compatible services, Google Cloud Storage, Azure.

Its URL contains blobs (``blobs/ab/cd/abcd…``, as in a folder), named objects, and the object ``installation``, which
identifies the installation that owns the bucket. Objects are written atomically.
"""

import io
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import obstore
from obstore import exceptions
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url

from exhibit.errors import StorageError
from exhibit.files.blobs import PIECE, Place, absent
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
MARKER = "installation"
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_FULL = re.compile("Quota|StorageFull|EntityTooLarge|InsufficientStorage|507|413")
_CLIENT: "ClientConfig" = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(minutes=1)}
_OF_CLIENT = {"allow_http", "allow_invalid_certificates", "proxy_url", "proxy_excludes", "root_certificate", "timeout"}
"""Options of the HTTP client, taken from the keys file or from the environment, such as ``AWS_ALLOW_HTTP``."""
_RETRY: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=15)}
SILENT = Sentence("The bucket is not responding.")
UNCONDITIONAL = Sentence("The bucket's storage service does not support conditional writes.")
OF_ANOTHER = Sentence("The bucket belongs to another Exhibit installation.")
BUCKET_MISSING = Sentence("The bucket does not exist, or is not the same bucket as before.")
FULL = Sentence("The bucket is full, or its quota is used up.")
LONG = 3.0
"""Seconds without a response after which a wait counts as long."""
_SEE = "See docs/how-to/operate/store-files-in-a-bucket.md."


class Bucket:
    """A :class:`Place` in an object store, owned by one installation. It is opened on first use, after any fork."""

    def __init__(self, open_store: Callable[[], ObjectStore], owner: str, marker: Path) -> None:
        """Create without a connection. The file ``marker`` records the claim: a bucket is claimed only once."""
        self._opened, self._owner, self._made = open_store, owner, marker
        self._silent_until = 0.0

    @cached_property
    def objects(self) -> ObjectStore:
        """The claimed store. Raises ``StorageError`` if it is missing or belongs to another installation."""
        if not self.examine():
            with (
                self.converted_errors(),
                suppress(AlreadyExistsError),
            ):  # another process may have claimed it at the same moment
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            self.check()
        if not self._made.exists():
            self._check_conditions()
        with suppress(OSError):  # the process may be read-only
            self._made.touch()
        return self._objects

    def examine(self) -> bool:
        """Return True if this installation has claimed the bucket. Changes nothing; raises as :attr:`objects` does."""
        with self.converted_errors():
            owner = _owner_of(self._objects)
        if owner is None and self._made.exists():
            raise _bucket_missing()
        if owner not in {None, self._owner}:
            raise StorageError(
                OF_ANOTHER,
                hint=f"Name another bucket or prefix. If that one is gone for good, remove the object {MARKER} there.",
            )
        return owner is not None

    def check(self) -> None:
        """Raise ``StorageError`` if the bucket no longer exists: then nothing is known about its objects."""
        if not self.examine():
            raise _bucket_missing()

    def read(self, key: str) -> bytes:
        """Read the whole object."""
        with self._asked_for(key) as objects:
            return bytes(obstore.get(objects, key).bytes())

    def open(self, key: str) -> BinaryIO:
        """Open a reader that requests each chunk separately, so that a slow reader loses no connection."""
        return io.BufferedReader(_Pieces(self, key, self.size(key)), PIECE)

    def size(self, key: str) -> int:
        """Return the size from the object's metadata (HEAD)."""
        with self._asked_for(key) as objects:
            return obstore.head(objects, key)["size"]

    def create(self, key: str, data: bytes) -> bool:
        """Write with a condition that the store enforces: of two concurrent writers, one gets False."""
        try:
            with self.connected() as objects:
                obstore.put(objects, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Write the object. Large files are sent in several parts, up to four in parallel."""
        several = not isinstance(data, bytes)
        with self.connected() as objects:
            obstore.put(objects, key, data, use_multipart=several, chunk_size=PIECE, max_concurrency=4)

    def piece(self, key: str, start: int, end: int) -> bytes:
        """Return a range of the bytes of a key, shorter at the end of the object."""
        with self._asked_for(key) as objects:
            try:
                return bytes(obstore.get_range(objects, key, start=start, end=end)) if end > start else b""
            except exceptions.GenericError as error:
                if "InvalidRange" not in str(error):
                    raise
                return b""

    def move(self, key: str, to: Place, new: str) -> None:
        """Rename the object within the store."""
        assert to is self or isinstance(to, Bucket)
        with self._asked_for(key) as objects:
            obstore.rename(objects, key, new)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove many objects with one request."""
        with self.connected() as objects:
            try:
                obstore.delete(objects, keys)
            except FileNotFoundError:  # some stores report a missing object and leave the others
                for key in keys:
                    with suppress(FileNotFoundError):
                        obstore.delete(objects, key)

    def keys(self, below: str) -> Iterator[str]:
        """Yield keys, many for each request."""
        return (entry["path"] for entry in self.list_objects(below))

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """Return subfolders with the time of the newest object in each, by the clock of the store."""
        newest: dict[str, float] = {}
        for entry in self.list_objects(below):
            name = entry["path"].removeprefix(f"{below}/").partition("/")[0]
            newest[name] = max(newest.get(name, 0.0), entry["last_modified"].timestamp())
        return iter(newest.items())

    def list_objects(self, below: str) -> "Iterator[ObjectMeta]":
        """Yield the objects below a folder, many for each request."""
        with self.connected() as objects:
            self.check()
            for some in obstore.list(objects, below):
                yield from some

    def clear(self, below: str) -> None:
        """Remove the objects below a folder, up to 1,000 with each request."""
        keys = self.keys(below)
        while some := list(islice(keys, 1000)):
            self.remove(some)

    def sweep(self, older_than: float) -> int:  # noqa: ARG002 - as a place has it
        """Return 0: no leftovers are visible. A lifecycle rule of the bucket has to remove parts of broken uploads."""
        return 0

    def _check_conditions(self) -> None:
        """Raise ``StorageError`` if the store silently ignores the condition that an object must be new."""
        with suppress(AlreadyExistsError):
            with self.converted_errors():
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            raise StorageError(UNCONDITIONAL, hint=_SEE)

    @contextmanager
    def converted_errors(self) -> Iterator[None]:
        """Convert library errors to ``StorageError``, without the library's messages, which may contain keys.

        After a long wait without a response, calls that follow immediately fail without waiting again.
        """
        if _used_by() != os.getpid():
            raise RuntimeError("a bucket was asked before this process was forked: it would wait for ever")
        began = time.monotonic()
        if began < self._silent_until:
            raise StorageError(SILENT, hint=_SEE)
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError:
            raise _bucket_missing() from None
        except (exceptions.BaseError, ValueError) as error:
            message, ended = _describe_error(error), time.monotonic()
            if message == SILENT and ended > began + LONG:
                self._silent_until = ended + LONG
            raise StorageError(message, hint=_SEE) from None

    @contextmanager
    def connected(self) -> Iterator[ObjectStore]:
        """Yield the claimed store, and convert errors as :meth:`told` does."""
        objects = self.objects
        with self.converted_errors():
            yield objects

    @contextmanager
    def _asked_for(self, key: str) -> Iterator[ObjectStore]:
        """Yield the store for access to one object. Raises ``NotFoundError`` if only the object is absent."""
        with self.connected() as objects:
            try:
                yield objects
            except FileNotFoundError:
                self.check()
                raise absent(key) from None

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._opened()


class NamedObjects:
    """Objects below one folder of a bucket, by name. All failures of the bucket raise ``StorageError``."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder, self._conditional = bucket, folder, True

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return the bytes and their ETag, or ``None`` if there is no object of this name."""
        with self._bucket.connected() as objects:
            try:
                result = obstore.get(objects, self._key(name))
                return bytes(result.bytes()), result.meta["e_tag"] or ""
            except FileNotFoundError:
                pass
        self._bucket.check()
        return None

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name, replacing any previous object."""
        self._bucket.write(self._key(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Store bytes under a new name. Returns False if the name exists."""
        return self._bucket.create(self._key(name), data)

    def replace(self, name: str, data: bytes, mark: str) -> None:
        """Replace the object that has this ETag, or create it if the ETag is empty.

        Raises ``StorageError`` if the object changed in the meantime. For stores without conditional replacement, such
        as Swift, the ETag is compared just before the write.
        """
        if not mark:
            if not self.create(name, data):
                raise _changed()
            return
        key = self._key(name)
        with self._bucket.connected() as objects:
            try:
                if self._conditional:
                    obstore.put(objects, key, data, mode={"e_tag": mark}, use_multipart=False)
                    return
            except (exceptions.PreconditionError, FileNotFoundError):
                raise _changed() from None
            except (exceptions.GenericError, exceptions.NotSupportedError) as error:
                if isinstance(error, exceptions.GenericError) and "NotImplemented" not in str(error):
                    raise
                self._conditional = False
        if (self.get(name) or (b"", ""))[1] != mark:
            raise _changed()
        self.put(name, data)

    def remove(self, name: str) -> None:
        """Remove the object of this name, if there is one."""
        with self._bucket.connected() as objects, suppress(FileNotFoundError):
            obstore.delete(objects, self._key(name))

    def folders(self) -> list[str]:
        """Return the first segments of all names that have several."""
        with self._bucket.connected() as objects:
            prefixes = obstore.list_with_delimiter(objects, self._folder)["common_prefixes"]
        return [path.removeprefix(f"{self._folder}/") for path in prefixes]

    def names(self, below: str = "") -> Iterator[tuple[str, datetime]]:
        """Yield names (all, or those below one) with the last modification by the clock of the store."""
        for entry in self._bucket.list_objects(self._key(below).rstrip("/")):
            yield entry["path"].removeprefix(f"{self._folder}/"), entry["last_modified"]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}".lstrip("/")


class _Pieces(io.RawIOBase):
    """Reader of an object that requests each chunk separately."""

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        self._bucket, self._key, self._size, self._place = bucket, key, size, 0

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
        data = self._bucket.piece(self._key, self._place, end)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def open_store(url: str, keys: Path) -> ObjectStore:
    """Open the store at a URL. Keys come from a file of the data folder or else from the environment."""
    try:
        options_in_file = tomllib.loads(keys.read_text("utf-8-sig")) if keys.exists() else {}
        client = {name: os.environ[f"AWS_{name.upper()}"] for name in _OF_CLIENT if f"AWS_{name.upper()}" in os.environ}
        client |= {name: options_in_file.pop(name) for name in _OF_CLIENT & options_in_file.keys()}
        options: ClientConfig = {**_CLIENT, **client}  # type: ignore[typeddict-item]  # the library looks at them
        return from_url(url, config=options_in_file, client_options=options, retry_config=_RETRY)  # type: ignore[call-overload, no-any-return]  # the class depends on the URL
    except (exceptions.BaseError, ValueError, TypeError) as error:
        detail = str(error).partition("\n")[0].partition(" error: ")[2]
        raise StorageError(
            Sentence("The bucket cannot be used with the current configuration."), hint=f"{detail}. {_SEE}"
        ) from None


@cache
def _used_by() -> int:
    """PID of the first process that used a bucket. The library's threads exist only in that process."""
    return os.getpid()


def _owner_of(objects: ObjectStore) -> str | None:
    try:
        return bytes(obstore.get(objects, MARKER).bytes()).decode("ascii", "replace")
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise
        return None


def _bucket_missing() -> StorageError:
    return StorageError(BUCKET_MISSING, hint=_SEE)


def _describe_error(error: Exception) -> Sentence:
    """Describe an error from the response of the store."""
    text = str(error)
    code = match[1] if (match := _CODE.search(text)) else type(error).__name__.removesuffix("Error")
    if _FULL.search(code) or " 507 " in text or " 413 " in text:
        return FULL
    if "169.254.169.254" in text or "metadata.google" in text:
        return Sentence("No access keys for the bucket were found.")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Sentence("The bucket rejected these keys: %(code)s.", code=code)
    if isinstance(error, exceptions.NotSupportedError) or code == "NotImplemented":
        return UNCONDITIONAL
    if match is None or code in {"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"}:
        return SILENT
    return Sentence("The bucket rejected the request: %(code)s.", code=code)


def _changed() -> StorageError:
    return StorageError(Sentence("Another process replaced the object in the meantime."), hint="Try again.")
