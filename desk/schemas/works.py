"""Responses about works, uploads, proposals and identified pictures."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db.models import QuerySet
from pydantic import ConfigDict, Field

from desk.schemas.base import (
    EXAMPLE_TIME,
    EXPOSURE_DESCRIPTION,
    FIGURES_DESCRIPTION,
    RELATED_DESCRIPTION,
    Hex,
    ResponseBody,
    UtcTime,
)
from desk.schemas.evidence import FileStatement, MetadataIssue, Receipt
from desk.texts import ownership, uploads as upload_words
from desk.texts.masks import describe_masks
from desk.texts.past_searches import describe_relation
from registry import models, scoped
from registry.works.ownership import PROBLEMS, assess_terms
from registry.works.relations import list_related

if TYPE_CHECKING:
    from registry.matches import identify


class Mask(ResponseBody):
    """A part of a picture that is not compared."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(
        description="Type of the part: `caption`, or `mark` (a logo or watermark that also appears in other works)."
    )
    sentence: str = Field(description="Description of the part.")


class Picture(ResponseBody):
    """A picture of a work."""

    digest: Hex
    has_file: bool = Field(
        description="Whether the file is stored in this installation; false if only fingerprints are stored."
    )
    format: str = Field(alias="picture.format", examples=["jpeg"], description="File format.")
    width: int | None = Field(alias="picture.width", description="Width in pixels.")
    height: int | None = Field(alias="picture.height", description="Height in pixels.")
    bytes: int = Field(alias="picture.size", description="Size of the file in bytes.")
    incomplete: bool | None = Field(
        alias="picture.incomplete", description="Whether the file is truncated or damaged; null if unknown."
    )
    masks: list[Mask] = Field(description="Parts of the picture that are not compared.")

    @staticmethod
    def resolve_has_file(row: models.WorkPicture) -> bool:
        return row.stated is None

    @staticmethod
    def resolve_masks(row: models.WorkPicture) -> object:
        return [Mask.from_row(mask, share=mask.share) for mask in describe_masks(row)]


class EarlierRegistration(ResponseBody):
    """An earlier registration of the same or a nearly identical picture by another owner."""

    sentence: str = Field(description="Description of the earlier registration.")
    date: date

    @classmethod
    def from_work(cls, row: models.Work) -> list[Self]:
        """Return the date of the earliest registration by another owner; empty if there is none.

        Nothing else about the other registration is disclosed.
        """
        dates = [conflict.earlier_registered_at for conflict in row.conflicts.all()]
        if not dates:
            return []
        day = min(dates).date()
        return [
            cls(sentence=f"Another owner registered this or a nearly identical picture earlier, on {day}.", date=day)
        ]


class Work(ResponseBody):
    """A registered work."""

    number: int = Field(examples=[12], description="Work number.")
    title: str = Field(examples=["Harbour at dawn"], description="Title of the work.")
    author: str = Field(description="Author of the work; empty if unknown.")
    file: str = Field(alias="source_name", description="File name of the registered picture.", examples=["harbour.jpg"])
    rights: str = Field(alias="rights_statement", description="Rights statement.")
    first_publication: str = Field(
        examples=["2024-05-31"], description="Date of first publication: year, month or day."
    )
    registrations: list[dict[str, str]] = Field(
        description="Registrations with copyright offices: `office`, `number` and `date`."
    )
    registered_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the work was registered.")
    flags: list[str] = Field(
        alias="low_information",
        description=(
            "Stable identifiers of the reasons why no match with this work can be certain, such as `flat` "
            "(little detail) or `page` (the picture is a page of a document); empty for most works."
        ),
    )
    earlier_registrations: list[EarlierRegistration] = Field(description="Earlier registrations by other owners.")
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata values of the file that are not used, with the reasons; empty for most works."
    )
    pictures: list[Picture] = Field(alias="work_pictures", description="Pictures of the work.")

    resolve_earlier_registrations = staticmethod(EarlierRegistration.from_work)
    resolve_metadata_problems = staticmethod(MetadataIssue.from_work)


