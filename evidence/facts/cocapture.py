"""Reports of third parties at a capture: ``cocapture.json`` (partners) and ``web-archive.json`` (a web archive).

A partner seals its statement into its own log. Agreement is computed only from that statement and the files of this
capture. A web archive's report is its own word, as the operator received it; anybody can open the URL and see what it
shows.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.facts.network import NetworkRecord
from evidence.formats.codec import Bytes32, Canonical, to_plain
from evidence.log.proofs import LogProof
from exhibit.digests import Digest
from exhibit.entries import EntryType, commit
from exhibit.types import Count, Number

COCAPTURE_FORMAT = "exhibit-cocapture/1"
WEB_ARCHIVE_FORMAT = "exhibit-web-archive/1"
WITHIN = timedelta(seconds=60)
"""Time after the start of a capture within which a partner must have seen the page."""
CLOCKS = timedelta(minutes=5)
"""Allowed difference between the clocks of two installations."""
HEAD = 4096
"""Number of bytes of a page in which its language is searched."""
WORDS = {
    "picture": "bytes of the picture", "page": "bytes of the page", "text": "text of the page", "location": "address",
    "status": "status", "certificate": "certificate", "server": "server", "language": "language",
    "consent": "consent banner",
}  # fmt: skip
"""Compared properties, in this order."""
_MARKUP = re.compile(rb"(?is)<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1[^>]*(?:>|\Z)|\Z)|<[^>]*(?:>|\Z)")
_LANGUAGE = re.compile(rb"(?i)<html\b[^>]*?\blang[\t-\r ]*=[\t-\r ]*[\"']?([a-z0-9-]{1,35})")
_CONSENT = re.compile(rb"(?i)cookie|consent")


@dataclass(frozen=True, slots=True)
class Visited:
    """Result of requesting a URL."""

    url: str  # requested URL
    final_url: str  # URL after redirects
    status: Count  # HTTP status; 0 without a response
    reason: str  # short code for why there is no complete response, or empty
    sha256: Digest | None  # of the decoded bytes; ``None`` without a complete response of status 200 to 299
    server: str  # IP address of the server, or empty
    certificate: Digest | None  # of the server's certificate (DER), or ``None``


@dataclass(frozen=True, slots=True)
class Statement:
    """A partner's statement of what it saw: the opening of an entry of its log."""

    asked_by: str  # name of the requester's log
    challenge: Bytes32  # random value of the requester, new for each capture
    page: Visited  # the page
    picture: Visited | None  # ``None`` if the picture is inside the page
    text: Digest | None  # of the page's text (`page_text`), or ``None`` without a page
    language: str  # language that the page's first element states, or empty
    consent: bool  # true if the page's bytes mention cookies or consent
    accept_language: str  # header as sent; empty if none was
    content_language: str  # header as received, or empty
    started: datetime  # by the partner's clock, aware, UTC
    finished: datetime  # by the partner's clock, aware, UTC
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """A statement with its place in one signed checkpoint of the partner's log."""

    statement: Statement  # the opening of the entry
    sequence: Count  # the entry's number in the log, from 0
    time: datetime  # of the entry
    salt: Bytes32  # of the commitment
    size: Number  # number of leaves of the checkpoint
    path: tuple[Bytes32, ...]  # of the inclusion proof
    checkpoint: str  # the checkpoint, a signed note

    @property
    def proof(self) -> LogProof:
        """The entry's proof, with the commitment that follows from statement and salt."""
        opening = dict(to_plain(self.statement))
        place = (self.size, self.path, self.checkpoint)
        commitment = commit(opening, self.salt)[0]
        return LogProof(self.sequence, EntryType.COCAPTURE, self.time, commitment, self.salt, opening, *place)


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """Result of asking one partner."""

    name: str  # name of its operator, as configured here
    log: str  # its log's public key: name+key id+base64
    missing: str  # ``no-answer``, ``too-slow``, ``refused``, ``nonsense`` or ``revoked``; empty if it answered
    agrees: tuple[str, ...]  # names in `WORDS`
    differs: tuple[str, ...]  # names in `WORDS`; what one side lacks is in neither list
    sealed: SealedStatement | None  # its statement, or ``None`` if missing


@dataclass(frozen=True, slots=True)
class Cocapture(Canonical):
    """The file ``cocapture.json``: the request to partners at one capture, and their answers."""

    challenge: Bytes32  # random, new for each capture
    answers: tuple[PartnerAnswer, ...]  # one for each queried partner
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class WebArchive(Canonical):
    """The file ``web-archive.json``: result of asking the archive at one capture."""

    archive: str  # URL of the archive
    job: str  # the archive's id of the request, or empty
    missing: str  # `no-answer`, `too-slow`, `refused`, `nonsense`, or its reason why nothing is saved; else empty
    address: str  # URL of the saved page, from its report: `archive`, `/web/`, the time in 14 digits, `/`, the page
    format: str = WEB_ARCHIVE_FORMAT  # :data:`WEB_ARCHIVE_FORMAT`


def extract_text(page: bytes) -> bytes:
    """Return a page's text: markup, scripts and styles each become a space, and white space is collapsed."""
    return b" ".join(_MARKUP.sub(b" ", page).split())


def get_page_language(page: bytes) -> str:
    """Return the language that a page's ``html`` element states, in lower case, or an empty string."""
    match = _LANGUAGE.search(page[:HEAD])
    return match[1].decode("ascii").lower() if match else ""


def mentions_consent(page: bytes) -> bool:
    """Return True if a page's bytes mention cookies or consent."""
    return _CONSENT.search(page) is not None


def compare_statement(
    statement: Statement, network: NetworkRecord, page: bytes | None, image: Digest | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names (of `WORDS`) of what agrees and what differs between a statement and a capture.

    Args:
        statement: The partner's statement.
        network: The capture's record of its surroundings.
        page: Bytes of the page, if available.
        image: Digest of the picture, if available.
    """
    url = statement.page.final_url
    own_step = next((step for step in reversed(network.exchanges) if step.url == url), None)
    partner_values: dict[str, object] = {"location": url, "page": statement.page.sha256, "text": statement.text}
    own_values: dict[str, object] = {"location": url if own_step else "elsewhere" if network.exchanges else None}
    if page is not None:
        own_values |= {"page": Digest.of(page), "text": Digest.of(extract_text(page))}
    if page is not None and statement.text is not None:
        partner_values |= {"language": statement.language or None, "consent": statement.consent}
        own_values |= {"language": get_page_language(page) or None, "consent": mentions_consent(page)}
    if own_step is not None:
        partner_values |= {
            "status": statement.page.status,
            "server": statement.page.server or None,
            "certificate": statement.page.certificate,
        }
        certificate = own_step.tls.chain[0].sha256 if own_step.tls and own_step.tls.chain else None
        own_values |= {"status": own_step.status, "server": own_step.peer.address, "certificate": certificate}
    if statement.picture is not None:
        partner_values["picture"], own_values["picture"] = statement.picture.sha256, image
    elif page is not None and statement.page.sha256 == Digest.of(page):
        partner_values["picture"] = own_values["picture"] = image  # the picture is inside the page
    pairs = {name: (partner_values.get(name), own_values.get(name)) for name in WORDS}
    both = {name: pair for name, pair in pairs.items() if None not in pair}
    agrees = tuple(name for name, (partner_value, own_value) in both.items() if partner_value == own_value)
    return agrees, tuple(name for name in both if name not in agrees)
