"""The form of ``network.json``: what ``surroundings.describe`` writes of a capture's surroundings."""

from dataclasses import dataclass, field
from datetime import datetime

from exhibit.digests import Digest
from exhibit.types import LATER, Count


@dataclass(frozen=True, slots=True)
class _Peer:
    address: str
    port: Count


@dataclass(frozen=True, slots=True)
class NetworkCertificate:
    """A certificate that a server showed: its bytes (DER, base64), their digest, and what they say where it is read."""

    sha256: Digest
    der: str
    subject: str = field(default="", metadata=LATER)
    issuer: str = field(default="", metadata=LATER)
    not_before: str = field(default="", metadata=LATER)
    not_after: str = field(default="", metadata=LATER)
    unreadable: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True, slots=True)
class _Tls:
    version: str
    cipher: str | None
    chain: tuple[NetworkCertificate, ...]


@dataclass(frozen=True, slots=True)
class NetworkExchange:
    """A request that was answered; the record of exchanges holds its bytes."""

    url: str
    status: Count
    sent: datetime
    answered: datetime
    bytes: Count
    host: str
    dns_answers: tuple[str, ...]
    peer: _Peer
    tls: _Tls | None


@dataclass(frozen=True, slots=True)
class _Failure:
    url: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Sample:
    url: str
    offset: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class _Clock:
    method: str
    samples: tuple[_Sample, ...]
    offset: float | None
    uncertainty: float | None


@dataclass(frozen=True, slots=True)
class _Proxy:
    used: bool
    environment_variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _HostsFile:
    path: str
    sha256: Digest | None
    names_visited_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Authorities:
    name: str
    sha256: Digest


@dataclass(frozen=True, slots=True)
class _Place:
    how: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Rendered:
    address: str
    title: str
    window: tuple[int, int]
    height: Count
    screenshot_is_cut: bool
    image_places: tuple[_Place, ...]
    boxed_screenshot_from: Count
    asks_for: tuple[str, ...]
    nothing_shown: str
    not_made: dict[str, str]


@dataclass(frozen=True, slots=True)
class NetworkResource:
    """One thing that a rendered page asked for."""

    url: str
    kind: str
    final_url: str
    status: Count
    bytes: Count
    sha256: Digest | None
    failure: str
    dns_answers: tuple[str, ...]
    peer: str
    tls: str | None
    certificates: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class _NotLoaded:
    url: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """All of it; the last four are a browser's."""

    outcome: str
    started: datetime
    finished: datetime
    user_agent: str
    page_names_image: bool | None
    method: str
    exchanges: tuple[NetworkExchange, ...]
    failures: tuple[_Failure, ...]
    clock: _Clock
    proxy: _Proxy
    hosts_file: _HostsFile
    name_servers: tuple[str, ...]
    certificate_authorities: _Authorities
    software: dict[str, str]
    rendered: _Rendered | None = field(default=None, metadata=LATER)
    resources: tuple[NetworkResource, ...] = field(default=(), metadata=LATER)
    not_loaded: tuple[_NotLoaded, ...] = field(default=(), metadata=LATER)
    certificates: tuple[NetworkCertificate, ...] = field(default=(), metadata=LATER)