class WorkCase(ResponseBody):
    """Summary of a case of a work."""

    number: int = Field(description="Case number.")
    site: str = Field(alias="party", description="Site on which the pictures were found.")
    decision: str = Field(
        description=(
            "Decision on the case: `open` (no decision yet), `confirmed` (not licensed), `licensed` or `dismissed`."
        )
    )


class StatedValue(ResponseBody):
    """A value in a file or declaration."""

    field: str = Field(examples=["Author"], description="Name of the field.")
    text: str = Field(examples=["B. Somebody"], description="Value of the field.")


class OwnershipWarning(ResponseBody):
    """An ownership warning. Review it before you enforce the work. Warnings do not block any action."""

    kind: str = Field(examples=["credit"], description="`credit`, `manifest`, `term` or `dedication` (public domain).")
    sentence: str = Field(
        examples=["The file identifies a different person from the one that you declared."],
        description="Description of the warning.",
    )
    statements: list[StatedValue] = Field(description="Values that caused the warning.")
    created_at: UtcTime = Field(
        alias="noted_at", examples=[EXAMPLE_TIME], description="Time at which the warning was created."
    )
    answered_at: UtcTime | None = Field(
        description="Time at which a member answered the warning; null if there is no answer."
    )
    answered_by: str = Field(description="Member who answered the warning; empty if there is no answer.")
    reason: str = Field(
        description="Member's answer: the reason why the warning does not apply; empty if there is no answer."
    )

    @staticmethod
    def resolve_sentence(row: models.OwnershipRemark) -> str:
        return ownership.describe_remark(row).sentence

    @staticmethod
    def resolve_statements(row: models.OwnershipRemark) -> object:
        return [StatedValue(field=field, text=text) for field, text in ownership.describe_remark(row).statements]


class CopyrightTerm(ResponseBody):
    """Copyright term in one country, computed from the declared dates. It is not legal advice."""

    country: str = Field(examples=["CN"], description="Country code (ISO 3166-1 alpha-2).")
    status: str = Field(
        description="Status of the copyright term: `running` (not expired), `over` (may have expired) or `unknown`.",
        examples=["running"],
    )
    rule: str = Field(alias="source", description="Legal rule that determines the term.")


class Relation(ResponseBody):
    """Another work of the owner with common content, according to a comparison of the pictures."""

    work: int = Field(alias="work.number", examples=[13], description="Work number of the other work.")
    title: str = Field(
        alias="work.title", examples=["Harbour at dawn, a moment later"], description="Title of the other work."
    )
    kind: str = Field(
        description=(
            "Relation of this work to the other: `duplicate` (shows the same picture), `part-of` (shows a part "
            "of the other work), `whole-of` (contains the other work) or `series` (another picture of the same "
            "scene)."
        ),
        examples=["series"],
    )
    overlap: float = Field(
        alias="shown",
        description=(
            "For `part-of` and `whole-of`, the fraction of the smaller work's picture that the larger one shows; "
            "otherwise, the fraction of this work's picture that the other picture shows. The value is from 0 to "
            "1."
        ),
        examples=[0.97],
    )
    sentence: str = Field(
        examples=["The other work shows the same scene, either as another photograph or as an altered copy."],
        description="Description of the relation.",
    )

    resolve_sentence = staticmethod(describe_relation)


class Document(ResponseBody):
    """A document attached to a work, such as proof of the chain of title."""

    number: int = Field(examples=[1], description="Document number.")
    name: str = Field(examples=["contract.pdf"], description="File name.")
    about: str = Field(examples=["Transfer of rights"], description="Subject of the document.")
    digest: Hex | None = Field(description="Digest of the file; null if the file was purged.")
    bytes: int = Field(alias="size", examples=[48213], description="Size of the file in bytes.")
    added_by: str = Field(description="Member who added the document.")
    added_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the document was added.")


