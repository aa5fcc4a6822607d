"""Bundles, capture files, draft documents, and proofs of the log."""

from functools import partial
from typing import Annotated, Literal

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from desk.api.common.auth import Call, of
from desk.api.common.files import FileName, download, taken
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import evidence as schemas
from desk.schemas.base import Page
from desk.schemas.requests import CLEAN
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry import scoped
from registry.bundles.bundles import assemble, bundle_name, write_to_temporary_file
from registry.bundles.draft_documents import (
    draft_document_name,
    render_draft_document,
    sign_exhibit_sheet,
    signed_sheet_name,
)
from registry.cases.picture_usage import is_hidden
from registry.db.rows import require
from registry.log.audit_log import Evidence
from registry.log.local_log import get_log
from registry.models import LogCheckpoint, LogEntry
from workers import wiring

router = Router(tags=["evidence"])
log_router = Router(tags=["log"])
CASE = "/owners/{slug:owner}/cases/{int:number}"
ONE = CASE + "/bundles/{int:bundle}"
Language = Annotated[
    str, Query(max_length=10, description="Language of a printable copy; by default the document's own language.")
]
Withheld = Annotated[
    Literal["originals"] | None, Query(description="Content to leave out of a copy for the other side.")
]
Why = Annotated[
    str, Query(max_length=1_000, pattern=CLEAN, description="Reason why content is withheld; stated in the copy.")
]
Paper = Annotated[
    str,
    Path(
        pattern="^[a-z0-9-]{1,40}$",
        description="`cover`, `us-902`, `cn-evidence-list`, `cn-environment` or `personal-data`.",
    ),
]


@router.get(CASE + "/bundles", response=Page[schemas.BundleSummary])
def list_bundles(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.BundleSummary]:
    """List the bundles of a case."""
    return page(scoped.case(of(request), number).bundles.select_related("case"), schemas.BundleSummary, cursor, limit)


@router.get(ONE, response=schemas.Bundle)
def get_bundle(request: Call, owner: str, number: int, bundle: int) -> schemas.Bundle:
    """Get a bundle with its timestamps."""
    return schemas.Bundle.from_row(scoped.bundle(of(request), number, bundle))


@router.get(ONE + "/file", openapi_extra=file_of("application/zip"))
def get_bundle_file(
    request: Call, owner: str, number: int, bundle: int, withhold: Withheld = None, reason: Why = ""
) -> HttpResponseBase:
    """Download a sealed bundle with its current timestamp receipts, as a ZIP that can be verified offline.

    For the other side, `withhold=originals` leaves out documents and full-size registered pictures; the copy states
    the `reason`. Reduced pictures and digests remain.
    """
    row = scoped.bundle(of(request), number, bundle)
    without = None if withhold is None else reason
    file = write_to_temporary_file(partial(assemble, wiring.services(), row, without_originals=without))
    taken(request, Evidence.BUNDLE, bundle=bundle, case=number, seal=str(row.seal_digest))
    name = bundle_name(row) if withhold is None else bundle_name(row, f"-without-{withhold}.zip")
    return download(file, name, "application/zip")


@router.get(ONE + "/signed-sheet", openapi_extra=file_of("application/pdf"))
def get_signed_sheet(request: Call, owner: str, number: int, bundle: int) -> HttpResponseBase:
    """Download the exhibit sheet of a bundle as a digitally signed PDF."""
    row = scoped.bundle(of(request), number, bundle)
    data = sign_exhibit_sheet(wiring.services(), row)
    taken(request, Evidence.SHEET, bundle=bundle, case=number)
    return download(data, signed_sheet_name(row), "application/pdf")


@router.get(ONE + "/documents/{document}", openapi_extra=file_of("application/pdf"))
def get_draft_document(
    request: Call, owner: str, number: int, bundle: int, document: Paper, language: Language = ""
) -> HttpResponseBase:
    """Download a draft document about a bundle."""
    row = scoped.bundle(of(request), number, bundle)
    data = render_draft_document(wiring.services(), row, document, language)
    taken(request, Evidence.DRAFT_DOCUMENT, bundle=bundle, case=number, paper=document)
    return download(data, draft_document_name(row, document, language), "application/pdf")


@router.get(CASE + "/captures/{int:capture}/files/{name}", openapi_extra=file_of("application/octet-stream"))
def get_capture_file(request: Call, owner: str, number: int, capture: int, name: FileName) -> HttpResponseBase:
    """Download a file recorded by a capture. It comes from an untrusted site."""
    row = scoped.case(of(request), number).captures.select_related("sighting__picture").filter(pk=capture).first()
    file = next((file for file in row.kept if file["name"] == name), None) if row else None
    digest = Digest.from_hex(file["digest"]) if file else None
    is_blocked = row is not None and is_hidden(of(request), row)
    if digest is None or is_blocked or digest not in wiring.services().blobs:
        raise NotFoundError("There is no such file.")
    taken(request, Evidence.CAPTURE, case=number, file=name)
    return download(wiring.services().blobs.open(digest), name, "application/octet-stream")


Size = Annotated[
    int | None,
    Query(ge=1, le=2**53, description="Number of entries of the checkpoint; the latest checkpoint by default."),
]


@log_router.get("/log/checkpoint", response=schemas.LogCheckpoint, operation_id="get_log_checkpoint")
def get_head(request: Call) -> schemas.LogCheckpoint:
    """Get the latest signed checkpoint of the log."""
    return schemas.LogCheckpoint.from_row(_head(None))


@log_router.get("/log/entries/{int:sequence}/proof", response=schemas.Inclusion)
def prove_inclusion(request: Call, sequence: int, size: Size = None) -> schemas.Inclusion:
    """Prove that an entry is included in the log under a signed checkpoint."""
    head = _head(size)
    row = LogEntry.objects.filter(sequence=sequence, sequence__lt=head.size).first()
    row = require(row, f"No signed head covers an entry {sequence}.")
    path = [step.hex() for step in get_log(wiring.services()).inclusion(sequence, head.size)]
    values = {"sequence": sequence, "type": row.type, "time": row.time, "commitment": bytes(row.commitment).hex()}
    return schemas.Inclusion.from_row(head, path=path, **values)


@log_router.get("/log/consistency", response=schemas.Consistency)
def prove_consistency(
    request: Call, old: Annotated[int, Query(ge=1, le=2**53)], new: Size = None
) -> schemas.Consistency:
    """Prove that the log of `new` entries continues the log of `old` entries."""
    head = _head(new)
    if old > head.size:
        raise NotFoundError(f"The log of {head.size} entries doesn't continue one of {old}.")
    path = [step.hex() for step in get_log(wiring.services()).consistency(old, head.size)]
    return schemas.Consistency(old=old, new=head.size, path=path, checkpoint=head.note)


def _head(size: int | None) -> LogCheckpoint:
    rows = LogCheckpoint.objects.filter(origin=get_log(wiring.services()).origin).order_by("-size")
    checkpoint = rows.first() if size is None else rows.filter(size=size).first()
    return require(checkpoint, "No such checkpoint was signed.", "Get the latest one: GET /log/checkpoint")
