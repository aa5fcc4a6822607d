"""Works: registration, declarations, documents, exports, and identification of pictures."""

from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import Annotated, Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import File, Form, Path, Query as QueryValue, Router, Status, UploadedFile
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import DECIDE, WRITE, Call, get_request_owner
from desk.api.common.files import build_download_response, log_download, read_uploaded_picture
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import downloads, requests, works as schemas
from desk.schemas.base import Page
from desk.schemas.owners import BulkEdit, Collection
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError, RefusedError
from exhibit.types import DeclaredWork
from indexer.search.fingerprint_file import MAX_FILE_BYTES, parse_fingerprint_file
from registry import scoped
from registry.bundles import deposits
from registry.bundles.bundles import write_to_temporary_file
from registry.cases import work_search as searching
from registry.cases.flood_decisions import decide_flood
from registry.db.rows import require
from registry.log.audit_log import EvidenceKind
from registry.matches.identify import identify_picture as search
from registry.models import Deposit, OwnershipRemark, Work
from registry.pictures.previews import LARGE_SIDE, SMALL_SIDE, get_viewable_bytes
from registry.works import bulk, collections, declarations as declaring, registration
from registry.works.collections import annotate_counts
from registry.works.exporting import MAX_URL_LENGTH, ExportOptions, export_zip, get_zip_name
from registry.works.fingerprint_registration import register_stated_pictures
from registry.works.ownership import record_reply
from registry.works.registration import NewWork, register_work
from registry.works.uploads import check_disk_space
from registry.works.work_tables import normalise_name, parse_date
from workers import wiring

router = Router(tags=["works"])
WORKS, WORK_PATH = "/owners/{slug:owner}/works", "/owners/{slug:owner}/works/{int:number}"
DEPOSIT_PATH = WORK_PATH + "/deposits/{int:deposit}"
Query = Annotated[str, Field(max_length=200, pattern=requests.TEXT_PATTERN)]
AttentionFilter = Annotated[
    searching.WorkListFilter | None,
    QueryValue(
        description="Return only works in this group: `doubtful` (ownership warnings), `unsafe` (no match can "
        "be certain), `seen` (has cases), `authorless` (no author), `held` (on hold) or `related` (common content "
        "with another work)."
    ),
]
CollectionFilter = Annotated[
    int | None, QueryValue(ge=1, le=2_147_483_647, description="Return only works in the collection with this number.")
]
UploadFilter = Annotated[
    int | None, QueryValue(ge=1, le=2_147_483_647, description="Return only works from the upload with this number.")
]
PictureDigest = Annotated[
    str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 digest of the picture, in hexadecimal.")
]


class Size(IntEnum):
    """Size of a preview: length of the longer side in pixels."""

    SMALL = SMALL_SIDE
    LARGE = LARGE_SIDE


PreviewSize = Annotated[Size, QueryValue(description="Length of the longer side of the preview in pixels.")]


class NewWorkDeclaration(requests.RequestBody):
    """Declaration of a work."""

    title: requests.Title = Field(examples=["Harbour at dawn"], description="Title of the work.")
    author: requests.ShortText = Field("", description="Author of the work.")
    rights: requests.LongText = Field("", description="Rights statement.")
    first_publication: requests.PartialDate = Field("", description="Date of first publication: year, month or day.")


class WorkChanges(requests.RequestBody):
    """Changes to a declaration. Omitted fields are not changed."""

    title: requests.Title | None = Field(None, examples=["Harbour at dawn"], description="Title of the work.")
    author: requests.ShortText | None = Field(None, examples=["A. Example"], description="Author of the work.")
    author_kind: Work.AuthorKind | None = Field(None, description="Type of author.")
    author_died: requests.StrictInteger | None = Field(
        None, ge=0, le=9_999, description="Year of the author's death; 0 removes the year."
    )
    holder: requests.ShortText | None = Field(None, description="Rights holder, if it is not the owner in the path.")
    credit: requests.ShortText | None = Field(None, description="Credit line.")
    rights: requests.LongText | None = Field(None, description="Rights statement.")
    created: requests.PartialDate | None = Field(
        None, examples=["2024-05"], description="Date of creation: year, month or day."
    )
    first_publication: requests.PartialDate | None = Field(
        None, description="Date of first publication: year, month or day."
    )
    medium: Work.Medium | None = Field(None, description="Type of work.")
    registrations: Annotated[list[requests.OfficialRegistration], Field(max_length=50)] | None = Field(
        None, description="Registrations with copyright offices."
    )
    reason: requests.LongText = Field(
        "",
        examples=["The name was misspelt."],
        description="Reason for the change. It is recorded in the history of the work.",
    )
    version: requests.StrictInteger | None = Field(
        None,
        ge=0,
        le=2_147_483_647,
        description="Version of the work that you have read. The request returns 409 if the work has changed since "
        "then.",
    )


