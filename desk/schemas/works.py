"""Works, what is brought to become one, and what was found in a picture, as programs are told of them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from pydantic import ConfigDict, Field

from desk.schemas.base import NOON, Answer, Hex
from desk.schemas.rows import Plain, fields
from desk.texts import ownership
from desk.texts import uploads as upload_words
from desk.texts.masks import masks
from registry import models
from registry.accounts import scoped
from workers.works.ownership import terms

if TYPE_CHECKING:
    from workers.matching import identify
    from workers.works import uploads


class Mask(Answer):
    """A part of a picture that isn't compared."""

    model_config = ConfigDict(extra="allow")

    kind: str
    sentence: str


class Picture(Answer):
    """A picture of a work."""

    digest: Hex
    format: str = Field(examples=["jpeg"])
    width: int | None
    height: int | None
    bytes: int
    masked: list[Mask]


class Conflict(Answer):
    """That somebody else registered the same or a near-same picture earlier."""

    sentence: str
    date: date


class Work(Answer):
    """A registered work."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    author: str
    file: str = Field(description="The name of the file that was registered.", examples=["harbour.jpg"])
    rights: str
    first_publication: str = Field(examples=["2024-05-31"])
    registrations: list[dict[str, str]]
    registered_at: datetime = Field(examples=[NOON])
    flags: list[str] = Field(description="Why it can't be matched safely; empty when it can.")
    conflicts: list[Conflict]
    pictures: list[Picture]


class WorkCase(Answer):
    """A case of a work, in short."""

    number: int
    party: str
    decision: str


class Stated(Answer):
    """What a file, or the declaration, states in one field."""

    field: str = Field(examples=["Author"])
    text: str = Field(examples=["B. Somebody"])


class Remark(Answer):
    """Something that a person should look at before the work is relied on. It decides nothing."""

    kind: str = Field(examples=["credit"])
    sentence: str = Field(examples=["The file names somebody else than you declare."])
    stated: list[Stated]
    noted_at: datetime = Field(examples=[NOON])
    answered_at: datetime | None
    answered_by: str
    reason: str


class Term(Answer):
    """What the dates that were entered say of the protection in one country; no legal advice."""

    country: str = Field(examples=["CN"])
    standing: str = Field(description="`over`, `running` or `unknown`.", examples=["running"])
    source: str = Field(description="The rule.")


class Document(Answer):
    """A document beside a work, such as one of its chain of title."""

    number: int = Field(examples=[1])
    name: str = Field(examples=["contract.pdf"])
    about: str = Field(examples=["Transfer of rights"])
    digest: Hex | None
    bytes: int = Field(examples=[48213])
    added_by: str
    added_at: datetime = Field(examples=[NOON])


class Change(Answer):
    """One line of a work's history."""

    number: int = Field(examples=[1])
    at: datetime = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    kind: str = Field(examples=["edited"])
    details: dict[str, Any] = Field(
        description="By field: before and after; or what it was about.",
        examples=[{"author": {"before": "", "after": "A. Example"}}],
    )
    reason: str


class FullWork(Work):
    """A work with all that is declared of it, what speaks against that, its cases, and how far its search is."""

    author_kind: str = Field(examples=["person"])
    author_died: int | None = Field(description="The year.")
    holder: str = Field(description="If it isn't the owner.")
    credit: str = Field(description="How the work is to be credited.")
    created: str = Field(examples=["2024-05"])
    medium: str = Field(examples=["photograph"])
    version: int = Field(description="How often it was changed.", examples=[2])
    stated: dict[str, Any] = Field(description="What the file states of itself.", examples=[{"author": "A. Example"}])
    remarks: list[Remark]
    terms: list[Term]
    documents: list[Document]

    cases: list[WorkCase]
    search: list[dict[str, Any]]
    seen_before: list[dict[str, Any]]


class RegisteredWork(Work):
    """A work as it was registered; ``new`` is false when the same picture was registered before."""

    new: bool


class Deposit(Answer):
    """A deposit record: what was declared of a work, sealed and logged. It creates no right."""

    work: int
    number: int
    seal: Hex
    sealed_at: datetime = Field(examples=[NOON])
    made_by: str


class Upload(Answer):
    """Files that somebody brings to become works, and how far they are, counted in files."""

    number: int = Field(examples=[1])
    author: str = Field(description="Declared of all files that nothing else names.")
    rights: str
    reads_metadata: bool
    table: str = Field(description="The name of the table that declares the files.", examples=["works.csv"])
    started_by: str
    started_at: datetime = Field(examples=[NOON])
    closed_at: datetime | None
    announced: int
    arrived: int
    waiting: int
    registered: int = Field(description="New works.")
    known: int = Field(description="Works before.")
    refused: int
    done: bool = Field(description="Nothing more is going to happen.")


class UploadFile(Answer):
    """A file of an upload, and what came of it."""

    name: str = Field(examples=["2024/harbour.jpg"])
    bytes: int
    digest: Hex | None
    state: str = Field(examples=["done"])
    outcome: str = Field(
        description="`registered`, `known` or `refused`; empty while it waits.", examples=["registered"]
    )
    reason: str = Field(description="Why it was refused, a stable word.")
    why: str
    what_to_do: str
    work: int | None = Field(examples=[12])


class UploadLine(Answer):
    """A line of an upload's table."""

    file: str = Field(examples=["harbour.jpg"])
    declared: dict[str, Any] = Field(examples=[{"title": "Harbour at dawn"}])


