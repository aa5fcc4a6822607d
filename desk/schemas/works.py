"""Works, what is brought to become one, and what was found in a picture, as programs are told of them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db.models import QuerySet
from pydantic import ConfigDict, Field

from desk.schemas.base import EXPOSURE, FIGURES, NOON, RELATED, Answer, Hex, Moment
from desk.schemas.evidence import FileStatement, MetadataIssue, Receipt
from desk.texts import ownership, uploads as upload_words
from desk.texts.masks import masks
from desk.texts.past import relation_in_words
from registry import models, scoped
from registry.works.ownership import PROBLEMS, terms
from registry.works.relations import related_to

if TYPE_CHECKING:
    from registry.matches import identify


class Mask(Answer):
    """A part of a picture that isn't compared: a `caption` or a `mark`, with its ``share`` of the area."""

    model_config = ConfigDict(extra="allow")

    kind: str
    sentence: str


class Picture(Answer):
    """A picture of a work."""

    digest: Hex
    held: bool = Field(description="Or only stated, and never here.")
    format: str = Field(alias="picture.format", examples=["jpeg"])
    width: int | None = Field(alias="picture.width")
    height: int | None = Field(alias="picture.height")
    bytes: int = Field(alias="picture.size")
    incomplete: bool | None = Field(alias="picture.incomplete", description="Whether the file breaks off.")
    masked: list[Mask]

    @staticmethod
    def resolve_held(row: models.WorkPicture) -> bool:
        return row.stated is None

    @staticmethod
    def resolve_masked(row: models.WorkPicture) -> object:
        return [Mask.from_row(mask, share=mask.share) for mask in masks(row)]


class Conflict(Answer):
    """That somebody else registered the same or a near-same picture earlier."""

    sentence: str
    date: date

    @classmethod
    def of(cls, row: models.Work) -> list[Self]:
        """That an earlier registration by somebody else exists, and its date; nothing more may be told."""
        dates = [conflict.earlier_registered_at for conflict in row.conflicts.all()]
        if not dates:
            return []
        day = min(dates).date()
        return [cls(sentence=f"An earlier registration of this or a near-same picture exists, of {day}.", date=day)]


class Work(Answer):
    """A registered work."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    author: str
    file: str = Field(alias="source_name", description="The registered file's name.", examples=["harbour.jpg"])
    rights: str = Field(alias="rights_statement")
    first_publication: str = Field(examples=["2024-05-31"])
    registrations: list[dict[str, str]]
    registered_at: Moment = Field(examples=[NOON])
    flags: list[str] = Field(
        alias="low_information", description="Why no match of it is certain, such as `flat` or `page`; empty for most."
    )
    conflicts: list[Conflict]
    metadata_problems: list[MetadataIssue] = Field(
        description="Values of the file's metadata that are not used, and why; empty for most."
    )
    pictures: list[Picture] = Field(alias="work_pictures")

    resolve_conflicts = staticmethod(Conflict.of)
    resolve_metadata_problems = staticmethod(MetadataIssue.of_work)


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
    noted_at: Moment = Field(examples=[NOON])
    answered_at: Moment | None
    answered_by: str
    reason: str

    @staticmethod
    def resolve_sentence(row: models.OwnershipRemark) -> str:
        return ownership.said_of(row).sentence

    @staticmethod
    def resolve_stated(row: models.OwnershipRemark) -> object:
        return [Stated(field=field, text=text) for field, text in ownership.said_of(row).stated]


class Term(Answer):
    """What the dates that were entered say of the protection in one country; no legal advice."""

    country: str = Field(examples=["CN"])
    standing: str = Field(description="`over`, `running` or `unknown`.", examples=["running"])
    source: str = Field(description="The rule.")


class Relation(Answer):
    """Another work of the owner that shows the same, as a comparison found."""

    work: int = Field(alias="work.number", examples=[13])
    title: str = Field(alias="work.title", examples=["Harbour at dawn, a moment later"])
    kind: str = Field(
        description="What this work is to it: `duplicate`, `part-of`, `whole-of` or `series`, one scene twice.",
        examples=["series"],
    )
    shown: float = Field(
        description="Share of the part that the whole shows; of this work's picture where neither is a part.",
        examples=[0.97],
    )
    sentence: str = Field(examples=["It shows the same scene, as another photograph or a changed copy would."])

    resolve_sentence = staticmethod(relation_in_words)


class Document(Answer):
    """A document beside a work, such as one of its chain of title."""

    number: int = Field(examples=[1])
    name: str = Field(examples=["contract.pdf"])
    about: str = Field(examples=["Transfer of rights"])
    digest: Hex | None
    bytes: int = Field(alias="size", examples=[48213])
    added_by: str
    added_at: Moment = Field(examples=[NOON])


class Change(Answer):
    """One line of a work's history."""

    number: int = Field(examples=[1])
    at: Moment = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    kind: str = Field(examples=["edited"])
    details: dict[str, Any] = Field(
        description="By field: before and after; or what it was about.",
        examples=[{"author": {"before": "", "after": "A. Example"}}],
    )
    reason: str


