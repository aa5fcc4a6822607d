"""Background jobs for crawls. Their imports are loaded after a worker forks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.crawls.models import Crawl, CrawlSlice, Inquiry
from registry.jobs import CRAWL, DEFAULT, job
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("parts of crawls"), CRAWL, CrawlSlice, owner="crawl__watch__owner")
def slice(services: "Services", ids: Sequence[int]) -> None:  # noqa: A001 - the noun of crawls
    """Crawl slices."""
    from registry.crawls.run_slice import crawl_slices

    crawl_slices(services, ids)


@job(gettext_noop("search queries to send"), CRAWL, Inquiry, owner="crawl__watch__owner")
def inquire(services: "Services", ids: Sequence[int]) -> None:
    """Query image searches."""
    from registry.crawls.search_requests import query_search

    query_search(services, ids)


@job(gettext_noop("crawls to plan"), DEFAULT, Crawl, periodic=False)
def plan(services: "Services", ids: Sequence[int]) -> None:
    """Plan the next slices of crawls."""
    from registry.crawls.planning import plan_crawls

    plan_crawls(services, ids)
