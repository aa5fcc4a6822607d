"""Claiming rows for steps: one conditional UPDATE, safe against any number of workers, and safe to repeat."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from exhibit.clock import now
from registry.models.steps import Claimable, StepState

MAX_ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=5)


def due(stale_after: timedelta) -> Q:
    """Rows that a step may take: to do and not put off, or claimed so long ago that the claimer must be dead."""
    moment = now()
    waiting = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=moment))
    return waiting | Q(state=StepState.DOING, claimed_at__lt=moment - stale_after)


def due_ids(model: type[Claimable], stale_after: timedelta, limit: int) -> list[int]:
    """The oldest rows that a step may take now."""
    rows = model._default_manager.filter(due(stale_after)).order_by("pk")  # noqa: SLF001 - Django's public name
    return list(rows.values_list("pk", flat=True)[:limit])


def claim(model: type[Claimable], ids: Iterable[int], stale_after: timedelta) -> list[int]:
    """Claim those of the rows that are due.

    Returns:
        The ids that are now this caller's, ascending. Rows that another transaction holds are left to it.
    """
    manager = model._default_manager  # noqa: SLF001 - Django's public name
    with transaction.atomic():
        free = manager.select_for_update(skip_locked=True).filter(due(stale_after), pk__in=list(ids))
        taken = sorted(free.values_list("pk", flat=True))
        manager.filter(pk__in=taken).update(
            state=StepState.DOING, claimed_at=now(), attempts=F("attempts") + 1, error=""
        )
    return taken


def heartbeat(model: type[Claimable], pk: int) -> None:
    """Say that the claimer of a long step is alive."""
    model._default_manager.filter(pk=pk, state=StepState.DOING).update(claimed_at=now())  # noqa: SLF001 - Django's public name


def finish(model: type[Claimable], ids: Iterable[int]) -> None:
    """Mark rows as done; to be called in the transaction that records their results."""
    model._default_manager.filter(pk__in=list(ids)).update(state=StepState.DONE, not_before=None, error="")  # noqa: SLF001 - Django's public name


def wait(model: type[Claimable], pk: int, until: datetime) -> None:
    """Put a row off for a reason that is no failure: it counts as no attempt."""
    model._default_manager.filter(pk=pk).update(state=StepState.TODO, not_before=until, attempts=0)  # noqa: SLF001 - Django's public name


def fail(model: type[Claimable], pk: int, sentence: str, *, retry: bool) -> None:
    """Record that a step didn't work: tried again with growing pauses, or given up.

    Args:
        model: which rows.
        pk: the row.
        sentence: what happened, for the operator.
        retry: whether trying again can help.
    """
    row = model._default_manager.get(pk=pk)  # noqa: SLF001 - Django's public name
    again = retry and row.attempts < MAX_ATTEMPTS
    row.state = StepState.TODO if again else StepState.FAILED
    row.not_before = now() + FIRST_PAUSE * 4 ** max(row.attempts - 1, 0) if again else None
    row.error = sentence
    row.save(update_fields=["state", "not_before", "error"])


def give_back(model: type[Claimable], ids: Iterable[int], since: datetime) -> None:
    """Let go of those of the rows that were claimed since a moment, by a claimer that was interrupted.

    A row that another claimer took at the same time may be worked off twice, which every step tolerates.
    """
    rows = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING, claimed_at__gte=since)  # noqa: SLF001 - Django's public name
    rows.update(state=StepState.TODO, not_before=None)