class FoundWork(Answer):
    """A work that a picture shows, with the figures of the comparison, which docs/stand-alone.md explains."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    file: str
    picture: Hex
    decision: str = Field(description="`certain` or `review`.", examples=["certain"])
    probability: float | None
    calibration: Hex | None
    hamming: int
    inliers: int
    dense: float
    in_place: float | None
    drift: float | None
    transform: list[list[float]] | None
    further: list[list[list[float]]]
    mirrored: bool
    rotation: int
    overlap_work: float
    overlap_picture: float
    reasons: list[str]
    pipeline: str
    sentences: list[str]
    registered_at: datetime = Field(examples=[NOON])


class Identified(Answer):
    """What came of one picture: the surest work first."""

    digest: Hex
    too_plain: list[str] = Field(description="Why it can't be told apart from others; empty when it can.")
    works: list[FoundWork]


def with_pictures(works: QuerySet[models.Work]) -> QuerySet[models.Work]:
    """Works with all that :func:`work` reads, in few queries."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def work(row: models.Work) -> Plain:
    """A registered work. ``flags`` says why it can't be matched safely."""
    return {
        **fields(row, "number title author first_publication registrations registered_at"),
        "file": row.source_name,
        "rights": row.rights_statement,
        "flags": row.low_information,
        "conflicts": conflicts(row),
        "pictures": [
            {**fields(one.picture, "digest format width height"), "bytes": one.picture.size, "masked": masks(one)}
            for one in row.work_pictures.all()
        ],
    }


def full_work(row: models.Work) -> Plain:
    """A work with all that is declared of it, what speaks against that, its cases, and how far its search is."""
    cases = scoped.cases(row.owner).filter(work=row)
    return {
        **work(row),
        **fields(row, "author_kind author_died holder credit created medium"),
        "version": row.changes.count(),
        "stated": row.metadata,
        "remarks": [remark(one) for one in row.remarks.order_by("kind")],
        "terms": [{"country": one.country, "standing": str(one.standing), "source": one.source} for one in terms(row)],
        "documents": [document(one) for one in row.attachments.filter(removed_at=None)],
        "cases": [fields(one, "number party decision") for one in cases],
        **past(row),
    }


def deposit(row: models.Deposit) -> Plain:
    """A deposit record of a work."""
    return {"work": row.work.number, **fields(row, "number sealed_at made_by"), "seal": row.seal_digest.hex}


def past(row: models.Work) -> Plain:
    """How far the search of what was seen before is, for each picture, and what had expired by then."""
    pictures = list(row.work_pictures.order_by("pk"))
    seen = models.Revisit.objects.filter(owner=row.owner_id, registered__in=[one.picture_id for one in pictures])
    return {
        "search": [{"state": one.state, **one.progress} for one in pictures],
        "seen_before": [
            fields(one, "outcome hamming inliers dense sentence") for one in seen.order_by("hamming", "pk")
        ],
    }


def conflicts(row: models.Work) -> list[Plain]:
    """That an earlier registration by somebody else exists, and its date; nothing more may be told."""
    dates = [one.earlier_registered_at for one in row.conflicts.all()]
    if not dates:
        return []
    day = min(dates).date().isoformat()
    return [{"sentence": f"An earlier registration of this or a near-same picture exists, of {day}.", "date": day}]


def remark(row: models.OwnershipRemark) -> Plain:
    """Something that a person should look at before a work is relied on."""
    said = ownership.said_of(row)
    return {
        **fields(row, "kind noted_at answered_at answered_by reason"),
        "sentence": said.sentence,
        "stated": [{"field": field, "text": text} for field, text in said.stated],
    }


def open_remarks(row: models.Work) -> list[Plain]:
    """What speaks against a work, and nobody has answered."""
    return [remark(one) for one in row.remarks.filter(answered_at=None).order_by("kind")]


def document(row: models.WorkAttachment) -> Plain:
    """A document beside a work."""
    return {**fields(row, "number name about digest added_by added_at"), "bytes": row.size}


def change(row: models.WorkChange) -> Plain:
    """One line of a work's history."""
    return fields(row, "number at by kind details reason")


def upload(row: models.Upload, far: "uploads.Progress") -> Plain:
    """Files that somebody brings, and how far they are."""
    return {
        **fields(row, "number author reads_metadata started_by started_at closed_at"),
        "rights": row.rights_statement,
        "table": row.table_name,
        **fields(far, "announced arrived waiting registered known refused done"),
    }


def upload_file(row: models.UploadFile) -> Plain:
    """One file of an upload, and what came of it."""
    return {
        **fields(row, "name digest state outcome reason"),
        "bytes": row.size,
        "why": upload_words.why(row),
        "what_to_do": upload_words.what_to_do(row),
        "work": None if row.work is None else row.work.number,
    }


def found_work(found: "identify.FoundWork") -> Plain:
    """A work that a picture shows, with the figures of the comparison."""
    from indexer.compare.wording import as_plain  # noqa: PLC0415 - loads what measures pictures
    from workers.texts.sentences import words_of  # noqa: PLC0415

    return {
        **fields(found.work, "number title registered_at"),
        "file": found.work.source_name,
        "picture": found.picture.digest.hex,
        **as_plain(found.verification),
        "sentences": list(words_of(found.verification, found.calibration)),
    }
