"""What all parts of one running crawl share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from crawler.formats.job import Job, Known
from crawler.formats.lines import Line, PageLine, RefusalLine
from crawler.reading.policy import SitePolicy
from crawler.state.budget import Budget
from crawler.state.novelty import Novelty
from crawler.state.spool import Spool
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from exhibit.network.urls import normalise, origin_of

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

    @property
    def asks_policies(self) -> bool:
        """Whether sites are asked for their rules."""
        return self.job.politeness.obey_robots or self.job.politeness.obey_reservations

    def denied(self, host: str) -> str:
        """Why a host isn't visited, or empty."""
        if not self._denied:
            return ""
        labels = host.split(".")
        names = (".".join(labels[place:]) for place in range(len(labels)))
        return next((self._denied[name] for name in names if name in self._denied), "")

    def headers(self, accept: str) -> dict[str, str]:
        """The headers of every request."""
        return {"User-Agent": self._agent, "Accept": accept}

    def policy_of(self, url: str) -> SitePolicy | None:
        """What the origin of a URL asks for, where it has been asked."""
        return self.policies.get(origin_of(url))

    def known_image(self, url: str) -> Known | None:
        """The earlier visit to an image, where its bytes are known."""
        known = self.known.get(normalise(url)) if self.known else None
        return known if known is not None and known.digest is not None else None

    def conditions(self, url: str) -> dict[str, str]:
        """The headers that make a request conditional, where an earlier visit is known (RFC 9110, 13.1)."""
        known = self.known.get(normalise(url)) if self.known else None
        if known is None:
            return {}
        fields = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        return {name: value for name, value in fields.items() if value}
