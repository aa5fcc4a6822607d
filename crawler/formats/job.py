"""What goes in: one job, the same format for a crawl that runs alone and for a slice of a longer one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Self

from crawler.formats.strict import parse, read, write
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of, registrable_domain
from exhibit.types import SeenElsewhere

MIB = 1024 * 1024
ANY_HOST = "*"
WORTH = 0.25  # the least share of a host's rendered pages that gained pictures for others to be rendered


class Kind(StrEnum):
    """What an address is visited for."""

    PAGE = "page"
    SITEMAP = "sitemap"
    FEED = "feed"
    IMAGE = "image"


class SourceKind(StrEnum):
    """Where a crawl begins."""

    SITE = "site"
    SITEMAP = "sitemap"
    FEED = "feed"
    LIST = "list"
    FOLDER = "folder"
    WARC = "warc"


class Render(StrEnum):
    """Whether a browser runs the scripts of pages."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to begin."""

    kind: SourceKind
    """``site``, ``sitemap`` and ``feed`` have a ``url``, ``list`` has ``urls``, ``folder`` and ``warc`` a ``path``.
    The last two read files and are meant for imports."""
    url: str = ""  # an `http` or `https` address
    urls: tuple[str, ...] = ()  # addresses of pages
    path: Path | None = None  # a folder of pictures, or a WARC, ARC or WACZ file or a folder of them
    after: str = ""  # the `position` of an earlier job's last line: what lies before isn't read again

    def __post_init__(self) -> None:
        needed = {SourceKind.LIST: "urls", SourceKind.FOLDER: "path", SourceKind.WARC: "path"}.get(self.kind, "url")
        for name in ("url", "urls", "path"):
            if bool(getattr(self, name)) != (name == needed):
                word = "needs" if name == needed else "has no"
                raise WrongUseError(f"sources: a source of kind {self.kind} {word} {name}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address that was found and belongs to the job's scope."""

    url: str  # absolute
    kind: Kind  # what to expect there
    depth: int  # links followed since the source
    page_url: str = ""  # for an image of a sitemap or a feed, the page that shows it
    context: str = ""  # the words that stood beside it there
    elsewhere: tuple[SeenElsewhere, ...] = ()  # what was stated there of when the image was seen or published


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Link):
    """One address to visit: a page of the source itself, where nothing else is said."""

    kind: Kind = Kind.PAGE
    depth: int = 0
    found_in: str = ""  # what a sighting of such an image says; what it usually says when empty
    captured: str = ""
    """What a web archive states of the image (:class:`crawler.archives.cdx.Stated`): ``url`` is then the archive's own
    record, and ``page_url`` the address that it captured, which isn't visited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a job ends. All are upper bounds; sizes are in bytes, times in seconds."""

    pages: int = 1_000  # pages, sitemaps, feeds and single images worked off
    images: int = 20_000  # image addresses whose bytes are kept or known
    bytes: int = 2_000 * MIB  # bytes kept and pages read
    seconds: float = 3_600.0  # wall time of the whole job
    depth: int = 3  # links followed from a source
    hosts: int = 50  # hosts whose pages are visited
    max_picture_bytes: int = 30 * MIB  # the largest image that is kept
    max_page_bytes: int = 8 * MIB  # the largest page, sitemap or feed that is read
    memory_mb: int = 1_024  # resident memory of the process, MiB
    request_seconds: float = 30.0  # one request
    render_pages: int = 200  # pages that a browser renders
    render_seconds: float = 1_800.0  # that it may take for all of them
    render_page_seconds: float = 20.0  # that it may take for one
    render_page_requests: int = 120  # that one rendered page may make

    def __post_init__(self) -> None:
        least: dict[str, float] = {"depth": 0, "render_pages": 0, "render_seconds": 0, "render_page_requests": 0}
        least |= dict.fromkeys(("seconds", "request_seconds", "render_page_seconds"), 0.1)
        for limit in fields(self):
            _at_least("limits", limit.name, getattr(self, limit.name), least.get(limit.name, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How a host is treated. Times are in seconds."""

    delay: float = 1.0  # least time between two requests to one host
    concurrency_per_host: int = 1  # requests to one host at the same time
    concurrency: int = 16  # requests at the same time
    autothrottle: bool = True  # whether a host that answers slowly is asked more slowly
    obey_robots: bool = True  # whether robots.txt (RFC 9309) is followed
    obey_reservations: bool = True  # whether reservations (TDMRep, `noai`, `noimageai`) are followed
    max_crawl_delay: float = 60.0  # a host that asks for a longer time between requests isn't visited
    max_wait: float = 120.0  # a host that says `Retry-After` a longer time isn't asked again in this job
    host_delays: Mapping[str, float] = field(default_factory=dict)  # least times for single hosts that slices share

    def __post_init__(self) -> None:
        for name in ("concurrency_per_host", "concurrency"):
            _at_least("politeness", name, getattr(self, name), 1)
        for name in ("delay", "max_crawl_delay", "max_wait"):
            _at_least("politeness", name, getattr(self, name), 0)
        for host, delay in self.host_delays.items():
            _at_least("politeness", f"host_delays[{host!r}]", delay, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgent:
    """Who visits: a token for robots.txt, a version, and where to complain."""

    token: str = "ExhibitBot"  # noqa: S105 - a product token: letters, `_` and `-` (RFC 9309, 2.2.1)
    version: str = "0.1"  # any text without spaces
    url: str = ""  # a page about the crawler
    email: str = ""  # an address that is read

    def __post_init__(self) -> None:
        if not self.token or not self.token.replace("-", "").replace("_", "").isalpha() or not self.token.isascii():
            raise WrongUseError("user_agent.token must consist of letters, _ and -.")
        for name in ("version", "url", "email"):
            text = getattr(self, name)
            if not text.isascii() or not text.isprintable() or set(text) & set(" ();"):
                raise WrongUseError(f"user_agent.{name} must be ASCII without spaces, brackets and semicolons.")

    def header(self) -> str:
        """The User-Agent header, such as ``ExhibitBot/0.1 (+https://example.org/bot; bot@example.org)``."""
        contact = "; ".join(part for part in (f"+{self.url}" if self.url else "", self.email) if part)
        return f"{self.token}/{self.version}" + (f" ({contact})" if contact else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier visit to an address left, for a conditional request (RFC 9110, 13)."""

    etag: str = ""  # as the server sent it, or empty
    last_modified: str = ""  # as the server sent it, or empty
    digest: Digest | None = None  # of the bytes that came then; without it only a page can be asked for conditionally


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What rendering pages of a host has come to."""

    pages: int = 0  # that a browser rendered
    gained: int = 0  # those of them that showed pictures which they hadn't named as served


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose pages are followed. Images may lie anywhere."""

    hosts: tuple[str, ...] = ()  # exactly these hosts
    domains: tuple[str, ...] = ()
    """These registrable domains with all hosts below; ``*`` is any. When both are empty, the registrable domains of
    the job's own addresses."""

    def contains(self, url: str) -> bool:
        """Whether a page at this address may be followed."""
        host = host_of(url)
        return ANY_HOST in self.domains or host in self.hosts or registrable_domain(host) in self.domains


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that a crawl needs to know."""

    bytes_dir: Path  # the folder that receives the exact bytes, each file named by the SHA-256 of its content
    sources: tuple[Source, ...] = ()  # where to begin; or
    urls: tuple[Target, ...] = ()  # exactly these addresses
    follow: bool = True  # false: works off exactly the given addresses, and only reports the links that it finds
    kinds: tuple[Kind, ...] = tuple(Kind)  # what is followed or reported
    limits: Limits = field(default_factory=Limits)  # where it ends
    politeness: Politeness = field(default_factory=Politeness)  # how hosts are treated
    user_agent: UserAgent = field(default_factory=UserAgent)  # who visits
    allowed_networks: tuple[str, ...] = ()  # networks that may be reached although they aren't public
    ca_bundle: Path | None = None  # authorities (PEM) to check certificates against instead of certifi's
    denied_hosts: Mapping[str, str] = field(default_factory=dict)
    """Hosts that aren't visited, with all hosts below, and why: opt-outs and the operator's own list."""
    known: Mapping[str, Known] = field(default_factory=dict)  # earlier visits by address
    scope: Scope = field(default_factory=Scope)  # whose pages are followed
    render: Render = Render.NEVER
    """Which pages a browser renders after they have been read as served: none, those where that promises pictures, or
    all. Without a browser none is, and the counts say so."""
    rendered: Mapping[str, Rendered] = field(default_factory=dict)  # by host, what earlier jobs told in their counts
    browser: str = ""  # its program; the first Chromium that is installed when empty; `none` for none

    def __post_init__(self) -> None:
        if bool(self.sources) == bool(self.urls):
            raise WrongUseError("job: give either sources or urls.")
        files = {source.kind for source in self.sources} & {SourceKind.FOLDER, SourceKind.WARC}
        if files and len(files) != len({source.kind for source in self.sources}):
            raise WrongUseError("job.sources: folders and WARC files can't be mixed with addresses on the web.")
        for place, network in enumerate(self.allowed_networks):
            try:
                ip_network(network)
            except ValueError as error:
                raise WrongUseError(f"job.allowed_networks[{place}] isn't a network: {network!r}.") from error

    @property
    def reads_files(self) -> bool:
        """Whether the sources are files, so that nothing is asked of the network."""
        return any(source.kind in (SourceKind.FOLDER, SourceKind.WARC) for source in self.sources)

    def targets(self) -> tuple[Target, ...]:
        """The addresses to begin with, in the order in which they were given."""
        return self.urls + tuple(target for source in self.sources for target in _targets_of(source))

    def whole_scope(self) -> Scope:
        """The scope, with its default filled in."""
        if self.scope.hosts or self.scope.domains:
            hosts = tuple(host.lower() for host in self.scope.hosts)
            return Scope(hosts=hosts, domains=tuple(domain.lower() for domain in self.scope.domains))
        return Scope(domains=tuple(dict.fromkeys(registrable_domain(host_of(target.url)) for target in self.targets())))

    def to_json(self) -> str:
        """The job as JSON text."""
        return write(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse a job; raises ``WrongUseError``, which names the field that can't be used."""
        return read(cls, parse(text, "The job"), "job")


def _targets_of(source: Source) -> tuple[Target, ...]:
    if source.kind is SourceKind.LIST:
        return tuple(Target(url=url) for url in source.urls)
    kind = {SourceKind.SITEMAP: Kind.SITEMAP, SourceKind.FEED: Kind.FEED}.get(source.kind, Kind.PAGE)
    return (Target(url=source.url, kind=kind),)


def _at_least(group: str, name: str, value: float, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise WrongUseError(f"{group}.{name} must be at least {least}, not {value}.")
