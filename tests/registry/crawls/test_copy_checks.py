"""Test known copies on a local site: detected, missed for each reason, counted in reports, and never a case."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.crawls import copy_checks, crawling, watch_settings
from registry.crawls.copy_checks import KnownCopyOutcome
from registry.matches.match import match_pictures
from registry.models import (
    Case,
    Crawl,
    Event,
    KnownCopy,
    Watch,
    Work,
)
from registry.reports.works import build_coverage
from tests.assets.planted_copies import inline, plant_copies, shop, work
from tests.assets.rows import claim, photograph, recompress, record_sightings
from tests.assets.shop import Shop, create_watch
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "shop", "work"]


def list_outcomes(crawl: Crawl) -> dict[str, tuple[KnownCopyOutcome, str]]:
    results = copy_checks.compute_results([crawl]).get(crawl.pk, [])
    return {
        result.known_copy.url.partition("127.0.0.5")[2].partition("/")[2]: (result.outcome, result.reason)
        for result in results
    }


@pytest.mark.long
def test_crawl_finds_or_misses_a_known_copy_and_opens_no_case(inline: SyncRunner, work: Work, shop: Shop) -> None:
    shop.page("/moved")
    shop.page("/away/planted", "/copy.jpg")
    shop.page("/", "/other.jpg")
    shop.site.routes["/gone.jpg"] = Answer(b"", status=404)
    shop.page("/broken", "/gone.jpg")
    shop.site.routes["/moved"] = Answer(status=301, headers=(("Location", "/away/planted"),))
    plant_copies(work, shop, "/planted", "/empty", "/closed/planted", "/nowhere", "/moved", "/broken")
    inline.run_until_idle()
    assert list_outcomes(Crawl.objects.get()) == {
        "planted": (KnownCopyOutcome.DETECTED, ""),
        "empty": (KnownCopyOutcome.NOT_FOUND, ""),
        "closed/planted": (KnownCopyOutcome.NOT_VISITED, "robots"),
        "nowhere": (KnownCopyOutcome.NOT_FOUND, ""),
        "moved": (KnownCopyOutcome.DETECTED, ""),
        "broken": (KnownCopyOutcome.NOT_FOUND, ""),  # the page was visited, although its image is missing
    }
    missed_urls = [result.known_copy.url for _, result in copy_checks.list_recent_misses(work.owner)]
    assert missed_urls == [shop.url(path) for path in ("/empty", "/closed/planted", "/nowhere", "/broken")]
    assert KnownCopy.objects.get(url=shop.url("/moved")).leads_to == shop.url("/away/planted")
    assert list(Case.objects.values_list("decision", flat=True)) == ["licensed"]


@pytest.mark.long
def test_known_copy_redirected_to_other_domain_is_missed_and_opens_case(
    inline: SyncRunner, work: Work, shop: Shop
) -> None:
    with Site(host="127.0.0.6") as site:
        other = Shop(site)
        other.image("/copy.jpg", recompress(photograph(0)))
        other.page("/", "/copy.jpg")
        shop.page("/moved")
        shop.site.routes["/moved"] = Answer(status=301, headers=(("Location", other.url()),))
        new_watch = plant_copies(work, shop, "/moved")
        Watch.objects.filter(pk=new_watch.pk).update(
            sources=[{"kind": "site", "url": url} for url in (shop.url(), other.url())]
        )
        KnownCopy.objects.update(leads_to=other.url())
        inline.run_until_idle()
    assert list_outcomes(Crawl.objects.get()) == {"moved": (KnownCopyOutcome.NOT_FOUND, "")}
    assert KnownCopy.objects.get().leads_to == ""
    assert Case.objects.get(party="127.0.0.6").decision == "open"


@pytest.mark.long
def test_known_copies_need_constant_query_count(
    work: Work, shop: Shop, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    new_watch = plant_copies(work, shop, *(f"/{number}" for number in range(20)))
    crawls = [
        Crawl.objects.create(watch=new_watch, number=number, started_at=now(), sources=new_watch.sources)
        for number in range(1, 6)
    ]
    with django_assert_max_num_queries(6):
        assert sum(len(item) for item in copy_checks.compute_results(crawls).values()) == 100
    assert [item.known_copies for item in build_coverage(crawls)] == [0] * 5


@pytest.mark.long
def test_known_copy_is_checked_from_the_next_crawl_until_withdrawn(inline: SyncRunner, work: Work) -> None:
    new_watch = create_watch(work.owner, "http://shop.example/")

    def run() -> dict[str, KnownCopyOutcome]:
        """Return the outcomes of a crawl that sees the copy."""
        crawl = watch_settings.start_crawl_now(new_watch)
        crawl_slice = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5)
        assert crawl_slice is not None
        epoch = claim(crawl_slice)
        match_pictures(
            inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(0))])
        )
        crawling.finish_slice(crawl_slice.pk, epoch, counts={}, suspect=False, build_log_data=lambda _row: {})
        crawling.stop_crawl(crawl.pk)
        assert crawling.end_crawl_if_finished(crawl.pk)
        crawl.refresh_from_db()
        return {
            result.known_copy.url: result.outcome for result in copy_checks.compute_results([crawl]).get(crawl.pk, [])
        }

    page = "http://shop.example/page-0"
    before = run()
    known_copy = copy_checks.add_known_copy(work, new_watch, page, by="Ann")
    assert copy_checks.add_known_copy(work, new_watch, f"{page}#top", by="Bob") == known_copy
    between = run()
    copy_checks.withdraw_known_copy(known_copy, by="Ann")
    assert (before, between, run()) == ({}, {page: KnownCopyOutcome.DETECTED}, {})
    assert copy_checks.list_recent_misses(work.owner) == []


def test_running_crawl_reports_no_missed_copies(work: Work, shop: Shop) -> None:
    new_watch = plant_copies(work, shop, "/planted")
    crawl = Crawl.objects.create(watch=new_watch, number=1, started_at=KnownCopy.objects.get().added_at)
    assert list_outcomes(crawl) == {"planted": (KnownCopyOutcome.PENDING, "")}


def test_known_copy_is_checked_even_when_matching_takes_days(inline: SyncRunner, work: Work, shop: Shop) -> None:
    new_watch = plant_copies(work, shop, "/empty")
    crawl = Crawl.objects.create(watch=new_watch, number=1, started_at=now(), finished_at=now() - timedelta(days=3))
    copy_checks.record_misses()
    copy_checks.record_misses()
    event = Event.objects.get()
    assert (event.kind, event.about["page"], event.about["crawl"]) == ("watch.missed-known-copy", shop.url("/empty"), 1)
    Event.objects.all().delete()
    Crawl.objects.filter(pk=crawl.pk).update(finished_at=now() - copy_checks.MAX_REPORT_AGE - timedelta(days=1))
    copy_checks.record_misses()
    assert not Event.objects.exists()


def test_stopped_run_and_withdrawn_known_copy_cause_no_event(work: Work, shop: Shop) -> None:
    new_watch = plant_copies(work, shop, "/empty")
    crawl = Crawl.objects.create(watch=new_watch, number=1, started_at=now(), finished_at=now(), reason="stopped")
    copy_checks.record_misses()
    Crawl.objects.filter(pk=crawl.pk).update(reason="finished")
    copy_checks.withdraw_known_copy(KnownCopy.objects.get(), by="Ann")
    copy_checks.record_misses()
    assert not Event.objects.exists()
    assert copy_checks.list_recent_misses() == []


def test_known_copy_requires_page_url_and_public_watch(work: Work, shop: Shop) -> None:
    new_watch = create_watch(work.owner, shop.url())
    with pytest.raises(InvalidRequestError, match="file:///etc/passwd"):
        copy_checks.add_known_copy(work, new_watch, "file:///etc/passwd", by="Ann")
    Watch.objects.update(private=True)
    new_watch.refresh_from_db()
    with pytest.raises(InvalidRequestError):
        copy_checks.add_known_copy(work, new_watch, shop.url("/planted"), by="Ann")
