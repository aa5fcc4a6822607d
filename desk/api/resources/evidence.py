"""Bundles, files of captures, draft papers; and proofs of the log, whose tiles lie below /log/ for everybody."""

from functools import partial
from typing import Annotated, Literal

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from desk.api.common.auth import Call, of
from desk.api.common.files import FileName, download, taken
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import evidence as schemas
from desk.schemas.base import Piece
from desk.schemas.requests import CLEAN
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry import scoped
from registry.bundles.bundles import assemble, bundle_name, in_a_file
from registry.bundles.papers import draft_paper, paper_name, signed_name, signed_sheet
from registry.cases.picture_usage import is_hidden
from registry.db.rows import there
from registry.log.audit_log import Evidence
from registry.log.own_log import get_log
from registry.models import LogCheckpoint, LogEntry
from workers import wiring

router = Router(tags=["evidence"])
log_router = Router(tags=["log"])
CASE = "/owners/{slug:owner}/cases/{int:number}"
ONE = CASE + "/bundles/{int:bundle}"
Language = Annotated[str, Query(max_length=10, description="Of a reading copy; the paper's own if there is none.")]
Withheld = Annotated[Literal["originals"] | None, Query(description="What a copy for the other side lacks.")]
Why = Annotated[str, Query(max_length=1_000, pattern=CLEAN, description="Why something is withheld.")]
Paper = Annotated[str, Path(pattern="^[a-z0-9-]{1,40}$")]


@router.get(CASE + "/bundles", response=Piece[schemas.BundleLine])
def list_bundles(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.BundleLine]:
    """The bundles of a case."""
    return page(scoped.case(of(request), number).bundles.select_related("case"), schemas.BundleLine, cursor, limit)


@router.get(ONE, response=schemas.Bundle)
def get_bundle(request: Call, owner: str, number: int, bundle: int) -> schemas.Bundle:
    """A bundle, with what outside witnesses have answered."""
    return schemas.Bundle.from_row(scoped.bundle(of(request), number, bundle))


@router.get(ONE + "/file", openapi_extra=file_of("application/zip"))
def get_bundle_file(
    request: Call, owner: str, number: int, bundle: int, withhold: Withheld = None, reason: Why = ""
) -> HttpResponseBase:
    """A sealed bundle with the receipts of this moment, as a ZIP that verifies offline.

    For the other side, `withhold=originals` leaves out documents and registered pictures in full size; the copy states
    the `reason`. Reduced ones and digests stay.
    """
    row = scoped.bundle(of(request), number, bundle)
    without = None if withhold is None else reason
    file = in_a_file(partial(assemble, wiring.services(), row, without_originals=without))
    taken(request, Evidence.BUNDLE, bundle=bundle, case=number, seal=str(row.seal_digest))
    name = bundle_name(row) if withhold is None else bundle_name(row, f"-without-{withhold}.zip")
    return download(file, name, "application/zip")


@router.get(ONE + "/signed-sheet", openapi_extra=file_of("application/pdf"))
def get_signed_sheet(request: Call, owner: str, number: int, bundle: int) -> HttpResponseBase:
    """The exhibit sheet of a bundle with a signature inside the PDF."""
    row = scoped.bundle(of(request), number, bundle)
    data = signed_sheet(wiring.services(), row)
    taken(request, Evidence.SHEET, bundle=bundle, case=number)
    return download(data, signed_name(row), "application/pdf")


@router.get(ONE + "/papers/{paper}", openapi_extra=file_of("application/pdf"))
def get_paper(
    request: Call, owner: str, number: int, bundle: int, paper: Paper, language: Language = ""
) -> HttpResponseBase:
    """A draft paper about a bundle: `cover`, `us-902`, `cn-evidence-list`, `cn-environment` or `personal-data`."""
    row = scoped.bundle(of(request), number, bundle)
    data = draft_paper(wiring.services(), row, paper, language)
    taken(request, Evidence.PAPER, bundle=bundle, case=number, paper=paper)
    return download(data, paper_name(row, paper, language), "application/pdf")


@router.get(CASE + "/captures/{int:capture}/files/{name}", openapi_extra=file_of("application/octet-stream"))
def get_capture_file(request: Call, owner: str, number: int, capture: int, name: FileName) -> HttpResponseBase:
    """A file of a visit, named by its `id`, as it was kept; it may be a stranger's page, so treat it as such."""
    row = scoped.case(of(request), number).captures.select_related("sighting__picture").filter(pk=capture).first()
    file = next((file for file in row.kept if file["name"] == name), None) if row else None
    digest = Digest.from_hex(file["digest"]) if file else None
    hidden = row is not None and is_hidden(of(request), row)
    if digest is None or hidden or digest not in wiring.services().blobs:
        raise NotFoundError("There is no such file.")
    taken(request, Evidence.CAPTURE, case=number, file=name)
    return download(wiring.services().blobs.open(digest), name, "application/octet-stream")


Size = Annotated[int | None, Query(ge=1, le=2**53, description="Under the signed head of so many entries; the newest.")]


@log_router.get("/log/head", response=schemas.LogHead, operation_id="get_log_head")
def get_head(request: Call) -> schemas.LogHead:
    """The head of the log that was signed last."""
    return schemas.LogHead.from_row(_head(None))


@log_router.get("/log/entries/{int:sequence}/proof", response=schemas.Inclusion)
def prove_inclusion(request: Call, sequence: int, size: Size = None) -> schemas.Inclusion:
    """That an entry is in the log, under a signed head."""
    head = _head(size)
    row = LogEntry.objects.filter(sequence=sequence, sequence__lt=head.size).first()
    row = there(row, f"No signed head covers an entry {sequence}.")
    path = [step.hex() for step in get_log(wiring.services()).inclusion(sequence, head.size)]
    told = {"sequence": sequence, "type": row.type, "time": row.time, "commitment": bytes(row.commitment).hex()}
    return schemas.Inclusion.from_row(head, path=path, **told)


@log_router.get("/log/consistency", response=schemas.Consistency)
def prove_consistency(
    request: Call, old: Annotated[int, Query(ge=1, le=2**53)], new: Size = None
) -> schemas.Consistency:
    """That the log of `new` entries continues that of `old`."""
    head = _head(new)
    if old > head.size:
        raise NotFoundError(f"The log of {head.size} entries doesn't continue one of {old}.")
    path = [step.hex() for step in get_log(wiring.services()).consistency(old, head.size)]
    return schemas.Consistency(old=old, new=head.size, path=path, checkpoint=head.note)


def _head(size: int | None) -> LogCheckpoint:
    rows = LogCheckpoint.objects.filter(origin=get_log(wiring.services()).origin).order_by("-size")
    found = rows.first() if size is None else rows.filter(size=size).first()
    return there(found, "No such head was signed.", "GET /log/head names the newest.")
