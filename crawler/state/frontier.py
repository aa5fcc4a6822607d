"""The addresses that a job still has to visit: host by host in turn, each host in the order in which they came."""

from collections import Counter, deque

from crawler.formats.job import Target
from exhibit.network.urls import host_of, url_key


class Frontier:
    """Each address once, by its 128-bit key; few are open at one host, so that a slow one holds up nobody else."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._seen: set[bytes] = set()
        self._waiting: dict[str, deque[Target]] = {}
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
            self._waiting[host] = deque()
            self._turns.append(host)
        self._waiting[host].append(target)
        return True

    def pop(self) -> Target | None:
        """The next address, which is open until :meth:`close`; ``None`` when nothing can be begun now."""
        for _ in range(len(self._turns)):
            host = self._turns.popleft()
            if self._open[host] >= self._per_host:
                self._turns.append(host)
                continue
            target = self._waiting[host].popleft()
            self._open[host] += 1
            if self._waiting[host]:
                self._turns.append(host)
            else:
                del self._waiting[host]
            return target
        return None

    def close(self, target: Target) -> None:
        """The visit is over."""
        host = host_of(target.url)
        self._open[host] -= 1
        if self._open[host] <= 0:
            del self._open[host]
