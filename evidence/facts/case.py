"""The plain facts of a case: what workers fill from rows, what is sealed, and what documents and checks read.

Everything here is recorded by the software, declared by the owner or stated by a third party; nothing judges.
Paths are those inside a bundle, such as ``data/work/01.jpg``. Numbers of sightings and matches count from 1.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from evidence.facts.match import BoundFacts, CalibrationFacts, MatchFacts
from evidence.facts.work import AttachmentFacts, OfficialRegistration, PictureFacts, WorkFacts
from evidence.formats.codec import FormatError, from_plain, parse_json, to_plain
from evidence.log.proofs import LogProof, SightingRecord, SliceProof
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.types import LATER, Count, Number

__all__ = [
    "FACTS_FORMAT",
    "LANGUAGES",
    "AttachmentFacts",
    "BoundFacts",
    "CalibrationFacts",
    "CaptureFacts",
    "CaseFacts",
    "DecisionFacts",
    "LicenceCheckFacts",
    "LogProof",
    "MadeWithFacts",
    "MatchFacts",
    "ModelFacts",
    "OfficialRegistration",
    "OwnerFacts",
    "PartyFacts",
    "PictureFacts",
    "ProvenanceFacts",
    "SightingFacts",
    "SightingRecord",
    "SliceProof",
    "SoftwareFacts",
    "Visibility",
    "WitnessFacts",
    "WorkFacts",
]

FACTS_FORMAT = "exhibit-facts/2"
FACTS_FORMATS = ("exhibit-facts/1", FACTS_FORMAT)
"""Every format that is read. The second one has fields that the first one lacked; nothing changed its meaning."""
LANGUAGES = ("en", "zh-Hans")


class Visibility(StrEnum):
    """Who may see a sighting's source."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class OwnerFacts:
    """The rights holder, as declared.

    Attributes:
        name: the organisation's or person's name.
        identity: what identifies it: a registration number, an address; empty when none was given.
    """

    name: str
    identity: str


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """Who uses the picture, as far as the address tells.

    Attributes:
        kind: ``domain`` (a registrable domain) or ``account`` (on a platform).
        name: the domain or account.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A file that figures depend on: name, version and digest."""

    name: str
    version: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class SoftwareFacts:
    """What made the record.

    Attributes:
        name: the program.
        version: its version.
        pipeline: version of everything that a match's figures depend on.
        models: models with their digests.
    """

    name: str
    version: str
    pipeline: str
    models: tuple[ModelFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeWithFacts:
    """What the drawings and documents of a bundle depend on besides facts and pictures.

    Attributes:
        time_zone: in which documents show times beside UTC.
        versions: of libraries, by their names.
        documents: of the sources of the documents, and of a sample in each language's fonts.
    """

    time_zone: str
    versions: tuple[tuple[str, str], ...]
    documents: Digest


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """A later visit to page and image.

    Attributes:
        method: how it was fetched, such as ``http`` or ``browser``.
        outcome: ``captured``, ``not-shown`` (served as before, but the rendered page didn't show it), ``page-gone``,
            ``image-gone``, ``image-changed`` or ``unreachable``.
        sentence: what happened, in plain words.
        started: aware, UTC.
        finished: aware, UTC.
        image: digest of the image bytes served at that visit, or ``None``.
        files: where its files lie in the bundle.
    """

    method: str
    outcome: str
    sentence: str
    started: datetime
    finished: datetime
    image: Digest | None
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """What the manifest inside a seen picture states (C2PA); stated by whoever signed it.

    Attributes:
        standing: ``none``, ``unreadable``, ``invalid`` or ``valid``: signature and digests, not the signer's word.
        signer: as its certificate names it; nobody checked the certificate against a list.
        signed_at: as stated.
        generator: the program that made the claim, as stated.
        title: as stated.
        problems: codes of the standard for what didn't hold.
        file: everything that was read, as JSON in the bundle; empty where nothing was.
    """

    standing: str
    signer: str
    signed_at: str
    generator: str
    title: str
    problems: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True)
