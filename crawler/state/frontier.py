"""The addresses that a job still has to visit: host by host in turn, what is nearest to the source first."""

from collections import Counter, deque
from heapq import heappop, heappush

from crawler.formats.job import Kind, Target
from crawler.state.novelty import pattern_of_target
from exhibit.network.urls import host_of, url_key


class Frontier:
    """Each address once, by its 128-bit key; few are open at one host, so that a slow one holds up nobody else.

    At one distance from the source pictures come first, and patterns of addresses take turns: an endless calendar
    doesn't starve the rest.
    """

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._seen: set[bytes] = set()
        self._waiting: dict[str, list[tuple[int, int, int, Target]]] = {}
        self._turn_of: Counter[str] = Counter()
        self._turns: deque[str] = deque()
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, target: Target) -> bool:
        """Take up an address; false when it was here before."""
        key = url_key(target.url)
        if key in self._seen:
            return False
        self._seen.add(key)
        host = host_of(target.url)
        if host not in self._waiting:
            self._waiting[host] = []
            self._turns.append(host)
        turn = int(target.kind is not Kind.IMAGE)
        if pattern := pattern_of_target(target):
            turn = self._turn_of[pattern] = self._turn_of[pattern] + 1
        heappush(self._waiting[host], (target.depth, turn, len(self._seen), target))
        return True

    def skip(self, url: str) -> None:
        """Never visit an address: it was worked off before."""
        self._seen.add(url_key(url))

    def pop(self) -> Target | None:
        """The next address, which is open until :meth:`close`; ``None`` when nothing can be begun now."""
        for _ in range(len(self._turns)):
            host = self._turns.popleft()
            if self._open[host] >= self._per_host:
                self._turns.append(host)
                continue
            target = heappop(self._waiting[host])[-1]
            self._open[host] += 1
            if self._waiting[host]:
                self._turns.append(host)
            else:
                del self._waiting[host]
            return target
        return None

    def close(self, target: Target) -> None:
        """The visit is over."""
        self._open -= Counter((host_of(target.url),))
