"""Test what is stored and for how long, and where crawling stops."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from PIL import Image

from crawler.formats.job import Job
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.files.blobs import FolderBlobStore, get_blob_store
from exhibit.pictures.decode import helper
from registry.cases.decisions import confirm_case
from registry.crawls import planning, run_slice as crawl
from registry.crawls.budgets import get_remaining_budget
from registry.crawls.crawler_process import crawl_child
from registry.models import (
    Bundle,
    Case,
    Crawl,
    CrawlSlice,
    Owner,
    Picture,
    Report,
    Sighting,
    StepState,
    Watch,
)
from registry.reports.requests import request_report
from registry.retention.expiry import expire_bytes
from registry.services.disk import is_disk_full
from registry.works.registration import remove_work
from tests.assets.command_line import CommandLine
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import COPY, OTHER, Shop, change_settings, create_watch, is_stored, run_now
from tests.assets.site import Answer, Site
from workers.operations.cleanup import remove_leftovers, remove_local_leftovers
from workers.tasks.sync_runner import SyncRunner

MONTHS = timedelta(days=90)


def move_into_past() -> None:
    """Date everything seen months back."""
    Picture.objects.update(first_seen=F("first_seen") - MONTHS)
    Sighting.objects.update(first_seen=F("first_seen") - MONTHS, last_seen=F("last_seen") - MONTHS)


def test_unmatched_bytes_expire_and_matched_bytes_stay(services: SyncRunner, crawled: Owner) -> None:
    assert expire_bytes(services.services) == 0
    move_into_past()
    assert expire_bytes(services.services) == 1
    assert not is_stored(services, photograph(50))
    assert is_stored(services, photograph(1))
    assert is_stored(services, recompress(photograph(1)))
    row = Picture.objects.get(digest=Digest.from_bytes(photograph(50)))
    assert row.bytes_state == "expired"
    assert row.thumbnail is not None
    assert row.thumbnail in services.services.blobs
    assert row.fingerprints.exists()
    assert expire_bytes(services.services) == 0


@pytest.mark.long
def test_machine_faults_delay_expiry_of_affected_bytes_only(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = get_blob_store(inline.services.config.data_dir)
    digests = [blobs.put(photograph(seed)) for seed in (50, 51, 52)]
    for digest in digests:
        Picture.objects.create(digest=digest, size=1, first_seen=now(), state=StepState.DONE)
    move_into_past()
    unreadable = blobs.get_path(digests[0])
    unreadable.unlink()
    unreadable.mkdir()
    with monkeypatch.context() as patched:
        helper.close()
        patched.setattr("exhibit.helper.sys.executable", "/nowhere")
        assert expire_bytes(inline.services) == 0
    assert "3 pictures" in caplog.text
    assert is_stored(inline, photograph(51))
    assert expire_bytes(inline.services) == 2
    unreadable.rmdir()
    blobs.put(photograph(50))
    assert expire_bytes(inline.services) == 1
    assert set(Picture.objects.values_list("bytes_state", flat=True)) == {"expired"}
    assert all(digest.thumbnail in blobs for digest in Picture.objects.all())


def test_free_space_is_reported_without_recreating_a_moved_data_folder(inline: SyncRunner) -> None:
    inline.services.config.data_dir.rename(inline.services.config.data_dir.with_name("moved"))
    assert not is_disk_full(inline.services)
    assert not inline.services.config.data_dir.exists()


@pytest.mark.long
def test_expired_bytes_are_fetched_again_and_matched_with_newer_works(
    services: SyncRunner, crawled: Owner, shop: Shop
) -> None:
    move_into_past()
    expire_bytes(services.services)
    register(services.services, crawled, recompress(photograph(50)), "A later work")
    services.run_until_idle()
    run_now(crawled.watches.get(name="shop"))
    services.run_until_idle()
    again = Sighting.objects.filter(image_url=shop.url(OTHER)).order_by("pk")
    assert [(sighting.found_in, sighting.received_bytes) for sighting in again] == [
        ("img", True),
        ("seen-before", True),
        ("img", False),
    ]
    assert Case.objects.filter(work__title="A later work").exists()
    assert expire_bytes(services.services) == 0
    assert is_stored(services, photograph(50))


@pytest.mark.long
def test_picture_seen_again_recently_does_not_expire(services: SyncRunner, crawled: Owner) -> None:
    Picture.objects.update(first_seen=F("first_seen") - MONTHS)
    assert expire_bytes(services.services) == 0


@pytest.mark.long
def test_files_of_killed_processes_are_swept_and_live_files_are_kept(services: SyncRunner, crawled: Owner) -> None:
    over, under_way = CrawlSlice.objects.get(), 10**6
    spool = services.services.config.data_dir / "spool"
    for name in (f"slice-{over.pk}-1", f"slice-{under_way}-1"):
        (spool / name / "bytes").mkdir(parents=True)
    blobs = services.services.blobs
    assert isinstance(blobs, FolderBlobStore)
    old, young = (blobs.root / "incoming" / name for name in ("old", "young"))
    reports = services.services.config.data_dir / "reports"
    requested, failed = (request_report(Owner.objects.get(), preparer="Ann") for _ in range(2))
    Report.objects.filter(pk=failed.pk).update(state="failed")
    for report in (requested, failed):
        (reports / str(report.pk)).mkdir(parents=True)
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    remove_leftovers(services.services)
    remove_local_leftovers(services.services)
    assert [path.name for path in spool.iterdir()] == [f"slice-{under_way}-1"]
    assert (old.exists(), young.exists()) == (False, True)
    assert [path.name for path in reports.iterdir()] == [str(requested.pk)]


@pytest.mark.long
def test_nearly_full_disk_stops_only_crawling(services: SyncRunner, crawled: Owner, shop: Shop) -> None:
    change_settings(services, disk_floor_bytes=2**52)
    request_count = len(shop.site.requests)
    run_now(crawled.watches.get())
    register(services.services, crawled, photograph(3))
    confirm_case(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
    assert Crawl.objects.count() == 1
    assert len(shop.site.requests) == request_count
    assert Bundle.objects.get().state == "done"
    change_settings(services, disk_floor_bytes=0)
    services.run_until_idle()
    assert Crawl.objects.get(number=2).reason == "finished"


@pytest.mark.long
def test_status_reports_crawling_stopped_by_nearly_full_disk(tmp_path: Path) -> None:
    alone = CommandLine(tmp_path / "data")
    nearly_full = {"EXHIBIT_DISK_FLOOR_BYTES": str(2**52)}
    disk = alone.run("status", "--json", code=3, **nearly_full).json["disk"]
    assert disk["crawling_stopped"]
    assert "4,194,304.0 GiB" in disk["sentence"]
    assert "4,194,304.0 GiB" in alone.run("status", code=3, **nearly_full).out
    assert not alone.run("status", "--json", code=3).json["disk"]["crawling_stopped"]


@pytest.mark.long
def test_full_disk_ends_crawl_slice_and_its_pages_are_visited_later(services: SyncRunner, shop: Shop) -> None:
    for number in range(30):
        shop.page(f"/{number}", OTHER)
    create_watch(owner("studio"), shop.url())
    services.run_until(lambda: CrawlSlice.objects.filter(number=2).exists())
    requests = 0

    def fill_up() -> None:
        nonlocal requests
        requests += 1
        if requests == 5:
            change_settings(services, disk_floor_bytes=2**52)
        if requests > 5:
            shop.site.routes["/robots.txt"] = Answer(b"", "text/plain")

    shop.pause = fill_up
    services.run_until_idle()
    ended = CrawlSlice.objects.get(number=2)
    assert (ended.state, ended.counts["reason"]) == ("done", "disk-full")
    assert Crawl.objects.get().state == "running"
    change_settings(services, disk_floor_bytes=0)
    services.run_until_idle()
    assert (Crawl.objects.get().reason, Crawl.objects.get().pages) == ("finished", 31)


@pytest.fixture
def folder(services: SyncRunner, tmp_path: Path) -> Path:
    """Twenty small images that a watch of a folder will import."""
    picture_folder = tmp_path / "pictures"
    picture_folder.mkdir()
    for number in range(20):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(picture_folder / f"{number:02d}.png")
    waits = create_watch(owner("studio"), "unused")
    Watch.objects.filter(pk=waits.pk).update(sources=[{"kind": "folder", "url": str(picture_folder)}])
    return picture_folder


def crawl_without_matching(services: SyncRunner) -> list[dict[str, Any]]:
    """Crawl without matching; returns the counts of each slice."""
    planning.start_due_crawls(services.services)
    while Crawl.objects.get().state != StepState.DONE:
        for crawl_slice in CrawlSlice.objects.filter(state=StepState.QUEUED):
            crawl.crawl_slice(services.services, crawl_slice.pk)
        planning.plan_crawls(services.services, [Crawl.objects.get().pk])
    return list(CrawlSlice.objects.order_by("number").values_list("counts", flat=True))


@pytest.mark.long
def test_large_folder_is_imported_in_several_slices(
    services: SyncRunner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (folder / "00.png").read_bytes()
    for number in range(20, 400):
        (folder / f"{number}.png").write_bytes(data + b"%d" % number)
    Watch.objects.update(budget={"seconds": 3600})
    monkeypatch.setattr(crawl, "SLICE_SECONDS", 0.2)
    counts = crawl_without_matching(services)
    assert len(counts) > 1
    assert {slice_counts["reason"] for slice_counts in counts[:-1]} == {"budget-seconds"}
    assert sum(slice_counts["images"] for slice_counts in counts) == Sighting.objects.count() == 400
    assert Crawl.objects.get().reason == "finished"


@pytest.mark.usefixtures("folder")
def test_folder_import_resumes_after_repeated_reader_crashes(
    services: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def dying(job: Job, spool: Path, *, pause: float) -> Iterator[Iterator[bytes | None]]:
        with crawl_child(job, spool, pause=pause) as lines:
            yield islice((line for line in lines if line is not None), 8)

    monkeypatch.setattr(crawl, "crawl_child", dying)
    counts = crawl_without_matching(services)
    assert [slice_counts["images"] for slice_counts in counts] == [8, 8, 4]
    assert (Crawl.objects.get().reason, Sighting.objects.count()) == ("finished", 20)


@pytest.mark.long
@pytest.mark.usefixtures("folder")
def test_folder_delayed_by_full_disk_is_imported_later(services: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    full = chain([False, True], repeat(object=False))
    monkeypatch.setattr(crawl, "is_disk_full", lambda _: next(full))
    services.run_until_idle()
    assert CrawlSlice.objects.get(number=1).counts["reason"] == "disk-full"
    assert (Crawl.objects.get().reason, Sighting.objects.count()) == ("finished", 20)


def test_crawl_without_budget_stores_all_bytes(services: SyncRunner, shop: Shop) -> None:
    create_watch(owner("studio"), shop.url())
    services.run_until(Crawl.objects.exists)
    assert get_remaining_budget(Crawl.objects.get()).bytes > 2**40


def test_owner_with_exhausted_quota_cannot_register_works(services: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    Owner.objects.filter(pk=studio.pk).update(quota_bytes=len(photograph(1)) + 10)
    studio.refresh_from_db()
    register(services.services, studio, photograph(1))
    with pytest.raises(RefusedError, match="storage quota of Studio") as refused:
        register(services.services, studio, photograph(2))
    assert refused.value.reason == "quota"
    assert studio.works.count() == 1
    assert not is_stored(services, photograph(2))
    remove_work(studio.works.get(), by="Ann")
    assert register(services.services, studio, photograph(2)).is_new
    register(services.services, agency, photograph(2))


@pytest.mark.long
@pytest.mark.parametrize("pages", [1, 2])
def test_page_budget_is_exact_across_crawl_slices(services: SyncRunner, shop: Shop, pages: int) -> None:
    for number in range(9):
        shop.page(f"/{number}", OTHER)
    create_watch(owner("studio"), shop.url(), pages=pages)
    services.run_until_idle()
    crawl = Crawl.objects.get()
    visited = [path for path in shop.site.requested_paths() if path == "/" or path[1:].isdecimal()]
    assert len(visited) == len(set(visited)) == crawl.pages == pages
    assert crawl.reason == "budget-pages"
    assert crawl.slices.count() == min(pages, 2)


@pytest.mark.long
def test_hosts_of_one_watch_share_its_page_budget(services: SyncRunner, shop: Shop) -> None:
    with Site(host="127.0.0.8") as site:
        other = Shop(site)
        for number in range(4):
            shop.page(f"/{number}", OTHER)
            other.page(f"/{number}")
        new_watch = create_watch(owner("studio"), shop.url(), pages=5)
        new_watch.sources = [*new_watch.sources, {"kind": "site", "url": other.url("/0")}]
        new_watch.save()
        services.run_until_idle()
    assert (Crawl.objects.get().pages, Crawl.objects.get().reason) == (5, "budget-pages")


@pytest.mark.parametrize(("budget", "reason"), [({"images": 1}, "budget-images"), ({"bytes": 3000}, "budget-bytes")])
def test_image_and_byte_budgets_end_a_crawl(
    services: SyncRunner, shop: Shop, budget: dict[str, float], reason: str
) -> None:
    shop.page("/next", COPY)
    create_watch(owner("studio"), shop.url(), "shop", **budget)
    services.run_until_idle()
    assert Crawl.objects.get().reason == reason
    assert Sighting.objects.count() <= 1


def test_crawl_past_its_time_limit_keeps_its_results(services: SyncRunner, shop: Shop) -> None:
    new_watch = create_watch(owner("studio"), shop.url(), seconds=3600)
    shop.page("/next", COPY)
    services.run_until(lambda: Crawl.objects.filter(pages=1).exists())
    Crawl.objects.update(started_at=now() - timedelta(hours=2))
    services.run_until_idle()
    assert [crawl.reason for crawl in new_watch.crawls.all()] == ["budget-seconds"]
