"""How the outside witnesses have answered lately."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from exhibit.clock import now
from registry.models import AnchorReceipt, Bundle, StepState, WitnessState

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """One witness at this moment.

    Attributes:
        answered_at: when it last answered.
        silent_since: since when it hasn't, although it was asked.
        ask_after: when it is asked again, while it is silent.
        error: what was wrong.
        owed: receipts that it hasn't completed.
    """

    answered_at: datetime | None
    silent_since: datetime | None
    ask_after: datetime | None
    error: str
    owed: int


def forgive(ids: Iterable[int]) -> None:
    """Forget how often somebody died while asking for these receipts: none is ever given up."""
    AnchorReceipt.objects.filter(pk__in=list(ids), attempts__gt=0).exclude(state=StepState.DONE).update(attempts=0)


def silence_of(kind: str, witness: str) -> tuple[datetime, str] | None:
    """Until when a silent witness is left in peace, and what was wrong; ``None`` when it may be asked."""
    row = WitnessState.objects.filter(kind=kind, witness=witness, ask_after__gt=now()).first()
    return None if row is None or row.ask_after is None else (row.ask_after, row.error)


def note_answer(kind: str, witness: str) -> None:
    """It has answered."""
    fresh = {"answered_at": now(), "silent_since": None, "failures": 0, "ask_after": None, "error": ""}
    WitnessState.objects.update_or_create(kind=kind, witness=witness, defaults=fresh)


def note_silence(kind: str, witness: str, error: str, longest: timedelta = LONGEST_PAUSE) -> datetime:
    """It hasn't answered; returns when it is asked again, after pauses that double up to the longest."""
    with transaction.atomic():
        row, _ = WitnessState.objects.select_for_update().get_or_create(kind=kind, witness=witness)
        pause = min(FIRST_PAUSE * 2 ** min(row.failures, 10), longest)
        row.failures += 1
        row.silent_since = row.silent_since or now()
        row.ask_after, row.error = now() + pause, error
        row.save()
    return row.ask_after


def health() -> Mapping[tuple[str, str], Health]:
    """Every witness that was ever asked, by kind and name."""
    open_rows = AnchorReceipt.objects.exclude(state=StepState.DONE)
    owed = {
        (row["kind"], row["witness"]): row["count"]
        for row in open_rows.values("kind", "witness").annotate(count=Count("pk"))
    }
    states = {(row.kind, row.witness): row for row in WitnessState.objects.all()}
    empty = WitnessState()
    return {key: _health(states.get(key, empty), owed.get(key, 0)) for key in sorted({*owed, *states})}


def stamped_directly_since(moment: datetime) -> int:
    """How many bundles that were sealed since then have had their seal digest given to a witness itself."""
    return Bundle.objects.filter(sealed_at__gte=moment, receipts__isnull=False).distinct().count()


def _health(row: WitnessState, owed: int) -> Health:
    return Health(row.answered_at, row.silent_since, row.ask_after, row.error, owed)
