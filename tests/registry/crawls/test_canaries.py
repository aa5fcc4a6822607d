"""Test canaries on a real local site: found, missed for each possible reason, counted in reports, and never a case."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.crawls import canaries, crawling, watching
from registry.crawls.canaries import Outcome
from registry.matches.match import match_pictures
from registry.models import (
    Canary,
    Case,
    Crawl,
    Event,
    Watch,
    Work,
)
from registry.reports.works import coverage_of
from tests.assets.planted import inline, planted, shop, work
from tests.assets.rows import bring, claim, copy_of, photograph
from tests.assets.shop import Shop, watch
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "shop", "work"]


def outcomes(crawl: Crawl) -> dict[str, tuple[Outcome, str]]:
    found = canaries.results([crawl]).get(crawl.pk, [])
    return {one.canary.url.partition("127.0.0.5")[2].partition("/")[2]: (one.outcome, one.reason) for one in found}


@pytest.mark.long
def test_a_crawl_finds_a_canary_where_its_page_leads_or_misses_it_for_a_reason_and_opens_no_question(
    inline: SyncRunner, work: Work, shop: Shop
) -> None:
    shop.page("/moved")
    shop.page("/away/planted", "/copy.jpg")
    shop.page("/", "/other.jpg")
    shop.site.routes["/gone.jpg"] = Answer(b"", status=404)
    shop.page("/broken", "/gone.jpg")
    shop.site.routes["/moved"] = Answer(status=301, headers=(("Location", "/away/planted"),))
    planted(work, shop, "/planted", "/empty", "/closed/planted", "/nowhere", "/moved", "/broken")
    inline.run_until_idle()
    assert outcomes(Crawl.objects.get()) == {
        "planted": (Outcome.FOUND, ""),
        "empty": (Outcome.NOT_FOUND, ""),
        "closed/planted": (Outcome.NOT_VISITED, "robots"),
        "nowhere": (Outcome.NOT_FOUND, ""),
        "moved": (Outcome.FOUND, ""),
        "broken": (Outcome.NOT_FOUND, ""),  # its page was visited, whatever its image returned
    }
    missed = [result.canary.url for _, result in canaries.missed_lately(work.owner)]
    assert missed == [shop.url(path) for path in ("/empty", "/closed/planted", "/nowhere", "/broken")]
    assert Canary.objects.get(url=shop.url("/moved")).leads_to == shop.url("/away/planted")
    assert list(Case.objects.values_list("decision", flat=True)) == ["licensed"]


@pytest.mark.long
def test_what_another_domain_shows_where_a_canary_leads_is_missed_and_is_a_case(
    inline: SyncRunner, work: Work, shop: Shop
) -> None:
    with Site(host="127.0.0.6") as site:
        other = Shop(site)
        other.image("/copy.jpg", copy_of(photograph(0)))
        other.page("/", "/copy.jpg")
        shop.page("/moved")
        shop.site.routes["/moved"] = Answer(status=301, headers=(("Location", other.url()),))
        made = planted(work, shop, "/moved")
        Watch.objects.filter(pk=made.pk).update(
            sources=[{"kind": "site", "url": one} for one in (shop.url(), other.url())]
        )
        Canary.objects.update(leads_to=other.url())
        inline.run_until_idle()
    assert outcomes(Crawl.objects.get()) == {"moved": (Outcome.NOT_FOUND, "")}
    assert Canary.objects.get().leads_to == ""
    assert Case.objects.get(party="127.0.0.6").decision == "open"


@pytest.mark.long
def test_many_canaries_are_asked_for_as_often_as_one(
    work: Work, shop: Shop, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    made = planted(work, shop, *(f"/{number}" for number in range(20)))
    begun = [
        Crawl.objects.create(watch=made, number=number, started_at=now(), sources=made.sources)
        for number in range(1, 6)
    ]
    with django_assert_max_num_queries(6):
        assert sum(len(one) for one in canaries.results(begun).values()) == 100
    assert [one.canaries for one in coverage_of(begun)] == [0] * 5


@pytest.mark.long
def test_a_canary_counts_from_the_next_crawl_until_it_is_withdrawn(inline: SyncRunner, work: Work) -> None:
    made = watch(work.owner, "http://shop.example/")

    def run() -> dict[str, Outcome]:
        """Return the outcomes of a crawl that sees the copy."""
        crawl = watching.start_now(made)
        planned = crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5)
        assert planned is not None
        epoch = claim(planned)
        match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(0))]))
        crawling.finish_slice(planned.pk, epoch, counts={}, suspect=False, opening=lambda _row: {})
        crawling.stop(crawl.pk)
        assert crawling.end_crawl_if_worked_off(crawl.pk)
        crawl.refresh_from_db()
        return {one.canary.url: one.outcome for one in canaries.results([crawl]).get(crawl.pk, [])}

    page = "http://shop.example/page-0"
    before = run()
    canary = canaries.plant(work, made, page, by="Ann")
    assert canaries.plant(work, made, f"{page}#top", by="Bob") == canary
    between = run()
    canaries.withdraw(canary, by="Ann")
    assert (before, between, run()) == ({}, {page: Outcome.FOUND}, {})
    assert canaries.missed_lately(work.owner) == []


def test_a_crawl_under_way_has_missed_nothing(work: Work, shop: Shop) -> None:
    made = planted(work, shop, "/planted")
    crawl = Crawl.objects.create(watch=made, number=1, started_at=Canary.objects.get().added_at)
    assert outcomes(crawl) == {"planted": (Outcome.WAITING, "")}


def test_a_canary_is_asked_after_even_when_its_pictures_are_compared_days_later(
    inline: SyncRunner, work: Work, shop: Shop
) -> None:
    made = planted(work, shop, "/empty")
    crawl = Crawl.objects.create(watch=made, number=1, started_at=now(), finished_at=now() - timedelta(days=3))
    canaries.tell_missed()
    canaries.tell_missed()
    event = Event.objects.get()
    assert (event.kind, event.about["page"], event.about["crawl"]) == ("watch.missed-canary", shop.url("/empty"), 1)
    Event.objects.all().delete()
    Crawl.objects.filter(pk=crawl.pk).update(finished_at=now() - canaries.LATELY - timedelta(days=1))
    canaries.tell_missed()
    assert not Event.objects.exists()


def test_a_run_that_a_person_stopped_and_a_canary_that_was_withdrawn_are_no_news(work: Work, shop: Shop) -> None:
    made = planted(work, shop, "/empty")
    crawl = Crawl.objects.create(watch=made, number=1, started_at=now(), finished_at=now(), reason="stopped")
    canaries.tell_missed()
    Crawl.objects.filter(pk=crawl.pk).update(reason="finished")
    canaries.withdraw(Canary.objects.get(), by="Ann")
    canaries.tell_missed()
    assert not Event.objects.exists()
    assert canaries.missed_lately() == []


def test_only_the_address_of_a_page_can_be_planted(work: Work, shop: Shop) -> None:
    made = watch(work.owner, shop.url())
    with pytest.raises(WrongUseError, match="file:///etc/passwd"):
        canaries.plant(work, made, "file:///etc/passwd", by="Ann")
    Watch.objects.update(private=True)
    made.refresh_from_db()
    with pytest.raises(WrongUseError):
        canaries.plant(work, made, shop.url("/planted"), by="Ann")
