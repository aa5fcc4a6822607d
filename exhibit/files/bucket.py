"""Storage medium in an object store: S3 and compatible services, Google Cloud Storage, Azure.

The bucket contains blobs (``blobs/ab/cd/abcd…``, as in a folder), named objects, and the object ``installation`` with
the identifier of the installation that owns the bucket. Objects are written atomically.
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
from exhibit.files.blobs import TRANSFER_BYTES, StorageMedium, build_missing_error
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
MARKER = "installation"
_ERROR_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_FULL_CODES = re.compile("Quota|StorageFull|EntityTooLarge|InsufficientStorage|507|413")
_DEFAULT_CLIENT_OPTIONS: "ClientConfig" = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(minutes=1)}
_CLIENT_OPTIONS = {
    "allow_http",
    "allow_invalid_certificates",
    "proxy_url",
    "proxy_excludes",
    "root_certificate",
    "timeout",
}
"""Options of the HTTP client, taken from the keys file or from the environment, such as ``AWS_ALLOW_HTTP``."""
_RETRY_OPTIONS: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=15)}
NOT_RESPONDING = Sentence("The bucket is not responding.")
NO_CONDITIONAL_WRITES = Sentence("The bucket's storage service does not support conditional writes.")
FOREIGN_BUCKET = Sentence("The bucket belongs to another Exhibit installation.")
BUCKET_MISSING = Sentence("The bucket does not exist, or is not the same bucket as before.")
BUCKET_FULL = Sentence("The bucket is full, or its quota is used up.")
LONG_WAIT_SECONDS = 3.0
"""Seconds without a response after which further calls fail at once, and the time for which they do."""
_HINT = "See docs/how-to/operate/store-files-in-a-bucket.md."


class Bucket:
    """Storage medium in an object store, owned by one installation. It is opened on first use, after any fork."""

    def __init__(self, open_store: Callable[[], ObjectStore], owner: str, marker: Path) -> None:
        """Create the object without connecting.

        Args:
            open_store: Opens the object store.
            owner: Identifier of this installation.
            marker: File that records that this installation has claimed the bucket. A bucket is claimed only once.
        """
        self._open_store, self._owner, self._marker = open_store, owner, marker
        self._silent_until = 0.0

    @cached_property
    def objects(self) -> ObjectStore:
        """Object store, claimed if necessary. Raises ``StorageError`` if missing or of another installation."""
        if not self.is_claimed():
            with (
                self.convert_errors(),
                suppress(AlreadyExistsError),
            ):  # another process may have claimed it at the same time
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            self.check()
        if not self._marker.exists():
            self._check_conditions()
        with suppress(OSError):  # the process may be read-only
            self._marker.touch()
        return self._objects

    def is_claimed(self) -> bool:
        """Return True if this installation has claimed the bucket. Makes no changes; raises as :attr:`objects` does."""
        with self.convert_errors():
            owner = _read_owner(self._objects)
        if owner is None and self._marker.exists():
            raise _build_bucket_missing_error()
        if owner not in {None, self._owner}:
            raise StorageError(
                FOREIGN_BUCKET,
                hint=f"Use another bucket or prefix. If that installation no longer exists, delete the object "
                f"{MARKER}.",
            )
        return owner is not None

    def check(self) -> None:
        """Raise ``StorageError`` if the bucket no longer exists: its objects are then unknown, not absent."""
        if not self.is_claimed():
            raise _build_bucket_missing_error()

    def read(self, key: str) -> bytes:
        """Read the whole object."""
        with self._access_object(key) as objects:
            return bytes(obstore.get(objects, key).bytes())

    def open(self, key: str) -> BinaryIO:
        """Open a reader that requests each chunk separately. No connection stays open, so a slow reader is safe."""
        return io.BufferedReader(_ObjectReader(self, key, self.size(key)), TRANSFER_BYTES)

    def size(self, key: str) -> int:
        """Return the size from the object's metadata (HEAD)."""
        with self._access_object(key) as objects:
            return obstore.head(objects, key)["size"]

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists. The store enforces this: of two concurrent writers, one gets False."""
        try:
            with self.connect() as objects:
                obstore.put(objects, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Write the object. Large files are uploaded in several parts, up to four in parallel."""
        is_multipart = not isinstance(data, bytes)
        with self.connect() as objects:
            obstore.put(objects, key, data, use_multipart=is_multipart, chunk_size=TRANSFER_BYTES, max_concurrency=4)

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes of a key from ``start`` to ``end``, or to the end of the object if that comes first."""
        with self._access_object(key) as objects:
            try:
                return bytes(obstore.get_range(objects, key, start=start, end=end)) if end > start else b""
            except exceptions.GenericError as error:
                if "InvalidRange" not in str(error):
                    raise
                return b""

    def move(self, key: str, target: StorageMedium, target_key: str) -> None:
        """Rename the object within the store."""
        assert target is self or isinstance(target, Bucket)
        with self._access_object(key) as objects:
            obstore.rename(objects, key, target_key)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove many objects with one request."""
        with self.connect() as objects:
            try:
                obstore.delete(objects, keys)
            except FileNotFoundError:  # some stores stop at a missing object and do not delete the others
                for key in keys:
                    with suppress(FileNotFoundError):
                        obstore.delete(objects, key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield keys. Each request lists many keys."""
        return (entry["path"] for entry in self.list_objects(prefix))

    def folders(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Return each subfolder with the time of its newest object, by the clock of the store."""
        newest: dict[str, float] = {}
        for entry in self.list_objects(prefix):
            name = entry["path"].removeprefix(f"{prefix}/").partition("/")[0]
            newest[name] = max(newest.get(name, 0.0), entry["last_modified"].timestamp())
        return iter(newest.items())

    def list_objects(self, prefix: str) -> "Iterator[ObjectMeta]":
        """Yield the objects below a folder. Each request lists many objects."""
        with self.connect() as objects:
            self.check()
            for batch in obstore.list(objects, prefix):
                yield from batch

    def clear(self, prefix: str) -> None:
        """Remove the objects below a folder, up to 1,000 with each request."""
        keys = self.keys(prefix)
        while batch := list(islice(keys, 1000)):
            self.remove(batch)

    def sweep(self, older_than: float) -> int:  # noqa: ARG002 - as a place has it
        """Return 0, as leftovers are not visible. A lifecycle rule of the bucket must remove incomplete uploads."""
        return 0

    def _check_conditions(self) -> None:
        """Raise ``StorageError`` if the store silently ignores the condition that an object must be new."""
        with suppress(AlreadyExistsError):
            with self.convert_errors():
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            raise StorageError(NO_CONDITIONAL_WRITES, hint=_HINT)

    @contextmanager
    def convert_errors(self) -> Iterator[None]:
        """Convert library errors to ``StorageError``. The library's messages may contain keys and are dropped.

        After a long wait without a response, calls that follow within a few seconds fail at once.
        """
        if _get_first_pid() != os.getpid():
            raise RuntimeError("a bucket was used before this process was forked, so requests would never return")
        start_time = time.monotonic()
        if start_time < self._silent_until:
            raise StorageError(NOT_RESPONDING, hint=_HINT)
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError:
            raise _build_bucket_missing_error() from None
        except (exceptions.BaseError, ValueError) as error:
            message, end_time = _describe_error(error), time.monotonic()
            if message == NOT_RESPONDING and end_time > start_time + LONG_WAIT_SECONDS:
                self._silent_until = end_time + LONG_WAIT_SECONDS
            raise StorageError(message, hint=_HINT) from None

    @contextmanager
    def connect(self) -> Iterator[ObjectStore]:
        """Yield the claimed store, and convert errors as :meth:`convert_errors` does."""
        objects = self.objects
        with self.convert_errors():
            yield objects

    @contextmanager
    def _access_object(self, key: str) -> Iterator[ObjectStore]:
        """Yield the store for access to one object.

        Raises ``NotFoundError`` if the object is absent, and ``StorageError`` if the bucket is missing.
        """
        with self.connect() as objects:
            try:
                yield objects
            except FileNotFoundError:
                self.check()
                raise build_missing_error(key) from None

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._open_store()


class BucketFolder:
    """Objects below one folder of a bucket, by name. All failures of the bucket raise ``StorageError``."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder, self._supports_conditions = bucket, folder, True

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return the bytes and their ETag, or ``None`` if there is no object of this name."""
        with self._bucket.connect() as objects:
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

    def replace(self, name: str, data: bytes, etag: str) -> None:
        """Replace the object that has this ETag, or create it if the ETag is empty.

        Raises ``StorageError`` if the object changed in the meantime. For stores without conditional replacement, such
        as Swift, the ETag is compared just before the write.
        """
        if not etag:
            if not self.create(name, data):
                raise _build_conflict_error()
            return
        key = self._key(name)
        with self._bucket.connect() as objects:
            try:
                if self._supports_conditions:
                    obstore.put(objects, key, data, mode={"e_tag": etag}, use_multipart=False)
                    return
            except (exceptions.PreconditionError, FileNotFoundError):
                raise _build_conflict_error() from None
            except (exceptions.GenericError, exceptions.NotSupportedError) as error:
                if isinstance(error, exceptions.GenericError) and "NotImplemented" not in str(error):
                    raise
                self._supports_conditions = False
        if (self.get(name) or (b"", ""))[1] != etag:
            raise _build_conflict_error()
        self.put(name, data)

    def remove(self, name: str) -> None:
        """Remove the object of this name, if there is one."""
        with self._bucket.connect() as objects, suppress(FileNotFoundError):
            obstore.delete(objects, self._key(name))

    def folders(self) -> list[str]:
        """Return the top-level folders: the first segments of all names that have several segments."""
        with self._bucket.connect() as objects:
            prefixes = obstore.list_with_delimiter(objects, self._folder)["common_prefixes"]
        return [path.removeprefix(f"{self._folder}/") for path in prefixes]

    def names(self, prefix: str = "") -> Iterator[tuple[str, datetime]]:
        """Yield names (all, or those below a folder) with the time of modification by the clock of the store."""
        for entry in self._bucket.list_objects(self._key(prefix).rstrip("/")):
            yield entry["path"].removeprefix(f"{self._folder}/"), entry["last_modified"]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}".lstrip("/")


