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
from crawler.reading.document import Document
from crawler.reading.helper import parse_document
from crawler.reading.policy import ROBOTS_BYTES, SitePolicy, parse_reservations, parse_robots
from exhibit.errors import RefusedError
from exhibit.network.addresses import (
    get_url_host,
    get_url_origin,
    have_same_domain,
    is_localhost,
    normalise_host,
    parse_literal_address,
)
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_beginning
from exhibit.reasons import Reason

DeniedCheck = Callable[[str], bool]  # returns True for hosts that must not be contacted
PROBE_SECONDS = 12.0
REQUEST_SECONDS = 5.0
PAGE_BYTES = 2_000_000
"""Bytes read from the start of a response: enough to detect its kind and the first links."""

MAX_URL_LENGTH = 2_000
MAX_PROPOSALS = 8
"""Maximum proposed sitemaps, and maximum proposed feeds."""
_LIST_PREFIXES = (b"<?xml", b"<rss ", b"<feed", b"<urls", b"<site", b"\x1f\x8b", b"{")
"""First bytes of sitemaps and feeds, and of gzipped sitemaps."""


class RobotsVerdict(StrEnum):
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
class SiteProbe:
    """Result of probing a site."""

    url: str  # URL after redirects
    title: str  # title of the page, or empty
    robots: RobotsVerdict  # verdict of robots.txt about the URL
    crawl_delay: float  # seconds between two requests that robots.txt requests, or 0
    reserved: bool  # whether the site reserves the URL against text and data mining
    proposals: tuple[Proposal, ...]  # sources offered by the site; the URL itself first, if it may be visited


def inspect_site(
    address: str, guard: Guard, agent: UserAgent, is_denied: DeniedCheck, *, seconds: float = PROBE_SECONDS
) -> SiteProbe:
    """Probe a site; without a scheme, ``https`` is tried before ``http``.

    Args:
        address: URL or host name of the site.
        guard: Network guard for all requests.
        agent: User agent of the crawler.
        is_denied: Returns True for hosts that must not be contacted.
        seconds: Time limit of the probe.

    Returns:
        The site's rules and proposed sources.

    Raises:
        RefusedError: With the guard's reasons, ``bad-url``, ``denied-host``, ``unreachable``, ``too-slow``, or
            ``http-…`` for a response that is not a page.
    """
    text = address.strip()
    urls = [text] if "://" in text else [f"https://{text}", f"http://{text}"]
    check_address(urls[0], guard)
    prober = _SiteProber(guard, agent, is_denied, time.monotonic() + seconds)
    for url in urls[:-1]:
        try:
            return prober.inspect(url)
        except RefusedError as error:
            if error.reason != Reason.UNREACHABLE:
                raise
    return prober.inspect(urls[-1])


def check_address(url: str, guard: Guard) -> None:
    """Check that a URL can be the URL of a site, without any request.

    Raises:
        RefusedError: The network guard blocks it, or it is not the URL of a site.
    """
    guard.check_url(url)
    host = normalise_host(get_url_host(url))
    if len(url) > MAX_URL_LENGTH or (
        "." not in host and not is_localhost(host) and parse_literal_address(host) is None
    ):
        raise RefusedError("This is not the URL of a site.", reason=Reason.BAD_URL)


@dataclass(frozen=True, slots=True)
class _SiteResponse:
    url: str
    status: int
    media_type: str
    body: bytes


