"""The plain facts of a case: what workers fill from rows, what is sealed, and what documents and checks read.

Everything here is recorded by the software, declared by the owner or stated by a third party; nothing judges.
Paths are those inside a bundle, such as ``data/work/01.jpg``. Numbers of sightings and matches count from 1.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from evidence.formats.codec import Canonical, from_plain, parse_json
from evidence.log.proofs import LogProof, SliceProof
from exhibit.comparison.calibration import LikelihoodRatio, likelihood_ratio
from exhibit.digests import Digest
from exhibit.types import Count, Number, SeenKind, Verification

FACTS_FORMAT = "exhibit-facts/1"
LANGUAGES = ("en", "zh-Hans")
REGISTERED_FIELDS = (
    "title", "author", "first_publication", "registered_at", "registrations", "rights_statement", "created", "credit",
    "holder",
)  # fmt: skip
"""What the log's entry of a work's registration states, by the names of :class:`WorkFacts`."""


class Visibility(StrEnum):
    """Who may see a sighting's source."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class OwnerFacts:
    """The rights holder, as declared."""

    name: str  # the organisation's or person's name
    identity: str  # what identifies it: a registration number, an address; empty when none was given


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """Who uses the picture, as far as the address tells."""

    kind: str  # ``domain`` (a registrable domain) or ``account`` (on a platform)
    name: str  # the domain or account


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A file that figures depend on: name, version and digest."""

    name: str  # what it is called
    version: str  # its version
    digest: Digest | None  # its SHA-256, where it is one file


@dataclass(frozen=True, slots=True)
class SoftwareFacts:
    """What made the record."""

    name: str  # the program
    version: str  # its version
    pipeline: str  # version of everything that a match's figures depend on
    models: tuple[ModelFacts, ...] = ()  # models with their digests


@dataclass(frozen=True, slots=True)
class MadeWithFacts:
    """What the drawings and documents of a bundle depend on besides facts and pictures."""

    time_zone: str  # in which documents show times beside UTC
    versions: tuple[tuple[str, str], ...]  # of libraries, by their names
    documents: Digest  # of the sources of the documents, and of a sample in each language's fonts


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One picture."""

    digest: Digest  # of the exact bytes
    size: Number  # bytes
    format: str  # Pillow's name, such as ``JPEG``
    width: Number  # pixels, EXIF orientation applied
    height: Number  # pixels, EXIF orientation applied
    file: str  # where it lies in the bundle
    incomplete: bool = False  # whether the file was seen to break off or be damaged


@dataclass(frozen=True, slots=True)
class OfficialRegistration:
    """A registration with an office or a deposit service, as declared: numbers and dates as written there."""

    office: str  # the office
    number: str  # its number there
    date: str  # the day, as declared; empty when none was


