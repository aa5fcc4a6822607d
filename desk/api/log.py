"""Proofs of the log. Its tiles and signed heads lie below /log/ for everybody."""

from typing import Annotated

from django.http import JsonResponse
from ninja import Query, Router

from desk.api.actors import Call
from desk.schemas import evidence as schemas
from exhibit.clock import rfc3339
from exhibit.errors import NotFoundError
from registry.models import LogCheckpoint, LogEntry
from workers import wiring

router = Router(tags=["log"])
Size = Annotated[int | None, Query(ge=1, le=2**53, description="Under the signed head of so many entries; the newest.")]


@router.get("/log/head", response=schemas.LogHead, operation_id="get_log_head")
def get_head(request: Call) -> JsonResponse:
    """The head of the log that was signed last."""
    row = _head(None)
    return JsonResponse({"origin": row.origin, "size": row.size, "checkpoint": row.note})


@router.get("/log/entries/{int:sequence}/proof", response=schemas.Inclusion, operation_id="prove_inclusion")
def prove_inclusion(request: Call, sequence: int, size: Size = None) -> JsonResponse:
    """That an entry is in the log, under a signed head."""
    head = _head(size)
    row = LogEntry.objects.filter(sequence=sequence, sequence__lt=head.size).first()
    if row is None:
        raise NotFoundError(f"No signed head covers an entry {sequence}.")
    return JsonResponse(
        {
            "origin": head.origin,
            "size": head.size,
            "checkpoint": head.note,
            "sequence": row.sequence,
            "type": row.type,
            "time": rfc3339(row.time),
            "commitment": bytes(row.commitment).hex(),
            "path": [one.hex() for one in wiring.house().log.inclusion(sequence, head.size)],
        }
    )


@router.get("/log/consistency", response=schemas.Consistency, operation_id="prove_consistency")
def prove_consistency(request: Call, old: Annotated[int, Query(ge=1, le=2**53)], new: Size = None) -> JsonResponse:
    """That the log of `new` entries continues that of `old`."""
    head = _head(new)
    if old > head.size:
        raise NotFoundError(f"The log of {head.size} entries doesn't continue one of {old}.")
    path = [one.hex() for one in wiring.house().log.consistency(old, head.size)]
    return JsonResponse({"old": old, "new": head.size, "path": path, "checkpoint": head.note})


def _head(size: int | None) -> LogCheckpoint:
    rows = LogCheckpoint.objects.filter(origin=wiring.house().log.origin).order_by("-size")
    found = rows.first() if size is None else rows.filter(size=size).first()
    if found is None:
        raise NotFoundError("No such head was signed.", hint="GET /log/head names the newest.")
    return found
