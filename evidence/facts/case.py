"""The sealed facts of a case. Workers fill them from the database; documents and checks read them.

All facts are recorded by the software, declared by the owner or stated by a third party, without judgement. Paths are
paths in a bundle, such as ``data/work/01.jpg``. Numbers of sightings and matches count from 1.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from evidence.formats.codec import Canonical, from_plain, parse_json
from evidence.log.proofs import LogProof, SliceProof
from exhibit.comparison.calibration import LikelihoodRatio, compute_likelihood_ratio
from exhibit.digests import Digest
from exhibit.types import Count, Number, SourceStatementKind, Verification

FACTS_FORMAT = "exhibit-facts/1"
LANGUAGES = ("en", "zh-Hans")
REGISTERED_FIELDS = (
    "title", "author", "first_publication", "registered_at", "registrations", "rights_statement", "created", "credit",
    "holder",
)  # fmt: skip
"""Fields in the log entry of a work's registration, by the names in :class:`WorkFacts`."""


class Visibility(StrEnum):
    """Audience of the source of a sighting."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class OwnerFacts:
    """The rights holder, as declared."""

    name: str  # the organisation's or person's name
    identity: str  # identification such as a registration number or an address; empty if none was given


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """The site that uses the picture, as identified by the URL."""

    kind: str  # ``domain`` (a registrable domain) or ``account`` (on a platform)
    name: str  # the domain or account


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model or data file on which measurements depend: name, version and digest."""

    name: str  # its name
    version: str  # its version
    digest: Digest | None  # its SHA-256, if it is a single file


@dataclass(frozen=True, slots=True)
class SoftwareFacts:
    """Software that created the record."""

    name: str  # the program
    version: str  # its version
    pipeline: str  # version of the comparison, on which the measurements of a match depend
    models: tuple[ModelFacts, ...] = ()  # models with their digests


