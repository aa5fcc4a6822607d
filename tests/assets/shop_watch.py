"""A watch over a shop that is not crawled, and changes of its state."""

from datetime import timedelta

import pytest
from django.db.models import F

from exhibit.clock import now
from registry.crawls import crawling, watch_settings
from registry.models import Crawl, LogOpening, Owner, Watch
from tests.assets.rows import owner

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHOP, NEWS = ("site", "http://shop.example/"), ("feed", "http://news.example/feed.xml")


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def shop(studio: Owner) -> Watch:
    return watch_settings.add_watch(studio, "shop", [SHOP], every=HOUR, budget={}, politeness={}, by="Ann")


def make_due(watch: Watch) -> None:
    """Move the watch's times by two hours, so that it has been due for the last 90 minutes."""
    watch.crawls.update(started_at=F("started_at") - 2 * HOUR)
    Watch.objects.filter(pk=watch.pk).update(next_run_at=now() - timedelta(minutes=90))


def end_crawl(crawl: Crawl) -> Crawl:
    crawling.stop_crawl(crawl.pk)
    assert crawling.end_crawl_if_finished(crawl.pk)
    crawl.refresh_from_db()
    return crawl


def logged_openings(what: str) -> list[dict[str, object]]:
    return [dict(row.details or {}) for row in LogOpening.objects.filter(content__what=what)]
