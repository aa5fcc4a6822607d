"""Forecasts for watches over lists: requests per host and their duration at the configured rate.

Nothing is requested.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from crawler.formats.job import Politeness
from exhibit.network.addresses import host_of

MAX_LISTED = 10
"""Number of hosts listed by name."""
MAX_HOSTS = 100_000
"""Maximum number of hosts counted at a time; beyond it, the hosts with the fewest URLs are merged."""


@dataclass(slots=True)
class Hosts:
    """The number of URLs per host.

    With more than :data:`MAX_HOSTS` hosts, the counts of the largest are accurate, and the number of hosts is a lower
    bound.
    """

    delay: float = Politeness().delay  # minimum interval between two requests to a host, in seconds
    counts: Counter[str] = field(default_factory=Counter)
    rest: int = 0  # URLs at hosts that are no longer counted individually
    has_more: bool = False

    @classmethod
    def at_pace(cls, politeness: Mapping[str, float]) -> Self:
        """Create an empty forecast with the delay of a watch's politeness settings."""
        return cls(float(politeness.get("delay", Politeness().delay)))

    def add(self, urls: Iterable[str]) -> None:
        """Count URLs."""
        self.counts.update(map(host_of, urls))
        if len(self.counts) > MAX_HOSTS:
            largest = Counter(dict(self.counts.most_common(MAX_HOSTS // 2)))
            self.rest += self.counts.total() - largest.total()
            self.counts, self.has_more = largest, True

    @property
    def addresses(self) -> int:
        """The number of URLs at all hosts."""
        return self.counts.total() + self.rest

    @property
    def largest(self) -> Sequence[tuple[str, int]]:
        """The hosts with the most URLs."""
        return sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_LISTED]

    @property
    def remaining(self) -> tuple[int, int]:
        """The number of hosts besides the largest (a lower bound), and of their URLs."""
        return len(self.counts) - len(self.largest), self.addresses - sum(count for _host, count in self.largest)

    def seconds(self, addresses: int = 0) -> float:
        """Return the minimum duration of this many requests to one host, or of all: hosts are visited in parallel."""
        return self.delay * (addresses or max(self.counts.values(), default=0))