class WorkHistoryEntry(ResponseBody):
    """An entry in the history of a work."""

    number: int = Field(examples=[1], description="Change number.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time of the change.")
    by: str = Field(examples=["ann@example.org"], description="Member who made the change.")
    kind: str = Field(examples=["edited"], description="Type of the change.")
    details: dict[str, Any] = Field(
        description="Previous and new values by field, or the object that was changed.",
        examples=[{"author": {"before": "", "after": "A. Example"}}],
    )
    reason: str = Field(description="Reason for the change.")


def list_searches(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """List the progress of the search among crawled pictures, for each picture of a work."""
    return [{"state": picture.state, **picture.progress} for picture in row.work_pictures.order_by("pk")]


def list_expired_matches(row: models.Work) -> Sequence[Mapping[str, Any]]:
    """List pictures that are similar to a work but had expired before the work was registered."""
    revisits = models.Revisit.objects.filter(owner=row.owner_id, registered__in=row.work_pictures.values("picture"))
    return list(revisits.order_by("hamming", "pk").values("outcome", "hamming", "inliers", "dense", "sentence"))


class WorkHold(ResponseBody):
    """Hold on a work that was suddenly found on far more sites than usual. During the hold, no cases are opened."""

    since: UtcTime = Field(alias="at", description="Time at which the hold started.", examples=[EXAMPLE_TIME])
    sites: int = Field(
        description="Number of sites with new matches on the day on which the hold started.", examples=[320]
    )
    distinct_sites: int = Field(
        alias="different",
        description="Number of sites, among those in `sites`, with a picture unlike any found before.",
        examples=[41],
    )
    limit: int = Field(
        description=(
            "Limit on new sites per day that was exceeded. Sites in `distinct_sites` count fully; groups of "
            "other sites count as one."
        ),
        examples=[30],
    )
    reason: str = Field(description="Description of the reason for the hold.")
    decision: str = Field(
        description="Decision on the matches on hold: `dismissed`; empty if no decision has been made.", examples=[""]
    )

    resolve_reason = staticmethod(ownership.describe_hold)


class WorkDetails(Work):
    """A work with its declaration, ownership warnings, cases and search progress."""

    author_kind: str = Field(
        examples=["person"], description="Type of the author: `person`, `anonymous` or `organisation`."
    )
    author_died: int | None = Field(description="Year of the author's death; null if not declared.")
    holder: str = Field(description="Rights holder; empty if the owner is the rights holder.")
    credit: str = Field(description="Credit line.")
    created: str = Field(examples=["2024-05"], description="Date of creation: year, month or day.")
    medium: str = Field(
        examples=["photograph"], description="Type of the work: `photograph` or `other`; empty if not declared."
    )
    version: int = Field(
        description="Version of the declaration: the number of changes. Send it with a change to detect conflicts.",
        examples=[2],
    )
    file_metadata: dict[str, Any] = Field(
        description="Metadata read from the file.", examples=[{"author": "A. Example"}]
    )
    ownership_warnings: list[OwnershipWarning] = Field(description="Ownership warnings, including answered ones.")
    terms: list[CopyrightTerm] = Field(description="Copyright terms by country.")
    documents: list[Document] = Field(description="Documents attached to the work.")
    hold: WorkHold | None = Field(description="Hold on the work; null if there is none.")
    collections: list[str] = Field(description="Names of the collections that contain the work.")
    relations: list[Relation] = Field(description="Other works of the owner with common content.")
    cases: list[WorkCase] = Field(description="Cases of the work.")
    search: list[dict[str, Any]] = Field(
        description="Progress of the search among pictures crawled before the registration, for each picture of the "
        "work."
    )
    expired_matches: list[dict[str, Any]] = Field(
        description="Matches with pictures crawled before the registration whose files are no longer stored."
    )

    @staticmethod
    def resolve_version(row: models.Work) -> int:
        return row.changes.count()

    @staticmethod
    def resolve_file_metadata(row: models.Work) -> dict[str, Any]:
        return {name: value for name, value in row.metadata.items() if name != PROBLEMS}

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
        return models.Flood.list_active().filter(work=row).first()

    @staticmethod
    def resolve_collections(row: models.Work) -> QuerySet[models.Collection, str]:
        return row.collections.order_by("name").values_list("name", flat=True)

    resolve_relations = staticmethod(list_related)

    @staticmethod
    def resolve_cases(row: models.Work) -> object:
        return scoped.list_owner_cases(row.owner).filter(work=row)

    resolve_search = staticmethod(list_searches)

    @staticmethod
    def resolve_expired_matches(row: models.Work) -> Sequence[Mapping[str, Any]]:
        return list_expired_matches(row)


class RegisteredWork(Work):
    """A registered work. `is_new` is false if the picture was already registered."""

    is_new: bool = Field(alias="new", description="Whether this request registered the work.")


class RefusedWork(ResponseBody):
    """A work that was not registered."""

    file: str = Field(description="File name in the fingerprint file.")
    reason: str = Field(description="Stable identifier of the reason why the work was not registered.")
    sentence: str = Field(description="Description of the reason why the work was not registered.")


class RegisteredFingerprints(ResponseBody):
    """Result of registering works by fingerprints."""

    works: list[RegisteredWork] = Field(description="Registered works.")
    failed: list[RefusedWork] = Field(description="Works that were not registered.")


class ListedWork(Work):
    """A work with its ownership warnings, for commands."""

    ownership_warnings: list[OwnershipWarning] = Field(alias="remarks")


class AddedWork(RegisteredWork, ListedWork):
    """A work registered by a command, with its ownership warnings."""


class Proposal(ResponseBody):
    """A picture on one of the owner's sites that shows no registered work, with metadata from its file."""

    picture: Hex = Field(alias="picture.digest", description="Digest of the picture.")
    width: int | None = Field(alias="picture.width", description="Width in pixels.")
    height: int | None = Field(alias="picture.height", description="Height in pixels.")
    bytes: int = Field(alias="picture.size", description="Size of the file in bytes.")
    watch: str = Field(alias="sighting.crawl.watch.name", description="Name of the watch.")
    page_url: str = Field(alias="sighting.page_url", description="URL of the page.")
    image_url: str = Field(alias="sighting.image_url", description="URL of the picture.")
    seen_at: UtcTime | None = Field(
        alias="sighting.last_seen", examples=[EXAMPLE_TIME], description="Time of the latest sighting."
    )
    title: str = Field(description="Title in the file; empty if there is none.")
    author: str = Field(examples=["A. Example"], description="Author in the file; empty if there is none.")
    rights: str = Field(description="Rights statement in the file; empty if there is none.")
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata values of the file that are not used, with the reasons."
    )
    is_simple: bool = Field(alias="plain", description="Whether the picture looks like a logo, an icon or a thumbnail.")

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
        return MetadataIssue.from_json(row.stated)


