"""What a watch over lists would ask of whom, and how long that takes at the hosts' pace; nothing is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from crawler.formats.job import Politeness
from exhibit.network.addresses import host_of

LARGEST = 10
"""Hosts that are told by name."""
MOST_HOSTS = 100_000
"""Hosts that are counted at one time: of more, those with the fewest addresses are put together."""


@dataclass(slots=True)
class Hosts:
    """How many addresses would be asked for at each host.

    Of more than :data:`MOST_HOSTS` the largest are counted well, and the number of all is a lower bound.
    """

    delay: float = Politeness().delay  # seconds between two requests to one host, at the least
    counts: Counter[str] = field(default_factory=Counter)
    rest: int = 0  # addresses at hosts that aren't counted by themselves any more
    has_more: bool = False

    @classmethod
    def at_pace(cls, politeness: Mapping[str, float]) -> Self:
        """None yet, at the pace of a watch that is so polite."""
        return cls(float(politeness.get("delay", Politeness().delay)))

    def add(self, urls: Iterable[str]) -> None:
        """Count addresses."""
        self.counts.update(map(host_of, urls))
        if len(self.counts) > MOST_HOSTS:
            kept = Counter(dict(self.counts.most_common(MOST_HOSTS // 2)))
            self.rest += self.counts.total() - kept.total()
            self.counts, self.has_more = kept, True

    @property
    def addresses(self) -> int:
        """Addresses at all hosts."""
        return self.counts.total() + self.rest

    @property
    def largest(self) -> Sequence[tuple[str, int]]:
        """The hosts with most addresses."""
        return sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))[:LARGEST]

    @property
    def others(self) -> tuple[int, int]:
        """How many hosts there are besides the largest, at the least, and their addresses."""
        return len(self.counts) - len(self.largest), self.addresses - sum(count for _host, count in self.largest)

    def seconds(self, addresses: int = 0) -> float:
        """The least time that so many requests to one host take, or all: hosts are asked beside one another."""
        return self.delay * (addresses or max(self.counts.values(), default=0))
