"""Forecasts for watches over lists: requests per host and their duration at the configured rate.

No requests are sent.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from crawler.formats.job import Politeness
from exhibit.network.addresses import get_url_host

MAX_LISTED = 10
"""Number of hosts listed by name."""
MAX_HOSTS = 100_000
"""Maximum number of hosts counted at a time; beyond it, the hosts with the fewest URLs are merged."""


@dataclass(slots=True)
class HostForecast:
    """The number of URLs per host.

    With more than :data:`MAX_HOSTS` hosts, the counts of the largest hosts are accurate, and the number of hosts is a
    lower bound.
    """

    delay: float = Politeness().delay  # minimum interval between two requests to a host, in seconds
    counts: Counter[str] = field(default_factory=Counter)
    uncounted_urls: int = 0  # URLs at hosts that are no longer counted individually
    has_more: bool = False

    @classmethod
    def from_politeness(cls, politeness: Mapping[str, float]) -> Self:
        """Create an empty forecast with the delay of a watch's politeness settings."""
        return cls(float(politeness.get("delay", Politeness().delay)))

    def add(self, urls: Iterable[str]) -> None:
        """Add URLs to the counts."""
        self.counts.update(map(get_url_host, urls))
        if len(self.counts) > MAX_HOSTS:
            largest = Counter(dict(self.counts.most_common(MAX_HOSTS // 2)))
            self.uncounted_urls += self.counts.total() - largest.total()
            self.counts, self.has_more = largest, True

    @property
    def url_count(self) -> int:
        """The number of URLs at all hosts."""
        return self.counts.total() + self.uncounted_urls

    @property
    def largest_hosts(self) -> Sequence[tuple[str, int]]:
        """The hosts with the most URLs."""
        return sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_LISTED]

    @property
    def remaining_counts(self) -> tuple[int, int]:
        """The number of other hosts (a lower bound) and the number of their URLs."""
        return len(self.counts) - len(self.largest_hosts), self.url_count - sum(
            count for _host, count in self.largest_hosts
        )

    def estimate_seconds(self, request_count: int = 0) -> float:
        """Return the minimum duration in seconds of this number of requests to one host.

        By default, returns the duration of the whole list, whose hosts are visited in parallel.
        """
        return self.delay * (request_count or max(self.counts.values(), default=0))
