"""The facts of a work: what was declared of it, and the registered pictures as recorded."""

from dataclasses import dataclass, field
from datetime import datetime

from evidence.log.proofs import LogProof
from exhibit.digests import Digest
from exhibit.types import LATER, Number


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One picture.

    Attributes:
        digest: of the exact bytes.
        size: bytes.
        format: Pillow's name, such as ``JPEG``.
        width: pixels, EXIF orientation applied.
        height: pixels, EXIF orientation applied.
        file: where it lies in the bundle.
    """

    digest: Digest
    size: Number
    format: str
    width: Number
    height: Number
    file: str


@dataclass(frozen=True, slots=True)
class OfficialRegistration:
    """A registration with an office or a deposit service, as declared: numbers and dates as written there."""

    office: str
    number: str
    date: str


@dataclass(frozen=True, slots=True)
class AttachmentFacts:
    """A document that belongs to the work, such as a certificate or a step of the chain of title."""

    title: str
    role: str
    digest: Digest
    file: str


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """The registered work, as declared, and its pictures, as recorded.

    Attributes:
        number: the owner's number of the work.
        title: declared.
        author: declared.
        rights_statement: declared.
        first_publication: date or place as declared; empty when not declared.
        registrations: official registrations as declared.
        registered_at: when the work was registered with this software.
        registration: the log entry of the registration, or ``None``.
        pictures: master and versions.
        attachments: certificates and chain of title.
        earlier_registration: in a deposit record, when somebody else had registered the same or a nearly same picture
            here before; nothing else of it is told.
        created: date as declared; empty when not declared.
        holder: of the rights, as declared, where it isn't the owner.
        credit: how the work is to be credited, as declared.
        further_registrations: the log entries of pictures that were added to the work, each of one.
    """

    number: str
    title: str
    author: str
    rights_statement: str
    first_publication: str
    registrations: tuple[OfficialRegistration, ...]
    registered_at: datetime
    registration: LogProof | None
    pictures: tuple[PictureFacts, ...]
    attachments: tuple[AttachmentFacts, ...] = ()
    earlier_registration: datetime | None = field(default=None, metadata=LATER)
    created: str = field(default="", metadata=LATER)
    holder: str = field(default="", metadata=LATER)
    credit: str = field(default="", metadata=LATER)
    further_registrations: tuple[LogProof, ...] = field(default=(), metadata=LATER)
