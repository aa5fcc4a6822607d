"""Input format: a job, the same for a stand-alone crawl and for a slice of a longer one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Self

from crawler.formats.strict import parse_json, read_as, write_json
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import get_registrable_domain, get_url_host
from exhibit.types import SourceStatement

MIB = 1024 * 1024
ANY_HOST = "*"
MIN_GAIN_FRACTION = (
    0.25  # minimum fraction of a host's rendered pages that gained images; below it, no more pages are rendered
)


class Kind(StrEnum):
    """Kind of document expected at a URL."""

    PAGE = "page"
    SITEMAP = "sitemap"
    FEED = "feed"
    IMAGE = "image"


class SourceKind(StrEnum):
    """Kind of source from which a crawl starts."""

    SITE = "site"
    SITEMAP = "sitemap"
    FEED = "feed"
    LIST = "list"
    FOLDER = "folder"
    WARC = "warc"


class Render(StrEnum):
    """Policy for running the scripts of pages in a browser."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A starting point of a crawl."""

    kind: SourceKind
    """``site``, ``sitemap`` and ``feed`` have a ``url``, ``list`` has ``urls``, ``folder`` and ``warc`` have a
    ``path``. The last two read files and are meant for imports."""
    url: str = ""  # an `http` or `https` URL
    urls: tuple[str, ...] = ()  # URLs of pages
    path: Path | None = None  # a folder of images, or a WARC, ARC or WACZ file or a folder of them
    after: str = ""  # the `position` of an earlier job's last line: earlier content is not read again

    def __post_init__(self) -> None:
        required_field = {SourceKind.LIST: "urls", SourceKind.FOLDER: "path", SourceKind.WARC: "path"}.get(
            self.kind, "url"
        )
        for name in ("url", "urls", "path"):
            if bool(getattr(self, name)) != (name == required_field):
                verb = "needs" if name == required_field else "has no"
                raise InvalidRequestError(f"sources: a source of kind {self.kind} {verb} {name}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A discovered URL within the job's scope."""

    url: str  # absolute
    kind: Kind  # expected kind
    depth: int  # links followed since the source
    page_url: str = ""  # for an image of a sitemap or a feed, the page that shows it
    context: str = ""  # text next to it in that document
    elsewhere: tuple[SourceStatement, ...] = ()  # dates stated there on which the image was seen or published


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Link):
    """A URL to visit: a page of the source itself, unless specified otherwise."""

    kind: Kind = Kind.PAGE
    depth: int = 0
    found_in: str = ""  # `found_in` of sightings of this image; empty for the default
    captured: str = ""
    """Web archive's statement about the image (:class:`crawler.archives.cdx.CaptureStatement`).

    ``url`` is then the archive's record, and ``page_url`` the captured URL, which is not visited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a job; sizes are in bytes, times in seconds."""

    pages: int = 1_000  # processed pages, sitemaps, feeds and single images
    images: int = 20_000  # image URLs whose bytes are stored or known
    bytes: int = 2_000 * MIB  # stored bytes and pages read
    seconds: float = 3_600.0  # wall time of the whole job
    depth: int = 3  # links followed from a source
    hosts: int = 50  # hosts whose pages are visited
    max_picture_bytes: int = 30 * MIB  # maximum size of a stored image
    max_page_bytes: int = 8 * MIB  # maximum size of a page, sitemap or feed
    memory_mb: int = 1_024  # resident memory of the process, MiB
    request_seconds: float = 30.0  # one request
    render_pages: int = 200  # pages rendered in a browser
    render_seconds: float = 1_800.0  # time limit for rendering all pages
    render_page_seconds: float = 20.0  # time limit for rendering one page
    render_page_requests: int = 120  # requests of one rendered page

    def __post_init__(self) -> None:
        minimums: dict[str, float] = {"depth": 0, "render_pages": 0, "render_seconds": 0, "render_page_requests": 0}
        minimums |= dict.fromkeys(("seconds", "request_seconds", "render_page_seconds"), 0.1)
        for limit in fields(self):
            _check_minimum("limits", limit.name, getattr(self, limit.name), minimums.get(limit.name, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """Request rates and rules for hosts. Times are in seconds."""

    delay: float = 1.0  # minimum time between two requests to one host
    concurrency_per_host: int = 1  # requests to one host at the same time
    concurrency: int = 16  # requests at the same time
    autothrottle: bool = True  # whether requests to slow hosts are slowed down
    obey_robots: bool = True  # whether robots.txt (RFC 9309) is followed
    obey_reservations: bool = True  # whether reservations (TDMRep, `noai`, `noimageai`) are followed
    max_crawl_delay: float = 60.0  # a host whose crawl delay is longer is not visited
    max_wait: float = 120.0  # a host with a longer `Retry-After` is not requested again in this job
    host_delays: Mapping[str, float] = field(default_factory=dict)  # minimum times for single hosts that slices share

    def __post_init__(self) -> None:
        for name in ("concurrency_per_host", "concurrency"):
            _check_minimum("politeness", name, getattr(self, name), 1)
        for name in ("delay", "max_crawl_delay", "max_wait"):
            _check_minimum("politeness", name, getattr(self, name), 0)
        for host, delay in self.host_delays.items():
            _check_minimum("politeness", f"host_delays[{host!r}]", delay, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgent:
    """Identity of the crawler: a token for robots.txt, a version, and a contact."""

    token: str = "ExhibitBot"  # noqa: S105 - a product token: letters, `_` and `-` (RFC 9309, 2.2.1)
    version: str = "0.1"  # any text without spaces
    url: str = ""  # a page about the crawler
    email: str = ""  # a monitored email address

    def __post_init__(self) -> None:
        if not self.token or not self.token.replace("-", "").replace("_", "").isalpha() or not self.token.isascii():
            raise InvalidRequestError("user_agent.token must consist of letters, _ and -.")
        for name in ("version", "url", "email"):
            text = getattr(self, name)
            if not text.isascii() or not text.isprintable() or set(text) & set(" ();"):
                raise InvalidRequestError(f"user_agent.{name} must be ASCII without spaces, brackets and semicolons.")

    def to_header(self) -> str:
        """Return the User-Agent header, such as ``ExhibitBot/0.1 (+https://example.org/bot; bot@example.org)``."""
        contact = "; ".join(part for part in (f"+{self.url}" if self.url else "", self.email) if part)
        return f"{self.token}/{self.version}" + (f" ({contact})" if contact else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleSheet:
    """URLs in a style sheet, with the validators for the next conditional request (RFC 9110, 13).

    Without validators, the next request must be unconditional.
    """

    url: str  # as found, made absolute
    etag: str = ""  # as the server sent it, or empty
    last_modified: str = ""  # as the server sent it, or empty
    images: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()  # further style sheets


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierVisit:
    """Data of an earlier visit to a URL, for a conditional request (RFC 9110, 13)."""

    etag: str = ""  # as the server sent it, or empty
    last_modified: str = ""  # as the server sent it, or empty
    digest: Digest | None = None  # digest of the earlier bytes of an image


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingCounts:
    """Number of rendered pages of a host, and of those with additional images."""

    pages: int = 0  # pages rendered in a browser
    gained: int = 0  # rendered pages that showed images not named in the served page


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Hosts whose pages are followed. Images may be on any host."""

    hosts: tuple[str, ...] = ()  # exactly these hosts
    domains: tuple[str, ...] = ()
    """These registrable domains with all hosts below; ``*`` matches any. If both fields are empty, the registrable
    domains of the job's own URLs."""

    def contains(self, url: str) -> bool:
        """Return True if a page at this URL may be followed."""
        host = get_url_host(url)
        return ANY_HOST in self.domains or host in self.hosts or get_registrable_domain(host) in self.domains


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All inputs of a crawl."""

    bytes_dir: Path  # the folder that receives the exact bytes, each file named by the SHA-256 of its content
    sources: tuple[Source, ...] = ()  # starting points; alternative to `urls`
    urls: tuple[Target, ...] = ()  # exactly these URLs; alternative to `sources`
    follow: bool = True  # false: visits only the given URLs, and reports the links found
    kinds: tuple[Kind, ...] = tuple(Kind)  # kinds that are followed or reported
    limits: Limits = field(default_factory=Limits)  # upper bounds
    politeness: Politeness = field(default_factory=Politeness)  # request rates and rules
    user_agent: UserAgent = field(default_factory=UserAgent)  # identity of the crawler
    allowed_networks: tuple[str, ...] = ()  # networks that may be reached although they are not public
    ca_bundle: Path | None = None  # certificate authorities (PEM) to use instead of certifi's
    denied_hosts: Mapping[str, str] = field(default_factory=dict)
    """Hosts that are not visited, with all hosts below, and the reason: opt-outs and the operator's own list."""
    known: Mapping[str, EarlierVisit] = field(default_factory=dict)  # earlier visits to pages and images by URL
    known_sheets: tuple[StyleSheet, ...] = ()  # fetched by earlier jobs
    scope: Scope = field(default_factory=Scope)  # hosts whose pages are followed
    render: Render = Render.NEVER
    """Pages that a browser renders after they have been read as served.

    The values are: none, those where rendering is likely to add images,
    or all. Without a browser none is rendered, and the counts report it."""
    rendered: Mapping[str, RenderingCounts] = field(default_factory=dict)  # results of earlier jobs, by host
    browser: str = ""  # path of the browser; if empty, the first installed Chromium; `none` for no browser

    def __post_init__(self) -> None:
        if bool(self.sources) == bool(self.urls):
            raise InvalidRequestError("job: enter either sources or urls.")
        file_kinds = {source.kind for source in self.sources} & {SourceKind.FOLDER, SourceKind.WARC}
        if file_kinds and len(file_kinds) != len({source.kind for source in self.sources}):
            raise InvalidRequestError("job.sources: folders and WARC files cannot be combined with web URLs.")
        for index, network in enumerate(self.allowed_networks):
            try:
                ip_network(network)
            except ValueError as error:
                raise InvalidRequestError(f"job.allowed_networks[{index}] is not a network: {network!r}.") from error

    @property
    def has_file_sources(self) -> bool:
        """True if the sources are files, so that no network requests are made."""
        return any(source.kind in (SourceKind.FOLDER, SourceKind.WARC) for source in self.sources)

    def list_targets(self) -> tuple[Target, ...]:
        """Return the URLs to start with, in the given order."""
        return self.urls + tuple(target for source in self.sources for target in _build_targets(source))

    def resolve_scope(self) -> Scope:
        """Return the scope; by default, the registrable domains of the job's own URLs."""
        if self.scope.hosts or self.scope.domains:
            hosts = tuple(host.lower() for host in self.scope.hosts)
            return Scope(hosts=hosts, domains=tuple(domain.lower() for domain in self.scope.domains))
        return Scope(
            domains=tuple(
                dict.fromkeys(get_registrable_domain(get_url_host(target.url)) for target in self.list_targets())
            )
        )

    def to_json(self) -> str:
        """Return the job as JSON text."""
        return write_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse a job.

        Raises:
            InvalidRequestError: A field cannot be used; the message names it.
        """
        return read_as(cls, parse_json(text, "The job"), "job")


def _build_targets(source: Source) -> tuple[Target, ...]:
    if source.kind is SourceKind.LIST:
        return tuple(Target(url=url) for url in source.urls)
    kind = {SourceKind.SITEMAP: Kind.SITEMAP, SourceKind.FEED: Kind.FEED}.get(source.kind, Kind.PAGE)
    return (Target(url=source.url, kind=kind),)


def _check_minimum(group: str, name: str, value: float, minimum: float) -> None:
    if not (math.isfinite(value) and value >= minimum):
        raise InvalidRequestError(f"{group}.{name} must be at least {minimum}, not {value}.")