class DiscardedProposals(ResponseBody):
    """Result of discarding proposals."""

    pictures: int = Field(examples=[2], description="Number of discarded pictures.")


class Upload(ResponseBody):
    """An upload of files to register as works."""

    number: int = Field(examples=[1], description="Upload number.")
    author: str = Field(description="Author of files for which no other author is declared.")
    rights: str = Field(
        alias="rights_statement",
        description="Rights statement of files for which no other rights statement is declared.",
    )
    use_metadata: bool = Field(
        alias="reads_metadata", description="Whether the metadata of files is used where nothing else is declared."
    )
    table: str = Field(
        alias="table_name",
        description="Name of the table of declarations; empty if there is none.",
        examples=["works.csv"],
    )
    started_by: str = Field(description="Member who started the upload.")
    started_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the upload was started.")
    closed_at: UtcTime | None = Field(description="Time at which the upload was closed; null if it is open.")
    expected: int = Field(alias="announced", description="Number of files that will be sent; 0 if unknown.")
    received: int = Field(alias="arrived", description="Number of files received.")
    waiting: int = Field(description="Number of files waiting to be registered.")
    registered: int = Field(description="Number of new works.")
    already_registered: int = Field(alias="known", description="Number of pictures that were already registered.")
    refused: int = Field(description="Number of files that were not registered.")
    seconds_left: int | None = Field(
        description="Estimated remaining time in seconds; null if no file was registered recently.",
        examples=[90],
    )
    with_metadata_problems: int = Field(description="Number of files with metadata problems.")
    is_complete: bool = Field(alias="done", description="Whether the upload is complete.")

    @classmethod
    def load_shared_fields(cls, rows: Sequence[models.Upload]) -> list[dict[str, object]]:
        """Load the progress of each upload."""
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
        progress_by_upload, problems = uploads.compute_progress(rows), uploads.count_metadata_problems(rows)
        progress = (
            {name: getattr(progress_by_upload[row.pk], field) for name, field in counts.items()} for row in rows
        )
        return [
            values | {"with_metadata_problems": problems[row.pk]} for values, row in zip(progress, rows, strict=True)
        ]