class _ObjectReader(io.RawIOBase):
    """Reader of an object that requests each chunk separately."""

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        self._bucket, self._key, self._size, self._position = bucket, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        data = self._bucket.read_range(self._key, self._position, end)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_store(url: str, keys: Path) -> ObjectStore:
    """Open the store at a URL. Access keys come from the file ``keys``, or else from the environment."""
    try:
        options_in_file = tomllib.loads(keys.read_text("utf-8-sig")) if keys.exists() else {}
        client = {
            name: os.environ[f"AWS_{name.upper()}"] for name in _CLIENT_OPTIONS if f"AWS_{name.upper()}" in os.environ
        }
        client |= {name: options_in_file.pop(name) for name in _CLIENT_OPTIONS & options_in_file.keys()}
        options: ClientConfig = {**_DEFAULT_CLIENT_OPTIONS, **client}  # type: ignore[typeddict-item]  # the library validates them
        return from_url(url, config=options_in_file, client_options=options, retry_config=_RETRY_OPTIONS)  # type: ignore[call-overload, no-any-return]  # the class depends on the URL
    except (exceptions.BaseError, ValueError, TypeError) as error:
        detail = str(error).partition("\n")[0].partition(" error: ")[2]
        raise StorageError(
            Sentence("The bucket cannot be used with the current configuration."), hint=f"{detail}. {_HINT}"
        ) from None


