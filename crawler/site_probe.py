"""Probe a site before it is watched: its rules for crawlers, its sitemaps and its feeds.

No links are followed and nothing is stored. Every request passes the network guard, and the probe has a time limit.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import requests

from crawler.formats.job import Kind, SourceKind, UserAgent
from crawler.reading.found import Document
from crawler.reading.helper import document_of
from crawler.reading.policy import ROBOTS_BYTES, SitePolicy, reservations_of, robots_policy
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, is_localhost, literal_address, origin_of, plain_host, same_domain
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_beginning
from exhibit.reasons import Reason

Denied = Callable[[str], bool]  # returns True for hosts that must not be contacted
SECONDS = 12.0
REQUEST_SECONDS = 5.0
PAGE_BYTES = 2_000_000
"""Bytes read from the start of a response: enough to detect its kind and the first links."""

MAX_ADDRESS = 2_000
MAX_PROPOSED = 8
"""Limit for proposed sitemaps, and for proposed feeds."""
_NO_PAGE = (b"<?xml", b"<rss ", b"<feed", b"<urls", b"<site", b"\x1f\x8b", b"{")
"""First bytes of sitemaps and feeds, and of gzipped sitemaps."""


class Robots(StrEnum):
    """Verdict of robots.txt about a URL."""

    NONE = "none"
    ALLOWS = "allows"
    FORBIDS = "forbids"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Proposed source for a watch of the site."""

    kind: SourceKind
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Result of probing a site."""

    url: str  # URL after redirects
    title: str  # title of the page, or empty
    robots: Robots  # verdict of robots.txt about the URL
    crawl_delay: float  # seconds between two requests that robots.txt requests, or 0
    reserved: bool  # whether the site reserves the URL against text and data mining
    proposals: tuple[Proposal, ...]  # sources offered by the site; the URL itself first, if it may be visited


def look_at(address: str, guard: Guard, agent: UserAgent, denied: Denied, *, seconds: float = SECONDS) -> Look:
    """Probe a site; without a scheme, ``https`` is tried before ``http``.

    Args:
        address: URL or host name of the site.
        guard: Network guard for all requests.
        agent: User agent of the crawler.
        denied: Returns True for hosts that must not be contacted.
        seconds: Time limit of the probe.

    Returns:
        The site's rules and proposed sources.

    Raises:
        RefusedError: With the guard's reasons, ``bad-url``, ``denied-host``, ``unreachable``, ``too-slow``, or
            ``http-…``
            for a response that is not a page.
    """
    text = address.strip()
    urls = [text] if "://" in text else [f"https://{text}", f"http://{text}"]
    check_address(urls[0], guard)
    visit = _Visit(guard, agent, denied, time.monotonic() + seconds)
    for url in urls[:-1]:
        try:
            return visit.look(url)
        except RefusedError as error:
            if error.reason != Reason.UNREACHABLE:
                raise
    return visit.look(urls[-1])


def check_address(url: str, guard: Guard) -> None:
    """Check from its text that a URL can be the URL of a site.

    Raises:
        RefusedError: The network guard blocks it, or it is not the URL of a site.
    """
    guard.check_url(url)
    host = plain_host(host_of(url))
    if len(url) > MAX_ADDRESS or ("." not in host and not is_localhost(host) and literal_address(host) is None):
        raise RefusedError("This isn't the address of a site.", reason=Reason.BAD_URL)


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    status: int
    media_type: str
    body: bytes


class _Visit:
    def __init__(self, guard: Guard, agent: UserAgent, denied: Denied, until: float) -> None:
        self._token, self._denied, self._until = agent.token, denied, until
        self._session = guarded_session(guard, timeout=REQUEST_SECONDS, user_agent=agent.header(), check=self._check)
        self._guard = guard

    def look(self, url: str) -> Look:
        policy = self._policy(url)
        if not policy.allows(url):
            return self._to_look(url, policy, "", ())
        answer = self._get(url)
        if origin_of(answer.url) != origin_of(url):
            policy = self._policy(answer.url)
            if not policy.allows(answer.url):
                return self._to_look(answer.url, policy, "", ())
        if not 200 <= answer.status < 300:
            raise RefusedError(f"The server answered with status {answer.status}.", reason=f"http-{answer.status}")
        kind, document = _read_answer(answer, self._token)
        proposals = [Proposal(kind, answer.url)]
        if kind is SourceKind.SITE:
            proposals += self._offered(answer.url, policy, document)
        return self._to_look(answer.url, policy, document.title, tuple(dict.fromkeys(proposals)))

    def _to_look(self, url: str, policy: SitePolicy, title: str, proposals: tuple[Proposal, ...]) -> Look:
        rule = policy.reservation(url)
        robots = Robots.ALLOWS if policy.allows(url) else Robots.FORBIDS
        if policy.rules is None:
            robots = Robots.UNREADABLE if policy.disallows_all else Robots.NONE
        return Look(
            url=url,
            title=title,
            robots=robots,
            crawl_delay=policy.crawl_delay,
            reserved=rule is not None and rule.reserved,
            proposals=proposals,
        )

    def _offered(self, url: str, policy: SitePolicy, document: Document) -> list[Proposal]:
        """Return the sitemaps and feeds of a page that may be visited; the usual sitemap location if none is named."""
        sitemaps = [*policy.sitemaps, *(link.url for link in document.links if link.kind is Kind.SITEMAP)]
        feeds = [link.url for link in document.links if link.kind is Kind.FEED]
        if not sitemaps and self._is_sitemap(f"{origin_of(url)}/sitemap.xml", policy):
            sitemaps = [f"{origin_of(url)}/sitemap.xml"]
        return [
            Proposal(kind, address)
            for kind, addresses in ((SourceKind.SITEMAP, sitemaps), (SourceKind.FEED, feeds))
            for address in list(dict.fromkeys(addresses))[:MAX_PROPOSED]
            if same_domain(address, url) and (origin_of(address) != origin_of(url) or policy.allows(address))
            if len(address) <= MAX_ADDRESS and self._may_visit(address)
        ]

    def _may_visit(self, url: str) -> bool:
        """Return True if the text of a URL allows a visit; a watch of any other URL would be refused."""
        with suppress(RefusedError):
            self._guard.check_url(url)
            return not self._denied(host_of(url))
        return False

    def _is_sitemap(self, url: str, policy: SitePolicy) -> bool:
        """Return True if the URL is a sitemap of the same site; only the start of a large one is read."""
        with suppress(RefusedError):
            if policy.allows(url) and (answer := self._get(url)).status == 200 and same_domain(answer.url, url):
                return bool(document_of(answer.body, Kind.SITEMAP, url=answer.url, max_bytes=4 * PAGE_BYTES).links)
        return False

    def _policy(self, url: str) -> SitePolicy:
        answer = self._get(f"{origin_of(url)}/robots.txt", 2 * ROBOTS_BYTES)
        policy = robots_policy(answer.status, answer.body, self._token)
        if policy.disallows_all:
            return policy
        reserved = self._get(f"{origin_of(url)}/.well-known/tdmrep.json", 10 * ROBOTS_BYTES)
        return policy.with_reservations(reservations_of(reserved.body)) if reserved.status == 200 else policy

    def _get(self, url: str, most: int = PAGE_BYTES) -> _Answer:
        try:
            response = self._session.get(url, timeout=min(REQUEST_SECONDS, self._seconds_left()))
            media_type = response.headers.get("Content-Type", "")
            body = read_beginning(response, most, min(REQUEST_SECONDS, self._seconds_left()))
        except requests.ReadTimeout as error:
            raise RefusedError("The site answers too slowly.", reason=Reason.TOO_SLOW) from error
        except requests.RequestException as error:
            self._seconds_left()
            raise RefusedError("The server couldn't be reached.", reason=Reason.UNREACHABLE) from error
        return _Answer(response.url, response.status_code, media_type, body)

    def _seconds_left(self) -> float:
        seconds_left = self._until - time.monotonic()
        if seconds_left <= 0:
            raise RefusedError("The site answers too slowly.", reason=Reason.TOO_SLOW)
        return seconds_left

    def _check(self, url: str) -> None:
        """Check the time limit and the host before each request and redirect; slow redirects get no extra time."""
        self._seconds_left()
        if self._denied(host_of(url)):
            raise RefusedError(f"The host {host_of(url)} isn't visited.", reason=Reason.DENIED_HOST)


def _read_answer(answer: _Answer, token: str) -> tuple[SourceKind, Document]:
    """Detect whether the response is a sitemap, a feed or a page, and parse it."""
    kinds = {SourceKind.SITE: Kind.PAGE}
    if answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_NO_PAGE):
        kinds = {SourceKind.SITEMAP: Kind.SITEMAP, SourceKind.FEED: Kind.FEED, **kinds}
    about = {"url": answer.url, "content_type": answer.media_type, "token": token, "max_bytes": 4 * PAGE_BYTES}
    for source, kind in kinds.items():
        with suppress(RefusedError):
            return source, document_of(answer.body, kind, **about)
    return SourceKind.SITE, Document()
