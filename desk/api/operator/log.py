"""The operator's log: state, entries, erasure, recovery after a restore, and accuracy."""

from functools import partial
from typing import Annotated, Any

from django.http.response import HttpResponseBase
from ninja import Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.api.common.files import build_download_response
from desk.api.common.openapi import describe_file_response
from desk.schemas import log as schemas, requests
from desk.schemas.base import ResponseBody
from exhibit.entries import EntryType
from registry.bundles.bundles import write_to_temporary_file
from registry.log import accuracy, history, log
from registry.log.local_log import get_log
from registry.models import LogCheckpoint, LogEntry, LogWaiting
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
EntryCount = Annotated[int, Query(ge=1, le=100_000, description="Maximum number of entries, counted from the newest.")]


class LogState(ResponseBody):
    """State of the log."""

    origin: str = Field(description="Current name of the log.")
    entries: int = Field(description="Number of log entries.")
    waiting: int = Field(description="Number of entries that are waiting for an entry number.")
    head: schemas.Checkpoint | None = Field(description="Latest signed checkpoint; null if there is none.")
    public_keys: list[str] = Field(
        description="Public keys of the log under its current and earlier names, newest first."
    )
    stopped: str = Field(description="Reason why no checkpoints are signed; empty if signing works.")


class Entries(ResponseBody):
    """A list of log entries."""

    items: list[schemas.Entry] = Field(description="Log entries, oldest first.")


class NewOrigin(requests.Reason):
    """A new name for the log."""

    name: requests.ShortText = Field("", description="New name; by default derived from the old name and the date.")


class Erasure(requests.Reason):
    """Log entries whose content is to be erased."""

    sequences: list[Annotated[requests.StrictInteger, Field(ge=0, le=2**53)]] = Field(
        min_length=1, max_length=1_000, examples=[[17, 23]], description="Numbers of the log entries to erase."
    )


class ErasureResult(ResponseBody):
    """Result of erasing the content of log entries."""

    erased: list[int] = Field(description="Numbers of the log entries whose content this request erased.")


@router.get("/operator/log", response=LogState)
def get_log_state(request: Call) -> LogState:
    """Get the state of the log: its size, latest checkpoint and keys, and whether signing works."""
    local_log = get_log(wiring.services())
    newest = LogCheckpoint.objects.filter(origin=local_log.origin).order_by("-size").first()
    return LogState(
        origin=local_log.origin,
        entries=log.PostgresLogStore().size(),
        waiting=LogWaiting.objects.count(),
        head=None if newest is None else schemas.Checkpoint.from_row(newest),
        public_keys=local_log.list_verifier_keys(),
        stopped=local_log.describe_signing_stop(),
    )


@router.get("/operator/log/entries", response=Entries)
def list_log_entries(request: Call, type: EntryType | None = None, last: EntryCount = 20) -> Entries:  # noqa: A002
    """List the latest log entries with their content, unless it was erased."""
    rows = LogEntry.objects.select_related("submission__opening").order_by("-sequence")
    return Entries(items=schemas.Entry.from_rows((rows if type is None else rows.filter(type=type))[:last])[::-1])


@router.post("/operator/log/erasures", response=ErasureResult)
def erase_log_entries(request: Call, new: Erasure) -> ErasureResult:
    """Permanently erase the content of log entries. The entries remain, and the log can still be verified.

    Later bundles cannot contain the erased content.
    """
    return ErasureResult(erased=log.erase_openings(new.sequences, by=request.auth.by, reason=new.reason))


@router.post("/operator/log/accept-head", response=LogState)
def accept_log_checkpoint(request: Call, new: requests.Reason) -> LogState:
    """Confirm that nothing was signed after the latest known checkpoint, and resume signing under the same name.

    Use this operation after a data folder was moved, or was restored without loss. The operation fails if the log
    contradicts a known checkpoint.
    """
    history.accept_checkpoint(wiring.services(), by=request.auth.by, reason=new.reason)
    return get_log_state(request)


@router.post("/operator/log/new-origin", response=LogState)
def start_log_origin(request: Call, new: NewOrigin) -> LogState:
    """Start signing the log under a new name, and record the break. Use this operation if a restore lost log entries.

    Existing bundles stay valid. Verifiers need the new public key of the log; run `exhibit trust FILE` to export it.
    """
    history.start_new_origin(wiring.services(), by=request.auth.by, reason=new.reason, name=new.name)
    return get_log_state(request)


@router.get("/operator/accuracy", response=dict[str, Any])
def get_accuracy(request: Call) -> Any:  # noqa: ANN401 - a JSON document
    """Get statistics about automatic decisions that reviewers corrected."""
    return accuracy.compute_accuracy().to_plain()


@router.get("/operator/accuracy/decisions", openapi_extra=describe_file_response("application/jsonl"))
def get_accuracy_decisions(request: Call) -> HttpResponseBase:
    """Export log entries about decisions, without names or URLs, to recompute the statistics outside Exhibit.

    Check the export with `python -m evidence accuracy FILE --trust LIST`.
    """
    file = write_to_temporary_file(partial(accuracy.export_accuracy, wiring.services()))
    return build_download_response(file, "decisions.jsonl", "application/jsonl")
