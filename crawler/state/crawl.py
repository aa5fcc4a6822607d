"""What all parts of one running crawl share: the job, the addresses still to visit, the folder of exact bytes."""

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
    """One running crawl, which begins now; raises ``ServiceMissingError`` when its folder can't be written."""

    pace: "Pace"  # set once Scrapy's downloader is there
    authorities: "SSL.Context"  # whose certificates are trusted; set where servers are asked

    def __init__(self, job: Job, write: Callable[[Line], None], earlier: Sequence[PageLine | RefusalLine] = ()) -> None:
        self.job = job
        self.earlier = earlier  # lines that the same job had written when it broke off
        self.write = write
        self.spool = Spool(job.bytes_dir)
        self.guard = Guard(allowed_networks=job.allowed_networks)
        self.budget = Budget(job.limits)
        self.novelty = Novelty()
        self.scope = job.whole_scope()
        self.refused: dict[str, RefusedError] = {}  # by the resolver, by host
        self.policies: dict[str, SitePolicy] = {}  # what origins ask for, by origin
        self.http2: set[tuple[str, int]] = set()  # servers that offered it, by name and port
        self.known = {normalise(url): known for url, known in job.known.items()}
        self._agent = job.user_agent.header()
        self._denied = {host.lower().strip("."): reason for host, reason in job.denied_hosts.items()}

    def counts(self) -> Counts:
        """What was done so far, and which hosts are left to a later job."""
        return replace(self.budget.counts(), waiting=self.pace.waiting() if hasattr(self, "pace") else {})

    @property
    def asks_policies(self) -> bool:
        """Whether sites are asked for their rules."""
        return self.job.politeness.obey_robots or self.job.politeness.obey_reservations

    def denied(self, host: str) -> str:
        """Why a host isn't visited, or empty."""
        return next((self._denied[name] for name in names_of(host) if name in self._denied), "")

    def headers(self, accept: str) -> dict[str, str]:
        """The headers of every request."""
        return {"User-Agent": self._agent, "Accept": accept}

    def stored(self, data: bytes, url: str, media_type: str = "", status: int = 0, **told: Untyped) -> Fetched:
        """Keep the bytes of an image that no request of ours has brought, with what else is told of it."""
        facts = {"request_headers": (), "response_headers": (), "peer": "", "fetched_at": now(), **told}
        digest, size = self.spool.put(data), len(data)
        return Fetched(final_url=url, digest=digest, size=size, media_type=media_type, status=status, **facts)

    def unkept(self, data: bytes) -> tuple[str, str] | None:
        """Why bytes of a file aren't kept as a picture, in a word and a sentence; else the budget is charged."""
        if not data:
            return Reason.EMPTY, "There are no bytes."
        if refused := unfit(data, self.job.limits.max_picture_bytes):
            return refused
        budget = self.budget
        if not (budget.take("pages") and budget.take("images") and budget.take("bytes", len(data))):
            return Reason.BUDGET, "The job had used up its budget."
        return None

    def policy_of(self, url: str) -> SitePolicy | None:
        """What the origin of a URL asks for, where it has been asked."""
        return self.policies.get(origin_of(url))

    def known_image(self, url: str) -> Known | None:
        """The earlier visit to an image, where its bytes are known."""
        known = self._known(url)
        return known if known.digest else None

    def conditions(self, url: str) -> dict[str, str]:
        """The headers that make a request conditional, where an earlier visit is known (RFC 9110, 13.1)."""
        known = self._known(url)
        fields = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        return {name: value for name, value in fields.items() if value}

    def _known(self, url: str) -> Known:
        return (self.known.get(normalise(url)) if self.known else None) or Known()


class Spool:
    """Writes files that are whole or not there, whatever happens to the process, into a folder that is made.

    Names that end in ``.part`` are remains of a process that was killed, and can be removed. A file is written again
    when it has been taken away since. Raises ``ServiceMissingError`` when the folder can't be made or written.
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
        """Keep bytes; a second time changes nothing. Raises ``ServiceMissingError`` when the disk is full or gone."""
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
        """Bytes that were kept; ``None`` when they have been taken away since."""
        try:
            return (self._folder / digest.hex).read_bytes()
        except OSError:
            return None


def _unwritable(folder: Path, error: OSError) -> ServiceMissingError:
    hint = "Make room, or name another."
    return ServiceMissingError(f"The folder {folder} can't be written: {error.strerror}.", hint=hint)


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
