"""Responses about works, uploads, proposals and identified pictures."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db.models import QuerySet
from pydantic import ConfigDict, Field

from desk.schemas.base import EXPOSURE, FIGURES, NOON, RELATED, Answer, Hex, Moment
from desk.schemas.evidence import FileStatement, MetadataIssue, Receipt
from desk.texts import ownership, uploads as upload_words
from desk.texts.masks import describe_masks
from desk.texts.past_searches import relation_in_words
from registry import models, scoped
from registry.works.ownership import PROBLEMS, assess_terms
from registry.works.relations import list_related

if TYPE_CHECKING:
    from registry.matches import identify


class Mask(Answer):
    """A part of a picture that is not compared: a `caption` or a `mark`, with its ``share`` of the area."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="`caption` or `mark`.")
    sentence: str = Field(description="Description of the part.")


class Picture(Answer):
    """A picture of a work."""

    digest: Hex
    has_file: bool = Field(description="Whether the file is stored here; false if only its fingerprints are.")
    format: str = Field(alias="picture.format", examples=["jpeg"])
    width: int | None = Field(alias="picture.width", description="Width in pixels.")
    height: int | None = Field(alias="picture.height", description="Height in pixels.")
    bytes: int = Field(alias="picture.size", description="Size of the file in bytes.")
    incomplete: bool | None = Field(
        alias="picture.incomplete", description="Whether the file is truncated or damaged; null if unknown."
    )
    masks: list[Mask] = Field(description="Parts that are not compared.")

    @staticmethod
    def resolve_has_file(row: models.WorkPicture) -> bool:
        return row.stated is None

    @staticmethod
    def resolve_masks(row: models.WorkPicture) -> object:
        return [Mask.from_row(mask, share=mask.share) for mask in describe_masks(row)]


class EarlierRegistration(Answer):
    """An earlier registration of the same or a nearly identical picture by another owner."""

    sentence: str = Field(description="Description of the conflict.")
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
    file: str = Field(alias="source_name", description="Name of the registered file.", examples=["harbour.jpg"])
    rights: str = Field(alias="rights_statement", description="Rights statement.")
    first_publication: str = Field(
        examples=["2024-05-31"], description="Date of first publication: year, month or day."
    )
    registrations: list[dict[str, str]] = Field(description="Registrations with copyright offices.")
    registered_at: Moment = Field(examples=[NOON])
    flags: list[str] = Field(
        alias="low_information",
        description="Reasons why no match can be certain, such as `flat` or `page`; empty for most works.",
    )
    earlier_registrations: list[EarlierRegistration] = Field(description="Earlier registrations by other owners.")
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata of the file that is not used, with the reason; empty for most works."
    )
    pictures: list[Picture] = Field(alias="work_pictures", description="Pictures of the work.")

    resolve_earlier_registrations = staticmethod(EarlierRegistration.of)
    resolve_metadata_problems = staticmethod(MetadataIssue.of_work)


class WorkCase(Answer):
    """Summary of a case of a work."""

    number: int
    site: str = Field(alias="party")
    decision: str


class Statement(Answer):
    """A value in a file or declaration."""

    field: str = Field(examples=["Author"], description="Name of the field.")
    text: str = Field(examples=["B. Somebody"], description="Value.")


class OwnershipWarning(Answer):
    """An ownership warning: check it before you rely on the work. It decides nothing."""

    kind: str = Field(examples=["credit"], description="Type of the warning.")
    sentence: str = Field(
        examples=["The file names somebody else than you declare."], description="Description of the warning."
    )
    statements: list[Statement] = Field(description="Values that caused the warning.")
    created_at: Moment = Field(alias="noted_at", examples=[NOON], description="Time of the warning.")
    answered_at: Moment | None = Field(description="Time of the answer; null if there is none.")
    answered_by: str = Field(description="Member who answered.")
    reason: str = Field(description="Answer.")

    @staticmethod
    def resolve_sentence(row: models.OwnershipRemark) -> str:
        return ownership.describe_remark(row).sentence

    @staticmethod
    def resolve_statements(row: models.OwnershipRemark) -> object:
        return [Statement(field=field, text=text) for field, text in ownership.describe_remark(row).statements]


class Term(Answer):
    """Copyright term in one country, computed from the declared dates. It is not legal advice."""

    country: str = Field(examples=["CN"], description="Country code (ISO 3166-1 alpha-2).")
    status: str = Field(alias="standing", description="`over`, `running` or `unknown`.", examples=["running"])
    rule: str = Field(alias="source", description="Legal rule.")


