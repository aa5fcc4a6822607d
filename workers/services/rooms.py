"""Rooms in which bytes wait, each by a number: folders of the data folder, or prefixes of the bucket."""

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.digests import Digest
from exhibit.files.blobs import FolderBlobStore
from exhibit.ports import BlobStore

if TYPE_CHECKING:
    from exhibit.files.bucket import Bucket


class Rooms(ABC):
    """Where bytes wait until somebody on any machine takes them."""

    @abstractmethod
    def room(self, number: int) -> BlobStore:
        """One of them, made when something is put there."""

    @abstractmethod
    def idle(self, seconds: float) -> Iterator[int]:
        """Those into which nothing came for so long."""

    def forget(self, number: int, digest: Digest) -> None:
        """Remove bytes from one, if they wait there."""
        self.room(number).remove(digest)

    def clear(self, number: int) -> None:
        """Remove one with all that is in it, as far as it can be."""
        for digest in list(room := self.room(number)):
            room.remove(digest)


class FolderRooms(Rooms):
    """Rooms in a folder of this machine, or one that all machines share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def room(self, number: int) -> FolderBlobStore:
        """A folder, made at once."""
        return FolderBlobStore(self.folder / str(number))

    def idle(self, seconds: float) -> Iterator[int]:
        """By when a name came into the folder."""
        limit = time.time() - seconds
        return (int(path.name) for path in self.folder.glob("[0-9]*") if path.stat().st_mtime < limit)

    def forget(self, number: int, digest: Digest) -> None:
        """Without making the folder."""
        if (self.folder / str(number)).is_dir():
            self.room(number).remove(digest)

    def clear(self, number: int) -> None:
        """At once."""
        shutil.rmtree(self.folder / str(number), ignore_errors=True)


class BucketRooms(Rooms):
    """Rooms in a bucket, which are there while something is in them."""

    def __init__(self, bucket: "Bucket", name: str) -> None:
        from exhibit.files.bucket import BucketBlobStore
        from exhibit.files.objects import NamedObjects

        self._name, self._store, self._objects = name, partial(BucketBlobStore, bucket), partial(NamedObjects, bucket)

    def room(self, number: int) -> BlobStore:
        """A prefix."""
        return self._store(f"{self._name}/{number}")

    def idle(self, seconds: float) -> Iterator[int]:
        """By when the last object came, by the store's clock."""
        newest: dict[int, float] = {}
        for name, moment in self._objects(self._name).names():
            number = int(name.partition("/")[0])
            newest[number] = max(newest.get(number, 0.0), moment.timestamp())
        limit = time.time() - seconds
        return (number for number, moment in newest.items() if moment < limit)
