"""Format of ``network.json``, which records the network environment of a capture."""

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.types import Count


@dataclass(frozen=True, slots=True)
class _Peer:
    address: str  # the IP address
    port: Count  # the port


@dataclass(frozen=True, slots=True)
class NetworkCertificate:
    """A certificate that a server presented: its bytes (DER, base64), their digest, and its fields if readable."""

    sha256: Digest  # digest of the certificate (DER)
    der: str  # the certificate (DER) in base64
    subject: str  # subject (RFC 4514)
    issuer: str  # issuer (RFC 4514)
    not_before: str  # start of its validity
    not_after: str  # end of its validity
    unreadable: bool  # true if it cannot be read; the four fields above are empty then

    @property
    def content(self) -> bytes:
        """The certificate in DER; raises ``binascii.Error``, a ``ValueError``, if the text is not base64."""
        return base64.b64decode(self.der, validate=True)


HTTP_OK, REMOVED_STATUSES = 200, frozenset({404, 410})
"""HTTP status codes of an available page or image, and of a removed one."""
CERTIFICATE_FIELDS = ("subject", "issuer", "not_before", "not_after")


def read_certificate(der: bytes) -> x509.Certificate | None:
    """Parse a certificate in DER; return ``None`` if it cannot be parsed."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        describe_certificate(certificate)
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate


def describe_certificate(certificate: x509.Certificate) -> dict[str, str]:
    """Return a certificate's fields, by the names in :class:`NetworkCertificate`; raises ``ValueError``."""
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": format_rfc3339(certificate.not_valid_before_utc),
        "not_after": format_rfc3339(certificate.not_valid_after_utc),
    }


@dataclass(frozen=True, slots=True)
class _Tls:
    version: str  # TLS version
    cipher: str | None  # cipher suite
    chain: tuple[NetworkCertificate, ...]  # certificates that the server presented


@dataclass(frozen=True, slots=True)
class NetworkExchange:
    """A request with its response; the bytes are in the record of exchanges."""

    url: str  # requested URL
    status: Count  # HTTP status
    sent: datetime  # when the request was sent
    answered: datetime  # when the response had arrived
    bytes: Count  # size of the response body as received
    host: str  # host that was resolved
    dns_answers: tuple[str, ...]  # addresses from the name servers
    peer: _Peer  # server that responded
    tls: _Tls | None  # TLS of the connection; null for http


@dataclass(frozen=True, slots=True)
class _Failure:
    url: str  # requested URL
    at: str  # URL at which it failed
    reason: str  # description of the reason


@dataclass(frozen=True, slots=True)
class _Sample:
    url: str  # URL whose `Date` was read
    offset: float  # seconds by which that clock was ahead
    uncertainty: float  # seconds: half the response time, plus half a second


@dataclass(frozen=True, slots=True)
class _Clock:
    method: str  # description of the measuring method
    samples: tuple[_Sample, ...]  # one for each response with a `Date`
    offset: float | None  # offset of the most certain sample in seconds; null without samples
    uncertainty: float | None  # uncertainty of that sample, seconds


@dataclass(frozen=True, slots=True)
class _Proxy:
    used: bool  # true if a proxy was used
    environment_variables: tuple[str, ...]  # names of environment variables that would configure a proxy


@dataclass(frozen=True, slots=True)
class _HostsFile:
    path: str  # path of the file
    sha256: Digest | None  # its digest; null if it cannot be read
    names_visited_hosts: tuple[str, ...]  # hosts of this visit that the file lists


@dataclass(frozen=True, slots=True)
class _Authorities:
    name: str  # the list's name
    sha256: Digest  # digest of the list


@dataclass(frozen=True, slots=True)
class _Place:
    how: str  # way in which the page shows the image there
    x: float  # pixels from the left of the page
    y: float  # pixels from its top
    width: float  # pixels
    height: float  # pixels


@dataclass(frozen=True, slots=True)
class RenderingFacts:
    """Result of rendering the page in a browser."""

    address: str  # final URL of the page
    title: str  # the page's title
    window: tuple[int, int]  # width and height of the window, pixels
    height: Count  # height of the whole page, pixels
    screenshot_is_cut: bool  # true if the page is longer than its screenshot
    image_places: tuple[_Place, ...]  # places of the image on the page
    boxed_screenshot_from: Count  # top of the marked screenshot on the page, pixels
    asks_for: tuple[str, ...]  # recognised obstacles that cover the page, such as a login
    nothing_shown: str  # why the image is not visible, or empty
    not_made: dict[str, str]  # files that were not created, each with the reason


@dataclass(frozen=True, slots=True)
class NetworkResource:
    """One resource that the rendered page requested."""

    url: str  # requested URL
    kind: str  # kind of resource
    final_url: str  # URL after redirects
    status: Count  # HTTP status; 0 without a response
    bytes: Count  # size of the body
    sha256: Digest | None  # digest of the body; null without a body
    failure: str  # why there was no response, or empty
    dns_answers: tuple[str, ...]  # addresses from the name servers
    peer: str  # IP address of the server
    tls: str | None  # TLS version; null for http
    certificates: tuple[Digest, ...]  # digests of the presented certificates


@dataclass(frozen=True, slots=True)
class _UnloadedResource:
    url: str  # the URL
    kind: str  # kind of resource
    reason: str  # why it was not loaded


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """The whole record. The last four fields are for browsers and are empty for other visits."""

    outcome: str  # outcome of the visit, as a short code
    started: datetime  # start, by the machine's clock
    finished: datetime  # end, by the machine's clock
    user_agent: str  # user agent of the visitor
    page_names_image: bool | None  # true if the served page names the image's URL; null without a page
    method: str  # `plain` or `browser`
    exchanges: tuple[NetworkExchange, ...]  # requests with a response, in order
    failures: tuple[_Failure, ...]  # requests without a response
    clock: _Clock  # offset of the servers' clocks from this machine's
    proxy: _Proxy  # use of a proxy
    hosts_file: _HostsFile  # the machine's hosts file
    name_servers: tuple[str, ...]  # name servers of the machine
    certificate_authorities: _Authorities  # trusted certificate authorities
    software: dict[str, str]  # names and versions of the visitor's software
    rendered: RenderingFacts | None  # result of rendering in a browser
    resources: tuple[NetworkResource, ...]  # all resources that the page requested
    not_loaded: tuple[_UnloadedResource, ...]  # requested resources that were not loaded
    certificates: tuple[NetworkCertificate, ...]  # all presented certificates, each once