def searches_of(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """How far the search of what was seen before is, for each picture."""
    return [{"state": picture.state, **picture.progress} for picture in row.work_pictures.order_by("pk")]


def seen_before(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """What resembled a work before it was registered, and had expired by then."""
    seen = models.Revisit.objects.filter(owner=row.owner_id, registered__in=row.work_pictures.values("picture"))
    return list(seen.order_by("hamming", "pk").values("outcome", "hamming", "inliers", "dense", "sentence"))


class Held(Answer):
    """Why a work is held back: found on far more sites than ever. Its matches are kept, and no case is opened."""

    at: Moment = Field(description="Since when.", examples=[NOON])
    sites: int = Field(description="On which it would have been found newly on that day.", examples=[320])
    different: int = Field(description="Those of them whose picture looked like none before.", examples=[41])
    limit: int = Field(description="Beyond which that was.", examples=[30])
    why: str
    decision: str = Field(description="Empty, or `dismissed`.", examples=[""])

    resolve_why = staticmethod(ownership.why_held)


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
    held: Held | None
    collections: list[str]
    relations: list[Relation]
    cases: list[WorkCase]
    search: list[dict[str, Any]]
    seen_before: list[dict[str, Any]]

    @staticmethod
    def resolve_version(row: models.Work) -> int:
        return row.changes.count()

    @staticmethod
    def resolve_stated(row: models.Work) -> dict[str, Any]:
        return {k: v for k, v in row.metadata.items() if k != PROBLEMS}

    @staticmethod
    def resolve_remarks(row: models.Work) -> object:
        return row.remarks.order_by("kind")

    @staticmethod
    def resolve_terms(row: models.Work) -> object:
        return terms(row)

    @staticmethod
    def resolve_documents(row: models.Work) -> object:
        return row.attachments.filter(removed_at=None)

    @staticmethod
    def resolve_held(row: models.Work) -> object:
        return models.Flood.in_force().filter(work=row).first()

    @staticmethod
    def resolve_collections(row: models.Work) -> QuerySet[models.Collection, str]:
        return row.collections.order_by("name").values_list("name", flat=True)

    resolve_relations = staticmethod(related_to)

    @staticmethod
    def resolve_cases(row: models.Work) -> object:
        return scoped.cases(row.owner).filter(work=row)

    resolve_search = staticmethod(searches_of)

    @staticmethod
    def resolve_seen_before(row: models.Work) -> Sequence[Mapping[str, Any]]:
        return seen_before(row)


class RegisteredWork(Work):
    """A work as it was registered; ``new`` is false when the same picture was registered before."""

    new: bool


class RefusedWork(Answer):
    """Why one of several works wasn't registered."""

    file: str
    reason: str
    sentence: str


class StatedWorks(Answer):
    """What came of a file of fingerprints."""

    works: list[RegisteredWork]
    failed: list[RefusedWork]


class ListedWork(Work):
    """A work in a list of the command line, with what speaks against it."""

    remarks: list[Remark]


class AddedWork(RegisteredWork, ListedWork):
    """A work as a command registered it, with what speaks against it."""


class Proposal(Answer):
    """A picture at a place of the owner's own that shows no work, and what its file states of itself."""

    picture: Hex = Field(alias="picture.digest")
    width: int | None = Field(alias="picture.width")
    height: int | None = Field(alias="picture.height")
    bytes: int = Field(alias="picture.size")
    watch: str = Field(alias="sighting.crawl.watch.name")
    page_url: str = Field(alias="sighting.page_url")
    image_url: str = Field(alias="sighting.image_url")
    seen_at: Moment | None = Field(alias="sighting.last_seen", examples=[NOON])
    title: str = Field(description="As the file states it, like what follows; empty where it states nothing.")
    author: str = Field(examples=["A. Example"])
    rights: str
    metadata_problems: list[MetadataIssue] = Field(
        description="Values of the file's metadata that are not used, and why."
    )
    plain: bool = Field(description="It looks like a logo, an icon or a small copy.")

    @staticmethod
    def resolve_title(row: models.Proposal) -> object:
        return row.stated.get("title", "")

    @staticmethod
    def resolve_author(row: models.Proposal) -> object:
        return row.stated.get("author", "")

    @staticmethod
    def resolve_rights(row: models.Proposal) -> object:
        return row.stated.get("rights", "")

    @staticmethod
    def resolve_metadata_problems(row: models.Proposal) -> object:
        return MetadataIssue.of_json(row.stated)


class Dismissed(Answer):
    """How many pictures are no longer proposed."""

    pictures: int = Field(examples=[2])


class Upload(Answer):
    """Files that somebody brings to become works, and how far they are, counted in files."""

    number: int = Field(examples=[1])
    author: str = Field(description="Declared of all files that nothing else names.")
    rights: str = Field(alias="rights_statement")
    reads_metadata: bool
    table: str = Field(
        alias="table_name", description="The name of the table that declares the files.", examples=["works.csv"]
    )
    started_by: str
    started_at: Moment = Field(examples=[NOON])
    closed_at: Moment | None
    announced: int
    arrived: int
    waiting: int
    registered: int = Field(description="New works.")
    known: int = Field(description="Works before.")
    refused: int
    seconds_left: int | None = Field(
        description="Estimate for the rest, at the pace of the last minutes; none where nothing was registered then.",
        examples=[90],
    )
    with_metadata_problems: int = Field(description="Files whose metadata has problems.")
    done: bool = Field(description="Nothing more is going to happen.")

    @classmethod
    def together(cls, rows: Sequence[models.Upload]) -> list[dict[str, object]]:
        """How far they are."""
        from registry.works import uploads

        counts = ("announced", "arrived", "waiting", "registered", "known", "refused", "seconds_left", "done")
        far, problems = uploads.progress_of(rows), uploads.count_metadata_problems(rows)
        progress = ({name: getattr(far[row.pk], name) for name in counts} for row in rows)
        return [one | {"with_metadata_problems": problems[row.pk]} for one, row in zip(progress, rows, strict=True)]


class SkippedRow(Answer):
    """A row of a table that was skipped."""

    line: int = Field(description="Its line in the table.", examples=[7])
    problem: str = Field(description="Why it can't be used.", examples=["title has more than 500 characters."])


class BegunUpload(Upload):
    """The same as it begins, with by whose choice its table was read."""

    columns_by: str = Field(
        description="Who chose what the headings of the table mean; empty where they say it by themselves.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Rows of the table that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of a workbook that hold something and were not read.", examples=[["Notes"]]
    )


class NamedColumn(Answer):
    """A heading of a table, and what it means."""

    heading: str = Field(examples=["Bildname"])
    column: str = Field(description="Empty where it isn't used.", examples=["file"])


class ColumnMapping(Answer):
    """What the headings of a table mean, as somebody chose it."""

    number: int = Field(alias="pk")
    kind: str = Field(description="What such a table holds: `works` or `licences`.", examples=["works"])
    columns: list[NamedColumn]
    by: str
    at: Moment = Field(examples=[NOON])

    @staticmethod
    def resolve_columns(row: models.ColumnMapping) -> object:
        return [NamedColumn(heading=h, column=c) for h, c in row.columns]


class UploadFile(Answer):
    """A file of an upload, and what came of it."""

    name: str = Field(examples=["2024/harbour.jpg"])
    bytes: int = Field(alias="size")
    digest: Hex | None
    state: str = Field(examples=["done"])
    outcome: str = Field(
        description="`registered`, `known` or `refused`; empty while it waits.", examples=["registered"]
    )
    reason: str = Field(description="Why it was refused, a stable word.")
    why: str = Field(
        description="Why it was refused; or in what its line of the table says something else than a known work."
    )
    what_to_do: str
    work: int | None = Field(alias="work.number", examples=[12])
    metadata_problems: list[MetadataIssue] = Field(
        description="Values of the file's metadata that are not used, and why."
    )

    resolve_why = staticmethod(upload_words.why)
    resolve_what_to_do = staticmethod(upload_words.what_to_do)

    @staticmethod
    def resolve_metadata_problems(row: models.UploadFile) -> object:
        return [] if row.work is None else MetadataIssue.of_work(row.work)


class UploadLine(Answer):
    """A line of an upload's table."""

    file: str = Field(examples=["harbour.jpg"])
    declared: dict[str, Any] = Field(examples=[{"title": "Harbour at dawn"}])


class Piece(Answer):
    """A part of the registered picture, in original pixels, and the transform by which the found one is laid on it."""

    box: list[float] = Field(examples=[[0.0, 0.0, 160.0, 160.0]])
    transform: list[list[float]]


class Logged(Answer):
    """What the log holds of something."""

    entry: int | None = Field(alias="log.entry", description="Of the log; none while it waits for its number.")
    checkpoint: int | None = Field(alias="log.checkpoint.size", description="Entries under the signed head over it.")
    receipts: list[Receipt]

    @staticmethod
    def resolve_receipts(row: "identify.FoundWork") -> object:
        return row.log.witnesses if row.log else ()


class FoundWork(Logged):
    """A work that a picture shows, with the figures of the comparison, which docs/reference/stand-alone.md explains."""

    number: int = Field(alias="work.number", examples=[12])
    title: str = Field(alias="work.title", examples=["Harbour at dawn"])
    file: str = Field(alias="work.source_name")
    picture: Hex = Field(alias="picture.digest")
    decision: str = Field(description="`certain`, `review` or `resembles`.", examples=["certain"])
    probability: float | None
    calibration: Hex | None
    hamming: int
    inliers: int
    dense: float
    in_place: float | None
    drift: float | None
    transform: list[list[float]] | None
    further: list[list[list[float]]]
    pieces: list[Piece]
    survival: list[str] = Field(description="What of the work survives, a text for each row of cells; mostly none.")
    related: float | None = Field(description=RELATED)
    exposure: float | None = Field(description=EXPOSURE)
    figures: dict[str, float | None] = Field(description=FIGURES)
    mirrored: bool
    rotation: int
    overlap_work: float
    overlap_picture: float
    reasons: list[str]
    pipeline: str
    sentences: list[str]
    registered_at: Moment = Field(alias="work.registered_at", examples=[NOON])

    @classmethod
    def together(cls, rows: "Sequence[identify.FoundWork]") -> list[dict[str, object]]:
        """The figures of their comparisons."""
        from indexer.compare import wording
        from registry.bundles import sentences

        said = [list(sentences.words_of(row.verification, row.calibration)) for row in rows]
        found = [wording.as_plain(row.verification) for row in rows]
        return [{**figures, "sentences": words} for figures, words in zip(found, said, strict=True)]


class ProvenWork(FoundWork):
    """A work that a picture shows, with the proofs of its registration."""

    files: list[str] = Field(description="That were written.")


class MadeCopy(Logged):
    """A copy for publishing that the owner had made; who published it isn't shown."""

    work: int = Field(examples=[12])
    made_at: Moment = Field(alias="log.submission.time", examples=[NOON])
    key: str = Field(description="The owner's, that signed its credentials, where the file is that copy byte for byte.")
    revoked: bool = Field(description="Whether that key was revoked.")
    recipient: str = Field(description="For whom it was marked, where the picture carries its invisible mark.")
    chance: float = Field(description="At most, that a picture without any of the marks agrees with one so well.")


class Identified(Answer):
    """What came of one picture: the surest work first."""

    digest: Hex = Field(alias="features.digest")
    too_plain: list[str] = Field(
        alias="features.flat", description="Why only nearly exact copies of it can be told, if so."
    )
    works: list[FoundWork]
    said: FileStatement
    copies: list[MadeCopy]
    marks: int = Field(description="Invisible ones that were looked for. One that wasn't found proves nothing.")


class IdentifiedFile(Identified):
    """What came of one picture that a command was given."""

    image: str
    works: list[ProvenWork]  # type: ignore[assignment]


class UnreadFile(Answer):
    """Why nothing came of a picture that a command was given."""

    image: str
    reason: str
    sentence: str
    works: list[ProvenWork] = []


def with_pictures(works: QuerySet[models.Work]) -> QuerySet[models.Work]:
    """Works with all that :class:`Work` reads, in few queries."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def open_remarks(row: models.Work) -> list[Remark]:
    """What speaks against a work, and nobody has answered."""
    return Remark.from_rows(row.remarks.filter(answered_at=None).order_by("kind"))