@dataclass(frozen=True, slots=True)
class RenderingEnvironmentFacts:
    """Inputs of a bundle's drawings and documents besides facts and pictures."""

    time_zone: str  # time zone of the local times in documents
    versions: tuple[tuple[str, str], ...]  # versions of libraries, by name
    documents: Digest  # digest of the documents' source code, and of a sample in each language's fonts


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One picture."""

    digest: Digest  # digest of the exact bytes
    size: Number  # bytes
    format: str  # Pillow's name, such as ``JPEG``
    width: Number  # pixels, EXIF orientation applied
    height: Number  # pixels, EXIF orientation applied
    file: str  # path in the bundle
    incomplete: bool = False  # true if the file was found truncated or damaged


@dataclass(frozen=True, slots=True)
class OfficialRegistration:
    """A registration with an office or a deposit service, as declared by the owner."""

    office: str  # the office
    number: str  # registration number
    date: str  # date as declared; empty if none was


@dataclass(frozen=True, slots=True)
class AttachmentFacts:
    """A document that belongs to the work, such as a certificate or a step of the chain of title."""

    title: str  # title of the document
    role: str  # its role in the chain of title
    digest: Digest  # its SHA-256
    file: str  # path in the bundle


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """The registered work, as declared, and its pictures, as recorded.

    Attributes:
        earlier_registration: In a deposit record, the time at which another owner had registered the same or a nearly
            identical picture here. Nothing else about that registration is disclosed.
        further_registrations: Log entries of pictures that were added to the work later, one for each picture.
        public_page: In a deposit record, the URL at which the work was public when the record was made.
    """

    number: str  # the owner's number of the work
    title: str  # declared
    author: str  # declared
    rights_statement: str  # declared
    first_publication: str  # date or place as declared; empty if not declared
    registrations: tuple[OfficialRegistration, ...]  # official registrations as declared
    registered_at: datetime  # when the work was registered with this software
    registration: LogProof | None  # the log entry of the registration, or ``None``
    pictures: tuple[PictureFacts, ...]  # master and versions
    attachments: tuple[AttachmentFacts, ...] = ()  # certificates and chain of title
    earlier_registration: datetime | None = None
    created: str = ""  # date as declared; empty if not declared
    holder: str = ""  # rights holder as declared, if not the owner
    credit: str = ""  # required credit line, as declared
    further_registrations: tuple[LogProof, ...] = ()
    public_page: str = ""


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """A later visit to the page and the image.

    Attributes:
        outcome: ``captured``, ``not-shown`` (served as before, but not visible on the rendered page), ``page-gone``,
            ``image-gone``, ``image-changed`` or ``unreachable``.
    """

    method: str  # method of the visit, such as ``http`` or ``browser``
    outcome: str
    sentence: str  # description of the result
    started: datetime  # aware, UTC
    finished: datetime  # aware, UTC
    image: Digest | None  # digest of the image bytes served at that visit, or ``None``
    files: tuple[str, ...]  # paths of its files in the bundle


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """Content of the C2PA manifest in a found picture, as stated by its signer."""

    standing: str  # ``none``, ``unreadable``, ``invalid`` or ``valid``, of signature and digests only
    signer: str = ""  # as named in the certificate, which was not checked against a list
    signed_at: str = ""  # as stated
    generator: str = ""  # program that created the claim, as stated
    title: str = ""  # as stated
    problems: tuple[str, ...] = ()  # validation failure codes of the standard
    file: str = ""  # path of the whole manifest as JSON; empty if none was read
    actions: tuple[str, ...] = ()  # C2PA actions with digital source types, as stated


@dataclass(frozen=True, slots=True)
class CreationFacts:
    """Metadata of a found picture on how the picture was created; anybody can write such metadata."""

    source_type: str = ""  # IPTC digital source type; empty if none is stated
    aigc: str = ""  # fields of China's label for generated content (GB 45438-2025); empty if there is none


@dataclass(frozen=True, slots=True)
class ThirdPartyStatementFacts:
    """Statement by a third party on when the picture or its page was available; not an observation of this software.

    Attributes:
        stated: Time in ISO 8601, as precise as stated; empty if the third party states no time on request.
        same: True if the statement is about exactly the bytes of the found picture; ``None`` if unknown.
    """

    kind: SourceStatementKind  # kind of statement and source
    by: str  # name of the source; empty if ``kind`` already identifies the source
    of: str  # subject of the statement: ``picture`` or ``page``
    stated: str
    where: str  # URL at which the statement can be looked up; empty if there is none
    learnt: datetime  # when the statement was received, aware, UTC
    file: str = ""  # path of the archive's responses in the bundle; empty if none were saved
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class SightingFacts:
    """A picture seen at an image URL on a page.

    Attributes:
        provenance: Content of the manifest inside the picture, or ``None`` if it was not examined.
        making: Metadata on how the picture was created, or ``None`` if it was not examined.
        certificate: Result of the crawl's check of the server's certificate, and the certificate's SHA-256; empty
            without TLS.
        period: A period such as ``2016-01`` if the archive with the picture states a period instead of a time; empty if
            it states no period.
    """

    number: Number  # from 1
    page_url: str  # URL of the page; empty if the source does not name a page
    image_url: str  # URL of the image on the page
    final_url: str  # URL after redirects
    context: str  # text around the image, as found
    first_seen: datetime | None  # aware, UTC; ``None`` if the archive with the picture states no time
    last_seen: datetime | None  # last visit at which the picture was unchanged, aware, UTC
    crawl: str  # number or name of the crawl that first saw the picture
    status: Count  # HTTP status; 0 if the source is not HTTP
    headers: tuple[tuple[str, str], ...]  # response headers in their order
    peer: str  # IP address of the server; empty if the source is not a network
    picture: PictureFacts  # the found picture
    visibility: Visibility  # visibility of the source
    slice: SliceProof | None  # proof that a crawl slice recorded it, or ``None``
    captures: tuple[CaptureFacts, ...] = ()  # later visits, in order of time
    provenance: ProvenanceFacts | None = None
    certificate: str = ""
    making: CreationFacts | None = None
    period: str = ""
    elsewhere: tuple[ThirdPartyStatementFacts, ...] = ()  # statements of third parties, oldest first


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """The measured comparison of a found picture with a registered one."""

    number: Number  # from 1
    work_picture: Digest  # digest of the registered picture
    picture: Digest  # digest of the found picture
    sightings: tuple[int, ...]  # numbers of the sightings that show it
    verification: Verification  # all measurements
    words: tuple[str, ...]  # the measurements as English sentences
    overlay: str | None  # path of the overlay picture, or ``None``
    side_by_side: str | None  # path of the side-by-side picture, or ``None``
    difference: str | None = None  # path of the difference picture, or ``None``
    points: str | None = None  # path of the picture of numbered details, or ``None``

    @property
    def drawings(self) -> dict[str, str]:
        """Paths of all existing drawings, by role."""
        roles = ("side-by-side", "overlay", "difference", "points")
        paths = {role: getattr(self, role.replace("-", "_")) for role in roles}
        return {role: path for role, path in paths.items() if path is not None}


@dataclass(frozen=True, slots=True)
class FalseAlarmFacts:
    """False alarms that were counted for a calibration."""

    photographs: Count  # number of independent photographs that were searched for
    failed: Count  # number of these with at least one false alarm
    at_most_in_a_million: Count  # resulting upper bound with 95% confidence (Clopper and Pearson, one-sided)


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """Summary of the calibration that converted measurements to probabilities; ``file`` contains the calibration.

    Attributes:
        prior: Fraction of copies that the calibration assumes before any measurement.
        photographs: Number of photographs from which the weights and the curve were fitted.
    """

    name: str  # such as ``default-2026-11``
    made: str  # date, ISO 8601
    data: str  # description of the measured data
    digest: Digest  # of the file
    file: str  # path in the bundle
    certain: FalseAlarmFacts  # false alarms among certain matches
    review: FalseAlarmFacts  # false alarms among matches for review
    prior: float
    photographs: Count

    def compute_ratio(self, probability: float | None) -> LikelihoodRatio | None:
        """Return the likelihood ratio for a probability; ``None`` if the probability is ``None``."""
        return None if probability is None else compute_likelihood_ratio(probability, self.prior, self.photographs)


@dataclass(frozen=True, slots=True)
class OddsModelFacts:
    """The odds model, which sums weighted measurements to odds; ``file`` contains the weights."""

    pipeline: str  # version of the comparison
    digest: Digest  # of the file
    file: str  # path in the bundle


@dataclass(frozen=True, slots=True)
class LicenceCheckFacts:
    """Result of searching the owner's licences."""

    checked_at: datetime  # aware, UTC
    searched: Count  # number of records that were searched
    covered: bool  # true if a record covers the use
    result: str  # one sentence
    reasons: tuple[str, ...]  # for each similar record, why it does or does not cover the use
    partly: bool = False  # true if records cover some but not all of the sightings

    @property
    def outcome(self) -> str:
        """Coverage of the sightings by licence records: ``all``, ``some`` or ``none``.

        ``unsearched`` if there are no records.
        """
        if self.covered or self.partly:
            return "all" if self.covered else "some"
        return "none" if self.searched else "unsearched"


