"""Recent availability of the outside witnesses."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from exhibit.clock import SLACK, now
from registry.db.claimable import StepState
from registry.db.steps import SUSPECT_FROM
from registry.log.models import AnchorReceipt, WitnessState

FIRST_PAUSE = timedelta(minutes=1)
MAX_PAUSE = timedelta(hours=1)
DAY = timedelta(days=1)

Question = WitnessState.Question


@dataclass(frozen=True, slots=True)
class Availability:
    """Current availability of one witness."""

    answered_at: datetime | None
    silent_since: datetime | None  # start of its silence, for at least one question
    ask_after: datetime | None  # time of the next request, while it is silent
    error: str  # the last error, also of a wrong answer
    owed: int  # receipts that it has not completed


def cap_attempts(ids: Iterable[int]) -> None:
    """Keep these receipts from being given up; one whose claimers keep dying is still claimed alone."""
    receipts = AnchorReceipt.objects.filter(pk__in=list(ids), attempts__gt=SUSPECT_FROM).exclude(state=StepState.DONE)
    receipts.update(attempts=SUSPECT_FROM)


def get_silence(kind: str, service: str, question: Question) -> tuple[datetime, str] | None:
    """Return until when a silent witness is not asked this, and the error; ``None`` if it may be asked."""
    states = WitnessState.objects.filter(kind=kind, witness=service, question=question)
    row = states.filter(ask_after__gt=now()).first()
    return None if row is None or row.ask_after is None else (row.ask_after, row.error)


def record_response(kind: str, service: str, question: Question, error: str = "") -> None:
    """Record an answer, even a useless one, or wrong settings: other receipts may be requested."""
    new_state: dict[str, object] = {"silent_since": None, "failures": 0, "ask_after": None, "error": error}
    if not error:
        new_state["answered_at"] = now()
    WitnessState.objects.update_or_create(kind=kind, witness=service, question=question, defaults=new_state)


def record_silence(
    kind: str, service: str, question: Question, error: str, max_pause: timedelta = MAX_PAUSE
) -> datetime:
    """Record that a witness did not answer; returns the next time to ask. Pauses double, up to ``max_pause``."""
    with transaction.atomic():
        states = WitnessState.objects.select_for_update()
        row, _ = states.get_or_create(kind=kind, witness=service, question=question)
        pause = min(FIRST_PAUSE * 2 ** min(row.failures, 10), max_pause)
        row.failures += 1
        row.silent_since = row.silent_since or now()
        row.ask_after, row.error = now() + pause, error
        row.save()
    return row.ask_after


def load_availability() -> Mapping[tuple[str, str], Availability]:
    """Return the availability of every witness that was ever asked, by kind and name."""
    open_rows = AnchorReceipt.objects.exclude(state=StepState.DONE)
    counts = open_rows.values_list("kind", "witness").annotate(count=Count("pk"))
    owed = {(kind, service): count for kind, service, count in counts}
    states: dict[tuple[str, str], list[WitnessState]] = defaultdict(list)
    for row in WitnessState.objects.order_by("question"):
        states[row.kind, row.witness].append(row)
    return {key: _combine_states(states.get(key, []), owed.get(key, 0)) for key in sorted({*owed, *states})}


def count_direct_timestamps(since: datetime) -> int:
    """Count the bundles sealed since then whose seal digest a witness received directly."""
    rows = AnchorReceipt.objects.filter(bundle__sealed_at__range=(since, now() + SLACK))
    return rows.values("bundle").distinct().count()


def _combine_states(rows: Sequence[WitnessState], owed: int) -> Availability:
    """Combine both questions: the newest answer, and the longest silence."""
    silent = [row for row in rows if row.silent_since is not None]
    return Availability(
        answered_at=max((row.answered_at for row in rows if row.answered_at), default=None),
        silent_since=min((row.silent_since for row in silent if row.silent_since), default=None),
        ask_after=min((row.ask_after for row in silent if row.ask_after), default=None),
        error=next((row.error for row in [*silent, *rows] if row.error), ""),
        owed=owed,
    )