@dataclass(frozen=True, slots=True)
class AttachmentFacts:
    """A document that belongs to the work, such as a certificate or a step of the chain of title."""

    title: str  # what it is
    role: str  # its place in the chain of title
    digest: Digest  # its SHA-256
    file: str  # where it lies in the bundle


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """The registered work, as declared, and its pictures, as recorded.

    Attributes:
        earlier_registration: in a deposit record, when somebody else had registered the same or a nearly same picture
            here before; nothing else of it is told.
        further_registrations: the log entries of pictures that were added to the work, each of one.
        public_page: in a deposit record, the address at which everybody could see the work when the record was made.
    """

    number: str  # the owner's number of the work
    title: str  # declared
    author: str  # declared
    rights_statement: str  # declared
    first_publication: str  # date or place as declared; empty when not declared
    registrations: tuple[OfficialRegistration, ...]  # official registrations as declared
    registered_at: datetime  # when the work was registered with this software
    registration: LogProof | None  # the log entry of the registration, or ``None``
    pictures: tuple[PictureFacts, ...]  # master and versions
    attachments: tuple[AttachmentFacts, ...] = ()  # certificates and chain of title
    earlier_registration: datetime | None = None
    created: str = ""  # date as declared; empty when not declared
    holder: str = ""  # of the rights, as declared, where it isn't the owner
    credit: str = ""  # how the work is to be credited, as declared
    further_registrations: tuple[LogProof, ...] = ()
    public_page: str = ""


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """A later visit to page and image.

    Attributes:
        outcome: ``captured``, ``not-shown`` (served as before, but the rendered page didn't show it), ``page-gone``,
            ``image-gone``, ``image-changed`` or ``unreachable``.
    """

    method: str  # how it was fetched, such as ``http`` or ``browser``
    outcome: str
    sentence: str  # what happened, in plain words
    started: datetime  # aware, UTC
    finished: datetime  # aware, UTC
    image: Digest | None  # digest of the image bytes served at that visit, or ``None``
    files: tuple[str, ...]  # where its files lie in the bundle


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """What the manifest inside a seen picture states (C2PA); stated by whoever signed it."""

    standing: str  # ``none``, ``unreadable``, ``invalid`` or ``valid``: signature and digests, not the signer's word
    signer: str = ""  # as its certificate names it; nobody checked the certificate against a list
    signed_at: str = ""  # as stated
    generator: str = ""  # the program that made the claim, as stated
    title: str = ""  # as stated
    problems: tuple[str, ...] = ()  # codes of the standard for what didn't hold
    file: str = ""  # everything that was read, as JSON in the bundle; empty where nothing was
    actions: tuple[str, ...] = ()  # C2PA's, with digital source types, as stated


@dataclass(frozen=True, slots=True)
class MakingFacts:
    """What a seen picture's own metadata states of how it was made; anybody can write it there."""

    source_type: str = ""  # IPTC digital source type; empty where none is stated
    aigc: str = ""  # China's label of generated content (GB 45438-2025), its fields; empty where there is none


@dataclass(frozen=True, slots=True)
class ElsewhereFacts:
    """When somebody else states that the picture or its page was there: their word, and not what was seen here.

    Attributes:
        stated: as much of ISO 8601 as they state; empty where they were asked and state nothing.
        same: whether that was the seen picture, byte for byte; ``None`` where nobody can tell.
    """

    kind: SeenKind  # who states what
    by: str  # their name; empty where the kind says all
    of: str  # what was there: ``picture`` or ``page``
    stated: str
    where: str  # the address at which it can be looked up; empty where there is none
    learnt: datetime  # when they said so, aware, UTC
    file: str = ""  # where the answers of an archive lie in the bundle; empty where none were kept
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class SightingFacts:
    """A picture seen at an image URL on a page.

    Attributes:
        provenance: what the manifest inside the picture states, or ``None`` when nobody looked.
        making: what its metadata states of how it was made, or ``None`` when nobody looked.
        certificate: what the server's certificate was, as the crawl checked it, and its SHA-256; empty without TLS.
        period: such as ``2016-01``, where the archive that holds it states that in place of a moment; empty where it
            states nothing.
    """

    number: Number  # from 1
    page_url: str  # the page; empty when the source names none
    image_url: str  # the image's address on the page
    final_url: str  # after redirects
    context: str  # words around the image, as found
    first_seen: datetime | None  # aware, UTC; ``None`` where the archive that holds it states no moment
    last_seen: datetime | None  # the last visit that found it unchanged, aware, UTC
    crawl: str  # number or name of the crawl that saw it first
    status: Count  # HTTP status; 0 when the source isn't HTTP
    headers: tuple[tuple[str, str], ...]  # response headers in their order
    peer: str  # address that answered; empty when the source isn't a network
    picture: PictureFacts  # what was seen
    visibility: Visibility  # of the source
    slice: SliceProof | None  # proof that a crawl slice recorded it, or ``None``
    captures: tuple[CaptureFacts, ...] = ()  # later visits, in order of time
    provenance: ProvenanceFacts | None = None
    certificate: str = ""
    making: MakingFacts | None = None
    period: str = ""
    elsewhere: tuple[ElsewhereFacts, ...] = ()  # what others state, oldest first


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """The measured comparison of a seen picture with a registered one."""

    number: Number  # from 1
    work_picture: Digest  # digest of the registered picture
    picture: Digest  # digest of the seen picture
    sightings: tuple[int, ...]  # numbers of the sightings that show it
    verification: Verification  # every figure
    words: tuple[str, ...]  # the figures in sentences, English
    overlay: str | None  # path of the overlay picture, or ``None``
    side_by_side: str | None  # path of the side-by-side picture, or ``None``
    difference: str | None = None  # path of the picture of what differs, or ``None``
    points: str | None = None  # path of the picture of numbered details, or ``None``

    @property
    def drawings(self) -> dict[str, str]:
        """The paths of all drawings that there are, by their role."""
        roles = ("side-by-side", "overlay", "difference", "points")
        drawn = {role: getattr(self, role.replace("-", "_")) for role in roles}
        return {role: path for role, path in drawn.items() if path is not None}


