"""Test the removal of expired bytes that matched nothing."""

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
def expiring(request: pytest.FixtureRequest, inline: SyncRunner) -> Services:
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


def test_of_bytes_that_expire_a_small_picture_stays_wherever_they_lie(expiring: Services) -> None:
    assert expire_bytes(expiring) == 40
    rows = list(Picture.objects.all())
    assert {row.bytes_state for row in rows} == {"expired"}
    assert set(expiring.blobs) == {row.thumbnail for row in rows}
    assert not {row.digest for row in rows} & set(expiring.blobs)


def test_stopped_in_the_middle_it_loses_no_small_picture_and_goes_on(expiring: Services) -> None:
    original_store = expiring.blobs
    assert isinstance(original_store, BlobStore)
    expiring.blobs = DyingBlobStore(original_store.place, original_store._folder)
    with pytest.raises(KeyboardInterrupt):
        expire_bytes(expiring)
    assert Picture.objects.filter(bytes_state="expired").count() == 0
    expiring.blobs = original_store
    assert expire_bytes(expiring) == 40
    assert set(original_store) == set(Picture.objects.values_list("thumbnail", flat=True))


class FullBlobStore(BlobStore):
    """A store on a full disk."""

    def put(self, data: bytes) -> Digest:
        """Fail."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{len(data)} bytes")


def test_where_not_even_small_pictures_fit_bytes_expire_still(expiring: Services) -> None:
    original_store = expiring.blobs
    assert isinstance(original_store, BlobStore)
    expiring.blobs = FullBlobStore(original_store.place, original_store._folder)
    assert expire_bytes(expiring) == 40
    assert list(original_store) == []
    assert set(Picture.objects.values_list("bytes_state", "thumbnail")) == {("expired", None)}
