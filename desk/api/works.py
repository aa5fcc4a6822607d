"""Works: registering them, and what stands behind a registration."""

import tempfile
from enum import IntEnum
from typing import Annotated

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import File, Form, Path, Router, UploadedFile
from ninja import Query as QueryValue
from pydantic import Field

from desk import shapes
from desk.api import answers, given
from desk.api.actors import WRITE, Call, of
from desk.api.document import file_of
from desk.api.files import download, taken
from desk.api.paging import Cursor, Limit, each, page
from desk.api.repeats import once
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, NotFoundError, RefusedError
from registry import owned
from registry.models import BytesState, Deposit, Picture, Work
from registry.trail import Evidence
from workers import deposits, wiring
from workers.previews import LARGE, SMALL, preview
from workers.steps.register import NewWork, register_work, remove_work

router = Router(tags=["works"])
Query = Annotated[str, Field(max_length=200, pattern=given.CLEAN)]
EITHER = {200: answers.RegisteredWork, 201: answers.RegisteredWork}
YEAR = "^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$"


class Size(IntEnum):
    """How large a picture is shown."""

    SMALL = SMALL
    LARGE = LARGE


class Declared(given.Given):
    """What is declared of a work."""

    title: given.Title = Field(examples=["Harbour at dawn"])
    author: given.Short = ""
    rights: given.Long = ""
    first_publication: Annotated[str, Field(pattern=YEAR, description="As much of the day as is known.")] = ""


@router.get("/owners/{slug:owner}/works", response=answers.Piece[answers.Work], operation_id="list_works")
def list_works(request: Call, owner: str, q: Query = "", cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The registered works; `q` finds words of the title."""
    rows = owned.works(of(request))
    rows = shapes.with_pictures(rows.filter(title__icontains=q) if q else rows)
    return page(rows, each(shapes.work), cursor, limit)


@router.post(
    "/owners/{slug:owner}/works",
    auth=WRITE,
    response=EITHER,
    operation_id="register_work",
)
@once
def add_work(request: Call, owner: str, declared: Form[Declared], file: File[UploadedFile]) -> HttpResponse:
    """Register a picture as a work. A picture that is registered already stays the same work."""
    house = wiring.house()
    if (file.size or 0) > house.limits.max_bytes:
        message = f"The picture has more than {house.limits.max_bytes:,} bytes."
        raise RefusedError(message, reason="too-many-bytes")
    new = NewWork(
        declared.title.strip(),
        author=declared.author,
        rights_statement=declared.rights,
        first_publication=declared.first_publication,
        source_name=(file.name or "").replace("\0", "")[-300:],
    )
    made = register_work(house, of(request), file.read(), new)
    row = shapes.with_pictures(Work.objects.filter(pk=made.work.pk)).get()
    return JsonResponse({**shapes.work(row), "new": made.new}, status=201 if made.new else 200)


@router.get("/owners/{slug:owner}/works/{int:number}", response=answers.FullWork, operation_id="get_work")
def get_work(request: Call, owner: str, number: int) -> JsonResponse:
    """One work with its cases, and how far the search of what was seen before is."""
    return JsonResponse(shapes.full_work(owned.work(of(request), number)))


@router.delete("/owners/{slug:owner}/works/{int:number}", auth=WRITE, response={204: None}, operation_id="remove_work")
def remove(request: Call, owner: str, number: int) -> HttpResponse:
    """Stop looking for copies of a work. Its cases, its evidence and its place in the log stay."""
    remove_work(owned.work(of(request), number), by=request.auth.by)
    return HttpResponse(status=204)


@router.get(
    "/owners/{slug:owner}/works/{int:number}/deposits",
    response=answers.Piece[answers.Deposit],
    operation_id="list_deposits",
)
def list_deposits(request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The deposit records of a work."""
    rows = owned.work(of(request), number).deposits.select_related("work")
    return page(rows, each(shapes.deposit), cursor, limit)


@router.post(
    "/owners/{slug:owner}/works/{int:number}/deposits",
    auth=WRITE,
    response={201: answers.Deposit},
    operation_id="make_deposit",
)
@once
def make_deposit(request: Call, owner: str, number: int) -> HttpResponse:
    """Make a deposit record of what is declared now; where nothing has changed, it is the newest one."""
    row = deposits.make_deposit(wiring.house(), owned.work(of(request), number), by=request.auth.by)
    return JsonResponse(shapes.deposit(row), status=201)


@router.get(
    "/owners/{slug:owner}/works/{int:number}/deposits/{int:deposit}/file",
    operation_id="get_deposit_file",
    openapi_extra=file_of("application/zip"),
)
def get_deposit(request: Call, owner: str, number: int, deposit: int) -> HttpResponseBase:
    """A deposit record with the receipts of this moment, as a ZIP that `exhibit verify` checks."""
    row: Deposit = owned.deposit(of(request), number, deposit)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        deposits.assemble_deposit(wiring.house(), row, file)
        taken(request, Evidence.DEPOSIT, number=deposit, work=number)
    except ExhibitError:
        file.close()
        raise
    file.seek(0)
    return download(file, f"{deposits.deposit_name(row)}.zip", "application/zip")


@router.get("/owners/{slug:owner}/pictures/{digest}", operation_id="get_picture", openapi_extra=file_of("image/jpeg"))
def get_picture(
    request: Call,
    owner: str,
    digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    size: Annotated[Size, QueryValue(description="Pixels of the longer side.")] = Size.SMALL,
) -> HttpResponse:
    """A small JPEG made of a picture of a work or of a case; what was found on the web never comes as it is."""
    row = Picture.objects.filter(digest=Digest.from_hex(digest)).first()
    if row is None or not owned.may_see_picture(of(request), row):
        raise NotFoundError("There is no such picture.")
    house = wiring.house()
    if row.bytes_state != BytesState.STORED and row.thumbnail is not None:
        return HttpResponse(house.blobs.get(row.thumbnail), content_type="image/jpeg")
    made = preview(house.blobs.get(row.digest), house.limits, int(size))
    return HttpResponse(made, content_type="image/jpeg")