@dataclass(frozen=True, slots=True)
class PasskeyFacts:
    """Signature of the decision by a passkey; the assertion is a separate file (:mod:`evidence.facts.passkey`)."""

    file: str  # path of the assertion in the bundle
    digest: Digest  # digest of the assertion
    log: LogProof  # log entry of the decision; its opening names the digest as ``assertion``
    key: LogProof  # log entry that registers the key or records its first use, and names its owner


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """The decision: its author, time and reason."""

    decision: str  # ``open``, ``confirmed``, ``licensed`` or ``dismissed``
    by: str  # name of the person, or of the program that decided
    at: datetime | None  # aware, UTC; ``None`` while open
    reason: str  # as given
    demonstration: bool  # true if the demonstration switch confirmed the case instead of a person
    passkey: PasskeyFacts | None = None  # signature by a passkey, or ``None``


@dataclass(frozen=True, slots=True)
class TimestampFacts:
    """A timestamp by an outside service, with its state when the facts were written.

    Attributes:
        qualified: ISO 8601 date of the operator's list that names the service as qualified (eIDAS), or empty.
    """

    kind: str  # ``rfc3161``, ``opentimestamps`` or ``evm``
    name: str  # as configured
    development: bool  # true for a development service, which has no legal weight
    state: str  # ``requested``, ``pending`` or ``complete``
    subject: str  # subject of the receipt: ``manifest`` or ``checkpoint``
    time: datetime | None  # time that the complete receipt states
    qualified: str = ""