class SightingFacts:
    """A picture seen at an image URL on a page.

    Attributes:
        number: from 1.
        page_url: the page; empty when the source names none.
        image_url: the image's address on the page.
        final_url: after redirects.
        context: words around the image, as found.
        first_seen: aware, UTC.
        last_seen: the last visit that found it unchanged, aware, UTC.
        crawl: number or name of the crawl that saw it first.
        status: HTTP status; 0 when the source isn't HTTP.
        headers: response headers in their order.
        peer: address that answered; empty when the source isn't a network.
        picture: what was seen.
        visibility: of the source.
        slice: proof that a crawl slice recorded it, or ``None``.
        captures: later visits, in order of time.
        provenance: what the manifest inside the picture states, or ``None`` when nobody looked.
    """

    number: Number
    page_url: str
    image_url: str
    final_url: str
    context: str
    first_seen: datetime
    last_seen: datetime
    crawl: str
    status: Count
    headers: tuple[tuple[str, str], ...]
    peer: str
    picture: PictureFacts
    visibility: Visibility
    slice: SliceProof | None
    captures: tuple[CaptureFacts, ...] = ()
    provenance: ProvenanceFacts | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class LicenceCheckFacts:
    """The search of the owner's licences.

    Attributes:
        checked_at: aware, UTC.
        searched: how many records were searched.
        covered: whether a record covers the use.
        result: one sentence.
        reasons: for each record that came near, why it does or doesn't cover the use.
        partly: whether records cover some of the sightings and not all.
    """

    checked_at: datetime
    searched: Count
    covered: bool
    result: str
    reasons: tuple[str, ...]
    partly: bool = field(default=False, metadata=LATER)

    @property
    def extent(self) -> str:
        """``all``, ``some`` or ``none``: how many of the sightings records cover."""
        return "all" if self.covered else "some" if self.partly else "none"

    @property
    def outcome(self) -> str:
        """The extent; ``unsearched`` where no licence had been entered, so that nothing could be searched."""
        return "unsearched" if self.extent == "none" and not self.searched else self.extent


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """Who decided what, when and why.

    Attributes:
        decision: ``open``, ``confirmed``, ``licensed`` or ``cleared``.
        by: the person's name, or what stood in for one.
        at: aware, UTC; ``None`` while open.
        reason: as given.
        demonstration: true when a switch for demonstrations confirmed it instead of a person.
    """

    decision: str
    by: str
    at: datetime | None
    reason: str
    demonstration: bool


@dataclass(frozen=True, slots=True)
class WitnessFacts:
    """An outside witness as known when this was written.

    Attributes:
        kind: ``rfc3161``, ``opentimestamps`` or ``evm``.
        name: as configured.
        development: true when it was started for trials and has no legal weight.
        state: ``asked``, ``pending`` or ``complete``.
        subject: what it witnesses: ``manifest`` or ``checkpoint``.
        time: the time that it states, once complete.
        qualified: ISO 8601 day as of which the operator's list named it as qualified (eIDAS), or empty.
    """

    kind: str
    name: str
    development: bool
    state: str
    subject: str
    time: datetime | None
    qualified: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """All plain facts of one case, at one time.

    Attributes:
        format: one of :data:`FACTS_FORMATS`.
        calibrations: those that gave the matches their probabilities.
        number: the case's number.
        bundle: the bundle's number within the case, from 1; 0 outside a bundle.
        owner: the rights holder.
        party: who uses the picture.
        language: ``en`` or ``zh-Hans``, of the documents.
        opened_at: when the case was opened.
        written_at: when these facts were written.
        software: what made the record.
        work: what is registered.
        sightings: where the picture was seen.
        matches: the measured comparisons.
        licence_check: the search of the owner's licences.
        decision: a person's decision.
        witnesses: outside witnesses as known at ``written_at``.
        not_checked: sentences on what wasn't checked.
        made_with: what its drawings and documents depend on; earlier versions didn't state it.
    """

    number: str
    bundle: Count
    owner: OwnerFacts
    party: PartyFacts
    language: str
    opened_at: datetime
    written_at: datetime
    software: SoftwareFacts
    work: WorkFacts
    sightings: tuple[SightingFacts, ...]
    matches: tuple[MatchFacts, ...]
    licence_check: LicenceCheckFacts
    decision: DecisionFacts
    witnesses: tuple[WitnessFacts, ...]
    not_checked: tuple[str, ...]
    format: str = FACTS_FORMAT
    calibrations: tuple[CalibrationFacts, ...] = field(default=(), metadata=LATER)
    made_with: MadeWithFacts | None = field(default=None, metadata=LATER)

    def calibration_of(self, match: MatchFacts) -> CalibrationFacts | None:
        """The calibration that gave a match its probability."""
        wanted = match.verification.calibration
        return next((calibration for calibration in self.calibrations if calibration.digest == wanted), None)

    def to_json(self) -> bytes:
        """Canonical JSON (RFC 8785)."""
        return canonical(to_plain(self))

    @classmethod
    def from_json(cls, data: bytes, *, what: str = "facts.json") -> Self:
        """The inverse of :meth:`to_json`; raises ``FormatError`` naming the place."""
        plain = parse_json(data, what=what)
        if isinstance(plain, dict) and plain.get("format") not in FACTS_FORMATS:
            raise FormatError(f"{what} isn't in the format {FACTS_FORMAT}.")
        return from_plain(cls, plain, where=what)
