import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from crawler.fetching.resolver import make_resolver_class
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from tests.assets.crawling import crawl
from tests.assets.site import Site


class Names:
    """A resolver with Twisted's interface that knows some names."""

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
    """A receiver of a resolver's results."""

    results: list[tuple[str, int]] = field(default_factory=list)
    ended: int = 0

    def resolutionBegan(self, _: object) -> None:  # noqa: N802
        """Record nothing."""

    def addressResolved(self, address: Any) -> None:  # noqa: ANN401, N802
        self.results.append((address.host, address.port))

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
def test_resolver_returns_only_checked_addresses(host: str, port: int, reason: str) -> None:
    refused: dict[str, RefusedError] = {}
    reactor = SimpleNamespace(nameResolver=Names(NAMES))
    resolver: Any = make_resolver_class(Guard(), refused)
    receiver = Receiver()
    resolver.from_crawler(None, reactor).resolveHostName(receiver, host, port)
    allowed = NAMES.get(host, []) if not reason else []
    assert receiver.results == [(address, port) for address in allowed]
    assert receiver.ended == 1
    assert {name: error.reason for name, error in refused.items()} == ({host: reason} if reason else {})


def test_host_name_is_resolved_only_once() -> None:
    names = Names({"rebound.example": ["93.184.216.34"]})
    test_resolver: Any = make_resolver_class(Guard(), {})
    resolver = test_resolver.from_crawler(None, SimpleNamespace(nameResolver=names))
    first, second = Receiver(), Receiver()
    resolver.resolveHostName(first, "rebound.example", 80)
    names.names["rebound.example"] = ["127.0.0.1"]
    resolver.resolveHostName(second, "rebound.example", 80)
    assert first.results == second.results == [("93.184.216.34", 80)]
    assert names.asked == ["rebound.example"]


def test_name_resolving_to_private_address_is_refused(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "<p>private")
        names = [name for name in ("ip6-localhost", "ip6-loopback", socket.gethostname()) if _is_private(name)]
        if not names:
            pytest.skip("this machine has no name of its own")
        urls = [f"http://{name}:{site.port}/" for name in names]
        # One network is allowed, so that an unusual port is not a reason to refuse the name itself.
        done = crawl(tmp_path, urls=[{"url": url} for url in urls], follow=False, allowed_networks=["192.0.2.0/24"])
        assert site.requests == []
    assert [done.refusals[url] for url in urls] == ["private-address"] * len(urls)


def _is_private(name: str) -> bool:
    try:
        answers = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not any(ip_address(str(answer[4][0]).partition("%")[0]).is_global for answer in answers)