class _SiteProber:
    def __init__(self, guard: Guard, agent: UserAgent, is_denied: DeniedCheck, deadline: float) -> None:
        self._token, self._is_denied, self._deadline = agent.token, is_denied, deadline
        self._session = create_guarded_session(
            guard, timeout=REQUEST_SECONDS, user_agent=agent.to_header(), check=self._check_request
        )
        self._guard = guard

    def inspect(self, url: str) -> SiteProbe:
        policy = self._fetch_policy(url)
        if not policy.allows(url):
            return self._build_result(url, policy, "", ())
        response = self._fetch(url)
        if get_url_origin(response.url) != get_url_origin(url):
            policy = self._fetch_policy(response.url)
            if not policy.allows(response.url):
                return self._build_result(response.url, policy, "", ())
        if not 200 <= response.status < 300:
            raise RefusedError(f"The server returned status {response.status}.", reason=f"http-{response.status}")
        kind, document = _parse_response(response, self._token)
        proposals = [Proposal(kind, response.url)]
        if kind is SourceKind.SITE:
            proposals += self._find_proposals(response.url, policy, document)
        return self._build_result(response.url, policy, document.title, tuple(dict.fromkeys(proposals)))

    def _build_result(self, url: str, policy: SitePolicy, title: str, proposals: tuple[Proposal, ...]) -> SiteProbe:
        rule = policy.find_reservation(url)
        robots = RobotsVerdict.ALLOWS if policy.allows(url) else RobotsVerdict.FORBIDS
        if policy.rules is None:
            robots = RobotsVerdict.UNREADABLE if policy.disallows_all else RobotsVerdict.NONE
        return SiteProbe(
            url=url,
            title=title,
            robots=robots,
            crawl_delay=policy.crawl_delay,
            reserved=rule is not None and rule.is_reserved,
            proposals=proposals,
        )

    def _find_proposals(self, url: str, policy: SitePolicy, document: Document) -> list[Proposal]:
        """Return the sitemaps and feeds of a page that may be visited; if no sitemap is named, try the usual URL."""
        sitemaps = [*policy.sitemaps, *(link.url for link in document.links if link.kind is Kind.SITEMAP)]
        feeds = [link.url for link in document.links if link.kind is Kind.FEED]
        if not sitemaps and self._is_sitemap(f"{get_url_origin(url)}/sitemap.xml", policy):
            sitemaps = [f"{get_url_origin(url)}/sitemap.xml"]
        return [
            Proposal(kind, address)
            for kind, addresses in ((SourceKind.SITEMAP, sitemaps), (SourceKind.FEED, feeds))
            for address in list(dict.fromkeys(addresses))[:MAX_PROPOSALS]
            if have_same_domain(address, url)
            and (get_url_origin(address) != get_url_origin(url) or policy.allows(address))
            if len(address) <= MAX_URL_LENGTH and self._may_visit(address)
        ]

    def _may_visit(self, url: str) -> bool:
        """Return True if a URL may be visited, without any request; a watch of any other URL would be refused."""
        with suppress(RefusedError):
            self._guard.check_url(url)
            return not self._is_denied(get_url_host(url))
        return False

    def _is_sitemap(self, url: str, policy: SitePolicy) -> bool:
        """Return True if the URL is a sitemap of the same site; only the start of a large one is read."""
        with suppress(RefusedError):
            if (
                policy.allows(url)
                and (response := self._fetch(url)).status == 200
                and have_same_domain(response.url, url)
            ):
                return bool(
                    parse_document(response.body, Kind.SITEMAP, url=response.url, max_bytes=4 * PAGE_BYTES).links
                )
        return False

    def _fetch_policy(self, url: str) -> SitePolicy:
        response = self._fetch(f"{get_url_origin(url)}/robots.txt", 2 * ROBOTS_BYTES)
        policy = parse_robots(response.status, response.body, self._token)
        if policy.disallows_all:
            return policy
        tdmrep_response = self._fetch(f"{get_url_origin(url)}/.well-known/tdmrep.json", 10 * ROBOTS_BYTES)
        return (
            policy.with_reservations(parse_reservations(tdmrep_response.body))
            if tdmrep_response.status == 200
            else policy
        )

    def _fetch(self, url: str, max_bytes: int = PAGE_BYTES) -> _SiteResponse:
        try:
            response = self._session.get(url, timeout=min(REQUEST_SECONDS, self._get_seconds_left()))
            media_type = response.headers.get("Content-Type", "")
            body = read_beginning(response, max_bytes, min(REQUEST_SECONDS, self._get_seconds_left()))
        except requests.ReadTimeout as error:
            raise RefusedError("The site responds too slowly.", reason=Reason.TOO_SLOW) from error
        except requests.RequestException as error:
            self._get_seconds_left()
            raise RefusedError("The server could not be reached.", reason=Reason.UNREACHABLE) from error
        return _SiteResponse(response.url, response.status_code, media_type, body)

    def _get_seconds_left(self) -> float:
        seconds_left = self._deadline - time.monotonic()
        if seconds_left <= 0:
            raise RefusedError("The site responds too slowly.", reason=Reason.TOO_SLOW)
        return seconds_left

    def _check_request(self, url: str) -> None:
        """Check the time limit and the host before each request and redirect; slow redirects get no extra time."""
        self._get_seconds_left()
        if self._is_denied(get_url_host(url)):
            raise RefusedError(f"The host {get_url_host(url)} is not visited.", reason=Reason.DENIED_HOST)


def _parse_response(response: _SiteResponse, token: str) -> tuple[SourceKind, Document]:
    """Detect whether the response is a sitemap, a feed or a page, and parse it."""
    kinds = {SourceKind.SITE: Kind.PAGE}
    if response.body.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_LIST_PREFIXES):
        kinds = {SourceKind.SITEMAP: Kind.SITEMAP, SourceKind.FEED: Kind.FEED, **kinds}
    options = {"url": response.url, "content_type": response.media_type, "token": token, "max_bytes": 4 * PAGE_BYTES}
    for source, kind in kinds.items():
        with suppress(RefusedError):
            return source, parse_document(response.body, kind, **options)
    return SourceKind.SITE, Document()
