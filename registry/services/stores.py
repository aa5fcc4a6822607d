"""Stores of exact bytes: in the data folder, in another folder, or in a bucket, according to one URL.

Next to them are rooms for waiting bytes, each with a number: folders of the data folder, or prefixes of the bucket.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from evidence.log.checkpoint_stores import OBJECT_NAME, BucketCheckpointStore, FileCheckpointStore
from exhibit.config.config import Config
from exhibit.config.secrets import BUCKET, INSTALLATION, installation, secret_path
from exhibit.digests import Digest
from exhibit.errors import StorageError
from exhibit.files.blobs import BlobStore, Folder, FolderBlobStore, Place, blob_store, is_missing
from exhibit.files.durable import write_once
from exhibit.ports import HeadStore
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from exhibit.files.bucket import Bucket, NamedObjects

BLOBS, WITHHELD = "blobs", "withheld"
"""Names of the stores of available bytes, and of those that a purge has withheld: kept, but handed to nobody."""


class NumberedStores:
    """Numbered folders in which bytes wait until a process on any machine takes them."""

    def __init__(self, location: Place, folder: str = "") -> None:
        self._location, self._folder = location, folder

    def get_store(self, number: int) -> BlobStore:
        """Return the store of one room, which exists while it is not empty."""
        return BlobStore(self._location, self._store_path(number))

    def iter_idle(self, seconds: float) -> Iterator[int]:
        """Yield the numbers of rooms unchanged for this number of seconds."""
        limit = time.time() - seconds
        for name, moment in self._location.folders(self._folder):
            if name.isdigit() and moment < limit:
                yield int(name)

    def clear(self, number: int) -> None:
        """Delete a room with all its contents, as far as possible."""
        self._location.clear(self._store_path(number))

    def _store_path(self, number: int) -> str:
        return f"{self._folder}/{number}".strip("/")


def store_at(config: Config, url: str, name: str = BLOBS) -> BlobStore:
    """Return the store at a URL.

    Raises:
        StorageError: The bucket's optional component is not installed, or the place is another installation's.
    """
    if not url:
        return blob_store(config.data_dir) if name == BLOBS else FolderBlobStore(config.data_dir / name)
    if (location := folder_of(url)) is not None:
        _check_folder(config, url, location)
        return FolderBlobStore(location / name, config.data_dir / f"{name}-{_key(url)}.made")
    return BlobStore(_bucket(config, url, installation(config)), name)


def bucket_of(config: Config) -> "Bucket | None":
    """Return the configured bucket, which all machines share; ``None`` without one."""
    if not config.blobs_url or folder_of(config.blobs_url) is not None:
        return None
    return _bucket(config, config.blobs_url, installation(config))


def get_numbered_stores(config: Config, name: str) -> NumberedStores:
    """Return the rooms for bytes that any machine may take: next to the exact bytes, or in the data folder."""
    if (bucket := bucket_of(config)) is not None:
        return NumberedStores(bucket, name)
    if (location := folder_of(config.blobs_url)) is not None:
        _check_folder(config, config.blobs_url, location)
        return NumberedStores(Folder(location / name))
    return NumberedStores(Folder(config.data_dir / name))


def objects_of(config: Config, folder: str = "") -> "NamedObjects | None":
    """Return access to named objects of the bucket, below a folder; ``None`` without a bucket."""
    if (bucket := bucket_of(config)) is None:
        return None
    from exhibit.files.bucket import NamedObjects

    return NamedObjects(bucket, folder)


class SharedObjects:
    """Data that machines share in the bucket and can generate again (port ``Shared`` of measured features)."""

    def __init__(self, objects: "NamedObjects") -> None:
        self._objects = objects

    def get(self, name: str) -> bytes | None:
        """Return the data with this name; ``None`` if there is none or the bucket does not respond."""
        with suppress(StorageError):
            return (self._objects.get(name) or (None, ""))[0]
        return None

    def put(self, name: str, data: bytes) -> None:
        """Store data, if the bucket accepts it."""
        with suppress(StorageError):
            self._objects.put(name, data)

    def remove(self, end: str) -> None:
        """Remove what a purge affects; raises ``StorageError`` on failure."""
        for folder in self._objects.folders():
            self._objects.remove(f"{folder}/{end}")

    def clear(self, folder: str) -> None:
        """Delete a folder, as far as possible."""
        with suppress(StorageError):
            for name, _ in list(self._objects.names(folder)):
                self._objects.remove(name)


def get_checkpoint_store(config: Config, objects: "NamedObjects | None") -> HeadStore:
    """Return the store of the log's last signed checkpoint: in the bucket, or in the data folder."""
    path = config.data_dir / OBJECT_NAME
    return FileCheckpointStore(path) if objects is None else BucketCheckpointStore(objects, path)


def check_store(config: Config) -> None:
    """Check the store of the exact bytes without changing anything; raises ``StorageError`` as using it would."""
    url, has_identity = config.blobs_url, secret_path(config, INSTALLATION).exists()
    location = folder_of(url)
    if url and location is None:
        _bucket(config, url, installation(config) if has_identity else "").examine()
        return
    marker = _marker_path(config, url)
    if location is not None and marker.exists() and has_identity:
        _check_folder(config, url, location)
    folder = config.data_dir / BLOBS if location is None else location / BLOBS
    if is_missing(folder, marker):
        raise _missing_error(folder)


def folder_of(url: str) -> Path | None:
    """Return the folder that a URL names; ``None`` for a bucket, or without a URL."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _check_folder(config: Config, url: str, location: Path) -> None:
    """Raise ``StorageError`` if a separate folder is missing, or belongs to another installation."""
    marker, claimed = location / "installation", _marker_path(config, url)
    if not claimed.exists():
        location.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_once(marker, installation(config).encode())
    try:
        owner = marker.read_text("ascii")
    except FileNotFoundError:
        raise _missing_error(location) from None
    if owner != installation(config):
        hint = "Name another folder in EXHIBIT_BLOBS_URL."
        raise StorageError(Sentence("%(place)s belongs to another Exhibit installation.", place=location), hint=hint)


def _marker_path(config: Config, url: str) -> Path:
    """Return the file in the data folder that records that the folder of the exact bytes was created."""
    return config.data_dir / (f"{BLOBS}-{_key(url)}.made" if url else f"{BLOBS}.made")


def _missing_error(location: Path) -> StorageError:
    hint = Sentence("Mount its disk, or move the folder back to where it was.")
    return StorageError(
        Sentence("%(place)s does not exist, or is not the same folder as before.", place=location), hint=hint
    )


def _bucket(config: Config, url: str, owner: str) -> "Bucket":
    try:
        from exhibit.files.bucket import Bucket, open_store
    except ImportError as error:
        hint = "Install it: python3 tools/bootstrap.py runtime bucket"
        raise StorageError(
            Sentence("Storing bytes in a bucket requires the optional component “bucket”."), hint=hint
        ) from error
    keys = secret_path(config, BUCKET)
    return Bucket(partial(open_store, url, keys), owner, config.data_dir / f"bucket-{_key(url)}.made")


def _key(url: str) -> str:
    return Digest.of(url.encode()).hex[:12]