@dataclass(frozen=True, slots=True)
class BoundFacts:
    """False alarms that were counted when a calibration was made."""

    photographs: Count  # how many independent photographs were searched for
    failed: Count  # in how many of them something was taken for a copy that isn't one
    at_most_in_a_million: Count  # what follows from both, with 95% confidence (Clopper and Pearson, one-sided)


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """How figures became probabilities; the file holds all of it.

    Attributes:
        prior: share of copies that it supposes before anything is measured.
        photographs: how many stand behind its weights and its curve.
    """

    name: str  # such as ``default-2026-11``
    made: str  # the day, ISO 8601
    data: str  # what was measured, in words
    digest: Digest  # of the file
    file: str  # where it lies in the bundle
    certain: BoundFacts  # false alarms among what was called certain
    review: BoundFacts  # false alarms among what was put up for review
    prior: float
    photographs: Count

    def ratio(self, probability: float | None) -> LikelihoodRatio | None:
        """The likelihood ratio that a probability stands for; ``None`` without a probability."""
        return None if probability is None else likelihood_ratio(probability, self.prior, self.photographs)


@dataclass(frozen=True, slots=True)
class WeighingFacts:
    """The weights by which figures were summed to odds; the file holds them."""

    pipeline: str  # version of the comparison
    digest: Digest  # of the file
    file: str  # where it lies in the bundle


@dataclass(frozen=True, slots=True)
class LicenceCheckFacts:
    """The search of the owner's licences."""

    checked_at: datetime  # aware, UTC
    searched: Count  # how many records were searched
    covered: bool  # whether a record covers the use
    result: str  # one sentence
    reasons: tuple[str, ...]  # for each record that came near, why it does or doesn't cover the use
    partly: bool = False  # whether records cover some of the sightings and not all

    @property
    def outcome(self) -> str:
        """``all``, ``some`` or ``none``: how many sightings records cover; ``unsearched`` where none was entered."""
        if self.covered or self.partly:
            return "all" if self.covered else "some"
        return "none" if self.searched else "unsearched"


@dataclass(frozen=True, slots=True)
class PasskeyFacts:
    """That a passkey signed the decision; its answer lies in a file of its own (:mod:`evidence.facts.passkey`)."""

    file: str  # where the answer lies in the bundle
    digest: Digest  # of the answer
    log: LogProof  # the decision's entry; its opening names the digest as ``assertion``
    key: LogProof  # the entry in which the key was registered or first used, with whose it is


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """Who decided what, when and why."""

    decision: str  # ``open``, ``confirmed``, ``licensed`` or ``cleared``
    by: str  # the person's name, or what stood in for one
    at: datetime | None  # aware, UTC; ``None`` while open
    reason: str  # as given
    demonstration: bool  # true when a switch for demonstrations confirmed it instead of a person
    passkey: PasskeyFacts | None = None  # that one signed it, or ``None``


