"""Test that blocked content is not crawled, registered, captured or handed out."""

import pytest

from exhibit.digests import Digest
from exhibit.errors import RefusedError
from registry.models import BlockedDigest, Capture, Picture, Refusal, Sighting
from tests.assets.rows import owner, photograph, register
from tests.assets.shop import (
    COPY,
    EMBEDDED_PICTURE,
    OTHER,
    Shop,
    create_watch,
    find_files_with,
    is_stored,
    serve_embedded_picture,
)
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_capture_with_blocked_bytes_stores_no_blocked_file(services: SyncRunner, shop: Shop) -> None:
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    create_watch(studio, shop.url())
    services.run_until(Capture.objects.exists)
    bad = photograph(66)
    BlockedDigest.objects.create(digest=Digest.from_bytes(bad), reason="Unlawful.")
    shop.image(COPY, bad)
    services.run_until_idle()
    capture = Capture.objects.get()
    assert capture.outcome == "image-changed"
    assert capture.sentence.endswith(
        "A file of this page is on the operator's blocklist. Files that contain or show it were not stored."
    )
    assert {file["role"] for file in capture.stored_files} == {"network", "page"}
    assert not any(bad in path.read_bytes() for path in services.services.config.data_dir.rglob("*") if path.is_file())


@pytest.mark.long
def test_capture_containing_other_blocked_picture_is_not_stored(services: SyncRunner, shop: Shop) -> None:
    serve_embedded_picture(shop)
    BlockedDigest.objects.create(digest=Digest.from_bytes(EMBEDDED_PICTURE), reason="Unlawful.")
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    create_watch(studio, shop.url())
    services.run_until_idle()
    assert {file["role"] for file in Capture.objects.get().stored_files} == {"network", "captured-image"}
    assert not find_files_with(services, EMBEDDED_PICTURE)


def test_blocked_bytes_are_neither_crawled_nor_registered(services: SyncRunner, shop: Shop) -> None:
    studio = owner("studio")
    for data in (photograph(50), photograph(2)):
        BlockedDigest.objects.create(digest=Digest.from_bytes(data), reason="Unlawful.")
    with pytest.raises(RefusedError, match="blocklist"):
        register(services.services, studio, photograph(2))
    create_watch(studio, shop.url())
    services.run_until_idle()
    assert [row.image_url for row in Sighting.objects.all()] == [shop.url(COPY)]
    assert [(row.url, row.reason) for row in Refusal.objects.all()] == [(shop.url(OTHER), "blocked")]
    assert not is_stored(services, photograph(50))
    assert not Picture.objects.filter(digest=Digest.from_bytes(photograph(50))).exists()
