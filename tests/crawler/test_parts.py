"""The smaller parts: frontier, budget, spool, policies, pace, resolver."""

from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from crawler.fetching.resolver import resolver_for
from crawler.formats.job import Limits, Politeness, Target
from crawler.reading.policy import reservations_of, robots_policy
from crawler.state.budget import Budget
from crawler.state.frontier import Frontier
from crawler.state.pace import Pace
from crawler.state.spool import Spool
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.guard import Guard


def urls(frontier: Frontier, count: int) -> list[str]:
    popped = (frontier.pop() for _ in range(count))
    return [target.url for target in popped if target is not None]


def test_a_frontier_takes_hosts_in_turn_and_each_address_once() -> None:
    frontier = Frontier(per_host=2)
    for url in ("http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://A:80/1#x"):
        frontier.add(Target(url=url))
    assert len(frontier) == 4
    assert urls(frontier, 9) == ["http://a/1", "http://b/1", "http://a/2"]
    frontier.close(Target(url="http://a/1"))
    assert urls(frontier, 9) == ["http://a/3"]
    assert not frontier.add(Target(url="http://a/1"))


def test_a_budget_names_the_first_limit_that_held_something_back() -> None:
    budget = Budget(Limits(pages=1, images=1, bytes=10, hosts=1, memory_mb=1 << 20))  # of these tests' process, too
    assert (budget.begin_visit(), budget.begin_image(), budget.take_bytes(10), budget.take_host("a")) == (True,) * 4
    assert budget.spent == ""
    assert not budget.take_bytes(1)
    assert not budget.begin_visit()
    assert budget.spent == "budget-bytes"
    budget.drop_image()
    assert budget.begin_image()
    assert budget.take_host("a")
    assert not budget.take_host("b")
    assert not budget.memory_spent


def test_a_spool_writes_whole_files_under_their_digest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "spool")
    assert spool.put(b"bytes") == spool.put(b"bytes") == Digest.of(b"bytes")
    (file,) = (tmp_path / "deep" / "spool").iterdir()
    assert (file.name, file.read_bytes()) == (Digest.of(b"bytes").hex, b"bytes")
    file.unlink()
    spool.put(b"bytes")
    assert file.exists()


def test_a_spool_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ServiceMissingError, match="can't be written"):
        Spool(tmp_path / "file")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private/a", False),
        ("/private/open/a", True),
        ("/tie", True),
        ("/a.php", False),
        ("/a.php?x", True),
        ("/deep/x/secret", False),
        ("/%7Euser", False),
        ("/~user", False),
    ],
)
def test_robots_are_read_as_rfc_9309_says(path: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    body = b"""\xef\xbb\xbfUser-agent: other
Disallow: /

User-agent: ExhibitBot
User-agent: third
Disallow: /private/ # a comment
Allow: /private/open/
Disallow: /tie
Allow: /tie
Disallow: /*.php$
Disallow: /deep/*/secret
Disallow: /~user
"""
    policy = robots_policy(200, body, "ExhibitBot")
    assert policy.allows(f"http://example.org{path}") is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [(200, False), (204, False), (301, True), (403, True), (404, True), (429, False), (500, False)],
)
def test_the_status_of_robots_decides(status: int, allowed: bool) -> None:  # noqa: FBT001 - a table
    policy = robots_policy(status, b"User-agent: *\nDisallow: /", "ExhibitBot")
    assert policy.allows("http://example.org/") is allowed


def test_robots_name_sitemaps_delays_and_signals() -> None:
    body = b"User-agent: *\nCrawl-delay: 2.5\nContent-Signal: search=yes, ai-train=no\nSitemap: http://e.org/s.xml\n"
    policy = robots_policy(200, body, "ExhibitBot")
    assert policy.crawl_delay == 2.5
    assert policy.sitemaps == ("http://e.org/s.xml",)
    assert policy.ai == ("search=yes, ai-train=no",)


def test_reservations_cover_paths_by_their_first_rule() -> None:
    body = b"""[{"location": "/free/*", "tdm-reservation": 0}, {"location": "/*.jpg$", "tdm-reservation": 1,
        "tdm-policy": "http://e.org/p"}, {"location": "/exact$", "tdm-reservation": "1"}, 5, {"location": 5}]"""
    policy = robots_policy(404, b"", "x").with_reservations(reservations_of(body))

    def reserved(path: str) -> bool | None:
        rule = policy.reservation(f"http://e.org{path}")
        return None if rule is None else rule.reserved

    assert [reserved(path) for path in ("/free/a.jpg", "/a/b.jpg", "/a.jpg?x", "/exact", "/exactly", "/")] == [
        False, True, None, True, None, None,
    ]  # fmt: skip
    assert [reservations_of(text) for text in (b"", b"{}", b"\xff", b"[" * 50_000)] == [()] * 4


@dataclass
class Slot:
    """What Scrapy's downloader keeps of a host."""

    delay: float = 0.0
    concurrency: int = 2
    jitter: float = 0.5
    lastseen: float = 0.0


