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
from desk.api.common.auth import DECIDE, WRITE, Call, of
from desk.api.common.files import download, picture_in, taken
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import downloads, requests, works as schemas
from desk.schemas.base import Page
from desk.schemas.owners import BulkEdit, Collection
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from exhibit.types import DeclaredWork
from indexer.search.fingerprint_file import MAX_FILE, parse_fingerprint_file
from registry import scoped
from registry.bundles import deposits
from registry.bundles.bundles import write_to_temporary_file
from registry.cases import work_search as searching
from registry.cases.flood_decisions import answer_flood
from registry.db.rows import require
from registry.log.audit_log import Evidence
from registry.matches.identify import identify as search
from registry.models import Deposit, OwnershipRemark, Work
from registry.pictures.previews import LARGE, SMALL, get_viewable_bytes
from registry.works import bulk, collections, declarations as declaring, registration
from registry.works.collections import annotate_counts
from registry.works.exporting import MAX_URL_LENGTH, ExportOptions, export_zip, get_zip_name
from registry.works.fingerprint_registration import register_all
from registry.works.ownership import record_answer
from registry.works.registration import NewWork, register_work
from registry.works.uploads import check_disk_space
from registry.works.work_tables import normalise_name, parse_date
from workers import wiring

router = Router(tags=["works"])
WORKS, ONE = "/owners/{slug:owner}/works", "/owners/{slug:owner}/works/{int:number}"
DEPOSIT = ONE + "/deposits/{int:deposit}"
Query = Annotated[str, Field(max_length=200, pattern=requests.CLEAN)]
Only = Annotated[searching.Only | None, QueryValue(description="Only works that need attention for this reason.")]
Within = Annotated[
    int | None, QueryValue(ge=1, le=2_147_483_647, description="Only works of this collection, by its number.")
]
Brought = Annotated[
    int | None, QueryValue(ge=1, le=2_147_483_647, description="Only works of this upload, by its number.")
]
PictureDigest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 digest of the picture.")]


class Size(IntEnum):
    """Size of a preview in pixels."""

    SMALL = SMALL
    LARGE = LARGE


Pixels = Annotated[Size, QueryValue(description="Length of the longer side in pixels.")]


class NewWorkDeclaration(requests.RequestBody):
    """Declaration of a work."""

    title: requests.Title = Field(examples=["Harbour at dawn"], description="Title of the work.")
    author: requests.Short = Field("", description="Author of the work.")
    rights: requests.Long = Field("", description="Rights statement.")
    first_publication: requests.Day = Field("", description="Date of first publication: year, month or day.")


class WorkChanges(requests.RequestBody):
    """Changes to a declaration. Omitted fields are unchanged."""

    title: requests.Title | None = Field(None, examples=["Harbour at dawn"])
    author: requests.Short | None = Field(None, examples=["A. Example"])
    author_kind: Work.AuthorKind | None = None
    author_died: requests.Whole | None = Field(
        None, ge=0, le=9_999, description="Year of the author's death; 0 for none."
    )
    holder: requests.Short | None = Field(None, description="Rights holder, if not the owner.")
    credit: requests.Short | None = Field(None, description="Credit line.")
    rights: requests.Long | None = None
    created: requests.Day | None = Field(
        None, examples=["2024-05"], description="Date of creation: year, month or day."
    )
    first_publication: requests.Day | None = Field(None, description="Date of first publication: year, month or day.")
    medium: Work.Medium | None = None
    registrations: Annotated[list[requests.OfficialRegistration], Field(max_length=50)] | None = Field(
        None, description="Registrations with copyright offices."
    )
    reason: requests.Long = Field(
        "", examples=["The name was misspelt."], description="Reason for the change; kept in the history."
    )
    version: requests.Whole | None = Field(
        None,
        ge=0,
        le=2_147_483_647,
        description="Version that you have read. Returns 409 if the work has changed since.",
    )


