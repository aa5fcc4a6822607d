"""Shared state of one running crawl: the job, the frontier of URLs, and the folder of exact bytes."""

import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.formats.job import EarlierVisit, Job, Kind, StyleSheet, Target
from crawler.formats.lines import Counts, Line, PageLine, RefusalLine
from crawler.reading.policy import SitePolicy
from crawler.reading.sniff import check_picture
from crawler.state.budget import Budget
from crawler.state.novelty import NoveltyTracker, get_target_pattern
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import compute_url_key, get_url_host, get_url_origin, list_parent_names, normalise_url
from exhibit.network.guard import Guard
from exhibit.reasons import Reason
from exhibit.types import FetchedPicture, Untyped

if TYPE_CHECKING:
    from OpenSSL import SSL

    from crawler.state.pace import RequestPacer


class Crawl:
    """One running crawl, which starts when the object is created.

    Raises:
        ServiceMissingError: The folder cannot be written.
    """

    pacer: "RequestPacer"  # set when Scrapy's downloader exists
    authorities: "SSL.Context"  # trusted certificate authorities; set if servers are contacted

    def __init__(self, job: Job, write: Callable[[Line], None], earlier: Sequence[PageLine | RefusalLine] = ()) -> None:
        self.job = job
        self.earlier_lines = earlier  # lines written by an interrupted run of the same job
        self.write = write
        self.spool = Spool(job.bytes_dir)
        self.guard = Guard(allowed_networks=job.allowed_networks)
        self.budget = Budget(job.limits)
        self.novelty = NoveltyTracker()
        self.scope = job.resolve_scope()
        self.resolver_errors: dict[str, RefusedError] = {}  # errors of the resolver, by host
        self.policies: dict[str, SitePolicy] = {}  # crawling rules, by origin
        self.http2: set[tuple[str, int]] = set()  # servers that offered HTTP/2, by name and port
        self.known_sheets = {sheet.url: sheet for sheet in job.known_sheets}
        self.known_visits = {normalise_url(url): earlier for url, earlier in job.known.items()}
        self._agent = job.user_agent.to_header()
        self._denial_reasons = {host.lower().strip("."): reason for host, reason in job.denied_hosts.items()}

    def get_counts(self) -> Counts:
        """Return the current counts, with the hosts that are left to a later job."""
        return replace(
            self.budget.get_counts(), waiting=self.pacer.get_postponed_hosts() if hasattr(self, "pacer") else {}
        )

    @property
    def needs_policies(self) -> bool:
        """True if the crawler requests the rules of sites (robots.txt or reservations)."""
        return self.job.politeness.obey_robots or self.job.politeness.obey_reservations

    def get_denial_reason(self, host: str) -> str:
        """Return the reason why a host is denied, or an empty string."""
        return next(
            (self._denial_reasons[name] for name in list_parent_names(host) if name in self._denial_reasons), ""
        )

    def build_headers(self, accept: str) -> dict[str, str]:
        """Return the headers of every request."""
        return {"User-Agent": self._agent, "Accept": accept}

    def store_picture(
        self, data: bytes, url: str, media_type: str = "", status: int = 0, **further_facts: Untyped
    ) -> FetchedPicture:
        """Store the bytes of an image from a file or a ``data:`` URL, with further facts for the result."""
        facts = {"request_headers": (), "response_headers": (), "peer": "", "fetched_at": now(), **further_facts}
        digest, size = self.spool.put(data), len(data)
        return FetchedPicture(final_url=url, digest=digest, size=size, media_type=media_type, status=status, **facts)

    def charge_picture(self, data: bytes) -> tuple[str, str] | None:
        """Charge the budget for an image from a file; return reason and sentence if it is refused, else ``None``."""
        if not data:
            return Reason.EMPTY, "There are no bytes."
        if problem := check_picture(data, self.job.limits.max_picture_bytes):
            return problem
        budget = self.budget
        if not (budget.reserve("pages") and budget.reserve("images") and budget.reserve("bytes", len(data))):
            return Reason.BUDGET, "The job had used up its budget."
        return None

    def get_policy(self, url: str) -> SitePolicy | None:
        """Return the rules of a URL's origin, or ``None`` if they have not been requested."""
        return self.policies.get(get_url_origin(url))

    def get_known_image(self, url: str) -> EarlierVisit | None:
        """Return the earlier visit to an image if its bytes are known."""
        earlier_visit = self._get_earlier_visit(url)
        return earlier_visit if earlier_visit.digest else None

    def build_conditional_headers(self, url: str) -> dict[str, str]:
        """Return conditional request headers if an earlier visit is known (RFC 9110, 13.1)."""
        return build_conditional_headers(self._get_earlier_visit(url))

    def _get_earlier_visit(self, url: str) -> EarlierVisit:
        return (self.known_visits.get(normalise_url(url)) if self.known_visits else None) or EarlierVisit()


