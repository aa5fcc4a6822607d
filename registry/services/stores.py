"""Stores of exact bytes: in the data folder, in another folder, or in a bucket, according to one URL.

Pending bytes are in numbered stores next to them: folders of the data folder, or prefixes of the bucket.
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
from exhibit.config.secrets import BUCKET, INSTALLATION, get_secret_path, load_installation_id
from exhibit.digests import Digest
from exhibit.errors import StorageError
from exhibit.files.blobs import BlobStore, FolderBlobStore, FolderMedium, StorageMedium, get_blob_store, is_missing
from exhibit.files.durable import write_once
from exhibit.ports import CheckpointStore
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from exhibit.files.bucket import Bucket, BucketFolder

BLOBS, WITHHELD = "blobs", "withheld"
"""Names of the stores of available bytes, and of bytes that a purge has withheld: retained, but not available."""


class NumberedStores:
    """Numbered stores with bytes that are pending until a process on any machine handles them."""

    def __init__(self, location: StorageMedium, folder: str = "") -> None:
        self._location, self._folder = location, folder

    def get_store(self, number: int) -> BlobStore:
        """Return the store with a number. Its folder exists only while it is not empty."""
        return BlobStore(self._location, self._get_store_path(number))

    def iterate_idle(self, seconds: float) -> Iterator[int]:
        """Yield the numbers of stores that have not changed for this number of seconds."""
        limit = time.time() - seconds
        for name, changed_at in self._location.folders(self._folder):
            if name.isdigit() and changed_at < limit:
                yield int(name)

    def clear(self, number: int) -> None:
        """Delete a store with all its contents, as far as possible."""
        self._location.clear(self._get_store_path(number))

    def _get_store_path(self, number: int) -> str:
        return f"{self._folder}/{number}".strip("/")


def open_blob_store(config: Config, url: str, name: str = BLOBS) -> BlobStore:
    """Return the store at a URL.

    Raises:
        StorageError: The bucket's optional component is not installed, or the URL belongs to another installation.
    """
    if not url:
        return get_blob_store(config.data_dir) if name == BLOBS else FolderBlobStore(config.data_dir / name)
    if (location := parse_folder_url(url)) is not None:
        _check_folder(config, url, location)
        return FolderBlobStore(location / name, config.data_dir / f"{name}-{_compute_url_key(url)}.made")
    return BlobStore(_open_bucket(config, url, load_installation_id(config)), name)


def get_bucket(config: Config) -> "Bucket | None":
    """Return the configured bucket, which all machines share; ``None`` without one."""
    if not config.blobs_url or parse_folder_url(config.blobs_url) is not None:
        return None
    return _open_bucket(config, config.blobs_url, load_installation_id(config))


def get_numbered_stores(config: Config, name: str) -> NumberedStores:
    """Return numbered stores that all machines can access: next to the exact bytes, or in the data folder."""
    if (bucket := get_bucket(config)) is not None:
        return NumberedStores(bucket, name)
    if (location := parse_folder_url(config.blobs_url)) is not None:
        _check_folder(config, config.blobs_url, location)
        return NumberedStores(FolderMedium(location / name))
    return NumberedStores(FolderMedium(config.data_dir / name))


def get_named_objects(config: Config, folder: str = "") -> "BucketFolder | None":
    """Return access to named objects of the bucket, below a folder; ``None`` without a bucket."""
    if (bucket := get_bucket(config)) is None:
        return None
    from exhibit.files.bucket import BucketFolder

    return BucketFolder(bucket, folder)


class SharedObjects:
    """Data that machines share in the bucket and can regenerate (port ``Shared`` of the feature cache)."""

    def __init__(self, objects: "BucketFolder") -> None:
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
        """Remove the objects that a purge affects, given the end of their names. Raise ``StorageError`` on failure."""
        for folder in self._objects.folders():
            self._objects.remove(f"{folder}/{end}")

    def clear(self, folder: str) -> None:
        """Delete a folder, as far as possible."""
        with suppress(StorageError):
            for name, _ in list(self._objects.names(folder)):
                self._objects.remove(name)


def get_checkpoint_store(config: Config, objects: "BucketFolder | None") -> CheckpointStore:
    """Return the store of the log's last signed checkpoint: in the bucket, or in the data folder."""
    path = config.data_dir / OBJECT_NAME
    return FileCheckpointStore(path) if objects is None else BucketCheckpointStore(objects, path)


def check_store(config: Config) -> None:
    """Check the store of the exact bytes without changing anything. Raise ``StorageError`` if it is not usable."""
    url, has_identity = config.blobs_url, get_secret_path(config, INSTALLATION).exists()
    location = parse_folder_url(url)
    if url and location is None:
        _open_bucket(config, url, load_installation_id(config) if has_identity else "").is_claimed()
        return
    marker = _get_marker_path(config, url)
    if location is not None and marker.exists() and has_identity:
        _check_folder(config, url, location)
    folder = config.data_dir / BLOBS if location is None else location / BLOBS
    if is_missing(folder, marker):
        raise _make_missing_error(folder)


def parse_folder_url(url: str) -> Path | None:
    """Return the folder that a URL names; ``None`` for a bucket, or without a URL."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _check_folder(config: Config, url: str, location: Path) -> None:
    """Raise ``StorageError`` if a separate folder is missing, or belongs to another installation."""
    marker, claim_marker = location / "installation", _get_marker_path(config, url)
    if not claim_marker.exists():
        location.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_once(marker, load_installation_id(config).encode())
    try:
        installation_name = marker.read_text("ascii")
    except FileNotFoundError:
        raise _make_missing_error(location) from None
    if installation_name != load_installation_id(config):
        hint = "Set EXHIBIT_BLOBS_URL to another folder."
        raise StorageError(Sentence("%(place)s belongs to another Exhibit installation.", place=location), hint=hint)


def _get_marker_path(config: Config, url: str) -> Path:
    """Return the file in the data folder that records that the folder of the exact bytes was created."""
    return config.data_dir / (f"{BLOBS}-{_compute_url_key(url)}.made" if url else f"{BLOBS}.made")


def _make_missing_error(location: Path) -> StorageError:
    hint = Sentence("Mount its disk, or move the folder back to where it was.")
    return StorageError(
        Sentence("%(place)s does not exist, or is not the same folder as before.", place=location), hint=hint
    )


def _open_bucket(config: Config, url: str, owner: str) -> "Bucket":
    try:
        from exhibit.files.bucket import Bucket, open_store
    except ImportError as error:
        hint = "Install the component: python3 tools/bootstrap.py runtime bucket"
        raise StorageError(
            Sentence("Storing bytes in a bucket requires the optional component “bucket”."), hint=hint
        ) from error
    keys_path = get_secret_path(config, BUCKET)
    return Bucket(partial(open_store, url, keys_path), owner, config.data_dir / f"bucket-{_compute_url_key(url)}.made")


def _compute_url_key(url: str) -> str:
    return Digest.from_bytes(url.encode()).hex[:12]
