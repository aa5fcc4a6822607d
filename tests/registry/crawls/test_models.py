"""Test that watch names can be reused, and that deleted slices release their locks."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from exhibit.clock import now
from registry.models import CrawlSlice, FrontierUrl, HostLease, Picture, Watch
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from workers.tasks.sync_runner import SyncRunner


def test_watch_name_is_unique_until_removal(db: None) -> None:
    studio = owner("studio")
    Watch.objects.create(owner=studio, number=1, name="shop", sources=[])
    with pytest.raises(IntegrityError, match="watch_name"), transaction.atomic():
        Watch.objects.create(owner=studio, number=2, name="shop", sources=[])
    Watch.objects.update(removed_at=now())
    second_watch = Watch.objects.create(owner=studio, number=2, name="shop", sources=[])
    assert (str(second_watch), second_watch.interval_seconds, second_watch.paused) == ("shop", 86_400, False)
    Watch.objects.create(owner=owner("agency"), number=1, name="shop", sources=[])


def test_deleted_slice_releases_hosts_and_urls(db: None) -> None:
    crawl_slice, _ = claim_new_slice(owner("studio"))
    assert FrontierUrl.objects.get().slice == crawl_slice
    assert HostLease.objects.get().slice == crawl_slice
    CrawlSlice.objects.all().delete()
    assert (FrontierUrl.objects.get().slice, HostLease.objects.get().slice) == (None, None)


def test_sighting_protects_picture_and_is_deleted_with_crawl(inline: SyncRunner) -> None:
    crawl_slice, epoch = claim_new_slice(owner("studio"))
    [pk] = record_sightings(inline.services, crawl_slice, epoch, [photograph(1)])
    with pytest.raises(ProtectedError), transaction.atomic():
        Picture.objects.get(pk=pk).delete()
    crawl_slice.crawl.delete()
    assert Picture.objects.get(pk=pk).sightings.count() == 0