@router.get(WORKS, response=Page[schemas.Work])
def list_works(  # noqa: PLR0913, PLR0917 - query parameters
    request: Call,
    owner: str,
    q: Query = "",
    only: AttentionFilter = None,
    upload: UploadFilter = None,
    collection: CollectionFilter = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[schemas.Work]:
    """List works. `q` searches the title, author, rights holder, file name and number."""
    rows = searching.search_works(get_request_owner(request), q, only or "", upload, collection)
    return get_page(schemas.prefetch_pictures(rows), schemas.Work, cursor, limit)


@router.post(
    WORKS, response={200: schemas.RegisteredWork, 201: schemas.RegisteredWork}, auth=WRITE, operation_id="register_work"
)
@make_idempotent
def add_work(
    request: Call, owner: str, declared: Form[NewWorkDeclaration], file: File[UploadedFile]
) -> Status[schemas.RegisteredWork]:
    """Register a picture as a work. If it is already registered, the existing work is returned."""
    services = wiring.services()
    check_disk_space(services)
    data = read_uploaded_picture(file, services.limits)
    declaration = DeclaredWork(
        title=declared.title.strip(),
        author=declared.author,
        rights_statement=declared.rights,
        first_publication=declared.first_publication,
    )
    result = register_work(
        services, get_request_owner(request), data, NewWork(declaration, normalise_name(str(file.name)))
    )
    row = schemas.prefetch_pictures(Work.objects.filter(pk=result.work.pk)).get()
    return Status(201 if result.is_new else 200, schemas.RegisteredWork.from_row(row, is_new=result.is_new))


@router.post(
    WORKS + "/fingerprints", response=schemas.RegisteredFingerprints, auth=WRITE, operation_id="register_fingerprints"
)
@make_idempotent
def register_fingerprints(request: Call, owner: str, file: File[UploadedFile]) -> schemas.RegisteredFingerprints:
    """Register works from a fingerprint file written by `exhibit fingerprint`, without their pictures.

    For pictures that are already registered, the existing works are returned. Matches that
    are based on fingerprints alone must be reviewed.
    """
    registrations, failed = [], []
    for name, result in register_stated_pictures(
        wiring.services(), get_request_owner(request), parse_fingerprint_file(file.read(MAX_FILE_BYTES + 1)), {}
    ):
        if isinstance(result, RefusedError):
            failed.append(schemas.RefusedWork(file=name, reason=result.reason, sentence=str(result)))
        else:
            registrations.append(result)
    rows = schemas.prefetch_pictures(Work.objects.all()).in_bulk([result.work.pk for result in registrations])
    works = [schemas.RegisteredWork.from_row(rows[result.work.pk], is_new=result.is_new) for result in registrations]
    return schemas.RegisteredFingerprints(works=works, failed=failed)


BULK_EDITS_PATH, COLLECTIONS_PATH = WORKS + "/changes", "/owners/{slug:owner}/collections"
BULK_EDIT_PATH, COLLECTION_PATH = BULK_EDITS_PATH + "/{int:number}", COLLECTIONS_PATH + "/{int:number}"


@router.get(BULK_EDITS_PATH, response=Page[BulkEdit])
def list_bulk_edits(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[BulkEdit]:
    """List bulk edits of works."""
    return get_page(scoped.list_bulk_edits(get_request_owner(request)), BulkEdit, cursor, limit)


@router.get(BULK_EDIT_PATH, response=BulkEdit)
def get_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """Get a bulk edit with its progress."""
    return BulkEdit.from_row(scoped.get_bulk_edit(get_request_owner(request), number))


@router.post(BULK_EDITS_PATH, response={201: BulkEdit}, auth=WRITE)
@make_idempotent
def change_works(request: Call, owner: str, new: requests.BulkChange) -> BulkEdit:
    """Change many works at once. Each change is logged and stored in the history of the work.

    Large bulk edits run in the background.
    """
    if (new.works is None) == (new.filter is None):
        raise InvalidRequestError("Enter either `works` or `filter`.")
    if (criteria := new.filter) is None:
        selected = bulk.get_works_by_number(get_request_owner(request), new.works or ())
    else:
        selected = searching.search_works(
            get_request_owner(request), criteria.q, criteria.only or "", criteria.upload, criteria.collection
        )
    field = "rights_statement" if new.field == requests.BulkField.RIGHTS else new.field.value
    edit = bulk.start_bulk_edit(
        wiring.services(), get_request_owner(request), selected, field, new.value, by=request.auth.by, reason=new.reason
    )
    return BulkEdit.from_row(scoped.get_bulk_edit(get_request_owner(request), edit.number))


@router.post(BULK_EDIT_PATH + "/undo", response={201: BulkEdit}, auth=WRITE)
@make_idempotent
def undo_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """Undo a bulk edit. Fields that were edited since then are not changed."""
    edit = bulk.undo_bulk_edit(
        wiring.services(), scoped.get_bulk_edit(get_request_owner(request), number), by=request.auth.by
    )
    return BulkEdit.from_row(scoped.get_bulk_edit(get_request_owner(request), edit.number))


@router.get(COLLECTIONS_PATH, response=Page[Collection])
def list_collections(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[Collection]:
    """List collections of works. To add or remove works, use `change_works`."""
    return get_page(
        annotate_counts(collections.list_collections(get_request_owner(request))), Collection, cursor, limit
    )


@router.post(COLLECTIONS_PATH, response={201: Collection}, auth=WRITE)
@make_idempotent
def create_collection(request: Call, owner: str, new: requests.CollectionName) -> Collection:
    """Create a collection. If a collection with this name exists, it is returned instead."""
    collection = collections.get_or_create_collection(get_request_owner(request), new.name, by=request.auth.by)
    return Collection.from_row(collections.get_collection(get_request_owner(request), collection.number))


@router.patch(COLLECTION_PATH, response=Collection, auth=WRITE)
def rename_collection(request: Call, owner: str, number: int, new: requests.CollectionName) -> Collection:
    """Rename a collection. Returns 409 if the name is in use."""
    row = collections.get_collection(get_request_owner(request), number)
    collections.rename_collection(row, new.name, by=request.auth.by)
    return Collection.from_row(row)


@router.delete(COLLECTION_PATH, response={204: None}, auth=WRITE)
def remove_collection(request: Call, owner: str, number: int) -> None:
    """Delete a collection. Its works remain."""
    collections.remove_collection(collections.get_collection(get_request_owner(request), number), by=request.auth.by)


@router.get(WORK_PATH, response=schemas.WorkDetails)
def get_work(request: Call, owner: str, number: int) -> schemas.WorkDetails:
    """Get a work with its cases, and the progress of the search among pictures crawled before it was registered."""
    return schemas.WorkDetails.from_row(scoped.get_work(get_request_owner(request), number))


@router.patch(WORK_PATH, response=schemas.WorkDetails, auth=WRITE)
def change_work(request: Call, owner: str, number: int, new: WorkChanges) -> schemas.WorkDetails:
    """Update the declaration of a work. Earlier values remain in its history and in the log."""
    row = scoped.get_work(get_request_owner(request), number)
    version = row.changes.count() if new.version is None else new.version
    row.refresh_from_db()  # Read after the version, so that later changes by others cause a conflict.
    declaration = replace(row.declared_work, **_collect_changes(new))
    declaring.edit_work(row, declaration, by=request.auth.by, reason=new.reason, version=version)
    return schemas.WorkDetails.from_row(scoped.get_work(get_request_owner(request), number))


def _collect_changes(new: WorkChanges) -> dict[str, Any]:
    """Return the changed values by the names of their fields in the declaration."""
    values: dict[str, Any] = new.model_dump(exclude_none=True, exclude={"reason", "version"})
    if "title" in values:
        values["title"] = values["title"].strip()
    if "rights" in values:
        values["rights_statement"] = values.pop("rights")
    if "registrations" in values:
        values["registrations"] = tuple(
            {**entry, "date": parse_date(entry["date"])} for entry in values["registrations"]
        )
    if values.get("author_died") == 0:
        values["author_died"] = None
    return values


@router.post(WORK_PATH + "/hold", response={201: schemas.WorkDetails}, auth=DECIDE, operation_id="decide_hold")
@make_idempotent
def decide_hold(request: Call, owner: str, number: int, new: requests.HoldDecision) -> schemas.WorkDetails:
    """Decide what to do with a work on hold: open its cases, dismiss the matches on hold, or undo the dismissal.

    Returns 409 if the work is not on hold, or if a decision has already been made.
    """
    row = scoped.get_work(get_request_owner(request), number)
    decide_flood(wiring.services(), row, new.action, by=request.auth.by, reason=new.reason)
    return schemas.WorkDetails.from_row(row)


@router.delete(WORK_PATH, response={204: None}, auth=WRITE)
def remove_work(request: Call, owner: str, number: int) -> None:
    """Remove a work. Exhibit no longer searches for copies of it. Its cases, evidence and log entries remain."""
    registration.remove_work(scoped.get_work(get_request_owner(request), number), by=request.auth.by)


class CopyOptions(requests.RequestBody):
    """Options for exporting copies for publication."""

    licence_url: str = Field(
        "",
        max_length=MAX_URL_LENGTH,
        pattern="^(https?://[!-~]+)?$",
        description="URL where a licence is available, to add to the metadata.",
    )
    no_training: requests.Flag = Field(
        default=False,
        description="Whether to state in the metadata that data mining and the training of models are not allowed.",
    )
    sign: requests.Flag = Field(
        default=False, description="Whether to add content credentials (C2PA), signed with the owner's key."
    )
    mark_for: requests.ShortText = Field(
        "",
        description="Recipient that an invisible watermark in the copy identifies; if empty, no watermark is "
        "added. Adding a watermark re-encodes the picture.",
    )


@router.post(
    WORK_PATH + "/export",
    auth=WRITE,
    operation_id="export_work",
    openapi_extra=describe_file_response("application/zip"),
)
def export_work(request: Call, owner: str, number: int, new: CopyOptions) -> HttpResponseBase:
    """Download copies of a work with rights metadata, as a ZIP. Pixels change only if a watermark is added."""
    row = scoped.get_work(get_request_owner(request), number)
    options = ExportOptions(new.licence_url, new.no_training, new.sign, new.mark_for.strip())
    data = export_zip(wiring.services(), row, options, by=request.auth.by)
    return build_download_response(data, get_zip_name(row), "application/zip")


@router.get(WORK_PATH + "/deposits", response=Page[downloads.Deposit])
def list_deposits(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[downloads.Deposit]:
    """List the deposit records of a work."""
    return get_page(
        scoped.get_work(get_request_owner(request), number).deposits.select_related("work"),
        downloads.Deposit,
        cursor,
        limit,
    )


@router.post(WORK_PATH + "/deposits", response={201: downloads.Deposit}, auth=WRITE)
@make_idempotent
def create_deposit(request: Call, owner: str, number: int) -> downloads.Deposit:
    """Create a deposit record of the current declaration. If nothing has changed, the latest record is returned."""
    row = deposits.make_deposit(
        wiring.services(), scoped.get_work(get_request_owner(request), number), by=request.auth.by
    )
    return downloads.Deposit.from_row(row)


@router.get(
    DEPOSIT_PATH + "/file", operation_id="get_deposit_file", openapi_extra=describe_file_response("application/zip")
)
def get_deposit_file(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """Download a deposit record with its current receipts, as a ZIP for `exhibit verify`."""
    row: Deposit = scoped.get_deposit(get_request_owner(request), number, deposit)
    file = write_to_temporary_file(partial(deposits.write_deposit_zip, wiring.services(), row))
    log_download(request, EvidenceKind.DEPOSIT, number=deposit, work=number)
    return build_download_response(file, f"{deposits.get_deposit_file_stem(row)}.zip", "application/zip")


@router.get(DEPOSIT_PATH + "/record", openapi_extra=describe_file_response("application/pdf"))
def get_deposit_record(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """Download the human-readable PDF of a deposit record, in the installation's first language."""
    files = deposits.load_record_files(
        wiring.services(), scoped.get_deposit(get_request_owner(request), number, deposit)
    )
    log_download(request, EvidenceKind.DEPOSIT, number=deposit, work=number)
    name, data = min(files.items(), key=lambda file: len(file[0]))
    return build_download_response(data, name, "application/pdf")


@router.get("/owners/{slug:owner}/pictures/{digest}", openapi_extra=describe_file_response("image/jpeg"))
def get_picture(request: Call, owner: str, digest: PictureDigest, size: PreviewSize = Size.SMALL) -> HttpResponse:
    """Get a JPEG preview of a picture of a work or case. The original files of found pictures are never returned."""
    row = scoped.get_picture(get_request_owner(request), Digest.from_hex(digest))
    return HttpResponse(get_viewable_bytes(wiring.services(), row, int(size)), content_type="image/jpeg")


@router.post("/owners/{slug:owner}/identify", response=schemas.Identification)
def identify(request: Call, owner: str, file: File[UploadedFile]) -> schemas.Identification:
    """Find the works of the owner that a picture shows, and read the metadata of its file. Nothing is stored."""
    services = wiring.services()
    data = read_uploaded_picture(file, services.limits)
    with limits.limit_member_searches(request.auth.user.pk):
        result = search(services, get_request_owner(request), data)
    return schemas.Identification.from_row(result)


class NewDocument(requests.RequestBody):
    """Description of a document."""

    about: requests.ShortText = Field("", examples=["Transfer of rights"], description="Subject of the document.")


@router.get(WORK_PATH + "/changes", response=Page[schemas.WorkHistoryEntry])
def list_changes(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.WorkHistoryEntry]:
    """List the changes to the declaration of a work, with the member and the reason for each change."""
    return get_page(
        scoped.get_work(get_request_owner(request), number).changes.all(), schemas.WorkHistoryEntry, cursor, limit
    )


@router.post(WORK_PATH + "/ownership-warnings/{kind}/answer", response={201: schemas.OwnershipWarning}, auth=WRITE)
@make_idempotent
def answer_ownership_warning(
    request: Call, owner: str, number: int, kind: OwnershipRemark.Kind, new: requests.Reason
) -> schemas.OwnershipWarning:
    """Answer an ownership warning with a reason. Your account and the time are recorded."""
    row = (
        scoped.get_work(get_request_owner(request), number)
        .remarks.filter(kind=kind)
        .select_related("work__owner")
        .first()
    )
    row = require(row, f"There is no such ownership warning for work {number}.")
    record_reply(row, by=request.auth.by, reason=new.reason)
    row.refresh_from_db()
    return schemas.OwnershipWarning.from_row(row)


@router.post(WORK_PATH + "/documents", response={201: schemas.Document}, auth=WRITE, operation_id="attach_document")
@make_idempotent
def attach_document(
    request: Call, owner: str, number: int, new: Form[NewDocument], file: File[UploadedFile]
) -> schemas.Document:
    """Attach a document to a work, such as proof of the chain of title. Its digest is logged."""
    row = scoped.get_work(get_request_owner(request), number)
    if (file.size or 0) > declaring.MAX_ATTACHMENT_BYTES:
        raise InvalidRequestError("The document is too large.")
    attachment = declaring.attach_document(
        wiring.services(), row, str(file.name), file.read(), description=new.about, by=request.auth.by
    )
    return schemas.Document.from_row(attachment)


@router.get(
    WORK_PATH + "/documents/{int:document}/file", openapi_extra=describe_file_response("application/octet-stream")
)
def get_document_file(request: Call, owner: str, number: int, document: int) -> HttpResponseBase:
    """Download a document of a work, exactly as it was uploaded."""
    row = scoped.get_attachment(get_request_owner(request), number, document)
    if row.digest is None or row.digest not in wiring.services().blobs:
        raise NotFoundError("This document was permanently removed.")
    log_download(request, EvidenceKind.ATTACHMENT, number=document, work=number)
    return build_download_response(wiring.services().blobs.open(row.digest), row.name, "application/octet-stream")


DOCUMENT_PATH = WORK_PATH + "/documents/{int:document}"


@router.delete(DOCUMENT_PATH, response={204: None}, auth=WRITE)
def detach_document(request: Call, owner: str, number: int, document: int) -> None:
    """Remove a document from a work. The file remains stored, because the log contains its digest."""
    declaring.detach_document(scoped.get_attachment(get_request_owner(request), number, document), by=request.auth.by)