class SkippedRow(ResponseBody):
    """A skipped row of a table."""

    row: int = Field(description="Row number in the table.", examples=[7])
    problem: str = Field(
        description="Reason why the row was skipped.", examples=["title has more than 500 characters."]
    )


class StartedUpload(Upload):
    """A new upload, with details about its table."""

    columns_chosen_by: str = Field(
        alias="columns_by",
        description="Member who chose the column mapping; empty if all headings were recognised.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Invalid rows of the table that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of the workbook that contain data and were not read.", examples=[["Notes"]]
    )


class NamedColumn(ResponseBody):
    """A table heading and its meaning."""

    heading: str = Field(examples=["Bildname"], description="Heading in the table.")
    column: str = Field(description="Exhibit's name for the column; empty if the column is ignored.", examples=["file"])


class ColumnMapping(ResponseBody):
    """A saved column mapping."""

    number: int = Field(alias="pk", description="Column mapping number.")
    kind: str = Field(description="Type of table: `works` or `licences`.", examples=["works"])
    columns: list[NamedColumn] = Field(description="Table headings and their meanings.")
    by: str = Field(description="Member who saved the mapping.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the mapping was saved.")

    @staticmethod
    def resolve_columns(row: models.ColumnMapping) -> object:
        return [NamedColumn(heading=heading, column=column) for heading, column in row.columns]


class UploadFile(ResponseBody):
    """A file of an upload and its result."""

    name: str = Field(examples=["2024/harbour.jpg"], description="File name with its folders.")
    bytes: int = Field(alias="size", description="Size in bytes.")
    digest: Hex | None = Field(description="Digest of the file; null if the file was not read.")
    state: str = Field(examples=["done"], description="State of the file: `queued`, `running`, `done` or `failed`.")
    outcome: str = Field(
        description=(
            "Result for the file: `registered`, `known` (already registered) or `refused`; empty while the file "
            "is waiting."
        ),
        examples=["registered"],
    )
    reason: str = Field(
        description=(
            "Stable identifier of the reason why the file was not registered; empty if the file was registered."
        )
    )
    explanation: str = Field(
        description="Reason why the file was not registered, or the columns in which a table row differs from an "
        "existing work."
    )
    remedy: str = Field(description="How to fix the problem; empty if there is no problem.")
    work: int | None = Field(alias="work.number", examples=[12], description="Work number; null if there is none.")
    metadata_problems: list[MetadataIssue] = Field(
        description="Metadata values of the file that are not used, with the reasons."
    )

    resolve_explanation = staticmethod(upload_words.describe_problem)
    resolve_remedy = staticmethod(upload_words.describe_fix)

    @staticmethod
    def resolve_metadata_problems(row: models.UploadFile) -> object:
        return [] if row.work is None else MetadataIssue.from_work(row.work)


