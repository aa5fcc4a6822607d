"""What is declared of a work: changing it, answering what speaks against it, its history, the documents beside it."""

from django.http.response import HttpResponseBase
from ninja import File, Form, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import download, taken
from desk.api.common.paging import Cursor, Limit, page
from desk.api.common.resource import Resource
from desk.schemas import requests
from desk.schemas import works as schemas
from desk.schemas.base import Piece
from exhibit.errors import NotFoundError, WrongUseError
from registry.accounts import scoped
from registry.log.audit_log import Evidence
from registry.models import OwnershipRemark
from workers.services import wiring
from workers.works import declarations as declaring
from workers.works.ownership import answer

router = Resource("works")
WORK = "/owners/{slug:owner}/works/{int:number}"


class NewDocument(requests.Given):
    """What is said of a document."""

    about: requests.Short = Field("", examples=["Transfer of rights"])


@router.get(WORK + "/changes")
def list_changes(request: Call, number: int, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Change]:
    """How the declaration was changed, by whom and why."""
    return page(scoped.work(of(request), number).changes.all(), schemas.Change, cursor, limit)


@router.post(WORK + "/remarks/{kind}/answer", WRITE, 201)
def answer_remark(request: Call, number: int, kind: OwnershipRemark.Kind, new: requests.Reason) -> schemas.Remark:
    """Say why something that speaks against the declaration doesn't stand; it is kept with the name and the time."""
    row = scoped.work(of(request), number).remarks.filter(kind=kind).select_related("work__owner").first()
    if row is None:
        raise NotFoundError(f"There is no such remark on work {number}.")
    answer(row, by=request.auth.by, reason=new.reason)
    row.refresh_from_db()
    return schemas.Remark.from_row(row)


@router.post(WORK + "/documents", WRITE, 201, name="attach_document")
def attach(request: Call, number: int, new: Form[NewDocument], file: File[UploadedFile]) -> schemas.Document:
    """Keep a document beside a work, byte for byte, such as one of its chain of title; its digest is in the log."""
    row = scoped.work(of(request), number)
    if (file.size or 0) > declaring.MAX_ATTACHMENT:
        raise WrongUseError("The document is too large.")
    made = declaring.attach(wiring.services(), row, str(file.name), file.read(), about=new.about, by=request.auth.by)
    return schemas.Document.from_row(made)


@router.get(WORK + "/documents/{int:document}/file", file="application/octet-stream")
def get_document_file(request: Call, number: int, document: int) -> HttpResponseBase:
    """A document beside a work, as it came."""
    row = scoped.attachment(of(request), number, document)
    if row.digest is None or row.digest not in wiring.services().blobs:
        raise NotFoundError("This document was removed for good.")
    taken(request, Evidence.ATTACHMENT, number=document, work=number)
    return download(wiring.services().blobs.open(row.digest), row.name, "application/octet-stream")


@router.delete(WORK + "/documents/{int:document}", WRITE, name="detach_document")
def detach(request: Call, number: int, document: int) -> None:
    """Take a document off a work. Its bytes stay, since the log names their digest."""
    declaring.detach(scoped.attachment(of(request), number, document), by=request.auth.by)
