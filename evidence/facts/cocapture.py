"""Reports of third parties at a capture: ``cocapture.json`` (partners) and ``web-archive.json`` (a web archive).

A partner seals its statement into its own log. Agreement is computed only from that statement and the files of this
capture. The report of a web archive is the archive's own statement, as received by this installation. Anybody can open
the URL to check it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.facts.network import NetworkRecord
from evidence.formats.codec import Bytes32, Canonical, to_plain
from evidence.log.proofs import LogProof
from exhibit.digests import Digest
from exhibit.entries import EntryType, compute_commitment
from exhibit.types import Count, Number

COCAPTURE_FORMAT = "exhibit-cocapture/1"
WEB_ARCHIVE_FORMAT = "exhibit-web-archive/1"
MAX_VISIT_DELAY = timedelta(seconds=60)
"""Maximum time from the start of a capture to a partner's visit to the page."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Allowed difference between the clocks of two installations."""
LANGUAGE_SEARCH_BYTES = 4096
"""Number of bytes at the start of a page that are searched for its language."""
COMPARED_PROPERTIES = {
    "picture": "bytes of the picture", "page": "bytes of the page", "text": "text of the page", "location": "final URL",
    "status": "status", "certificate": "certificate", "server": "server", "language": "language",
    "consent": "consent banner",
}  # fmt: skip
"""Descriptions of the compared properties, by name, in the order of comparison."""
_MARKUP = re.compile(rb"(?is)<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1[^>]*(?:>|\Z)|\Z)|<[^>]*(?:>|\Z)")
_LANGUAGE = re.compile(rb"(?i)<html\b[^>]*?\blang[\t-\r ]*=[\t-\r ]*[\"']?([a-z0-9-]{1,35})")
_CONSENT = re.compile(rb"(?i)cookie|consent")


@dataclass(frozen=True, slots=True)
class VisitResult:
    """Result of requesting a URL."""

    url: str  # requested URL
    final_url: str  # URL after redirects
    status: Count  # HTTP status; 0 without a response
    reason: str  # short code for why there is no complete response, or empty
    sha256: Digest | None  # digest of the decoded bytes; ``None`` without a complete response with status 200 to 299
    server: str  # IP address of the server, or empty
    certificate: Digest | None  # digest of the server's certificate (DER), or ``None``


@dataclass(frozen=True, slots=True)
class VisitStatement:
    """A partner's statement on its visit: the opening of an entry in the partner's log."""

    requested_by: str  # name of the requester's log
    challenge: Bytes32  # random value of the requester, new for each capture
    page: VisitResult  # the page
    picture: VisitResult | None  # ``None`` if the picture is inside the page
    text: Digest | None  # digest of the page's text (`extract_text`), or ``None`` without a page
    language: str  # language stated by the page's `html` element, or empty
    consent: bool  # true if the page's bytes mention cookies or consent
    accept_language: str  # header as sent; empty if none was
    content_language: str  # header as received, or empty
    started: datetime  # start by the partner's clock, aware, UTC
    finished: datetime  # end by the partner's clock, aware, UTC
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class SealedVisitStatement:
    """A statement with the proof that a signed checkpoint of the partner's log includes it."""

    statement: VisitStatement  # the opening of the entry
    sequence: Count  # the entry's number in the log, from 0
    time: datetime  # time of the entry
    salt: Bytes32  # salt of the commitment
    size: Number  # number of leaves of the checkpoint
    path: tuple[Bytes32, ...]  # hashes of the inclusion proof
    checkpoint: str  # the checkpoint, a signed note

    @property
    def proof(self) -> LogProof:
        """Proof of the entry, with the commitment computed from statement and salt."""
        opening = dict(to_plain(self.statement))
        inclusion_fields = (self.size, self.path, self.checkpoint)
        commitment = compute_commitment(opening, self.salt)[0]
        return LogProof(
            self.sequence, EntryType.COCAPTURE, self.time, commitment, self.salt, opening, *inclusion_fields
        )


