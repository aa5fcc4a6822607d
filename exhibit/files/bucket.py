"""A place in an object store: S3 and what speaks it, Google, Azure.

Below its URL lie exact bytes (``blobs/ab/cd/abcd…``, as in a folder), objects with names of their own, and the object
``installation``, which says whose it is. An object appears whole or not at all.
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
"""What is told to the HTTP client: of what the file says, or the environment, such as ``AWS_ALLOW_HTTP``."""
_RETRY: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=15)}
SILENT = Sentence("The bucket doesn't answer.")
UNCONDITIONAL = Sentence("The store of the bucket knows no conditional writes.")
OF_ANOTHER = Sentence("The bucket belongs to another installation of Exhibit.")
GONE = Sentence("The bucket isn't there, or isn't the one that it was.")
FULL = Sentence("The bucket is full, or its quota is used up.")
LONG = 3.0
"""Seconds from which on an answer that doesn't come was waited for long."""
_SEE = "See docs/machines.md, bytes in a bucket."


class Bucket:
    """A :class:`Place` in an object store, opened when it is first asked, after any fork: it is one installation's."""

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
                OF_ANOTHER,
                hint=f"Name another bucket or prefix. If that one is gone for good, remove the object {MARKER} there.",
            )
        return owner is not None

    def check(self) -> None:
        """Raise ``StorageError`` when the bucket isn't there any more, for then nothing is missing in it."""
        if not self.examine():
            raise _gone()

    def read(self, key: str) -> bytes:
        """At once."""
        with self._asked_for(key) as objects:
            return bytes(obstore.get(objects, key).bytes())

    def open(self, key: str) -> BinaryIO:
        """Asked for piece by piece: a slow reader loses no connection."""
        return io.BufferedReader(_Pieces(self, key, self.size(key)), PIECE)

    def size(self, key: str) -> int:
        """By the object's head."""
        with self._asked_for(key) as objects:
            return obstore.head(objects, key)["size"]

    def create(self, key: str, data: bytes) -> bool:
        """On one condition, which the store looks at: of two who write, one is told that there are some."""
        try:
            with self.asked() as objects:
                obstore.put(objects, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def write(self, key: str, data: bytes | Iterator[bytes]) -> None:
        """Large files in several pieces, four of them beside one another."""
        several = not isinstance(data, bytes)
        with self.asked() as objects:
            obstore.put(objects, key, data, use_multipart=several, chunk_size=PIECE, max_concurrency=4)

    def piece(self, key: str, start: int, end: int) -> bytes:
        """Some of the bytes of a key, fewer where they end before."""
        with self._asked_for(key) as objects:
            try:
                return bytes(obstore.get_range(objects, key, start=start, end=end)) if end > start else b""
            except exceptions.GenericError as error:
                if "InvalidRange" not in str(error):
                    raise
                return b""

    def move(self, key: str, to: Place, new: str) -> None:
        """By the store itself."""
        assert to is self or isinstance(to, Bucket)
        with self._asked_for(key) as objects:
            obstore.rename(objects, key, new)

    def remove(self, keys: Sequence[str]) -> None:
        """Many with one request."""
        with self.asked() as objects:
            try:
                obstore.delete(objects, keys)
            except FileNotFoundError:  # a store that tells, and leaves the rest
                for key in keys:
                    with suppress(FileNotFoundError):
                        obstore.delete(objects, key)

    def keys(self, below: str) -> Iterator[str]:
        """Many with one request."""
        return (one["path"] for one in self.listed(below))

    def folders(self, below: str) -> Iterator[tuple[str, float]]:
        """By the newest object in each, and the store's clock."""
        newest: dict[str, float] = {}
        for one in self.listed(below):
            name = one["path"].removeprefix(f"{below}/").partition("/")[0]
            newest[name] = max(newest.get(name, 0.0), one["last_modified"].timestamp())
        return iter(newest.items())

    def listed(self, below: str) -> "Iterator[ObjectMeta]":
        """The objects below a folder, many with one request."""
        with self.asked() as objects:
            self.check()
            for some in obstore.list(objects, below):
                yield from some

    def clear(self, below: str) -> None:
        """Some hundred with one request."""
        keys = self.keys(below)
        while some := list(islice(keys, 1000)):
            self.remove(some)

    def sweep(self, older_than: float) -> int:  # noqa: ARG002 - as a place has it
        """Nothing is left behind that can be seen; parts of broken uploads are for a rule of the bucket to remove."""
        return 0

    def _check_conditions(self) -> None:
        """Raise ``StorageError`` where a store overwrites what is to be new, as some do without a word."""
        with suppress(AlreadyExistsError):
            with self.told():
                obstore.put(self._objects, MARKER, self._owner.encode(), mode="create", use_multipart=False)
            raise StorageError(UNCONDITIONAL, hint=_SEE)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say what is amiss in a sentence, without what the library says: an address may hold a key.

        Whoever comes just after one that waited long for no answer doesn't wait as long again.
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

    @contextmanager
    def _asked_for(self, key: str) -> Iterator[ObjectStore]:
        """Asking for one object; raises ``NotFoundError`` when it isn't there, while the bucket is."""
        with self.asked() as objects:
            try:
                yield objects
            except FileNotFoundError:
                self.check()
                raise absent(key) from None

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._opened()


class NamedObjects:
    """What lies below one folder of a bucket, by name. Whatever the bucket is to blame for is a ``StorageError``."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder, self._conditional = bucket, folder, True

    def get(self, name: str) -> tuple[bytes, str] | None:
        """The bytes, and the mark (ETag) of this state of them; ``None`` when nothing has the name."""
        with self._bucket.asked() as objects:
            try:
                found = obstore.get(objects, self._key(name))
                return bytes(found.bytes()), found.meta["e_tag"] or ""
            except FileNotFoundError:
                pass
        self._bucket.check()
        return None

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, whatever had it."""
        self._bucket.write(self._key(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Keep bytes under a name that nothing has; false when something has it."""
        return self._bucket.create(self._key(name), data)

    def replace(self, name: str, data: bytes, mark: str) -> None:
        """Put bytes in the place of those with a mark, or of none; raises ``StorageError`` when others came meanwhile.

        A store that replaces under no condition, such as Swift, is asked for the mark just before.
        """
        if not mark:
            if not self.create(name, data):
                raise _changed()
            return
        key = self._key(name)
        with self._bucket.asked() as objects:
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
        """Let nothing have the name."""
        with self._bucket.asked() as objects, suppress(FileNotFoundError):
            obstore.delete(objects, self._key(name))

    def folders(self) -> list[str]:
        """The first part of all names of several parts."""
        with self._bucket.asked() as objects:
            found = obstore.list_with_delimiter(objects, self._folder)["common_prefixes"]
        return [path.removeprefix(f"{self._folder}/") for path in found]

    def names(self, below: str = "") -> Iterator[tuple[str, datetime]]:
        """All names, or those below one, and since when each has had its bytes, by the store's clock."""
        for one in self._bucket.listed(self._key(below).rstrip("/")):
            yield one["path"].removeprefix(f"{self._folder}/"), one["last_modified"]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}".lstrip("/")


class _Pieces(io.RawIOBase):
    """The bytes of an object, each piece asked for by itself."""

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
    """What is asked at a URL; keys are those of the environment and, before them, of a file of the data folder."""
    try:
        given = tomllib.loads(keys.read_text("utf-8-sig")) if keys.exists() else {}
        client = {name: os.environ[f"AWS_{name.upper()}"] for name in _OF_CLIENT if f"AWS_{name.upper()}" in os.environ}
        client |= {name: given.pop(name) for name in _OF_CLIENT & given.keys()}
        options: ClientConfig = {**_CLIENT, **client}  # type: ignore[typeddict-item]  # the library looks at them
        return from_url(url, config=given, client_options=options, retry_config=_RETRY)  # type: ignore[call-overload, no-any-return]  # of whichever kind the URL says
    except (exceptions.BaseError, ValueError, TypeError) as error:
        said = str(error).partition("\n")[0].partition(" error: ")[2]
        raise StorageError(Sentence("The bucket can't be used as it is configured."), hint=f"{said}. {_SEE}") from None


@cache
def _used_by() -> int:
    """The process that asked a bucket first: the library's threads are its alone."""
    return os.getpid()


def _owner_of(objects: ObjectStore) -> str | None:
    try:
        return bytes(obstore.get(objects, MARKER).bytes()).decode("ascii", "replace")
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise
        return None


def _gone() -> StorageError:
    return StorageError(GONE, hint=_SEE)


def _said(error: Exception) -> Sentence:
    """What is amiss, by what the store's answer says."""
    text = str(error)
    code = found[1] if (found := _CODE.search(text)) else type(error).__name__.removesuffix("Error")
    if _FULL.search(code) or " 507 " in text or " 413 " in text:
        return FULL
    if "169.254.169.254" in text or "metadata.google" in text:
        return Sentence("There are no keys for the bucket.")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Sentence("The bucket refuses these keys: %(code)s.", code=code)
    if isinstance(error, exceptions.NotSupportedError) or code == "NotImplemented":
        return UNCONDITIONAL
    if found is None or code in {"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"}:
        return SILENT
    return Sentence("The bucket refuses: %(code)s.", code=code)


def _changed() -> StorageError:
    return StorageError(Sentence("The object was replaced by another process meanwhile."), hint="Try again.")