@router.get(WORKS, response=Page[schemas.Work])
def list_works(  # noqa: PLR0913, PLR0917 - values of a query
    request: Call,
    owner: str,
    q: Query = "",
    only: Only = None,
    upload: Brought = None,
    collection: Within = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[schemas.Work]:
    """List works. `q` searches title, author, holder, file name and number."""
    rows = searching.search_works(of(request), q, only or "", upload, collection)
    return page(schemas.with_pictures(rows), schemas.Work, cursor, limit)


@router.post(
    WORKS, response={200: schemas.RegisteredWork, 201: schemas.RegisteredWork}, auth=WRITE, operation_id="register_work"
)
@once
def add_work(
    request: Call, owner: str, declared: Form[NewWorkDeclaration], file: File[UploadedFile]
) -> Status[schemas.RegisteredWork]:
    """Register a picture as a work. A picture that is already registered returns the existing work."""
    services = wiring.services()
    check_disk_space(services)
    data = picture_in(file, services.limits)
    declaration = DeclaredWork(
        title=declared.title.strip(),
        author=declared.author,
        rights_statement=declared.rights,
        first_publication=declared.first_publication,
    )
    result = register_work(services, of(request), data, NewWork(declaration, normalise_name(str(file.name))))
    row = schemas.with_pictures(Work.objects.filter(pk=result.work.pk)).get()
    return Status(201 if result.new else 200, schemas.RegisteredWork.from_row(row, is_new=result.new))


@router.post(
    WORKS + "/fingerprints", response=schemas.RegisteredFingerprints, auth=WRITE, operation_id="register_fingerprints"
)
@once
def state(request: Call, owner: str, file: File[UploadedFile]) -> schemas.RegisteredFingerprints:
    """Register works by fingerprints only, from a file written by `exhibit fingerprint`.

    Pictures that are already registered return the existing works. Matches by fingerprints alone need review.
    """
    registered, failed = [], []
    for name, result in register_all(
        wiring.services(), of(request), parse_fingerprint_file(file.read(MAX_FILE + 1)), {}
    ):
        if isinstance(result, RefusedError):
            failed.append(schemas.RefusedWork(file=name, reason=result.reason, sentence=str(result)))
        else:
            registered.append(result)
    rows = schemas.with_pictures(Work.objects.all()).in_bulk([result.work.pk for result in registered])
    works = [schemas.RegisteredWork.from_row(rows[result.work.pk], is_new=result.new) for result in registered]
    return schemas.RegisteredFingerprints(works=works, failed=failed)


CHANGES, COLLECTIONS = WORKS + "/changes", "/owners/{slug:owner}/collections"
CHANGE, COLLECTION = CHANGES + "/{int:number}", COLLECTIONS + "/{int:number}"


@router.get(CHANGES, response=Page[BulkEdit])
def list_bulk_edits(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[BulkEdit]:
    """List changes of many works."""
    return page(scoped.bulk_edits(of(request)), BulkEdit, cursor, limit)


@router.get(CHANGE, response=BulkEdit)
def get_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """Get a change of many works with its progress."""
    return BulkEdit.from_row(scoped.bulk_edit(of(request), number))


@router.post(CHANGES, response={201: BulkEdit}, auth=WRITE)
@once
def change_works(request: Call, owner: str, new: requests.BulkChange) -> BulkEdit:
    """Change many works at once. Each change is logged and kept in the work's history. Large changes run later."""
    if (new.works is None) == (new.filter is None):
        raise WrongUseError("Say which works: either `works` or `filter`.")
    if (match := new.filter) is None:
        selected = bulk.get_works_by_number(of(request), new.works or ())
    else:
        selected = searching.search_works(of(request), match.q, match.only or "", match.upload, match.collection)
    what = "rights_statement" if new.field == requests.BulkField.RIGHTS else new.field.value
    edit = bulk.start_bulk_edit(
        wiring.services(), of(request), selected, what, new.value, by=request.auth.by, reason=new.reason
    )
    return BulkEdit.from_row(scoped.bulk_edit(of(request), edit.number))


@router.post(CHANGE + "/undo", response={201: BulkEdit}, auth=WRITE)
@once
def undo_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """Undo a change of many works. Fields that were edited since are unchanged."""
    edit = bulk.undo_bulk_edit(wiring.services(), scoped.bulk_edit(of(request), number), by=request.auth.by)
    return BulkEdit.from_row(scoped.bulk_edit(of(request), edit.number))


@router.get(COLLECTIONS, response=Page[Collection])
def list_collections(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[Collection]:
    """List collections of works. Use `change_works` to add or remove works."""
    return page(annotate_counts(collections.list_collections(of(request))), Collection, cursor, limit)


@router.post(COLLECTIONS, response={201: Collection}, auth=WRITE)
@once
def create_collection(request: Call, owner: str, new: requests.CollectionName) -> Collection:
    """Create a collection. An existing one with this name is returned instead."""
    made = collections.make_collection(of(request), new.name, by=request.auth.by)
    return Collection.from_row(collections.get_collection(of(request), made.number))


@router.patch(COLLECTION, response=Collection, auth=WRITE)
def rename_collection(request: Call, owner: str, number: int, new: requests.CollectionName) -> Collection:
    """Rename a collection. Returns 409 if the name is in use."""
    row = collections.get_collection(of(request), number)
    collections.rename_collection(row, new.name, by=request.auth.by)
    return Collection.from_row(row)


@router.delete(COLLECTION, response={204: None}, auth=WRITE)
def remove_collection(request: Call, owner: str, number: int) -> None:
    """Delete a collection. Its works remain."""
    collections.remove_collection(collections.get_collection(of(request), number), by=request.auth.by)


@router.get(ONE, response=schemas.WorkDetails)
def get_work(request: Call, owner: str, number: int) -> schemas.WorkDetails:
    """Get a work with its cases, and the progress of the search among pictures seen earlier."""
    return schemas.WorkDetails.from_row(scoped.work(of(request), number))


@router.patch(ONE, response=schemas.WorkDetails, auth=WRITE)
def change_work(request: Call, owner: str, number: int, new: WorkChanges) -> schemas.WorkDetails:
    """Update the declaration of a work. Earlier values remain in its history and in the log."""
    row = scoped.work(of(request), number)
    version = row.changes.count() if new.version is None else new.version
    row.refresh_from_db()  # behind the count: whatever somebody changes from now on conflicts, and isn't lost
    declaration = replace(row.declared, **_anew(new))
    declaring.edit_work(row, declaration, by=request.auth.by, reason=new.reason, version=version)
    return schemas.WorkDetails.from_row(scoped.work(of(request), number))


def _anew(new: WorkChanges) -> dict[str, Any]:
    """What is said anew, by its name among all that is declared."""
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


@router.post(ONE + "/hold", response={201: schemas.WorkDetails}, auth=DECIDE, operation_id="decide_hold")
@once
def answer_held(request: Call, owner: str, number: int, new: requests.HoldDecision) -> schemas.WorkDetails:
    """Decide about a work on hold: open its cases, dismiss the waiting matches, or undo that.

    Returns 409 if the work is not on hold or has been decided already.
    """
    row = scoped.work(of(request), number)
    answer_flood(wiring.services(), row, new.action, by=request.auth.by, reason=new.reason)
    return schemas.WorkDetails.from_row(row)


@router.delete(ONE, response={204: None}, auth=WRITE)
def remove_work(request: Call, owner: str, number: int) -> None:
    """Remove a work: Exhibit no longer searches for copies. Its cases, evidence and log entries remain."""
    registration.remove_work(scoped.work(of(request), number), by=request.auth.by)


class CopyOptions(requests.RequestBody):
    """Statements in copies for publication, in addition to the declaration."""

    licence_url: str = Field(
        "", max_length=MAX_URL_LENGTH, pattern="^(https?://[!-~]+)?$", description="URL where a licence is available."
    )
    no_training: requests.Flag = Field(
        default=False, description="State that data mining and training of models are not allowed."
    )
    sign: requests.Flag = Field(
        default=False, description="Add content credentials (C2PA) signed with the owner's key."
    )
    mark_for: requests.Short = Field("", description="Recipient for an invisible mark. The picture is re-encoded.")


@router.post(ONE + "/export", auth=WRITE, operation_id="export_work", openapi_extra=file_of("application/zip"))
def export(request: Call, owner: str, number: int, new: CopyOptions) -> HttpResponseBase:
    """Download copies of a work with rights metadata, as a ZIP. Pixels change only for an invisible mark."""
    row = scoped.work(of(request), number)
    options = ExportOptions(new.licence_url, new.no_training, new.sign, new.mark_for.strip())
    data = export_zip(wiring.services(), row, options, by=request.auth.by)
    return download(data, get_zip_name(row), "application/zip")


@router.get(ONE + "/deposits", response=Page[downloads.Deposit])
def list_deposits(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[downloads.Deposit]:
    """List the deposit records of a work."""
    return page(scoped.work(of(request), number).deposits.select_related("work"), downloads.Deposit, cursor, limit)


@router.post(ONE + "/deposits", response={201: downloads.Deposit}, auth=WRITE)
@once
def create_deposit(request: Call, owner: str, number: int) -> downloads.Deposit:
    """Create a deposit record of the current declaration. If nothing has changed, the latest one is returned."""
    row = deposits.make_deposit(wiring.services(), scoped.work(of(request), number), by=request.auth.by)
    return downloads.Deposit.from_row(row)


@router.get(DEPOSIT + "/file", operation_id="get_deposit_file", openapi_extra=file_of("application/zip"))
def get_deposit(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """Download a deposit record with its current receipts, as a ZIP for `exhibit verify`."""
    row: Deposit = scoped.deposit(of(request), number, deposit)
    file = write_to_temporary_file(partial(deposits.assemble_deposit, wiring.services(), row))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    return download(file, f"{deposits.deposit_name(row)}.zip", "application/zip")


@router.get(DEPOSIT + "/record", openapi_extra=file_of("application/pdf"))
def get_deposit_record(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """Download the readable PDF of a deposit record, in the installation's first language."""
    files = deposits.record_files(wiring.services(), scoped.deposit(of(request), number, deposit))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    name, data = min(files.items(), key=lambda file: len(file[0]))
    return download(data, name, "application/pdf")


@router.get("/owners/{slug:owner}/pictures/{digest}", openapi_extra=file_of("image/jpeg"))
def get_picture(request: Call, owner: str, digest: PictureDigest, size: Pixels = Size.SMALL) -> HttpResponse:
    """Get a JPEG preview of a picture of a work or case. Found pictures are never returned in their original form."""
    row = scoped.picture(of(request), Digest.from_hex(digest))
    return HttpResponse(get_viewable_bytes(wiring.services(), row, int(size)), content_type="image/jpeg")


@router.post("/owners/{slug:owner}/identify", response=schemas.Identification)
def identify(request: Call, owner: str, file: File[UploadedFile]) -> schemas.Identification:
    """Identify which of your works a picture shows, and read its file metadata. Nothing is stored."""
    services = wiring.services()
    data = picture_in(file, services.limits)
    with limits.one_search(request.auth.user.pk):
        result = search(services, of(request), data)
    return schemas.Identification.from_row(result)


class NewDocument(requests.RequestBody):
    """Description of a document."""

    about: requests.Short = Field("", examples=["Transfer of rights"], description="Subject of the document.")


@router.get(ONE + "/changes", response=Page[schemas.Change])
def list_changes(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Change]:
    """List changes of a work's declaration, with author and reason."""
    return page(scoped.work(of(request), number).changes.all(), schemas.Change, cursor, limit)


@router.post(ONE + "/ownership-warnings/{kind}/answer", response={201: schemas.OwnershipWarning}, auth=WRITE)
@once
def answer_ownership_warning(
    request: Call, owner: str, number: int, kind: OwnershipRemark.Kind, new: requests.Reason
) -> schemas.OwnershipWarning:
    """Answer an ownership warning with a reason. Your name and the time are recorded."""
    row = scoped.work(of(request), number).remarks.filter(kind=kind).select_related("work__owner").first()
    row = require(row, f"There is no such remark on work {number}.")
    record_answer(row, by=request.auth.by, reason=new.reason)
    row.refresh_from_db()
    return schemas.OwnershipWarning.from_row(row)


@router.post(ONE + "/documents", response={201: schemas.Document}, auth=WRITE, operation_id="attach_document")
@once
def attach(
    request: Call, owner: str, number: int, new: Form[NewDocument], file: File[UploadedFile]
) -> schemas.Document:
    """Attach a document to a work, such as proof of the chain of title. Its digest is logged."""
    row = scoped.work(of(request), number)
    if (file.size or 0) > declaring.MAX_ATTACHMENT_BYTES:
        raise WrongUseError("The document is too large.")
    attachment = declaring.attach_document(
        wiring.services(), row, str(file.name), file.read(), about=new.about, by=request.auth.by
    )
    return schemas.Document.from_row(attachment)


@router.get(ONE + "/documents/{int:document}/file", openapi_extra=file_of("application/octet-stream"))
def get_document_file(request: Call, owner: str, number: int, document: int) -> HttpResponseBase:
    """Download a document of a work, exactly as it was uploaded."""
    row = scoped.attachment(of(request), number, document)
    if row.digest is None or row.digest not in wiring.services().blobs:
        raise NotFoundError("This document was removed for good.")
    taken(request, Evidence.ATTACHMENT, number=document, work=number)
    return download(wiring.services().blobs.open(row.digest), row.name, "application/octet-stream")


DOCUMENT = ONE + "/documents/{int:document}"


@router.delete(DOCUMENT, response={204: None}, auth=WRITE)
def detach_document(request: Call, owner: str, number: int, document: int) -> None:
    """Remove a document from a work. The file remains stored, because the log contains its digest."""
    declaring.detach_document(scoped.attachment(of(request), number, document), by=request.auth.by)
