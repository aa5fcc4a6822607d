"""Test that crawls are started when due, and planned slice by slice."""

from dataclasses import replace

import pytest

from exhibit.clock import now
from exhibit.errors import ServiceMissingError
from registry.crawls import watch_settings
from registry.crawls.planning import plan_crawls, start_crawl_now, start_due_crawls
from registry.models import (
    Crawl,
    Watch,
)
from tests.assets.shop_watch import HOUR, end_crawl, make_due, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]


def test_run_time_during_running_crawl_is_skipped(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    make_due(shop)
    start_due_crawls(inline.services)
    shop.refresh_from_db()
    assert shop.next_run_at is not None
    assert now() < shop.next_run_at <= now() + HOUR
    end_crawl(crawl)
    start_due_crawls(inline.services)
    assert Crawl.objects.count() == 1
    make_due(shop)
    start_due_crawls(inline.services)
    assert Crawl.objects.count() == 2


def test_missed_runs_are_replaced_by_a_single_run(inline: SyncRunner, shop: Watch) -> None:
    end_crawl(watch_settings.start_crawl_now(shop))
    make_due(shop)
    for _round in range(2):
        start_due_crawls(inline.services)
    assert Crawl.objects.count() == 2


def test_resumed_watch_keeps_schedule_without_catching_up(inline: SyncRunner, shop: Watch) -> None:
    watch_settings.pause_watch(shop, by="Ann")
    make_due(shop)
    start_due_crawls(inline.services)
    watch_settings.resume_watch(shop, by="Ann")
    start_due_crawls(inline.services)
    shop.refresh_from_db()
    assert not Crawl.objects.exists()
    assert shop.next_run_at is not None
    assert shop.next_run_at > now()


def test_full_disk_prevents_start_but_allows_stop(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    with pytest.raises(ServiceMissingError):
        start_crawl_now(inline.services, shop)
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.slices.count()) == ("running", 0)
    watch_settings.stop_crawl(crawl, by="Ann")
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "stopped")
