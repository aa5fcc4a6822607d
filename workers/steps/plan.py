"""The schedule: watches become crawls, crawls become slices."""

from collections.abc import Sequence

from registry import crawling, schedules
from workers.steps.retain import disk_is_full
from workers.wiring import House

URLS_A_SLICE = 200
HOSTS_A_SLICE = 20


def start_due_crawls(house: House) -> None:
    """Start the crawls of watches whose time has come, unless the disk is nearly full."""
    due = schedules.due_watches()
    if not due or disk_is_full(house):
        return
    for watch_id in due:
        crawl = schedules.start_crawl(watch_id)
        if crawl is not None:
            plan_crawls(house, [crawl.pk])


def plan_crawls(house: House, crawl_ids: Sequence[int]) -> None:
    """Lease waiting URLs to new slices, and end the crawls that are worked off."""
    if disk_is_full(house):
        return
    for crawl_id in crawl_ids:
        while (planned := crawling.plan_slice(crawl_id, most_urls=URLS_A_SLICE, most_hosts=HOSTS_A_SLICE)) is not None:
            house.hint("slice", [planned.pk])
        crawling.end_crawl_if_worked_off(crawl_id)