@dataclass(frozen=True, slots=True)
class PartnerResponse:
    """Result of the request to one partner."""

    name: str  # name of the partner's operator, as configured here
    log: str  # public key of the partner's log: name+key id+base64
    missing: str  # ``no-answer``, ``too-slow``, ``refused``, ``nonsense`` or ``revoked``; empty with a valid response
    agrees: tuple[str, ...]  # equal properties, by the names in `COMPARED_PROPERTIES`
    differs: tuple[str, ...]  # different properties; a property that one side lacks is in neither list
    sealed: SealedVisitStatement | None  # the partner's statement, or ``None`` if missing


@dataclass(frozen=True, slots=True)
class Cocapture(Canonical):
    """Content of ``cocapture.json``: the request to partners at one capture, and their responses."""

    challenge: Bytes32  # random, new for each capture
    answers: tuple[PartnerResponse, ...]  # one for each queried partner
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class WebArchive(Canonical):
    """Content of ``web-archive.json``: the result of the request to the archive at one capture."""

    archive: str  # URL of the archive
    job: str  # the archive's id of the request, or empty
    missing: str  # `no-answer`, `too-slow`, `refused`, `nonsense`, or the archive's reason; empty if saved
    address: str  # URL of the saved page, as reported: `archive`, `/web/`, the time in 14 digits, `/`, the page
    format: str = WEB_ARCHIVE_FORMAT  # :data:`WEB_ARCHIVE_FORMAT`


def extract_text(page: bytes) -> bytes:
    """Extract the text of a page: markup, scripts and styles become spaces, and white space is collapsed."""
    return b" ".join(_MARKUP.sub(b" ", page).split())


def get_page_language(page: bytes) -> str:
    """Return the language in the ``html`` element of a page, in lower case; an empty string if it states none."""
    match = _LANGUAGE.search(page[:LANGUAGE_SEARCH_BYTES])
    return match[1].decode("ascii").lower() if match else ""


def mentions_consent(page: bytes) -> bool:
    """Return True if a page's bytes mention cookies or consent."""
    return _CONSENT.search(page) is not None


def compare_statement(
    statement: VisitStatement, network: NetworkRecord, page: bytes | None, image: Digest | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of equal and of different properties, from `COMPARED_PROPERTIES`.

    Args:
        statement: The partner's statement.
        network: The network record of the capture.
        page: Bytes of the page, if available.
        image: Digest of the picture, if available.
    """
    url = statement.page.final_url
    own_exchange = next((exchange for exchange in reversed(network.exchanges) if exchange.url == url), None)
    partner_values: dict[str, object] = {"location": url, "page": statement.page.sha256, "text": statement.text}
    own_values: dict[str, object] = {"location": url if own_exchange else "elsewhere" if network.exchanges else None}
    if page is not None:
        own_values |= {"page": Digest.from_bytes(page), "text": Digest.from_bytes(extract_text(page))}
    if page is not None and statement.text is not None:
        partner_values |= {"language": statement.language or None, "consent": statement.consent}
        own_values |= {"language": get_page_language(page) or None, "consent": mentions_consent(page)}
    if own_exchange is not None:
        partner_values |= {
            "status": statement.page.status,
            "server": statement.page.server or None,
            "certificate": statement.page.certificate,
        }
        certificate = own_exchange.tls.chain[0].sha256 if own_exchange.tls and own_exchange.tls.chain else None
        own_values |= {"status": own_exchange.status, "server": own_exchange.peer.address, "certificate": certificate}
    if statement.picture is not None:
        partner_values["picture"], own_values["picture"] = statement.picture.sha256, image
    elif page is not None and statement.page.sha256 == Digest.from_bytes(page):
        partner_values["picture"] = own_values["picture"] = image  # the picture is inside the page
    pairs = {name: (partner_values.get(name), own_values.get(name)) for name in COMPARED_PROPERTIES}
    comparable_pairs = {name: pair for name, pair in pairs.items() if None not in pair}
    agrees = tuple(name for name, (partner_value, own_value) in comparable_pairs.items() if partner_value == own_value)
    return agrees, tuple(name for name in comparable_pairs if name not in agrees)
