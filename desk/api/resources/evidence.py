"""Bundles, capture files, draft documents, and proofs of the log."""

from functools import partial
from typing import Annotated, Literal

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from desk.api.common.auth import Call, get_request_owner
from desk.api.common.files import FileName, build_download_response, log_download
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import evidence as schemas
from desk.schemas.base import Page
from desk.schemas.requests import TEXT_PATTERN
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry import scoped
from registry.bundles.bundles import get_bundle_file_name, write_bundle_zip, write_to_temporary_file
from registry.bundles.draft_documents import (
    get_draft_file_name,
    get_signed_sheet_file_name,
    render_draft_document,
    sign_exhibit_sheet,
)
from registry.cases.picture_usage import is_visit_hidden
from registry.db.rows import require
from registry.log.audit_log import EvidenceKind
from registry.log.local_log import get_log
from registry.models import LogCheckpoint, LogEntry
from workers import wiring

router = Router(tags=["evidence"])
log_router = Router(tags=["log"])
CASE = "/owners/{slug:owner}/cases/{int:number}"
BUNDLE_PATH = CASE + "/bundles/{int:bundle}"
Language = Annotated[
    str,
    Query(
        max_length=10,
        description="Language of a printable copy of the document; by default, the language of the document itself.",
    ),
]
WithheldContent = Annotated[
    Literal["originals"] | None, Query(description="Content to withhold from a copy for the other side.")
]
WithholdingReason = Annotated[
    str,
    Query(
        max_length=1_000,
        pattern=TEXT_PATTERN,
        description="Reason for withholding content. It is included in the copy.",
    ),
]
DocumentName = Annotated[
    str,
    Path(
        pattern="^[a-z0-9-]{1,40}$",
        description="Document: `cover` (cover page), `us-902` (certification under FRE 902(13) and (14)), "
        "`cn-evidence-list` (list of evidence for China), `cn-environment` (record of the capture environment "
        "for China) or `personal-data` (note on personal data in the bundle).",
    ),
]


@router.get(CASE + "/bundles", response=Page[schemas.BundleSummary])
def list_bundles(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.BundleSummary]:
    """List the bundles of a case."""
    return get_page(
        scoped.get_case(get_request_owner(request), number).bundles.select_related("case"),
        schemas.BundleSummary,
        cursor,
        limit,
    )


@router.get(BUNDLE_PATH, response=schemas.Bundle)
def get_bundle(request: Call, owner: str, number: int, bundle: int) -> schemas.Bundle:
    """Get a bundle with its timestamps."""
    return schemas.Bundle.from_row(scoped.get_bundle(get_request_owner(request), number, bundle))


@router.get(BUNDLE_PATH + "/file", openapi_extra=describe_file_response("application/zip"))
def get_bundle_file(
    request: Call,
    owner: str,
    number: int,
    bundle: int,
    withhold: WithheldContent = None,
    reason: WithholdingReason = "",
) -> HttpResponseBase:
    """Download a sealed bundle with its current timestamp receipts, as a ZIP that can be verified offline.

    For the other side, `withhold=originals` omits attached documents and full-size registered pictures. The copy
    includes the `reason`, reduced pictures, and all digests.
    """
    row = scoped.get_bundle(get_request_owner(request), number, bundle)
    withholding_reason = None if withhold is None else reason
    file = write_to_temporary_file(
        partial(write_bundle_zip, wiring.services(), row, without_originals=withholding_reason)
    )
    log_download(request, EvidenceKind.BUNDLE, bundle=bundle, case=number, seal=str(row.seal_digest))
    name = get_bundle_file_name(row) if withhold is None else get_bundle_file_name(row, f"-without-{withhold}.zip")
    return build_download_response(file, name, "application/zip")


@router.get(BUNDLE_PATH + "/signed-sheet", openapi_extra=describe_file_response("application/pdf"))
def get_signed_sheet(request: Call, owner: str, number: int, bundle: int) -> HttpResponseBase:
    """Download the exhibit sheet of a bundle as a digitally signed PDF."""
    row = scoped.get_bundle(get_request_owner(request), number, bundle)
    data = sign_exhibit_sheet(wiring.services(), row)
    log_download(request, EvidenceKind.SHEET, bundle=bundle, case=number)
    return build_download_response(data, get_signed_sheet_file_name(row), "application/pdf")


