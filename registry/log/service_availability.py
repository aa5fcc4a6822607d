"""Recent availability of the timestamp services."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from exhibit.clock import MAX_CLOCK_SKEW, now
from registry.db.claimable import StepState
from registry.db.steps import MIN_SUSPECT_ATTEMPTS
from registry.log.models import AnchorReceipt, TimestampServiceState

FIRST_PAUSE = timedelta(minutes=1)
MAX_PAUSE = timedelta(hours=1)
DAY = timedelta(days=1)

RequestKind = TimestampServiceState.RequestKind


@dataclass(frozen=True, slots=True)
class Availability:
    """Current availability of one timestamp service."""

    answered_at: datetime | None
    unresponsive_since: datetime | None  # since when it has not responded to at least one kind of request
    ask_after: datetime | None  # time of the next request, while it does not respond
    error: str  # the last error, including invalid responses
    owed: int  # number of incomplete receipts


def cap_attempts(ids: Iterable[int]) -> None:
    """Limit the attempts of these receipts, so that they never fail permanently.

    A receipt whose workers repeatedly crash is still claimed on its own.
    """
    receipts = AnchorReceipt.objects.filter(pk__in=list(ids), attempts__gt=MIN_SUSPECT_ATTEMPTS).exclude(
        state=StepState.DONE
    )
    receipts.update(attempts=MIN_SUSPECT_ATTEMPTS)


def get_outage(kind: str, service: str, request_kind: RequestKind) -> tuple[datetime, str] | None:
    """Return the time of the next request to an unavailable timestamp service, and its error.

    Returns ``None`` if a request may be sent now.
    """
    states = TimestampServiceState.objects.filter(kind=kind, service=service, question=request_kind)
    row = states.filter(ask_after__gt=now()).first()
    return None if row is None or row.ask_after is None else (row.ask_after, row.error)


def record_response(kind: str, service: str, request_kind: RequestKind, error: str = "") -> None:
    """Record a response, even an invalid one, or wrong settings. Requests for other receipts may continue."""
    new_state: dict[str, object] = {"unresponsive_since": None, "failures": 0, "ask_after": None, "error": error}
    if not error:
        new_state["answered_at"] = now()
    TimestampServiceState.objects.update_or_create(
        kind=kind, service=service, question=request_kind, defaults=new_state
    )


def record_no_response(
    kind: str, service: str, request_kind: RequestKind, error: str, max_pause: timedelta = MAX_PAUSE
) -> datetime:
    """Record that a timestamp service did not respond; return the time of the next request.

    Pauses double, up to ``max_pause``.
    """
    with transaction.atomic():
        states = TimestampServiceState.objects.select_for_update()
        row, _ = states.get_or_create(kind=kind, service=service, question=request_kind)
        pause = min(FIRST_PAUSE * 2 ** min(row.failures, 10), max_pause)
        row.failures += 1
        row.unresponsive_since = row.unresponsive_since or now()
        row.ask_after, row.error = now() + pause, error
        row.save()
    return row.ask_after


def load_availability() -> Mapping[tuple[str, str], Availability]:
    """Return the availability of every timestamp service that was ever requested, by kind and name."""
    open_rows = AnchorReceipt.objects.exclude(state=StepState.DONE)
    counts = open_rows.values_list("kind", "service").annotate(count=Count("pk"))
    pending_counts = {(kind, service): count for kind, service, count in counts}
    states: dict[tuple[str, str], list[TimestampServiceState]] = defaultdict(list)
    for row in TimestampServiceState.objects.order_by("question"):
        states[row.kind, row.service].append(row)
    return {
        key: _combine_states(states.get(key, []), pending_counts.get(key, 0))
        for key in sorted({*pending_counts, *states})
    }


def count_direct_timestamps(since: datetime) -> int:
    """Count the bundles sealed since ``since`` whose seal digest was submitted directly to a timestamp service."""
    rows = AnchorReceipt.objects.filter(bundle__sealed_at__range=(since, now() + MAX_CLOCK_SKEW))
    return rows.values("bundle").distinct().count()


def _combine_states(rows: Sequence[TimestampServiceState], pending_receipts: int) -> Availability:
    """Combine both kinds of requests: the newest response, and the longest time without a response."""
    silent_rows = [row for row in rows if row.unresponsive_since is not None]
    return Availability(
        answered_at=max((row.answered_at for row in rows if row.answered_at), default=None),
        unresponsive_since=min((row.unresponsive_since for row in silent_rows if row.unresponsive_since), default=None),
        ask_after=min((row.ask_after for row in silent_rows if row.ask_after), default=None),
        error=next((row.error for row in [*silent_rows, *rows] if row.error), ""),
        owed=pending_receipts,
    )
