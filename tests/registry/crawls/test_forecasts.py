"""Test the forecast of a list's requests: counted by host, largest hosts shown, with bounded memory."""

import pytest

from registry.crawls import forecasts
from registry.crawls.forecasts import HostForecast


def test_largest_hosts_are_listed_with_their_estimated_time() -> None:
    hosts = HostForecast(delay=2.0)
    for number in range(12):
        hosts.add(f"http://{number:02}.example/{n}.jpg" for n in range(number + 1))
    assert hosts.largest_hosts[0] == ("11.example", 12)
    assert len(hosts.largest_hosts) == 10
    assert hosts.remaining_counts == (2, 1 + 2)
    assert hosts.url_count == sum(range(13))
    assert hosts.estimate_seconds() == 24.0
    assert hosts.estimate_seconds(5) == 10.0
    assert HostForecast().estimate_seconds() == 0


def test_hosts_with_few_urls_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "MAX_HOSTS", 10)
    hosts = HostForecast()
    for number in range(40):
        hosts.add([f"http://{number}.example/1.jpg", "http://large.example/1.jpg"])
    assert hosts.largest_hosts[0] == ("large.example", 40)
    assert hosts.url_count == 80
    assert len(hosts.counts) <= 10
    assert hosts.has_more