class Relation(Answer):
    """Another work of the owner that shows the same, according to a comparison."""

    work: int = Field(alias="work.number", examples=[13], description="Number of the other work.")
    title: str = Field(
        alias="work.title", examples=["Harbour at dawn, a moment later"], description="Title of the other work."
    )
    kind: str = Field(
        description=(
            "Relation of this work to the other: `duplicate`, `part-of`, `whole-of` or "
            "`series` (another picture of the same scene)."
        ),
        examples=["series"],
    )
    overlap: float = Field(
        alias="shown",
        description=(
            "Share of the part that the whole shows; otherwise the share of this work's picture, from 0 to 1."
        ),
        examples=[0.97],
    )
    sentence: str = Field(
        examples=["It shows the same scene, as another photograph or a changed copy would."],
        description="Description of the relation.",
    )

    resolve_sentence = staticmethod(relation_in_words)


class Document(Answer):
    """A document attached to a work, such as proof of the chain of title."""

    number: int = Field(examples=[1])
    name: str = Field(examples=["contract.pdf"])
    about: str = Field(examples=["Transfer of rights"], description="Subject of the document.")
    digest: Hex | None = Field(description="Digest of the file; null if it was purged.")
    bytes: int = Field(alias="size", examples=[48213], description="Size in bytes.")
    added_by: str
    added_at: Moment = Field(examples=[NOON])


class Change(Answer):
    """An entry in the history of a work."""

    number: int = Field(examples=[1])
    at: Moment = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    kind: str = Field(examples=["edited"], description="Type of the change.")
    details: dict[str, Any] = Field(
        description="Previous and new values by field, or the object of the change.",
        examples=[{"author": {"before": "", "after": "A. Example"}}],
    )
    reason: str = Field(description="Reason for the change.")


