"""Rows that are claimed, and claimers that die, come late or break off: nobody else's work suffers."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest
from django.db.models import F

from exhibit.clock import now
from exhibit.files.blobs import FolderBlobStore
from registry.crawls import crawling, schedules
from registry.db import steps
from registry.models import Crawl, CrawlSlice, FrontierUrl, HostLease, Picture, Refusal, Sighting
from tests.assets.rows import bring, claim, claimed_slice, owner, photograph
from tests.assets.shop import LOOPBACK, Shop, watch
from tests.assets.site import Answer, Seen, Site
from workers.services.wiring import services
from workers.tasks.sync_runner import SyncRunner
from workers.tasks.tasks import TASKS

LIFE = timedelta(minutes=10)


@pytest.fixture
def waiting(inline: SyncRunner) -> list[int]:
    """Three pictures that wait for their step."""
    planned, epoch = claimed_slice(owner("studio"))
    return bring(inline.services, planned, epoch, [photograph(number) for number in range(3)])


def die() -> None:
    """Let whoever has claimed pictures have been silent for too long."""
    Picture.objects.filter(state="doing").update(claimed_at=F("claimed_at") - 2 * LIFE)


def test_a_row_is_claimed_once_and_again_when_its_claimer_is_dead(waiting: list[int]) -> None:
    assert steps.claim(Picture, waiting, LIFE) == waiting
    assert steps.claim(Picture, waiting, LIFE) == []
    die()
    assert steps.claim(Picture, waiting, LIFE) == waiting


def test_rows_whose_claimers_died_are_claimed_one_by_one_and_then_given_up(waiting: list[int]) -> None:
    for _ in range(steps.SUSPECT_FROM):
        steps.claim(Picture, waiting, LIFE)
        die()
    first, second, third = waiting
    assert steps.claim(Picture, waiting, LIFE) == [first]
    assert steps.claim(Picture, waiting, LIFE) == [second]
    steps.finish(Picture, [second, third])
    for _ in range(steps.MAX_ATTEMPTS - steps.SUSPECT_FROM - 1):
        die()
        assert steps.claim(Picture, waiting, LIFE) == [first]
    die()
    assert steps.claim(Picture, waiting, LIFE) == []
    row = Picture.objects.get(pk=first)
    assert (row.state, row.error) == ("failed", "The worker died 5 times on this row.")


def test_a_late_claimer_can_neither_fail_nor_put_off_what_another_has_done(waiting: list[int]) -> None:
    steps.claim(Picture, waiting, LIFE)
    steps.finish(Picture, waiting)
    steps.fail(Picture, waiting[0], "Too late.", retry=True)
    steps.fail(Picture, waiting[1], "Too late.", retry=False)
    steps.wait(Picture, waiting[2], now())
    assert set(Picture.objects.values_list("state", "error")) == {("done", "")}


@pytest.mark.django_db(transaction=True)  # Celery closes connections between tasks
def test_a_task_that_breaks_off_lets_go_of_its_rows(waiting: list[int]) -> None:
    blobs = services().blobs
    assert isinstance(blobs, FolderBlobStore)
    blobs.path(Picture.objects.get(pk=waiting[0]).digest).mkdir(parents=True)  # an error that no step expects
    result = TASKS["match"].apply((waiting,))
    assert isinstance(result.result, IsADirectoryError)
    for row in Picture.objects.all():
        assert (row.state, row.attempts, row.error) == ("todo", 1, "The step broke off: IsADirectoryError.")
        assert row.not_before is not None
        assert row.not_before > now()


@pytest.fixture
def shop(inline: SyncRunner) -> Iterator[Shop]:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.10") as site:
        shop = Shop(site)
        for number in range(6):
            shop.image(f"/{number}.jpg", photograph(number))
            shop.page(f"/{number}", f"/{number}.jpg")
        yield shop


def kill_the_crawler(_: Seen) -> Answer:
    """A page that the crawler doesn't survive."""
    for process in psutil.Process().children():
        if "crawler" in process.cmdline():
            os.kill(process.pid, signal.SIGKILL)
    return Answer(b"")


def test_a_page_that_kills_the_crawler_is_given_up_and_no_other_is_lost(inline: SyncRunner, shop: Shop) -> None:
    shop.site.routes["/3"] = kill_the_crawler
    watch(owner("studio"), shop.url("/0"))
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    refusal = Refusal.objects.get()
    assert (refusal.url, refusal.reason) == (shop.url("/3"), "broke-off")
    assert FrontierUrl.objects.get(state="refused").url == shop.url("/3")
    seen = set(Sighting.objects.values_list("image_url", flat=True))
    assert seen == {shop.url(f"/{number}.jpg") for number in (0, 1, 2, 4, 5)}
    assert not HostLease.objects.exclude(slice=None).exists()


def test_an_overtaken_claimer_writes_nothing_more(inline: SyncRunner, shop: Shop) -> None:
    studio = owner("studio")
    planned, epoch = claimed_slice(studio)
    assert crawling.still_holds(planned.pk, epoch)
    CrawlSlice.objects.update(claimed_at=F("claimed_at") - 2 * LIFE)
    later = claim(planned)
    assert later == epoch + 1
    assert not crawling.still_holds(planned.pk, epoch)
    with pytest.raises(AssertionError):
        bring(inline.services, planned, epoch, [photograph(1)])
    assert bring(inline.services, planned, later, [photograph(1)])


def test_a_host_is_leased_to_one_open_slice_however_long_it_waits(inline: SyncRunner, shop: Shop) -> None:
    one, other = owner("one"), owner("other")
    first, second = watch(one, shop.url("/0")), watch(other, shop.url("/1"))
    crawls = [schedules.start_crawl(made.pk) for made in (first, second)]
    assert crawls[0] is not None
    assert crawls[1] is not None
    planned = crawling.plan_slice(crawls[0].pk, most_urls=10, most_hosts=10)
    assert planned is not None
    HostLease.objects.update(expires_at=now() - timedelta(days=1))
    assert crawling.plan_slice(crawls[1].pk, most_urls=10, most_hosts=10) is None
    inline.run_until_idle()
    assert [crawl.reason for crawl in Crawl.objects.all()] == ["finished", "finished"]
