"""Request rate for each host: minimum delay, robots.txt, Retry-After, and adaptation to slow responses."""

import time
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from crawler.formats.job import Politeness
from exhibit.clock import now

Downloader: TypeAlias = Any
"""Scrapy's downloader; it has one slot per host with delay, concurrency and the time of the last request."""

_MAX_DELAY = 60.0
_FIRST_WAIT_SECONDS = 5.0
_MIN_DELAY = 0.01


class RequestPacer:
    """Adjusts the slots of Scrapy's downloader."""

    def __init__(self, politeness: Politeness, downloader: Downloader) -> None:
        self._politeness, self._downloader = politeness, downloader
        self._min_delays: dict[str, float] = dict(politeness.host_delays)
        self._paused_hosts: set[str] = set()
        self._postponed_hosts: dict[str, float] = {}  # monotonic time, by host

    def set_crawl_delay(self, host: str, crawl_delay: float) -> None:
        """Set a minimum delay, in seconds, between two requests to a host, and allow only one request at a time."""
        if crawl_delay <= self._get_min_delay(host):
            return
        self._min_delays[host] = crawl_delay
        self._downloader.per_slot_settings[host] = {"delay": crawl_delay, "concurrency": 1, "jitter": 0}
        slot = self._downloader.slots.get(host)
        if slot is not None:
            slot.delay, slot.concurrency, slot.jitter = crawl_delay, 1, 0

    def is_paused(self, host: str) -> bool:
        """Return True if a host requested a pause longer than the job waits."""
        return host in self._paused_hosts

    def postpone_host(self, host: str) -> None:
        """Leave a host to a later job because its crawling rules are not available now."""
        self._postponed_hosts.setdefault(host, time.monotonic())

    def get_postponed_hosts(self) -> dict[str, float]:
        """Return hosts left to a later job, with the pause in seconds that each requests; 0 if it requests none."""
        return {
            host: round(max(0.0, until - time.monotonic()), 1) for host, until in sorted(self._postponed_hosts.items())
        }

    def pause(self, host: str, retry_after: str, tries: int, seconds_left: float) -> bool:
        """Pause a host for the time of its Retry-After header (RFC 9110, 10.2.3), or else for 5, 10, 20 … s.

        Returns:
            True if the request should be retried; if False, the host is not requested again in this job.
        """
        wait = _parse_retry_after(retry_after)
        if wait is None:
            wait = _FIRST_WAIT_SECONDS * 2**tries
        if wait > min(self._politeness.max_wait, seconds_left):
            self._paused_hosts.add(host)
            self._postponed_hosts[host] = time.monotonic() + wait
            return False
        slot = self._downloader.slots.get(host)
        if slot is not None:
            slot.delay = max(slot.delay, _MIN_DELAY)
            slot.lastseen = time.monotonic() + wait
        return True

    def adapt_delay(self, host: str, latency: float, *, success: bool) -> None:
        """Adapt the delay to a response as Scrapy's AutoThrottle does, with a minimum delay for each host."""
        slot = self._downloader.slots.get(host)
        if slot is None or not self._politeness.autothrottle:
            return
        target = latency / slot.concurrency
        delay = max(target, (slot.delay + target) / 2)
        delay = max(min(delay, _MAX_DELAY), self._get_min_delay(host))
        if success or delay > slot.delay:
            slot.delay = delay

    def _get_min_delay(self, host: str) -> float:
        return max(self._min_delays.get(host, 0.0), self._politeness.delay)


def _parse_retry_after(retry_after: str) -> float | None:
    text = retry_after.strip()
    if text.isdecimal() and text.isascii():
        return float(text)
    try:
        retry_at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if retry_at.tzinfo is None else max(0.0, (retry_at - now()).total_seconds())