def searches_of(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """How far the search of what was seen before is, for each picture."""
    return [{"state": picture.state, **picture.progress} for picture in row.work_pictures.order_by("pk")]


def seen_before(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """What resembled a work before it was registered, and had expired by then."""
    revisits = models.Revisit.objects.filter(owner=row.owner_id, registered__in=row.work_pictures.values("picture"))
    return list(revisits.order_by("hamming", "pk").values("outcome", "hamming", "inliers", "dense", "sentence"))


class Hold(Answer):
    """Hold on a work that was suddenly found on far more sites than usual. No cases are opened meanwhile."""

    since: Moment = Field(alias="at", description="Time since which the work is on hold.", examples=[NOON])
    sites: int = Field(description="Number of sites with new matches on that day.", examples=[320])
    distinct_sites: int = Field(
        alias="different", description="Number of these sites with a picture unlike any seen before.", examples=[41]
    )
    limit: int = Field(description="Limit that was exceeded.", examples=[30])
    reason: str = Field(description="Description of the reason.")
    decision: str = Field(description="`dismissed`, or empty if no decision was made.", examples=[""])

    resolve_reason = staticmethod(ownership.describe_hold)


class WorkDetails(Work):
    """A work with its declaration, ownership warnings, cases, and the progress of its search."""

    author_kind: str = Field(examples=["person"], description="Type of the author.")
    author_died: int | None = Field(description="Year of the author's death.")
    holder: str = Field(description="Rights holder, if not the owner.")
    credit: str = Field(description="Credit line.")
    created: str = Field(examples=["2024-05"], description="Date of creation: year, month or day.")
    medium: str = Field(examples=["photograph"], description="Type of work.")
    version: int = Field(description="Number of changes; send it with a change to detect conflicts.", examples=[2])
    file_metadata: dict[str, Any] = Field(
        description="Metadata stated in the file.", examples=[{"author": "A. Example"}]
    )
    ownership_warnings: list[OwnershipWarning] = Field(description="Ownership warnings.")
    terms: list[Term] = Field(description="Copyright terms by country.")
    documents: list[Document] = Field(description="Attached documents.")
    hold: Hold | None = Field(description="Hold on the work; null if there is none.")
    collections: list[str] = Field(description="Names of its collections.")
    relations: list[Relation] = Field(description="Other works that show the same.")
    cases: list[WorkCase] = Field(description="Cases of the work.")
    search: list[dict[str, Any]] = Field(
        description="Progress of the search among pictures seen earlier, for each picture."
    )
    expired_matches: list[dict[str, Any]] = Field(
        description="Matches among pictures seen before registration whose files had expired."
    )

    @staticmethod
    def resolve_version(row: models.Work) -> int:
        return row.changes.count()

    @staticmethod
    def resolve_file_metadata(row: models.Work) -> dict[str, Any]:
        return {k: v for k, v in row.metadata.items() if k != PROBLEMS}

    @staticmethod
    def resolve_ownership_warnings(row: models.Work) -> object:
        return row.remarks.order_by("kind")

    @staticmethod
    def resolve_terms(row: models.Work) -> object:
        return assess_terms(row)

    @staticmethod
    def resolve_documents(row: models.Work) -> object:
        return row.attachments.filter(removed_at=None)

    @staticmethod
    def resolve_hold(row: models.Work) -> object:
        return models.Flood.in_force().filter(work=row).first()

    @staticmethod
    def resolve_collections(row: models.Work) -> QuerySet[models.Collection, str]:
        return row.collections.order_by("name").values_list("name", flat=True)

    resolve_relations = staticmethod(list_related)

    @staticmethod
    def resolve_cases(row: models.Work) -> object:
        return scoped.cases(row.owner).filter(work=row)

    resolve_search = staticmethod(searches_of)

    @staticmethod
    def resolve_expired_matches(row: models.Work) -> Sequence[Mapping[str, Any]]:
        return seen_before(row)


class RegisteredWork(Work):
    """A registered work. ``new`` is false if the picture was registered before."""

    is_new: bool = Field(alias="new", description="Whether the work is new.")


class RefusedWork(Answer):
    """A work that was not registered."""

    file: str
    reason: str = Field(description="Stable identifier of the reason.")
    sentence: str = Field(description="Description of the reason.")


class RegisteredFingerprints(Answer):
    """Result of registering works by fingerprints."""

    works: list[RegisteredWork] = Field(description="Registered works.")
    failed: list[RefusedWork] = Field(description="Works that were not registered.")


class ListedWork(Work):
    """A work with its ownership warnings, for commands."""

    ownership_warnings: list[OwnershipWarning] = Field(alias="remarks")


class AddedWork(RegisteredWork, ListedWork):
    """A work registered by a command, with its ownership warnings."""


class Proposal(Answer):
    """A picture on one of the owner's sites that shows no work, and the metadata of its file."""

    picture: Hex = Field(alias="picture.digest", description="Digest of the picture.")
    width: int | None = Field(alias="picture.width")
    height: int | None = Field(alias="picture.height")
    bytes: int = Field(alias="picture.size", description="Size of the file in bytes.")
    watch: str = Field(alias="sighting.crawl.watch.name", description="Name of the watch.")
    page_url: str = Field(alias="sighting.page_url")
    image_url: str = Field(alias="sighting.image_url")
    seen_at: Moment | None = Field(alias="sighting.last_seen", examples=[NOON])
    title: str = Field(description="Title stated in the file; empty if there is none.")
    author: str = Field(examples=["A. Example"], description="Author stated in the file; empty if there is none.")
    rights: str = Field(description="Rights statement in the file; empty if there is none.")
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata of the file that is not used, with the reason."
    )
    is_simple: bool = Field(alias="plain", description="Whether it looks like a logo, an icon or a thumbnail.")

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


class DiscardedProposals(Answer):
    """Number of discarded proposals."""

    pictures: int = Field(examples=[2], description="Number of discarded pictures.")


class Upload(Answer):
    """An upload of files to register as works. Progress is counted in files."""

    number: int = Field(examples=[1])
    author: str = Field(description="Author declared for files without another declaration.")
    rights: str = Field(
        alias="rights_statement", description="Rights statement declared for files without another declaration."
    )
    use_metadata: bool = Field(alias="reads_metadata", description="Whether the files' metadata is declared.")
    table: str = Field(alias="table_name", description="Name of the table of declarations.", examples=["works.csv"])
    started_by: str
    started_at: Moment = Field(examples=[NOON])
    closed_at: Moment | None = Field(description="Time at which it was closed; null if it is open.")
    expected: int = Field(alias="announced", description="Files that will be sent.")
    received: int = Field(alias="arrived", description="Files received.")
    waiting: int = Field(description="Files waiting to be registered.")
    registered: int = Field(description="New works.")
    already_registered: int = Field(alias="known", description="Pictures that were registered before.")
    refused: int = Field(description="Files that were not registered.")
    seconds_left: int | None = Field(
        description="Estimated seconds left, at the recent pace; null if nothing was registered recently.",
        examples=[90],
    )
    with_metadata_problems: int = Field(description="Files with metadata problems.")
    is_complete: bool = Field(alias="done", description="Whether the upload is complete.")

    @classmethod
    def together(cls, rows: Sequence[models.Upload]) -> list[dict[str, object]]:
        """How far they are."""
        from registry.works import uploads

        counts = {
            "expected": "announced",
            "received": "arrived",
            "waiting": "waiting",
            "registered": "registered",
            "already_registered": "known",
            "refused": "refused",
            "seconds_left": "seconds_left",
            "is_complete": "done",
        }
        far, problems = uploads.compute_progress(rows), uploads.count_metadata_problems(rows)
        progress = ({name: getattr(far[row.pk], field) for name, field in counts.items()} for row in rows)
        return [
            values | {"with_metadata_problems": problems[row.pk]} for values, row in zip(progress, rows, strict=True)
        ]


class SkippedRow(Answer):
    """A table row that was skipped."""

    row: int = Field(description="Line in the table.", examples=[7])
    problem: str = Field(description="Reason why it was skipped.", examples=["title has more than 500 characters."])


class StartedUpload(Upload):
    """A new upload, with the way in which its table was read."""

    columns_chosen_by: str = Field(
        alias="columns_by",
        description="Member who chose the column mapping; empty if all headings are known.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Invalid rows of the table that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of the workbook that contain data and were not read.", examples=[["Notes"]]
    )


class NamedColumn(Answer):
    """A table heading and its meaning."""

    heading: str = Field(examples=["Bildname"], description="Heading in the table.")
    column: str = Field(description="Column of Exhibit; empty if it is ignored.", examples=["file"])


class ColumnMapping(Answer):
    """A saved column mapping."""

    number: int = Field(alias="pk")
    kind: str = Field(description="Type of table: `works` or `licences`.", examples=["works"])
    columns: list[NamedColumn] = Field(description="Headings and their meanings.")
    by: str = Field(description="Member who saved the mapping.")
    at: Moment = Field(examples=[NOON])

    @staticmethod
    def resolve_columns(row: models.ColumnMapping) -> object:
        return [NamedColumn(heading=h, column=c) for h, c in row.columns]


class UploadFile(Answer):
    """A file of an upload and its result."""

    name: str = Field(examples=["2024/harbour.jpg"], description="File name, with folders.")
    bytes: int = Field(alias="size", description="Size in bytes.")
    digest: Hex | None
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    outcome: str = Field(
        description="`registered`, `known` (registered before) or `refused`; empty while it is waiting.",
        examples=["registered"],
    )
    reason: str = Field(description="Stable identifier of the reason for a refusal.")
    explanation: str = Field(
        description="Reason for a refusal, or the values in which a table row differs from an existing work."
    )
    remedy: str = Field(description="How to fix it.")
    work: int | None = Field(
        alias="work.number", examples=[12], description="Number of the work; null if there is none."
    )
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata of the file that is not used, with the reason."
    )

    resolve_explanation = staticmethod(upload_words.describe_problem)
    resolve_remedy = staticmethod(upload_words.describe_fix)

    @staticmethod
    def resolve_metadata_problems(row: models.UploadFile) -> object:
        return [] if row.work is None else MetadataIssue.of_work(row.work)