class UploadRow(ResponseBody):
    """A row of an upload's table."""

    file: str = Field(examples=["harbour.jpg"], description="File name in the row.")
    declared: dict[str, Any] = Field(
        examples=[{"title": "Harbour at dawn"}], description="Values in the row, by column."
    )


class AlignedPart(ResponseBody):
    """A part of the registered picture, and the transform that aligns the found picture with it."""

    box: list[float] = Field(
        examples=[[0.0, 0.0, 160.0, 160.0]],
        description="Left, top, right and bottom edge of the part, in pixels of the registered picture.",
    )
    transform: list[list[float]] = Field(
        description="3×3 matrix from pixels of the found picture to pixels of the registered picture."
    )


class LoggedObject(ResponseBody):
    """Log entry of an object."""

    entry: int | None = Field(
        alias="log.entry", description="Sequence number of the log entry; null until the entry is written."
    )
    checkpoint: int | None = Field(
        alias="log.checkpoint.size",
        description="Size of the signed checkpoint that includes the log entry; null if no checkpoint includes it.",
    )
    receipts: list[Receipt] = Field(description="Timestamp receipts of the checkpoint.")

    @staticmethod
    def resolve_receipts(row: "identify.FoundWork") -> object:
        return row.log.timestamps if row.log else ()


class FoundWork(LoggedObject):
    """A work that a picture shows, with the measurements of the comparison (see docs/reference/stand-alone.md)."""

    number: int = Field(alias="work.number", examples=[12], description="Work number.")
    title: str = Field(alias="work.title", examples=["Harbour at dawn"], description="Title of the work.")
    file: str = Field(alias="work.source_name", description="File name of the registered picture.")
    picture: Hex = Field(alias="picture.digest", description="Digest of the registered picture.")
    decision: str = Field(
        description="Result of the comparison: `certain`, `review` (possible match) or `related` (related picture).",
        examples=["certain"],
    )
    probability: float | None = Field(
        description="Probability that the match is correct; null if the probability is not calibrated."
    )
    calibration: Hex | None = Field(
        description="Digest of the calibration of the probability; null if the probability is not calibrated."
    )
    hamming: int = Field(description="Hamming distance of the perceptual hashes, in bits.")
    inliers: int = Field(description="Number of matching keypoints that fit the alignment.")
    dense: float = Field(description="Fraction of the textured blocks in the overlap whose pixels agree, from 0 to 1.")
    in_place: float | None = Field(
        description=(
            "Fraction of the checked patches that are located where the transform places them, from 0 to 1; null "
            "if not measured."
        )
    )
    drift: float | None = Field(
        description=(
            "Displacement, in pixels, that neighbouring patches share relative to where the transform places "
            "them; null if not measured."
        )
    )
    transform: list[list[float]] | None = Field(
        description=(
            "3×3 matrix from pixels of the found picture to pixels of the registered picture; null if the "
            "pictures cannot be aligned."
        )
    )
    further: list[list[list[float]]] = Field(
        description="Transforms of further copies of the work in the same picture."
    )
    pieces: list[AlignedPart] = Field(description="Parts of the registered picture that were aligned separately.")
    survival: list[str] = Field(
        description="Map of the parts of the work that are preserved: one string per row of "
        "cells, one character per cell; empty unless derived works are monitored."
    )
    related: float | None = Field(description=RELATED_DESCRIPTION)
    exposure: float | None = Field(description=EXPOSURE_DESCRIPTION)
    figures: dict[str, float | None] = Field(description=FIGURES_DESCRIPTION)
    mirrored: bool = Field(description="Whether the found picture is mirrored.")
    rotation: int = Field(description="Rotation of the found picture in degrees, counterclockwise.")
    overlap_work: float = Field(description="Fraction of the work's area that the picture shows, from 0 to 1.")
    overlap_picture: float = Field(description="Fraction of the picture's area that shows the work, from 0 to 1.")
    reasons: list[str] = Field(description="Stable identifiers of remarks about the comparison.")
    pipeline: str = Field(description="Version of the matching pipeline.")
    sentences: list[str] = Field(description="Descriptions of the measurements.")
    registered_at: UtcTime = Field(
        alias="work.registered_at", examples=[EXAMPLE_TIME], description="Time at which the work was registered."
    )

    @classmethod
    def load_shared_fields(cls, rows: "Sequence[identify.FoundWork]") -> list[dict[str, object]]:
        """Load the measurements of each comparison, and the sentences that describe them."""
        from indexer.compare import wording
        from registry.bundles import sentences

        sentences_by_row = [list(sentences.format_measurements(row.verification, row.calibration)) for row in rows]
        plain_verifications = [wording.as_dict(row.verification) for row in rows]
        return [
            {**values, "sentences": texts} for values, texts in zip(plain_verifications, sentences_by_row, strict=True)
        ]


