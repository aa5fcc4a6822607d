"""What others told at a capture: ``cocapture.json``, what partners saw of the page, and ``web-archive.json``.

A partner seals its statement into its own log. What agrees follows from that and from the files of our capture alone.
What an archive told is its word, as the operator says that it came: who opens the address sees what lies there.
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
"""So long after a capture began a partner has seen the page, or is missing."""
CLOCKS = timedelta(minutes=5)
"""By so much the clocks of two installations may differ."""
HEAD = 4096
"""In so many bytes of a page its language is looked for."""
WORDS = {
    "picture": "bytes of the picture", "page": "bytes of the page", "text": "text of the page", "location": "address",
    "status": "status", "certificate": "certificate", "server": "server", "language": "language",
    "consent": "consent banner",
}  # fmt: skip
"""What is compared, in this order."""
_MARKUP = re.compile(rb"(?is)<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1[^>]*(?:>|\Z)|\Z)|<[^>]*(?:>|\Z)")
_LANGUAGE = re.compile(rb"(?i)<html\b[^>]*?\blang[\t-\r ]*=[\t-\r ]*[\"']?([a-z0-9-]{1,35})")
_CONSENT = re.compile(rb"(?i)cookie|consent")


@dataclass(frozen=True, slots=True)
class Visited:
    """What came of asking for an address."""

    url: str  # as it was asked for
    final_url: str  # after redirects
    status: Count  # HTTP status; 0 where nothing answered
    reason: str  # a short word for why there is no whole answer, or empty
    sha256: Digest | None  # of the bytes, content encoding undone; ``None`` without a whole answer of status 200 to 299
    server: str  # the address that answered, or empty
    certificate: Digest | None  # of the server's certificate (DER), or ``None``


@dataclass(frozen=True, slots=True)
class Statement:
    """What a partner says that it saw: the opening of an entry of its log."""

    asked_by: str  # the name of the log of who asked
    challenge: Bytes32  # random, of who asked: new for each capture
    page: Visited  # the page
    picture: Visited | None  # ``None`` where the picture lies inside the page
    text: Digest | None  # of the page's text (`page_text`), or ``None`` where no page came
    language: str  # of the page, as its first element says, or empty
    consent: bool  # whether the page's bytes speak of cookies or consent
    accept_language: str  # what was sent; empty where nothing was
    content_language: str  # what the server said, or empty
    started: datetime  # by the partner's clock, aware, UTC
    finished: datetime  # by the partner's clock, aware, UTC
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """A statement with its place in one signed head of the partner's log."""

    statement: Statement  # the opening of the entry
    sequence: Count  # the entry's number in the log, from 0
    time: datetime  # of the entry
    salt: Bytes32  # of the commitment
    size: Number  # number of leaves of the head
    path: tuple[Bytes32, ...]  # of the inclusion proof
    checkpoint: str  # the head, a signed note

    @property
    def proof(self) -> LogProof:
        """The entry's proof, with the commitment that follows from statement and salt."""
        opening = dict(to_plain(self.statement))
        place = (self.size, self.path, self.checkpoint)
        commitment = commit(opening, self.salt)[0]
        return LogProof(self.sequence, EntryType.COCAPTURE, self.time, commitment, self.salt, opening, *place)


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """What came of asking one partner."""

    name: str  # as its operator is called here
    log: str  # its log's public key: name+key id+base64
    missing: str  # ``no-answer``, ``too-slow``, ``refused``, ``nonsense`` or ``revoked``; empty where it answered
    agrees: tuple[str, ...]  # of `WORDS`
    differs: tuple[str, ...]  # of `WORDS`; what one side lacks stands in neither
    sealed: SealedStatement | None  # its statement, or ``None`` where it is missing


@dataclass(frozen=True, slots=True)
class Cocapture(Canonical):
    """The file: what partners were asked at one capture, and what came."""

    challenge: Bytes32  # random, new for each capture
    answers: tuple[PartnerAnswer, ...]  # one for each partner that was asked
    format: str = COCAPTURE_FORMAT  # :data:`COCAPTURE_FORMAT`


@dataclass(frozen=True, slots=True)
class WebArchive(Canonical):
    """The file: what came of asking the archive at one capture."""

    archive: str  # its address
    job: str  # its name of the request, as told, or empty
    missing: str  # `no-answer`, `too-slow`, `refused`, `nonsense`, or its word for why nothing is saved; else empty
    address: str  # of the saved page, made of what it told: `archive`, `/web/`, the time in 14 digits, `/`, the page
    format: str = WEB_ARCHIVE_FORMAT  # :data:`WEB_ARCHIVE_FORMAT`


def page_text(page: bytes) -> bytes:
    """A page's text: markup, scripts and styles each become a space, and white space between words one."""
    return b" ".join(_MARKUP.sub(b" ", page).split())


def page_language(page: bytes) -> str:
    """What a page's first element says of its language, in small letters, or an empty string."""
    found = _LANGUAGE.search(page[:HEAD])
    return found[1].decode("ascii").lower() if found else ""


def asks_consent(page: bytes) -> bool:
    """Whether a page's bytes speak of cookies or consent."""
    return _CONSENT.search(page) is not None


def compare(
    said: Statement, network: NetworkRecord, page: bytes | None, image: Digest | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What agrees and what differs between a statement and a capture, by the names of `WORDS`.

    The capture is its record of the surroundings, the page's bytes and the picture's digest, as far as it has them.
    """
    at = said.page.final_url
    own = next((step for step in reversed(network.exchanges) if step.url == at), None)
    theirs: dict[str, object] = {"location": at, "page": said.page.sha256, "text": said.text}
    ours: dict[str, object] = {"location": at if own else "elsewhere" if network.exchanges else None}
    if page is not None:
        ours |= {"page": Digest.of(page), "text": Digest.of(page_text(page))}
    if page is not None and said.text is not None:
        theirs |= {"language": said.language or None, "consent": said.consent}
        ours |= {"language": page_language(page) or None, "consent": asks_consent(page)}
    if own is not None:
        theirs |= {"status": said.page.status, "server": said.page.server or None, "certificate": said.page.certificate}
        shown = own.tls.chain[0].sha256 if own.tls and own.tls.chain else None
        ours |= {"status": own.status, "server": own.peer.address, "certificate": shown}
    if said.picture is not None:
        theirs["picture"], ours["picture"] = said.picture.sha256, image
    elif page is not None and said.page.sha256 == Digest.of(page):
        theirs["picture"] = ours["picture"] = image  # it lies inside
    pairs = {name: (theirs.get(name), ours.get(name)) for name in WORDS}
    both = {name: pair for name, pair in pairs.items() if None not in pair}
    agrees = tuple(name for name, (one, other) in both.items() if one == other)
    return agrees, tuple(name for name in both if name not in agrees)
