"""Works: registering them, what is declared of them and stands behind that, and which of them a picture shows."""

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
from desk.schemas.base import Piece
from desk.schemas.owners import BulkEdit, Collection
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from exhibit.types import DeclaredWork
from indexer.search.prints import MAX_FILE, read_prints
from registry import scoped
from registry.bundles import deposits
from registry.bundles.bundles import in_a_file
from registry.cases import work_search as searching
from registry.cases.flood_decisions import answer_flood
from registry.db.rows import there
from registry.log.audit_log import Evidence
from registry.matches.identify import identify as search
from registry.models import Deposit, OwnershipRemark, Work
from registry.pictures.previews import LARGE, SMALL, shown
from registry.works import bulk, collections, declarations as declaring, registration
from registry.works.collections import counted
from registry.works.exporting import MAX_ADDRESS, Wanted, packed, packed_name
from registry.works.ownership import answer
from registry.works.registration import NewWork, register_work
from registry.works.stated import register_all
from registry.works.tables import checked_date, plain_name
from registry.works.uploads import check_disk
from workers import wiring

router = Router(tags=["works"])
WORKS, ONE = "/owners/{slug:owner}/works", "/owners/{slug:owner}/works/{int:number}"
DEPOSIT = ONE + "/deposits/{int:deposit}"
Query = Annotated[str, Field(max_length=200, pattern=requests.CLEAN)]
Only = Annotated[searching.Only | None, QueryValue(description="Only those that need something.")]
Within = Annotated[int | None, QueryValue(ge=1, le=2_147_483_647, description="Only those in this collection.")]
Brought = Annotated[int | None, QueryValue(ge=1, le=2_147_483_647, description="Only those it brought.")]
PictureDigest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class Size(IntEnum):
    """How large a picture is shown."""

    SMALL = SMALL
    LARGE = LARGE


Pixels = Annotated[Size, QueryValue(description="Pixels of the longer side.")]


class Declared(requests.Given):
    """What is declared of a work."""

    title: requests.Title = Field(examples=["Harbour at dawn"])
    author: requests.Short = ""
    rights: requests.Long = ""
    first_publication: requests.Day = Field("", description="As much of the day as is known.")


class Changes(requests.Given):
    """What is to be declared from now on; what is left out stays as it is."""

    title: requests.Title | None = Field(None, examples=["Harbour at dawn"])
    author: requests.Short | None = Field(None, examples=["A. Example"])
    author_kind: Work.AuthorKind | None = None
    author_died: requests.Whole | None = Field(None, ge=0, le=9_999, description="The year; 0 for none.")
    holder: requests.Short | None = None
    credit: requests.Short | None = None
    rights: requests.Long | None = None
    created: requests.Day | None = Field(None, examples=["2024-05"])
    first_publication: requests.Day | None = None
    medium: Work.Medium | None = None
    registrations: Annotated[list[requests.OfficialRegistration], Field(max_length=50)] | None = None
    reason: requests.Long = Field("", examples=["The name was misspelt."])
    version: requests.Whole | None = Field(
        None,
        ge=0,
        le=2_147_483_647,
        description="That you have seen; when somebody has changed the work since, the answer is 409.",
    )


