"""The form of ``network.json``: what ``surroundings.describe`` writes of a capture's surroundings."""

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import Count


@dataclass(frozen=True, slots=True)
class _Peer:
    address: str  # the IP address
    port: Count  # the port


@dataclass(frozen=True, slots=True)
class NetworkCertificate:
    """A certificate that a server showed: its bytes (DER, base64), their digest, and what they say where it is read."""

    sha256: Digest  # of its bytes
    der: str  # its bytes (DER) in base64
    subject: str  # what it says of whom it is (RFC 4514)
    issuer: str  # what it says of who issued it
    not_before: str  # since when it counts, as it says
    not_after: str  # until when
    unreadable: bool  # true when it can't be read; the four fields above are empty then

    @property
    def content(self) -> bytes:
        """Its bytes (DER); raises ``binascii.Error``, which is a ``ValueError``, where the text is no base64."""
        return base64.b64decode(self.der, validate=True)


OK, GONE = 200, frozenset({404, 410})
"""The status of HTTP with which a page or image is there, and those that say that it was removed."""
CERTIFICATE_FIELDS = ("subject", "issuer", "not_before", "not_after")


def read_certificate(der: bytes) -> x509.Certificate | None:
    """A certificate; ``None`` for bytes that can't be read as one."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        described_certificate(certificate)
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate


def described_certificate(certificate: x509.Certificate) -> dict[str, str]:
    """What a certificate says, by the names of :class:`NetworkCertificate`; raises ``ValueError``."""
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": rfc3339(certificate.not_valid_before_utc),
        "not_after": rfc3339(certificate.not_valid_after_utc),
    }


@dataclass(frozen=True, slots=True)
class _Tls:
    version: str  # of TLS
    cipher: str | None  # the suite
    chain: tuple[NetworkCertificate, ...]  # certificates that the server showed


@dataclass(frozen=True, slots=True)
class NetworkExchange:
    """A request that was answered; the record of exchanges holds its bytes."""

    url: str  # the address that was asked
    status: Count  # of HTTP
    sent: datetime  # when the request left
    answered: datetime  # when the answer was there
    bytes: Count  # of the answer's body as it came
    host: str  # whose name was looked up
    dns_answers: tuple[str, ...]  # what the name servers answered
    peer: _Peer  # who answered
    tls: _Tls | None  # how the connection was secured; null for http


@dataclass(frozen=True, slots=True)
class _Failure:
    url: str  # the address that was asked
    at: str  # where it ended
    reason: str  # why, in words


@dataclass(frozen=True, slots=True)
class _Sample:
    url: str  # whose `Date` was read
    offset: float  # seconds by which that clock was ahead
    uncertainty: float  # seconds, half the time the answer took and half a second


@dataclass(frozen=True, slots=True)
class _Clock:
    method: str  # how it was measured, in words
    samples: tuple[_Sample, ...]  # one for each answer with a `Date`
    offset: float | None  # of the most certain sample, seconds; null without any
    uncertainty: float | None  # its uncertainty, seconds


@dataclass(frozen=True, slots=True)
class _Proxy:
    used: bool  # whether one was used
    environment_variables: tuple[str, ...]  # names of those that would have set one


@dataclass(frozen=True, slots=True)
class _HostsFile:
    path: str  # where it lies
    sha256: Digest | None  # of it; null when it can't be read
    names_visited_hosts: tuple[str, ...]  # hosts of this visit that it names


@dataclass(frozen=True, slots=True)
class _Authorities:
    name: str  # the list's name
    sha256: Digest  # of the list


@dataclass(frozen=True, slots=True)
class _Place:
    how: str  # how the page shows the image there
    x: float  # pixels from the left of the page
    y: float  # pixels from its top
    width: float  # pixels
    height: float  # pixels


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a browser made of a page."""

    address: str  # of the page in the end
    title: str  # the page's title
    window: tuple[int, int]  # width and height of the window, pixels
    height: Count  # of the whole page, pixels
    screenshot_is_cut: bool  # whether the page is longer than its picture
    image_places: tuple[_Place, ...]  # where the image was on the page
    boxed_screenshot_from: Count  # pixels from the page's top where the picture with lines begins
    asks_for: tuple[str, ...]  # what stood before the page, such as a login, as far as it was recognised
    nothing_shown: str  # why the image isn't to be seen, or empty
    not_made: dict[str, str]  # files that aren't there, each with the reason


@dataclass(frozen=True, slots=True)
class NetworkResource:
    """One thing that a rendered page asked for."""

    url: str  # the address that was asked
    kind: str  # what the page wanted it for
    final_url: str  # where it came from after redirects
    status: Count  # of HTTP; 0 when nothing came
    bytes: Count  # of the body
    sha256: Digest | None  # of the body; null when none came
    failure: str  # why nothing came, or empty
    dns_answers: tuple[str, ...]  # what the name servers answered
    peer: str  # address of who answered
    tls: str | None  # the version of TLS; null for http
    certificates: tuple[Digest, ...]  # digests of those that were shown


@dataclass(frozen=True, slots=True)
class _NotLoaded:
    url: str  # the address
    kind: str  # what the page wanted it for
    reason: str  # why it wasn't loaded


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """All of it; the last four are a browser's, and empty for other visits."""

    outcome: str  # what came of the visit, in a word
    started: datetime  # when it began, by the machine's clock
    finished: datetime  # when it ended
    user_agent: str  # what the visitor called itself
    page_names_image: bool | None  # whether the page as served names the image's address; null when no page came
    method: str  # `plain` or `browser`
    exchanges: tuple[NetworkExchange, ...]  # requests that were answered, in their order
    failures: tuple[_Failure, ...]  # requests that weren't
    clock: _Clock  # how far this machine's clock was from the servers'
    proxy: _Proxy  # whether a proxy stood between
    hosts_file: _HostsFile  # the machine's own table of names
    name_servers: tuple[str, ...]  # which the machine asks for names
    certificate_authorities: _Authorities  # whose certificates counted
    software: dict[str, str]  # names and versions of what made the visit
    rendered: Rendered | None  # what a browser made of the page
    resources: tuple[NetworkResource, ...]  # everything that the page asked for
    not_loaded: tuple[_NotLoaded, ...]  # what it asked for and wasn't given
    certificates: tuple[NetworkCertificate, ...]  # all that were shown, once