class UploadRow(Answer):
    """A row of an upload's table."""

    file: str = Field(examples=["harbour.jpg"], description="File that the row names.")
    declared: dict[str, Any] = Field(examples=[{"title": "Harbour at dawn"}], description="Declaration in the row.")


class AlignedPart(Answer):
    """A part of the registered picture, in its pixels, and the transform that aligns the found picture with it."""

    box: list[float] = Field(examples=[[0.0, 0.0, 160.0, 160.0]], description="Left, top, right and bottom in pixels.")
    transform: list[list[float]] = Field(description="3×3 matrix from the found to the registered picture.")


class Logged(Answer):
    """Log entry of an object."""

    entry: int | None = Field(alias="log.entry", description="Number of the log entry; null until it is assigned.")
    checkpoint: int | None = Field(
        alias="log.checkpoint.size",
        description="Size of the signed checkpoint that includes the entry; null if none does.",
    )
    receipts: list[Receipt] = Field(description="Timestamp receipts of the checkpoint.")

    @staticmethod
    def resolve_receipts(row: "identify.FoundWork") -> object:
        return row.log.witnesses if row.log else ()


class FoundWork(Logged):
    """A work that a picture shows, with the measurements of the comparison (docs/reference/stand-alone.md)."""

    number: int = Field(alias="work.number", examples=[12], description="Number of the work.")
    title: str = Field(alias="work.title", examples=["Harbour at dawn"], description="Title of the work.")
    file: str = Field(alias="work.source_name", description="Name of the registered file.")
    picture: Hex = Field(alias="picture.digest", description="Digest of the registered picture.")
    decision: str = Field(
        description="`certain`, `review` (possible match) or `resembles` (related picture).", examples=["certain"]
    )
    probability: float | None = Field(
        description="Probability that the match is correct; null if it is not calibrated."
    )
    calibration: Hex | None = Field(description="Digest of the calibration; null if there is none.")
    hamming: int = Field(description="Hamming distance of the perceptual hashes, in bits.")
    inliers: int = Field(description="Number of matching details.")
    dense: float = Field(description="Correlation of the aligned pictures, at most 1.")
    in_place: float | None = Field(
        description="Share of the checked details that are where the transform expects them, from 0 to 1."
    )
    drift: float | None = Field(description="Deviation of the details from the transform, in pixels.")
    transform: list[list[float]] | None = Field(
        description="3×3 matrix from the found to the registered picture; null if they cannot be aligned."
    )
    further: list[list[list[float]]] = Field(description="Transforms of further copies of the work in the picture.")
    pieces: list[AlignedPart] = Field(description="Parts of the registered picture that were aligned separately.")
    survival: list[str] = Field(description="Preserved cells of the work, one text per row; usually empty.")
    related: float | None = Field(description=RELATED)
    exposure: float | None = Field(description=EXPOSURE)
    figures: dict[str, float | None] = Field(description=FIGURES)
    mirrored: bool = Field(description="Whether the found picture is mirrored.")
    rotation: int = Field(description="Rotation of the found picture in degrees.")
    overlap_work: float = Field(description="Share of the work that the picture shows, from 0 to 1.")
    overlap_picture: float = Field(description="Share of the picture that shows the work, from 0 to 1.")
    reasons: list[str] = Field(description="Identifiers of remarks about the comparison.")
    pipeline: str = Field(description="Version of the matching pipeline.")
    sentences: list[str] = Field(description="Description of the comparison.")
    registered_at: Moment = Field(alias="work.registered_at", examples=[NOON])

    @classmethod
    def together(cls, rows: "Sequence[identify.FoundWork]") -> list[dict[str, object]]:
        """The figures of their comparisons."""
        from indexer.compare import wording
        from registry.bundles import sentences

        sentences_by_row = [list(sentences.measurement_sentences(row.verification, row.calibration)) for row in rows]
        plain_verifications = [wording.as_dict(row.verification) for row in rows]
        return [
            {**figures, "sentences": words}
            for figures, words in zip(plain_verifications, sentences_by_row, strict=True)
        ]