@router.get(WORKS, response=Piece[schemas.Work])
def list_works(  # noqa: PLR0913, PLR0917 - values of a query
    request: Call,
    owner: str,
    q: Query = "",
    only: Only = None,
    upload: Brought = None,
    collection: Within = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Piece[schemas.Work]:
    """The registered works; `q` finds parts of title, author, holder and file, and numbers."""
    rows = searching.search(of(request), q, only or "", upload, collection)
    return page(schemas.with_pictures(rows), schemas.Work, cursor, limit)


@router.post(
    WORKS, response={200: schemas.RegisteredWork, 201: schemas.RegisteredWork}, auth=WRITE, operation_id="register_work"
)
@once
def add_work(
    request: Call, owner: str, declared: Form[Declared], file: File[UploadedFile]
) -> Status[schemas.RegisteredWork]:
    """Register a picture as a work. A picture that is registered already stays the same work."""
    services = wiring.services()
    check_disk(services)
    data = picture_in(file, services.limits)
    said = DeclaredWork(
        title=declared.title.strip(),
        author=declared.author,
        rights_statement=declared.rights,
        first_publication=declared.first_publication,
    )
    made = register_work(services, of(request), data, NewWork(said, plain_name(str(file.name))))
    row = schemas.with_pictures(Work.objects.filter(pk=made.work.pk)).get()
    return Status(201 if made.new else 200, schemas.RegisteredWork.from_row(row, new=made.new))


@router.post(WORKS + "/fingerprints", response=schemas.StatedWorks, auth=WRITE, operation_id="state_works")
@once
def state(request: Call, owner: str, file: File[UploadedFile]) -> schemas.StatedWorks:
    """Register works without their pictures, by a file that `exhibit fingerprint` wrote on the owner's machine.

    What is registered already stays the same work. What is found by fingerprints goes to review.
    """
    made, failed = [], []
    for name, one in register_all(wiring.services(), of(request), read_prints(file.read(MAX_FILE + 1)), {}):
        if isinstance(one, RefusedError):
            failed.append(schemas.RefusedWork(file=name, reason=one.reason, sentence=str(one)))
        else:
            made.append(one)
    rows = schemas.with_pictures(Work.objects.all()).in_bulk([one.work.pk for one in made])
    works = [schemas.RegisteredWork.from_row(rows[one.work.pk], new=one.new) for one in made]
    return schemas.StatedWorks(works=works, failed=failed)


CHANGES, COLLECTIONS = WORKS + "/changes", "/owners/{slug:owner}/collections"
CHANGE, COLLECTION = CHANGES + "/{int:number}", COLLECTIONS + "/{int:number}"


@router.get(CHANGES, response=Piece[BulkEdit])
def list_bulk_edits(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[BulkEdit]:
    """Changes of many works at once."""
    return page(scoped.bulk_edits(of(request)), BulkEdit, cursor, limit)


@router.get(CHANGE, response=BulkEdit)
def get_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """A change of many works, and how far it is."""
    return BulkEdit.from_row(scoped.bulk_edit(of(request), number))


@router.post(CHANGES, response={201: BulkEdit}, auth=WRITE)
@once
def change_works(request: Call, owner: str, new: requests.BulkChange) -> BulkEdit:
    """Change many works at once. Each gets its line of history and its entry of the log; many are worked off later."""
    if (new.works is None) == (new.match is None):
        raise WrongUseError("Say which works: either `works` or `match`.")
    if (match := new.match) is None:
        chosen = bulk.numbered(of(request), new.works or ())
    else:
        chosen = searching.search(of(request), match.q, match.only or "", match.upload, match.collection)
    what = "rights_statement" if new.what == requests.BulkField.RIGHTS else new.what.value
    made = bulk.edit_many(
        wiring.services(), of(request), chosen, what, new.value, by=request.auth.by, reason=new.reason
    )
    return BulkEdit.from_row(scoped.bulk_edit(of(request), made.number))


@router.post(CHANGE + "/undo", response={201: BulkEdit}, auth=WRITE)
@once
def undo_bulk_edit(request: Call, owner: str, number: int) -> BulkEdit:
    """Undo a change of many works as one; what somebody has changed since stays as it is."""
    made = bulk.undo(wiring.services(), scoped.bulk_edit(of(request), number), by=request.auth.by)
    return BulkEdit.from_row(scoped.bulk_edit(of(request), made.number))


@router.get(COLLECTIONS, response=Piece[Collection])
def list_collections(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[Collection]:
    """The named sets of works. Works are put into them and taken out by `change_works`."""
    return page(counted(collections.collections_of(of(request))), Collection, cursor, limit)


@router.post(COLLECTIONS, response={201: Collection}, auth=WRITE)
@once
def make_collection(request: Call, owner: str, new: requests.CollectionName) -> Collection:
    """Make a collection; where there is one with this name, it is that one."""
    made = collections.make_collection(of(request), new.name, by=request.auth.by)
    return Collection.from_row(collections.collection_of(of(request), made.number))


@router.patch(COLLECTION, response=Collection, auth=WRITE)
def rename_collection(request: Call, owner: str, number: int, new: requests.CollectionName) -> Collection:
    """Give a collection another name; where another one has it, the answer is 409."""
    row = collections.collection_of(of(request), number)
    collections.rename_collection(row, new.name, by=request.auth.by)
    return Collection.from_row(row)


@router.delete(COLLECTION, response={204: None}, auth=WRITE)
def remove_collection(request: Call, owner: str, number: int) -> None:
    """Remove a collection. Its works stay."""
    collections.remove_collection(collections.collection_of(of(request), number), by=request.auth.by)


@router.get(ONE, response=schemas.FullWork)
def get_work(request: Call, owner: str, number: int) -> schemas.FullWork:
    """One work with its cases, and how far the search of what was seen before is."""
    return schemas.FullWork.from_row(scoped.work(of(request), number))


@router.patch(ONE, response=schemas.FullWork, auth=WRITE)
def change_work(request: Call, owner: str, number: int, new: Changes) -> schemas.FullWork:
    """Change what is declared of a work. What was declared before stays in its history and in the log."""
    row = scoped.work(of(request), number)
    version = row.changes.count() if new.version is None else new.version
    row.refresh_from_db()  # behind the count: whatever somebody changes from now on conflicts, and isn't lost
    declared = replace(row.declared, **_anew(new))
    declaring.edit(row, declared, by=request.auth.by, reason=new.reason, version=version)
    return schemas.FullWork.from_row(scoped.work(of(request), number))


def _anew(new: Changes) -> dict[str, Any]:
    """What is said anew, by its name among all that is declared."""
    said: dict[str, Any] = new.model_dump(exclude_none=True, exclude={"reason", "version"})
    if "title" in said:
        said["title"] = said["title"].strip()
    if "rights" in said:
        said["rights_statement"] = said.pop("rights")
    if "registrations" in said:
        said["registrations"] = tuple({**entry, "date": checked_date(entry["date"])} for entry in said["registrations"])
    if said.get("author_died") == 0:
        said["author_died"] = None
    return said


@router.post(ONE + "/held", response={201: schemas.FullWork}, auth=DECIDE, operation_id="answer_held_work")
@once
def answer_held(request: Call, owner: str, number: int, new: requests.HeldAnswer) -> schemas.FullWork:
    """Open the cases of a work that is held back, say that what waits isn't this work, or take that back.

    Where it isn't held back, or somebody else has said the same, the answer is 409.
    """
    row = scoped.work(of(request), number)
    answer_flood(wiring.services(), row, new.answer, by=request.auth.by, reason=new.reason)
    return schemas.FullWork.from_row(row)


@router.delete(ONE, response={204: None}, auth=WRITE)
def remove_work(request: Call, owner: str, number: int) -> None:
    """Stop looking for copies of a work. Its cases, its evidence and its place in the log stay."""
    registration.remove_work(scoped.work(of(request), number), by=request.auth.by)


class Publishing(requests.Given):
    """What copies for publishing say besides what is declared."""

    licence_url: str = Field(
        "", max_length=MAX_ADDRESS, pattern="^(https?://[!-~]+)?$", description="Where a licence is to be had."
    )
    no_training: requests.Flag = Field(default=False, description="Data mining and training of models aren't allowed.")
    sign: requests.Flag = Field(default=False, description="Credentials (C2PA) that the owner's key signs.")
    mark_for: requests.Short = Field("", description="For whom the copies are marked invisibly; encoded anew, then.")


@router.post(ONE + "/export", auth=WRITE, operation_id="export_work", openapi_extra=file_of("application/zip"))
def export(request: Call, owner: str, number: int, new: Publishing) -> HttpResponseBase:
    """Make copies of a work for publishing, which say whose they are, as a ZIP; no pixel is changed without a mark."""
    row = scoped.work(of(request), number)
    wanted = Wanted(new.licence_url, new.no_training, new.sign, new.mark_for.strip())
    data = packed(wiring.services(), row, wanted, by=request.auth.by)
    return download(data, packed_name(row), "application/zip")


@router.get(ONE + "/deposits", response=Piece[downloads.Deposit])
def list_deposits(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[downloads.Deposit]:
    """The deposit records of a work."""
    return page(scoped.work(of(request), number).deposits.select_related("work"), downloads.Deposit, cursor, limit)


@router.post(ONE + "/deposits", response={201: downloads.Deposit}, auth=WRITE)
@once
def make_deposit(request: Call, owner: str, number: int) -> downloads.Deposit:
    """Make a deposit record of what is declared now; where nothing has changed, it is the newest one."""
    row = deposits.make_deposit(wiring.services(), scoped.work(of(request), number), by=request.auth.by)
    return downloads.Deposit.from_row(row)


@router.get(DEPOSIT + "/file", operation_id="get_deposit_file", openapi_extra=file_of("application/zip"))
def get_deposit(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """A deposit record with the receipts of this moment, as a ZIP that `exhibit verify` checks."""
    row: Deposit = scoped.deposit(of(request), number, deposit)
    file = in_a_file(partial(deposits.assemble_deposit, wiring.services(), row))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    return download(file, f"{deposits.deposit_name(row)}.zip", "application/zip")


@router.get(DEPOSIT + "/record", openapi_extra=file_of("application/pdf"))
def get_deposit_record(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """The page of a deposit record that people read, in the installation's first language."""
    files = deposits.record_files(wiring.services(), scoped.deposit(of(request), number, deposit))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    name, data = min(files.items(), key=lambda file: len(file[0]))
    return download(data, name, "application/pdf")


@router.get("/owners/{slug:owner}/pictures/{digest}", openapi_extra=file_of("image/jpeg"))
def get_picture(request: Call, owner: str, digest: PictureDigest, size: Pixels = Size.SMALL) -> HttpResponse:
    """A small JPEG made of a picture of a work or of a case; what was found on the web never comes as it is."""
    row = scoped.picture(of(request), Digest.from_hex(digest))
    return HttpResponse(shown(wiring.services(), row, int(size)), content_type="image/jpeg")


@router.post("/owners/{slug:owner}/identify", response=schemas.Identified)
def identify(request: Call, owner: str, file: File[UploadedFile]) -> schemas.Identified:
    """Say which of the owner's works a picture shows, and what its file says of itself. Nothing of it is stored."""
    services = wiring.services()
    data = picture_in(file, services.limits)
    with limits.one_search(request.auth.user.pk):
        found = search(services, of(request), data)
    return schemas.Identified.from_row(found)


class NewDocument(requests.Given):
    """What is said of a document."""

    about: requests.Short = Field("", examples=["Transfer of rights"])


@router.get(ONE + "/changes", response=Piece[schemas.Change])
def list_changes(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.Change]:
    """How the declaration was changed, by whom and why."""
    return page(scoped.work(of(request), number).changes.all(), schemas.Change, cursor, limit)


@router.post(ONE + "/remarks/{kind}/answer", response={201: schemas.Remark}, auth=WRITE)
@once
def answer_remark(
    request: Call, owner: str, number: int, kind: OwnershipRemark.Kind, new: requests.Reason
) -> schemas.Remark:
    """Say why something that speaks against the declaration doesn't stand; it is kept with the name and the time."""
    row = scoped.work(of(request), number).remarks.filter(kind=kind).select_related("work__owner").first()
    row = there(row, f"There is no such remark on work {number}.")
    answer(row, by=request.auth.by, reason=new.reason)
    row.refresh_from_db()
    return schemas.Remark.from_row(row)


@router.post(ONE + "/documents", response={201: schemas.Document}, auth=WRITE, operation_id="attach_document")
@once
def attach(
    request: Call, owner: str, number: int, new: Form[NewDocument], file: File[UploadedFile]
) -> schemas.Document:
    """Keep a document beside a work, byte for byte, such as one of its chain of title; its digest is in the log."""
    row = scoped.work(of(request), number)
    if (file.size or 0) > declaring.MAX_ATTACHMENT:
        raise WrongUseError("The document is too large.")
    made = declaring.attach(wiring.services(), row, str(file.name), file.read(), about=new.about, by=request.auth.by)
    return schemas.Document.from_row(made)


@router.get(ONE + "/documents/{int:document}/file", openapi_extra=file_of("application/octet-stream"))
def get_document_file(request: Call, owner: str, number: int, document: int) -> HttpResponseBase:
    """A document beside a work, as it came."""
    row = scoped.attachment(of(request), number, document)
    if row.digest is None or row.digest not in wiring.services().blobs:
        raise NotFoundError("This document was removed for good.")
    taken(request, Evidence.ATTACHMENT, number=document, work=number)
    return download(wiring.services().blobs.open(row.digest), row.name, "application/octet-stream")


DOCUMENT = ONE + "/documents/{int:document}"


@router.delete(DOCUMENT, response={204: None}, auth=WRITE)
def detach_document(request: Call, owner: str, number: int, document: int) -> None:
    """Take a document off a work. Its bytes stay, since the log names their digest."""
    declaring.detach(scoped.attachment(of(request), number, document), by=request.auth.by)
