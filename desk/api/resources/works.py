"""Works: registering them, what is declared of them and stands behind that, and which of them a picture shows."""

from dataclasses import replace
from enum import IntEnum
from functools import partial
from typing import Annotated, Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import File, Form, Path, Query as QueryValue, Status, UploadedFile
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import DECIDE, WRITE, Call, of
from desk.api.common.files import download, picture_in, taken
from desk.api.common.resource import Cursor, Limit, Resource, page
from desk.schemas import downloads, requests, works as schemas
from desk.schemas.base import Piece
from desk.schemas.owners import BulkEdit, Collection
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from exhibit.types import DeclaredWork
from indexer.search.prints import MAX_FILE, read_prints
from registry.accounts import scoped
from registry.db.rows import there
from registry.log.audit_log import Evidence
from registry.models import Deposit, OwnershipRemark, Work
from registry.works import collections, works as searching
from registry.works.collections import counted
from workers.cases.floods import answer_flood
from workers.evidence import deposits
from workers.evidence.bundles import in_a_file
from workers.evidence.exporting import MAX_ADDRESS, Wanted, packed, packed_name
from workers.matching.identify import identify as search
from workers.pictures.previews import LARGE, SMALL, shown
from workers.services import wiring
from workers.works import bulk, declarations as declaring
from workers.works.ownership import answer
from workers.works.registration import NewWork, register_work, remove_work
from workers.works.stated import register_all
from workers.works.tables import checked_date, plain_name
from workers.works.uploads import check_disk

router = Resource("works")
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
    author_died: int | None = Field(None, ge=0, le=9_999, description="The year; 0 for none.")
    holder: requests.Short | None = None
    credit: requests.Short | None = None
    rights: requests.Long | None = None
    created: requests.Day | None = Field(None, examples=["2024-05"])
    first_publication: requests.Day | None = None
    medium: Work.Medium | None = None
    registrations: Annotated[list[requests.OfficialRegistration], Field(max_length=50)] | None = None
    reason: requests.Long = Field("", examples=["The name was misspelt."])
    version: int | None = Field(
        None,
        ge=0,
        le=2_147_483_647,
        description="That you have seen; when somebody has changed the work since, the answer is 409.",
    )


