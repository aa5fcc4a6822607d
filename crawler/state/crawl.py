"""Shared state of one running crawl: the job, the frontier of URLs, and the folder of exact bytes."""

import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.formats.job import Job, Kind, Known, Target
from crawler.formats.lines import Counts, Line, PageLine, RefusalLine
from crawler.reading.policy import SitePolicy
from crawler.reading.sniff import unfit
from crawler.state.budget import Budget
from crawler.state.novelty import Novelty, pattern_of_target
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import host_of, names_of, normalise, origin_of, url_key
from exhibit.network.guard import Guard
from exhibit.reasons import Reason
from exhibit.types import Fetched, Untyped

if TYPE_CHECKING:
    from OpenSSL import SSL

    from crawler.state.pace import Pace


class Crawl:
    """One running crawl, which starts when the object is created.

    Raises:
        ServiceMissingError: The folder cannot be written.
    """

    pace: "Pace"  # set when Scrapy's downloader exists
    authorities: "SSL.Context"  # trusted certificate authorities; set if servers are contacted

    def __init__(self, job: Job, write: Callable[[Line], None], earlier: Sequence[PageLine | RefusalLine] = ()) -> None:
        self.job = job
        self.earlier = earlier  # lines that an interrupted run of the same job wrote
        self.write = write
        self.spool = Spool(job.bytes_dir)
        self.guard = Guard(allowed_networks=job.allowed_networks)
        self.budget = Budget(job.limits)
        self.novelty = Novelty()
        self.scope = job.whole_scope()
        self.refused: dict[str, RefusedError] = {}  # errors of the resolver, by host
        self.policies: dict[str, SitePolicy] = {}  # crawling rules, by origin
        self.http2: set[tuple[str, int]] = set()  # servers that offered HTTP/2, by name and port
        self.known = {normalise(url): earlier for url, earlier in job.known.items()}
        self._agent = job.user_agent.header()
        self._denied = {host.lower().strip("."): reason for host, reason in job.denied_hosts.items()}

    def counts(self) -> Counts:
        """Return the counts so far, and the hosts that are left to a later job."""
        return replace(self.budget.counts(), waiting=self.pace.waiting() if hasattr(self, "pace") else {})

    @property
    def asks_policies(self) -> bool:
        """True if the crawler requests the rules of sites (robots.txt or reservations)."""
        return self.job.politeness.obey_robots or self.job.politeness.obey_reservations

    def denied(self, host: str) -> str:
        """Return the reason why a host is denied, or an empty string."""
        return next((self._denied[name] for name in names_of(host) if name in self._denied), "")

    def headers(self, accept: str) -> dict[str, str]:
        """Return the headers of every request."""
        return {"User-Agent": self._agent, "Accept": accept}

    def stored(self, data: bytes, url: str, media_type: str = "", status: int = 0, **told: Untyped) -> Fetched:
        """Store the bytes of an image from a file or a ``data:`` URL, with further facts for the result."""
        facts = {"request_headers": (), "response_headers": (), "peer": "", "fetched_at": now(), **told}
        digest, size = self.spool.put(data), len(data)
        return Fetched(final_url=url, digest=digest, size=size, media_type=media_type, status=status, **facts)

    def unkept(self, data: bytes) -> tuple[str, str] | None:
        """Charge the budget for an image from a file; return reason and sentence if it is refused, else ``None``."""
        if not data:
            return Reason.EMPTY, "There are no bytes."
        if refused := unfit(data, self.job.limits.max_picture_bytes):
            return refused
        budget = self.budget
        if not (budget.take("pages") and budget.take("images") and budget.take("bytes", len(data))):
            return Reason.BUDGET, "The job had used up its budget."
        return None

    def policy_of(self, url: str) -> SitePolicy | None:
        """Return the rules of a URL's origin, or ``None`` if they have not been requested."""
        return self.policies.get(origin_of(url))

    def known_image(self, url: str) -> Known | None:
        """Return the earlier visit to an image if its bytes are known."""
        earlier = self._earlier_visit(url)
        return earlier if earlier.digest else None

    def conditions(self, url: str) -> dict[str, str]:
        """Return conditional request headers if an earlier visit is known (RFC 9110, 13.1)."""
        earlier = self._earlier_visit(url)
        fields = {"If-None-Match": earlier.etag, "If-Modified-Since": earlier.last_modified}
        return {name: value for name, value in fields.items() if value}

    def _earlier_visit(self, url: str) -> Known:
        return (self.known.get(normalise(url)) if self.known else None) or Known()


class Spool:
    """Writes files atomically into a folder, which is created if necessary.

    Files that end in ``.part`` are left by killed processes and can be deleted. A file that has since been removed is
    written again.

    Raises:
        ServiceMissingError: The folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part = folder / f"{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._part.write_bytes(b"")
            self._part.unlink()
        except OSError as error:
            raise _unwritable(folder, error) from error

    def put(self, data: bytes) -> Digest:
        """Store bytes; storing them twice has no effect.

        Raises:
            ServiceMissingError: The disk is full or missing.
        """
        digest = Digest.of(data)
        path = self._folder / digest.hex
        if path.exists():
            return digest
        try:
            self._part.write_bytes(data)
            self._part.replace(path)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return digest

    def get(self, digest: Digest) -> bytes | None:
        """Return stored bytes; ``None`` if the file has been removed."""
        try:
            return (self._folder / digest.hex).read_bytes()
        except OSError:
            return None


def _unwritable(folder: Path, error: OSError) -> ServiceMissingError:
    hint = "Make room, or name another."
    return ServiceMissingError(f"The folder {folder} can't be written: {error.strerror}.", hint=hint)


class Frontier:
    """Queue of URLs, each visited once (by a 128-bit key), with few open visits per host so slow hosts don't block.

    At the same distance from the source, images come first, and URL patterns take turns, so that an endless calendar
    does not starve other pages.
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
        """Add a URL; return False if it was added before."""
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
        """Never visit a URL, as it was processed before."""
        self._seen.add(url_key(url))

    def pop(self) -> Target | None:
        """Return the next URL, which stays open until :meth:`close`; ``None`` if none can be started now."""
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
        """Mark the visit of a URL as finished."""
        self._open -= Counter((host_of(target.url),))