class AbsenceCode(StrEnum):
    """Reason why the bytes of a file are missing on this installation, or are not disclosed."""

    REPORTED = "reported"  # a member of the owner reported the file or its content as illegal
    PURGED = "purged"  # the operator removed the file or its content, or does not allow storing it
    EXPIRED = "expired"  # the retention period for pictures without a match ended
    REMOVED = "removed"  # the owner removed it
    NEVER = "never"  # its bytes were never stored
    LOST = "lost"  # it is missing for an unknown reason


@dataclass(frozen=True, slots=True)
class OmittedFileFacts:
    """A file of the case that is not in the bundle, because its bytes were missing or not to be disclosed."""

    file: str  # path that the file would have in the bundle
    role: str  # role that the file would have in the manifest
    digest: Digest  # SHA-256 of its bytes
    why: AbsenceCode  # reason, see docs/reference/bundle-format.md
    since: datetime | None  # time of the report or removal, aware, UTC; ``None`` if unknown


@dataclass(frozen=True, slots=True)
class CaseFacts(Canonical):
    """All facts of one case, at one time.

    Attributes:
        calibrations: Calibrations from which the probabilities of the matches were computed.
        weighings: Odds models from which the odds of the matches were computed.
        made_with: Further inputs of the drawings and documents.
        left_out: Files that the facts name but the bundle does not contain, each with the reason.
    """

    number: str  # the case's number
    bundle: Count  # the bundle's number within the case, from 1; 0 outside a bundle
    owner: OwnerFacts  # the rights holder
    party: PartyFacts  # site that uses the picture
    language: str  # language of the documents, ``en`` or ``zh-Hans``
    opened_at: datetime  # when the case was opened
    written_at: datetime  # when these facts were written
    software: SoftwareFacts  # software that created the record
    work: WorkFacts  # the registered work
    sightings: tuple[SightingFacts, ...]  # pages and image URLs at which the picture was seen
    matches: tuple[MatchFacts, ...]  # the measured comparisons
    licence_check: LicenceCheckFacts  # the search of the owner's licences
    decision: DecisionFacts  # a person's decision
    timestamps: tuple[TimestampFacts, ...]  # timestamps with their states at ``written_at``
    not_checked: tuple[str, ...]  # sentences on aspects that were not checked
    made_with: RenderingEnvironmentFacts
    format: str = FACTS_FORMAT  # :data:`FACTS_FORMAT`
    calibrations: tuple[CalibrationFacts, ...] = ()
    left_out: tuple[OmittedFileFacts, ...] = ()
    weighings: tuple[OddsModelFacts, ...] = ()

    @property
    def omitted_files(self) -> dict[str, OmittedFileFacts]:
        """Files that are not in the bundle, by path."""
        return {omitted_file.file: omitted_file for omitted_file in self.left_out}

    def find_calibration(self, match: MatchFacts) -> CalibrationFacts | None:
        """Return the calibration from which the probability of a match was computed."""
        digest = match.verification.calibration
        return next((calibration for calibration in self.calibrations if calibration.digest == digest), None)

    @classmethod
    def from_json(cls, data: bytes, *, label: str = "facts.json") -> Self:
        """Parse facts from JSON; the inverse of :meth:`to_json`. ``label`` names the file in errors.

        Raises:
            FormatError: The JSON does not match the format; the message names the location.
        """
        return from_plain(cls, parse_json(data, label=label), location=label)