@cache
def _get_first_pid() -> int:
    """Return the PID of the first process that used a bucket. The library's threads exist only in that process."""
    return os.getpid()


def _read_owner(objects: ObjectStore) -> str | None:
    try:
        return bytes(obstore.get(objects, MARKER).bytes()).decode("ascii", "replace")
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise
        return None


def _build_bucket_missing_error() -> StorageError:
    return StorageError(BUCKET_MISSING, hint=_HINT)


def _describe_error(error: Exception) -> Sentence:
    """Describe an error from the response of the store."""
    text = str(error)
    code = match[1] if (match := _ERROR_CODE.search(text)) else type(error).__name__.removesuffix("Error")
    if _FULL_CODES.search(code) or " 507 " in text or " 413 " in text:
        return BUCKET_FULL
    if "169.254.169.254" in text or "metadata.google" in text:
        return Sentence("No access keys for the bucket were found.")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Sentence("The bucket rejected the access keys: %(code)s.", code=code)
    if isinstance(error, exceptions.NotSupportedError) or code == "NotImplemented":
        return NO_CONDITIONAL_WRITES
    if match is None or code in {"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"}:
        return NOT_RESPONDING
    return Sentence("The bucket rejected the request: %(code)s.", code=code)


def _build_conflict_error() -> StorageError:
    return StorageError(Sentence("Another process replaced the object in the meantime."), hint="Try again.")