def build_conditional_headers(earlier: EarlierVisit | StyleSheet) -> dict[str, str]:
    """Return the headers of a conditional request with the validators of an earlier response (RFC 9110, 13.1)."""
    headers = {"If-None-Match": earlier.etag, "If-Modified-Since": earlier.last_modified}
    return {name: value for name, value in headers.items() if value}


class Spool:
    """Writes files atomically into a folder, which is created if necessary.

    Files that end in ``.part`` are left by killed processes and can be deleted. A file that has since been removed is
    written again.

    Raises:
        ServiceMissingError: The folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part_path = folder / f"{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._part_path.write_bytes(b"")
            self._part_path.unlink()
        except OSError as error:
            raise _make_write_error(folder, error) from error

    def put(self, data: bytes) -> Digest:
        """Store bytes; storing them twice has no effect.

        Raises:
            ServiceMissingError: The disk is full or missing.
        """
        digest = Digest.from_bytes(data)
        path = self._folder / digest.hex
        if path.exists():
            return digest
        try:
            self._part_path.write_bytes(data)
            self._part_path.replace(path)
        except OSError as error:
            raise _make_write_error(self._folder, error) from error
        return digest

    def get(self, digest: Digest) -> bytes | None:
        """Return stored bytes; ``None`` if the file has been removed."""
        try:
            return (self._folder / digest.hex).read_bytes()
        except OSError:
            return None


def _make_write_error(folder: Path, error: OSError) -> ServiceMissingError:
    hint = "Free disk space, or choose another folder."
    return ServiceMissingError(f"The folder {folder} cannot be written: {error.strerror}.", hint=hint)


class Frontier:
    """Queue of URLs, each visited once (by a 128-bit key), with few open visits per host so slow hosts don't block.

    At the same distance from the source, images come first, and URL patterns take turns, so that an endless calendar
    does not starve other pages.
    """

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._added_keys: set[bytes] = set()
        self._queues: dict[str, list[tuple[int, int, int, Target]]] = {}
        self._turn_by_pattern: Counter[str] = Counter()
        self._host_order: deque[str] = deque()
        self._open_counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, target: Target) -> bool:
        """Add a URL; return False if it was added before."""
        key = compute_url_key(target.url)
        if key in self._added_keys:
            return False
        self._added_keys.add(key)
        host = get_url_host(target.url)
        if host not in self._queues:
            self._queues[host] = []
            self._host_order.append(host)
        turn = int(target.kind is not Kind.IMAGE)
        if pattern := get_target_pattern(target):
            turn = self._turn_by_pattern[pattern] = self._turn_by_pattern[pattern] + 1
        heappush(self._queues[host], (target.depth, turn, len(self._added_keys), target))
        return True

    def skip(self, url: str) -> None:
        """Mark a URL as processed, so that it is never visited."""
        self._added_keys.add(compute_url_key(url))

    def pop(self) -> Target | None:
        """Return the next URL, which stays open until :meth:`close`; ``None`` if none can be started now."""
        for _ in range(len(self._host_order)):
            host = self._host_order.popleft()
            if self._open_counts[host] >= self._per_host:
                self._host_order.append(host)
                continue
            target = heappop(self._queues[host])[-1]
            self._open_counts[host] += 1
            if self._queues[host]:
                self._host_order.append(host)
            else:
                del self._queues[host]
            return target
        return None

    def close(self, target: Target) -> None:
        """Mark the visit of a URL as finished."""
        self._open_counts -= Counter((get_url_host(target.url),))