@router.get(BUNDLE_PATH + "/documents/{document}", openapi_extra=describe_file_response("application/pdf"))
def get_draft_document(
    request: Call, owner: str, number: int, bundle: int, document: DocumentName, language: Language = ""
) -> HttpResponseBase:
    """Download a draft document about a bundle as PDF."""
    row = scoped.get_bundle(get_request_owner(request), number, bundle)
    data = render_draft_document(wiring.services(), row, document, language)
    log_download(request, EvidenceKind.DRAFT_DOCUMENT, bundle=bundle, case=number, paper=document)
    return build_download_response(data, get_draft_file_name(row, document, language), "application/pdf")


@router.get(
    CASE + "/captures/{int:capture}/files/{name}", openapi_extra=describe_file_response("application/octet-stream")
)
def get_capture_file(request: Call, owner: str, number: int, capture: int, name: FileName) -> HttpResponseBase:
    """Download a file recorded by a capture. The file comes from an untrusted site."""
    row = (
        scoped.get_case(get_request_owner(request), number)
        .captures.select_related("sighting__picture")
        .filter(pk=capture)
        .first()
    )
    file = next((file for file in row.stored_files if file["name"] == name), None) if row else None
    digest = Digest.from_hex(file["digest"]) if file else None
    is_blocked = row is not None and is_visit_hidden(get_request_owner(request), row)
    if digest is None or is_blocked or digest not in wiring.services().blobs:
        raise NotFoundError("This capture has no such file.")
    log_download(request, EvidenceKind.CAPTURE, case=number, file=name)
    return build_download_response(wiring.services().blobs.open(digest), name, "application/octet-stream")


CheckpointSize = Annotated[
    int | None,
    Query(
        ge=1, le=2**53, description="Number of entries in the checkpoint; by default, the latest checkpoint is used."
    ),
]


@log_router.get("/log/checkpoint", response=schemas.LogCheckpoint, operation_id="get_log_checkpoint")
def get_log_checkpoint(request: Call) -> schemas.LogCheckpoint:
    """Get the latest signed checkpoint of the log."""
    return schemas.LogCheckpoint.from_row(_get_checkpoint(None))


@log_router.get("/log/entries/{int:sequence}/proof", response=schemas.Inclusion)
def prove_inclusion(request: Call, sequence: int, size: CheckpointSize = None) -> schemas.Inclusion:
    """Prove that a signed checkpoint of the log includes an entry."""
    checkpoint = _get_checkpoint(size)
    row = LogEntry.objects.filter(sequence=sequence, sequence__lt=checkpoint.size).first()
    row = require(row, f"No signed checkpoint includes log entry {sequence}.")
    path = [step.hex() for step in get_log(wiring.services()).prove_inclusion(sequence, checkpoint.size)]
    values = {"sequence": sequence, "type": row.type, "time": row.time, "commitment": bytes(row.commitment).hex()}
    return schemas.Inclusion.from_row(checkpoint, path=path, **values)


@log_router.get("/log/consistency", response=schemas.Consistency)
def prove_consistency(
    request: Call,
    old: Annotated[int, Query(ge=1, le=2**53, description="Number of entries in the smaller log.")],
    new: CheckpointSize = None,
) -> schemas.Consistency:
    """Prove that the log with `new` entries contains all entries of the log with `old` entries, unchanged."""
    checkpoint = _get_checkpoint(new)
    if old > checkpoint.size:
        raise NotFoundError(f"The log has only {checkpoint.size} entries, fewer than old={old}.")
    path = [step.hex() for step in get_log(wiring.services()).prove_consistency(old, checkpoint.size)]
    return schemas.Consistency(old=old, new=checkpoint.size, path=path, checkpoint=checkpoint.note)


def _get_checkpoint(size: int | None) -> LogCheckpoint:
    rows = LogCheckpoint.objects.filter(origin=get_log(wiring.services()).origin).order_by("-size")
    checkpoint = rows.first() if size is None else rows.filter(size=size).first()
    return require(checkpoint, "There is no such signed checkpoint.", "Get the latest one: GET /log/checkpoint")
