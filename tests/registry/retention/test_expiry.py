"""Test that expired bytes of unmatched images are removed."""

import errno
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.files.blobs import BlobStore
from registry.models import Picture, StepState
from registry.retention.expiry import expire_bytes
from registry.services.services import Services
from tests.assets.badfiles import encode
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def expiring_services(request: pytest.FixtureRequest, inline: SyncRunner) -> Services:
    """Forty images that matched nothing, seen months ago."""
    config = inline.services.config
    if request.param == "bucket":
        config = replace(config, blobs_url=request.getfixturevalue("s3").url_for(config.data_dir))
    services = Services(config)
    months_ago = now() - timedelta(days=90)
    for number in range(40):
        data = encode(Image.new("RGB", (64, 64), (number, 0, 0)), "PNG")
        digest = services.blobs.put(data)
        Picture.objects.create(digest=digest, size=len(data), first_seen=months_ago, state=StepState.DONE)
    return services


class DyingBlobStore(BlobStore):
    """A store whose process is killed after some bytes have been removed."""

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove some of them, then die."""
        super().remove_all(list(digests)[:5])
        raise KeyboardInterrupt


def test_expired_bytes_are_replaced_by_thumbnails(expiring_services: Services) -> None:
    assert expire_bytes(expiring_services) == 40
    rows = list(Picture.objects.all())
    assert {row.bytes_state for row in rows} == {"expired"}
    assert set(expiring_services.blobs) == {row.thumbnail for row in rows}
    assert not {row.digest for row in rows} & set(expiring_services.blobs)


def test_killed_expiry_loses_no_bytes_and_resumes(expiring_services: Services) -> None:
    original_store = expiring_services.blobs
    assert isinstance(original_store, BlobStore)
    expiring_services.blobs = DyingBlobStore(original_store.medium, original_store._folder)
    with pytest.raises(KeyboardInterrupt):
        expire_bytes(expiring_services)
    assert Picture.objects.filter(bytes_state="expired").count() == 0
    expiring_services.blobs = original_store
    assert expire_bytes(expiring_services) == 40
    assert set(original_store) == set(Picture.objects.values_list("thumbnail", flat=True))


class FullBlobStore(BlobStore):
    """A store on a full disk."""

    def put(self, data: bytes) -> Digest:
        """Fail."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{len(data)} bytes")


def test_bytes_expire_without_thumbnail_when_the_disk_is_full(expiring_services: Services) -> None:
    original_store = expiring_services.blobs
    assert isinstance(original_store, BlobStore)
    expiring_services.blobs = FullBlobStore(original_store.medium, original_store._folder)
    assert expire_bytes(expiring_services) == 40
    assert list(original_store) == []
    assert set(Picture.objects.values_list("bytes_state", "thumbnail")) == {("expired", None)}