@dataclass(frozen=True, slots=True)
class WitnessFacts:
    """An outside witness as known when this was written.

    Attributes:
        qualified: ISO 8601 day as of which the operator's list named it as qualified (eIDAS), or empty.
    """

    kind: str  # ``rfc3161``, ``opentimestamps`` or ``evm``
    name: str  # as configured
    development: bool  # true when it was started for trials and has no legal weight
    state: str  # ``asked``, ``pending`` or ``complete``
    subject: str  # what it witnesses: ``manifest`` or ``checkpoint``
    time: datetime | None  # the time that it states, once complete
    qualified: str = ""


class Absence(StrEnum):
    """Why the bytes of a file aren't here, or are handed to nobody."""

    REPORTED = "reported"  # a member of the owner reported as illegal what the file carries or shows
    PURGED = "purged"  # the operator removed it, or what it shows, or doesn't let it be stored
    EXPIRED = "expired"  # the time was over for which pictures without a match are kept
    REMOVED = "removed"  # the owner took it off
    NEVER = "never"  # it never was here
    LOST = "lost"  # nobody removed it, and it isn't here


@dataclass(frozen=True, slots=True)
class LeftOutFacts:
    """A file of the case that its bundle lacks: its bytes weren't here, or not to be shown, when it was sealed."""

    file: str  # where it would lie in the bundle
    role: str  # what the file would be, by the roles of the manifest
    digest: Digest  # SHA-256 of its bytes
    why: Absence  # why the bundle lacks it, as docs/bundle-format.md says
    since: datetime | None  # when it was reported or removed, aware, UTC; ``None`` where nobody knows


@dataclass(frozen=True, slots=True)
class CaseFacts(Canonical):
    """All plain facts of one case, at one time.

    Attributes:
        calibrations: those that gave the matches their probabilities.
        weighings: those that gave the matches their odds.
        made_with: what its drawings and documents depend on.
        left_out: files that the facts name and the bundle doesn't hold, each with the reason.
    """

    number: str  # the case's number
    bundle: Count  # the bundle's number within the case, from 1; 0 outside a bundle
    owner: OwnerFacts  # the rights holder
    party: PartyFacts  # who uses the picture
    language: str  # ``en`` or ``zh-Hans``, of the documents
    opened_at: datetime  # when the case was opened
    written_at: datetime  # when these facts were written
    software: SoftwareFacts  # what made the record
    work: WorkFacts  # what is registered
    sightings: tuple[SightingFacts, ...]  # where the picture was seen
    matches: tuple[MatchFacts, ...]  # the measured comparisons
    licence_check: LicenceCheckFacts  # the search of the owner's licences
    decision: DecisionFacts  # a person's decision
    witnesses: tuple[WitnessFacts, ...]  # outside witnesses as known at ``written_at``
    not_checked: tuple[str, ...]  # sentences on what wasn't checked
    made_with: MadeWithFacts
    format: str = FACTS_FORMAT  # :data:`FACTS_FORMAT`
    calibrations: tuple[CalibrationFacts, ...] = ()
    left_out: tuple[LeftOutFacts, ...] = ()
    weighings: tuple[WeighingFacts, ...] = ()

    @property
    def absent(self) -> dict[str, LeftOutFacts]:
        """What the bundle doesn't hold, by the path where it would lie."""
        return {gone.file: gone for gone in self.left_out}

    def calibration_of(self, match: MatchFacts) -> CalibrationFacts | None:
        """The calibration that gave a match its probability."""
        wanted = match.verification.calibration
        return next((calibration for calibration in self.calibrations if calibration.digest == wanted), None)

    @classmethod
    def from_json(cls, data: bytes, *, what: str = "facts.json") -> Self:
        """The inverse of :meth:`to_json`; raises ``FormatError`` naming the place."""
        return from_plain(cls, parse_json(data, what=what), where=what)