@dataclass
class Slots:
    """What a pace sets of Scrapy's downloader."""

    slots: dict[str, Slot] = field(default_factory=lambda: {"h": Slot()})
    per_slot_settings: dict[str, Any] = field(default_factory=dict)


def test_a_crawl_delay_sets_one_request_at_a_time_and_stays_the_least() -> None:
    slots = Slots()
    pace = Pace(Politeness(delay=0.1), slots)
    pace.obey("h", 3.0)
    pace.answered("h", 0.01, success=True)
    assert (slots.slots["h"].delay, slots.slots["h"].concurrency, slots.slots["h"].jitter) == (3.0, 1, 0)
    assert slots.per_slot_settings["h"]["delay"] == 3.0
    pace.obey("h", 1.0)
    assert slots.slots["h"].delay == 3.0


def test_a_slow_host_is_asked_more_slowly_and_a_failing_one_never_faster() -> None:
    slots = Slots()
    pace = Pace(Politeness(delay=0.1), slots)
    pace.answered("h", 4.0, success=True)
    assert slots.slots["h"].delay == 2.0
    pace.answered("h", 0.0, success=False)
    assert slots.slots["h"].delay == 2.0
    pace.answered("h", 0.0, success=True)
    assert slots.slots["h"].delay == 1.0


@pytest.mark.parametrize(
    ("retry_after", "again"),
    [("1", True), ("0", True), ("", True), ("nonsense", True), ("100000", False), ("-5", True), ("²", True)],
)
def test_a_host_rests_when_it_asks_for_too_long(retry_after: str, again: bool) -> None:  # noqa: FBT001 - a table
    pace = Pace(Politeness(), Slots())
    assert pace.pause("h", retry_after, tries=0, seconds_left=600) is again
    assert pace.is_resting("h") is not again


def test_a_date_to_wait_for_is_understood() -> None:
    pace = Pace(Politeness(), Slots())
    soon, late = (format_datetime(now() + timedelta(seconds=one), usegmt=True) for one in (5, 5_000))
    assert pace.pause("h", soon, tries=0, seconds_left=600)
    assert not pace.pause("h", soon, tries=0, seconds_left=1)
    assert not Pace(Politeness(), Slots()).pause("h", late, tries=0, seconds_left=9_000)


class Names:
    """A resolver in Twisted's form that knows some names."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, name: str, port: int, *_: object) -> None:  # noqa: ANN401, N802
        self.asked.append(name)
        for address in self.names.get(name, []):
            receiver.addressResolved((IPv6Address if ":" in address else IPv4Address)("TCP", address, port))
        receiver.resolutionComplete()


@dataclass
class Receiver:
    """Takes what a resolver gives."""

    found: list[tuple[str, int]] = field(default_factory=list)
    ended: int = 0

    def resolutionBegan(self, _: object) -> None:  # noqa: N802
        """Nothing to note."""

    def addressResolved(self, address: Any) -> None:  # noqa: ANN401, N802
        self.found.append((address.host, address.port))

    def resolutionComplete(self) -> None:  # noqa: N802
        self.ended += 1


NAMES = {
    "good.example": ["93.184.216.34", "2606:2800:220:1::1"],
    "inner.example": ["10.0.0.1"],
    "mixed.example": ["93.184.216.34", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "rebound.example": ["93.184.216.34"],
}


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("good.example", 443, ""),
        ("inner.example", 80, "private-address"),
        ("mixed.example", 80, "private-address"),
        ("mapped.example", 80, "private-address"),
        ("metadata.example", 80, "private-address"),
        ("localhost", 80, "private-address"),
        ("good.example", 22, "port"),
        ("absent.example", 80, ""),
    ],
)
def test_only_checked_addresses_leave_the_resolver(host: str, port: int, reason: str) -> None:
    refused: dict[str, RefusedError] = {}
    reactor = SimpleNamespace(nameResolver=Names(NAMES))
    resolver: Any = resolver_for(Guard(), refused)
    receiver = Receiver()
    resolver.from_crawler(None, reactor).resolveHostName(receiver, host, port)
    allowed = NAMES.get(host, []) if not reason else []
    assert receiver.found == [(address, port) for address in allowed]
    assert receiver.ended == 1
    assert {name: error.reason for name, error in refused.items()} == ({host: reason} if reason else {})


def test_a_second_answer_of_a_name_server_is_not_asked_for() -> None:
    names = Names({"rebound.example": ["93.184.216.34"]})
    made: Any = resolver_for(Guard(), {})
    resolver = made.from_crawler(None, SimpleNamespace(nameResolver=names))
    first, second = Receiver(), Receiver()
    resolver.resolveHostName(first, "rebound.example", 80)
    names.names["rebound.example"] = ["127.0.0.1"]
    resolver.resolveHostName(second, "rebound.example", 80)
    assert first.found == second.found == [("93.184.216.34", 80)]
    assert names.asked == ["rebound.example"]