@router.get(WORKS)
def list_works(
    request: Call,
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


@router.post(WORKS, WRITE, name="register_work")
def add_work(request: Call, declared: Form[Declared], file: File[UploadedFile]) -> Status[schemas.RegisteredWork]:
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


@router.post(WORKS + "/fingerprints", WRITE, name="state_works")
def state(request: Call, file: File[UploadedFile]) -> schemas.StatedWorks:
    """Register works without their pictures, by a file that `exhibit fingerprint` wrote on the owner's machine.

    What is registered already stays the same work. What is found by fingerprints goes to review.
    """
    owner, made, failed = of(request), [], []
    for name, one in register_all(wiring.services(), owner, read_prints(file.read(MAX_FILE + 1)), {}):
        if isinstance(one, RefusedError):
            failed.append(schemas.RefusedWork(file=name, reason=one.reason, sentence=str(one)))
        else:
            made.append(one)
    rows = schemas.with_pictures(Work.objects.all()).in_bulk([one.work.pk for one in made])
    works = [schemas.RegisteredWork.from_row(rows[one.work.pk], new=one.new) for one in made]
    return schemas.StatedWorks(works=works, failed=failed)


CHANGES, COLLECTIONS = WORKS + "/changes", "/owners/{slug:owner}/collections"
CHANGE, COLLECTION = CHANGES + "/{int:number}", COLLECTIONS + "/{int:number}"
router.lists(CHANGES, "list_bulk_edits", BulkEdit, scoped.bulk_edits, "Changes of many works at once.")
router.shows(CHANGE, "get_bulk_edit", BulkEdit, scoped.bulk_edit, "A change of many works, and how far it is.")


@router.post(CHANGES, WRITE, 201)
def change_works(request: Call, new: requests.BulkChange) -> BulkEdit:
    """Change many works at once. Each gets its line of history and its entry of the log; many are worked off later."""
    if (new.works is None) == (new.match is None):
        raise WrongUseError("Say which works: either `works` or `match`.")
    if (match := new.match) is None:
        chosen = scoped.works(of(request)).filter(number__in=new.works or ())
    else:
        chosen = searching.search(of(request), match.q, match.only or "", match.upload, match.collection)
    what = "rights_statement" if new.what == requests.BulkField.RIGHTS else new.what.value
    made = bulk.edit_many(
        wiring.services(), of(request), chosen, what, new.value, by=request.auth.by, reason=new.reason
    )
    return BulkEdit.from_row(scoped.bulk_edit(of(request), made.number))


@router.post(CHANGE + "/undo", WRITE, 201)
def undo_bulk_edit(request: Call, number: int) -> BulkEdit:
    """Undo a change of many works as one; what somebody has changed since stays as it is."""
    made = bulk.undo(wiring.services(), scoped.bulk_edit(of(request), number), by=request.auth.by)
    return BulkEdit.from_row(scoped.bulk_edit(of(request), made.number))


SETS = "The named sets of works. Works are put into them and taken out by `change_works`."
router.lists(COLLECTIONS, "list_collections", Collection, lambda to: counted(collections.collections_of(to)), SETS)


@router.post(COLLECTIONS, WRITE, 201)
def make_collection(request: Call, new: requests.CollectionName) -> Collection:
    """Make a collection; where there is one with this name, it is that one."""
    made = collections.make_collection(of(request), new.name, by=request.auth.by)
    return Collection.from_row(collections.collection_of(of(request), made.number))


@router.patch(COLLECTION, WRITE)
def rename_collection(request: Call, number: int, new: requests.CollectionName) -> Collection:
    """Give a collection another name; where another one has it, the answer is 409."""
    row = collections.collection_of(of(request), number)
    collections.rename_collection(row, new.name, by=request.auth.by)
    return Collection.from_row(row)


GONE = "Remove a collection. Its works stay."
router.removes(COLLECTION, "remove_collection", collections.remove_collection, GONE, collections.collection_of)
FULL = "One work with its cases, and how far the search of what was seen before is."
router.shows(ONE, "get_work", schemas.FullWork, scoped.work, FULL)


@router.patch(ONE, WRITE)
def change_work(request: Call, number: int, new: Changes) -> schemas.FullWork:
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


@router.post(ONE + "/held", DECIDE, 201, name="answer_held_work")
def answer_held(request: Call, number: int, new: requests.HeldAnswer) -> schemas.FullWork:
    """Open the cases of a work that is held back, say that what waits isn't this work, or take that back.

    Where it isn't held back, or somebody else has said the same, the answer is 409.
    """
    row = scoped.work(of(request), number)
    answer_flood(wiring.services(), row, new.answer, by=request.auth.by, reason=new.reason)
    return schemas.FullWork.from_row(row)


ENDED = "Stop looking for copies of a work. Its cases, its evidence and its place in the log stay."
router.removes(ONE, "remove_work", remove_work, ENDED, scoped.work)


class Publishing(requests.Given):
    """What copies for publishing say besides what is declared."""

    licence_url: str = Field(
        "", max_length=MAX_ADDRESS, pattern="^(https?://[!-~]+)?$", description="Where a licence is to be had."
    )
    no_training: bool = Field(default=False, description="Data mining and training of models aren't allowed.")
    sign: bool = Field(default=False, description="Credentials (C2PA) that the owner's key signs.")
    mark_for: requests.Short = Field("", description="For whom the copies are marked invisibly; encoded anew, then.")


@router.post(ONE + "/export", WRITE, name="export_work", file="application/zip", keyed=False)
def export(request: Call, number: int, new: Publishing) -> HttpResponseBase:
    """Make copies of a work for publishing, which say whose they are, as a ZIP; no pixel is changed without a mark."""
    row = scoped.work(of(request), number)
    wanted = Wanted(new.licence_url, new.no_training, new.sign, new.mark_for.strip())
    data = packed(wiring.services(), row, wanted, by=request.auth.by)
    return download(data, packed_name(row), "application/zip")


@router.get(ONE + "/deposits")
def list_deposits(request: Call, number: int, cursor: Cursor = "", limit: Limit = 50) -> Piece[downloads.Deposit]:
    """The deposit records of a work."""
    return page(scoped.work(of(request), number).deposits.select_related("work"), downloads.Deposit, cursor, limit)


@router.post(ONE + "/deposits", WRITE, 201)
def make_deposit(request: Call, number: int) -> downloads.Deposit:
    """Make a deposit record of what is declared now; where nothing has changed, it is the newest one."""
    row = deposits.make_deposit(wiring.services(), scoped.work(of(request), number), by=request.auth.by)
    return downloads.Deposit.from_row(row)


@router.get(DEPOSIT + "/file", name="get_deposit_file", file="application/zip")
def get_deposit(request: Call, number: int, deposit: int) -> HttpResponseBase:
    """A deposit record with the receipts of this moment, as a ZIP that `exhibit verify` checks."""
    row: Deposit = scoped.deposit(of(request), number, deposit)
    file = in_a_file(partial(deposits.assemble_deposit, wiring.services(), row))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    return download(file, f"{deposits.deposit_name(row)}.zip", "application/zip")


@router.get(DEPOSIT + "/record", file="application/pdf")
def get_deposit_record(request: Call, number: int, deposit: int) -> HttpResponseBase:
    """The page of a deposit record that people read, in the installation's first language."""
    files = deposits.record_files(wiring.services(), scoped.deposit(of(request), number, deposit))
    taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    name, data = min(files.items(), key=lambda file: len(file[0]))
    return download(data, name, "application/pdf")


@router.get("/owners/{slug:owner}/pictures/{digest}", file="image/jpeg")
def get_picture(request: Call, digest: PictureDigest, size: Pixels = Size.SMALL) -> HttpResponse:
    """A small JPEG made of a picture of a work or of a case; what was found on the web never comes as it is."""
    row = scoped.picture(of(request), Digest.from_hex(digest))
    return HttpResponse(shown(wiring.services(), row, int(size)), content_type="image/jpeg")


@router.post("/owners/{slug:owner}/identify", keyed=False)
def identify(request: Call, file: File[UploadedFile]) -> schemas.Identified:
    """Say which of the owner's works a picture shows, and what its file says of itself. Nothing of it is stored."""
    services = wiring.services()
    data = picture_in(file, services.limits)
    with limits.one_search(request.auth.user.pk):
        found = search(services, of(request), data)
    return schemas.Identified.from_row(found)


class NewDocument(requests.Given):
    """What is said of a document."""

    about: requests.Short = Field("", examples=["Transfer of rights"])


CHANGED = "How the declaration was changed, by whom and why."
router.lists(ONE + "/changes", "list_changes", schemas.Change, lambda *at: scoped.work(*at).changes.all(), CHANGED)


@router.post(ONE + "/remarks/{kind}/answer", WRITE, 201)
def answer_remark(request: Call, number: int, kind: OwnershipRemark.Kind, new: requests.Reason) -> schemas.Remark:
    """Say why something that speaks against the declaration doesn't stand; it is kept with the name and the time."""
    row = scoped.work(of(request), number).remarks.filter(kind=kind).select_related("work__owner").first()
    row = there(row, f"There is no such remark on work {number}.")
    answer(row, by=request.auth.by, reason=new.reason)
    row.refresh_from_db()
    return schemas.Remark.from_row(row)


@router.post(ONE + "/documents", WRITE, 201, name="attach_document")
def attach(request: Call, number: int, new: Form[NewDocument], file: File[UploadedFile]) -> schemas.Document:
    """Keep a document beside a work, byte for byte, such as one of its chain of title; its digest is in the log."""
    row = scoped.work(of(request), number)
    if (file.size or 0) > declaring.MAX_ATTACHMENT:
        raise WrongUseError("The document is too large.")
    made = declaring.attach(wiring.services(), row, str(file.name), file.read(), about=new.about, by=request.auth.by)
    return schemas.Document.from_row(made)


@router.get(ONE + "/documents/{int:document}/file", file="application/octet-stream")
def get_document_file(request: Call, number: int, document: int) -> HttpResponseBase:
    """A document beside a work, as it came."""
    row = scoped.attachment(of(request), number, document)
    if row.digest is None or row.digest not in wiring.services().blobs:
        raise NotFoundError("This document was removed for good.")
    taken(request, Evidence.ATTACHMENT, number=document, work=number)
    return download(wiring.services().blobs.open(row.digest), row.name, "application/octet-stream")


DETACHED = "Take a document off a work. Its bytes stay, since the log names their digest."
DOCUMENT = ONE + "/documents/{int:document}"
router.removes(DOCUMENT, "detach_document", declaring.detach, DETACHED, scoped.attachment)
