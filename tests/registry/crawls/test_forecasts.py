"""Test the forecast of a list's requests: counted by host, the largest shown, in little memory."""

import pytest

from registry.crawls import forecasts
from registry.crawls.forecasts import Hosts


def test_largest_hosts_are_listed_with_their_estimated_time() -> None:
    hosts = Hosts(delay=2.0)
    for number in range(12):
        hosts.add(f"http://{number:02}.example/{n}.jpg" for n in range(number + 1))
    assert hosts.largest[0] == ("11.example", 12)
    assert len(hosts.largest) == 10
    assert hosts.remaining == (2, 1 + 2)
    assert hosts.addresses == sum(range(13))
    assert hosts.seconds() == 24.0
    assert hosts.seconds(5) == 10.0
    assert Hosts().seconds() == 0


def test_of_very_many_hosts_those_with_few_addresses_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "MAX_HOSTS", 10)
    hosts = Hosts()
    for number in range(40):
        hosts.add([f"http://{number}.example/1.jpg", "http://large.example/1.jpg"])
    assert hosts.largest[0] == ("large.example", 40)
    assert hosts.addresses == 80
    assert len(hosts.counts) <= 10
    assert hosts.has_more
