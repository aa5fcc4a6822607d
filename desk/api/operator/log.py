"""The operator's log: state, entries, erasure, recovery after a restore, and accuracy."""

from functools import partial
from typing import Annotated, Any

from django.http.response import HttpResponseBase
from ninja import Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.api.common.files import download
from desk.api.common.openapi import file_of
from desk.schemas import log as schemas, requests
from desk.schemas.base import Answer
from exhibit.entries import EntryType
from registry.bundles.bundles import write_to_temporary_file
from registry.log import accuracy, history, log
from registry.log.local_log import get_log
from registry.models import LogCheckpoint, LogEntry, LogWaiting
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
Last = Annotated[int, Query(ge=1, le=100_000, description="Number of entries, newest first.")]


class LogState(Answer):
    """State of the log."""

    origin: str = Field(description="Current name of the log.")
    entries: int = Field(description="Number of entries.")
    waiting: int = Field(description="Entries that have no number yet.")
    head: schemas.Checkpoint | None = Field(description="Latest signed checkpoint; null if there is none.")
    public_keys: list[str] = Field(description="Public keys of the log, newest first.")
    stopped: str = Field(description="Reason why no checkpoints are signed; empty if signing works.")


class Entries(Answer):
    """Log entries, oldest first."""

    items: list[schemas.Entry]


class NewOrigin(requests.Reason):
    """A new name for the log."""

    name: requests.Short = Field("", description="New name; derived from the old name and the date if empty.")


class Erasure(requests.Reason):
    """Entries whose content to erase."""

    sequences: list[Annotated[requests.Whole, Field(ge=0, le=2**53)]] = Field(
        min_length=1, max_length=1_000, examples=[[17, 23]], description="Numbers of the entries."
    )


class Erased(Answer):
    """Entries whose content this request erased."""

    erased: list[int] = Field(description="Numbers of the entries.")


@router.get("/operator/log", response=LogState)
def get_log_state(request: Call) -> LogState:
    """Get the length, latest checkpoint, names and keys of the log, and whether signing works."""
    own = get_log(wiring.services())
    newest = LogCheckpoint.objects.filter(origin=own.origin).order_by("-size").first()
    return LogState(
        origin=own.origin,
        entries=log.PostgresLogStore().size(),
        waiting=LogWaiting.objects.count(),
        head=None if newest is None else schemas.Checkpoint.from_row(newest),
        public_keys=own.vkeys(),
        stopped=own.describe_stop(),
    )


@router.get("/operator/log/entries", response=Entries)
def list_log_entries(request: Call, type: EntryType | None = None, last: Last = 20) -> Entries:  # noqa: A002
    """List the latest log entries with their content, unless it was erased."""
    rows = LogEntry.objects.select_related("submission__opening").order_by("-sequence")
    return Entries(items=schemas.Entry.from_rows((rows if type is None else rows.filter(type=type))[:last])[::-1])


@router.post("/operator/log/erasures", response=Erased)
def erase_log_entries(request: Call, new: Erasure) -> Erased:
    """Erase the content of log entries permanently. The entries and the log's integrity remain.

    Bundles generated later cannot show the erased content.
    """
    return Erased(erased=log.erase_openings(new.sequences, by=request.auth.by, reason=new.reason))


@router.post("/operator/log/accept-head", response=LogState)
def accept_log_checkpoint(request: Call, new: requests.Reason) -> LogState:
    """Confirm that nothing was signed after the latest known checkpoint, and resume signing under the same name.

    Use it for a data folder that was moved or restored without loss. Refused if a known checkpoint contradicts it.
    """
    history.accept_checkpoint(wiring.services(), by=request.auth.by, reason=new.reason)
    return get_log_state(request)


@router.post("/operator/log/new-origin", response=LogState)
def start_log_origin(request: Call, new: NewOrigin) -> LogState:
    """Start signing under a new name, and record the break. Use it after a restore that lost entries.

    Existing bundles stay valid. Verifiers need the log's new public key: `exhibit trust FILE`.
    """
    history.start_new_origin(wiring.services(), by=request.auth.by, reason=new.reason, name=new.name)
    return get_log_state(request)


@router.get("/operator/accuracy", response=dict[str, Any])
def get_accuracy(request: Call) -> Any:  # noqa: ANN401 - as the accuracy states itself
    """Get statistics about automatic decisions that reviewers corrected."""
    return accuracy.compute_accuracy().to_plain()


@router.get("/operator/accuracy/decisions", openapi_extra=file_of("application/jsonl"))
def get_accuracy_decisions(request: Call) -> HttpResponseBase:
    """Export log entries about decisions, without names or addresses, to recompute the accuracy elsewhere.

    Check the export with `python -m evidence accuracy FILE --trust LIST`.
    """
    file = write_to_temporary_file(partial(accuracy.export_accuracy, wiring.services()))
    return download(file, "decisions.jsonl", "application/jsonl")