class ProvenWork(FoundWork):
    """A work that a picture shows, with proofs of its registration."""

    files: list[str] = Field(description="Paths of the written files.")


class PublishedCopy(Logged):
    """A copy for publication that the owner exported. It does not show who published it."""

    work: int = Field(examples=[12], description="Number of the work.")
    created_at: Moment = Field(alias="log.submission.time", examples=[NOON], description="Time of the export.")
    key: str = Field(description="The owner's key that signed its credentials, if the file is this copy byte for byte.")
    revoked: bool = Field(description="Whether the key was revoked.")
    recipient: str = Field(
        description="Recipient for whom the copy was marked, if the picture contains the invisible mark."
    )
    max_chance: float = Field(
        alias="chance", description="Upper bound of the probability that an unmarked picture matches a mark this well."
    )


class Identification(Answer):
    """Result for one picture, most certain work first."""

    digest: Hex = Field(alias="features.digest", description="Digest of the picture.")
    low_detail: list[str] = Field(
        alias="features.flat_reasons", description="Reasons why only nearly exact copies can be recognised."
    )
    works: list[FoundWork] = Field(description="Works that the picture shows.")
    file_statement: FileStatement = Field(alias="said", description="Statements in the file, not verified.")
    published_copies: list[PublishedCopy] = Field(
        alias="copies", description="Exported copies that the picture is identical to or marked as."
    )
    marks_checked: int = Field(
        alias="marks", description="Number of invisible marks checked. A mark that was not found proves nothing."
    )


class IdentifiedFile(Identification):
    """Result for a picture given to a command."""

    image: str = Field(description="File or URL as given.")
    works: list[ProvenWork]  # type: ignore[assignment]


class UnreadFile(Answer):
    """A picture given to a command that could not be processed."""

    image: str = Field(description="File or URL as given.")
    reason: str = Field(description="Stable identifier of the reason.")
    sentence: str = Field(description="Description of the reason.")
    works: list[ProvenWork] = []


def with_pictures(works: QuerySet[models.Work]) -> QuerySet[models.Work]:
    """Works with all that :class:`Work` reads, in few queries."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def open_warnings(row: models.Work) -> list[OwnershipWarning]:
    """Return the unanswered ownership warnings of a work."""
    return OwnershipWarning.from_rows(row.remarks.filter(answered_at=None).order_by("kind"))
