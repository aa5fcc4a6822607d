"""Test the rate of requests to a host."""

from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from crawler.formats.job import Politeness
from crawler.state.pace import RequestPacer
from exhibit.clock import now


@dataclass
class Slot:
    """The state of a host in Scrapy's downloader."""

    delay: float = 0.0
    concurrency: int = 2
    jitter: float = 0.5
    lastseen: float = 0.0


@dataclass
class Slots:
    """The settings of Scrapy's downloader that a pace changes."""

    slots: dict[str, Slot] = field(default_factory=lambda: {"h": Slot()})
    per_slot_settings: dict[str, Any] = field(default_factory=dict)


def test_crawl_delay_serialises_requests_and_is_never_undercut() -> None:
    slots = Slots()
    pace = RequestPacer(Politeness(delay=0.1), slots)
    pace.set_crawl_delay("h", 3.0)
    pace.adapt_delay("h", 0.01, success=True)
    assert (slots.slots["h"].delay, slots.slots["h"].concurrency, slots.slots["h"].jitter) == (3.0, 1, 0)
    assert slots.per_slot_settings["h"]["delay"] == 3.0
    pace.set_crawl_delay("h", 1.0)
    assert slots.slots["h"].delay == 3.0


def test_delay_grows_for_slow_hosts_and_never_shrinks_for_failing_hosts() -> None:
    slots = Slots()
    pace = RequestPacer(Politeness(delay=0.1), slots)
    pace.adapt_delay("h", 4.0, success=True)
    assert slots.slots["h"].delay == 2.0
    pace.adapt_delay("h", 0.0, success=False)
    assert slots.slots["h"].delay == 2.0
    pace.adapt_delay("h", 0.0, success=True)
    assert slots.slots["h"].delay == 1.0


@pytest.mark.parametrize(
    ("retry_after", "again"),
    [("1", True), ("0", True), ("", True), ("nonsense", True), ("100000", False), ("-5", True), ("²", True)],
)
def test_host_is_paused_when_its_retry_after_exceeds_the_remaining_time(retry_after: str, again: bool) -> None:  # noqa: FBT001 - a table
    pace = RequestPacer(Politeness(), Slots())
    assert pace.pause("h", retry_after, tries=0, seconds_left=600) is again
    assert pace.is_paused("h") is not again


def test_retry_after_date_is_parsed() -> None:
    pace = RequestPacer(Politeness(), Slots())
    soon, late = (format_datetime(now() + timedelta(seconds=seconds), usegmt=True) for seconds in (5, 5_000))
    assert pace.pause("h", soon, tries=0, seconds_left=600)
    assert not pace.pause("h", soon, tries=0, seconds_left=1)
    assert not RequestPacer(Politeness(), Slots()).pause("h", late, tries=0, seconds_left=9_000)
