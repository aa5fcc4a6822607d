"""Indexes whose files lie in a bucket, as several machines see them: each has a folder of its own."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import obstore

from exhibit.files.blobs import BlobStore
from exhibit.files.bucket import Bucket
from exhibit.types import Space
from registry.vectors.fingerprints import Collection
from tests.assets.swift_server import S3
from workers.services.published import PublishedPlace
from workers.services.stores import store_at
from workers.services.wiring import Services

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Cloud:
    """A bucket and a database that machines share."""

    bucket: Bucket

    def store(self, space: Space, collection: Collection = Collection.WORKS) -> BlobStore:
        """The stored files of an index."""
        return BlobStore(self.bucket, f"indexes/{collection}-{space.name}")

    def place(
        self, folder: Path, space: Space, collection: Collection = Collection.WORKS, room: int | None = None
    ) -> PublishedPlace:
        """The index as the machine of a folder has it."""
        copies = folder / f"{collection}-{space.name}"
        return PublishedPlace(self.store(space, collection), copies, collection, space, room)


Machine = Callable[[str], Services]
"""A machine of an installation by its name."""


def machines_of(installation: Services, s3: S3, folder: Path) -> Machine:
    """Machines that share no folder: its bytes lie in a bucket, and what is secret is known to all of them."""
    data = installation.config.data_dir
    config = replace(installation.config, blobs_url=s3.url_for(data))
    shared = Services(config)
    for digest in installation.blobs:
        shared.blobs.put(installation.blobs.get(digest))

    def named(name: str) -> Services:
        shutil.copytree(data / "secrets", folder / name / "secrets", dirs_exist_ok=True)
        return Services(replace(config, data_dir=folder / name))

    return named


def damage_stored(services: Services, collection: Collection) -> None:
    """Put other bytes in the place of every file of the indexes of a collection in the bucket."""
    store = store_at(services.config, services.config.blobs_url)
    assert isinstance(store.place, Bucket)
    objects = store.place.objects
    for some in obstore.list(objects, "indexes"):
        for one in some:
            if f"indexes/{collection}-" in one["path"]:
                obstore.put(objects, one["path"], b"damaged")