class ProvenWork(FoundWork):
    """A work that a picture shows, with proofs of its registration."""

    files: list[str] = Field(description="Paths of the written files.")


class PublishedCopy(LoggedObject):
    """A copy that the owner exported for publication. The record does not show who published it."""

    work: int = Field(examples=[12], description="Work number.")
    created_at: UtcTime = Field(
        alias="log.submission.time", examples=[EXAMPLE_TIME], description="Time at which the copy was exported."
    )
    key: str = Field(
        description="Key of the owner that signed the content credentials, if the file is identical to "
        "this copy; otherwise empty."
    )
    revoked: bool = Field(description="Whether the key in `key` was revoked.")
    recipient: str = Field(
        description="Recipient for whom the copy was watermarked, if the picture contains the watermark; otherwise "
        "empty."
    )
    max_chance: float = Field(
        alias="chance",
        description=(
            "Upper bound on the probability that a picture without a watermark matches the watermark at least as "
            "well as this picture."
        ),
    )


class Identification(ResponseBody):
    """Result of identifying one picture."""

    digest: Hex = Field(alias="features.digest", description="Digest of the picture.")
    low_detail: list[str] = Field(
        alias="features.flat_reasons",
        description="Reasons why only nearly exact copies of the picture can be recognised; empty if there are none.",
    )
    works: list[FoundWork] = Field(description="Works that the picture shows, most certain first.")
    file_statement: FileStatement = Field(
        alias="file_statement", description="Metadata and content credentials in the file, which are not verified."
    )
    published_copies: list[PublishedCopy] = Field(
        alias="copies", description="Exported copies to which the picture is identical, or whose watermark it contains."
    )
    marks_checked: int = Field(
        alias="marks",
        description="Number of watermarks that were searched for. The absence of a watermark proves nothing.",
    )


class IdentifiedFile(Identification):
    """Result for a picture given to a command."""

    image: str = Field(description="File name or URL, as given to the command.")
    works: list[ProvenWork]  # type: ignore[assignment]


class UnreadFile(ResponseBody):
    """A picture given to a command that could not be processed."""

    image: str = Field(description="File name or URL, as given to the command.")
    reason: str = Field(description="Stable identifier of the reason why the picture could not be processed.")
    sentence: str = Field(description="Description of the reason why the picture could not be processed.")
    works: list[ProvenWork] = []


def prefetch_pictures(works: QuerySet[models.Work]) -> QuerySet[models.Work]:
    """Prefetch the relations that :class:`Work` reads, so that few queries are needed."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def list_open_warnings(row: models.Work) -> list[OwnershipWarning]:
    """Return the unanswered ownership warnings of a work."""
    return OwnershipWarning.from_rows(row.remarks.filter(answered_at=None).order_by("kind"))
