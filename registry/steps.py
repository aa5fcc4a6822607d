"""Claiming rows for steps: one conditional UPDATE, safe against any number of workers, and safe to repeat."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from exhibit.clock import now
from registry.models.steps import Claimable, StepState

MAX_ATTEMPTS = 5
SUSPECT_FROM = 2
"""A row that was claimed so often without an end is claimed alone, so that it takes no other with it."""

FIRST_PAUSE = timedelta(seconds=5)
HELD_UP_FOR = timedelta(minutes=1)

_ended: ContextVar[list[int] | None] = ContextVar("ended", default=None)


def due(stale_after: timedelta) -> Q:
    """Rows that a step may take: to do and not put off, or claimed so long ago that the claimer must be dead."""
    moment = now()
    waiting = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=moment))
    return waiting | Q(state=StepState.DOING, claimed_at__lt=moment - stale_after)


def due_ids(model: type[Claimable], stale_after: timedelta, limit: int, owner: str = "") -> list[int]:
    """The oldest rows that a step may take now; where rows have owners, the oldest of each come first.

    Args:
        model: which rows.
        stale_after: as :func:`due`.
        limit: so many at most.
        owner: the way from a row to its owner; of each owner the first row, then of each the second, and so on.
    """
    rows = model._default_manager.filter(due(stale_after)).order_by("pk")  # noqa: SLF001 - Django's public name
    if owner:
        turn = Window(RowNumber(), partition_by=F(owner), order_by="pk")
        rows = rows.annotate(turn=turn).order_by("turn", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def claim(model: type[Claimable], ids: Iterable[int], stale_after: timedelta) -> list[int]:
    """Claim those of the rows that are due; one whose claimers died again and again is given up.

    Returns:
        The ids that are now this caller's, ascending. Rows that another transaction holds are left to it.
    """
    manager = model._default_manager  # noqa: SLF001 - Django's public name
    with transaction.atomic():
        free = manager.select_for_update(skip_locked=True, no_key=True).filter(due(stale_after), pk__in=list(ids))
        attempts = dict(free.order_by("pk").values_list("pk", "attempts"))
        sentence = f"Whoever worked at it ended before the end, {MAX_ATTEMPTS} times."
        worn = [pk for pk, count in attempts.items() if count >= MAX_ATTEMPTS]
        manager.filter(pk__in=worn).update(state=StepState.FAILED, error=sentence)
        suspect = [pk for pk, count in attempts.items() if SUSPECT_FROM <= count < MAX_ATTEMPTS]
        taken = [pk for pk, count in attempts.items() if count < SUSPECT_FROM] or suspect[:1]
        manager.filter(pk__in=taken).update(
            state=StepState.DOING, claimed_at=now(), attempts=F("attempts") + 1, error=""
        )
    return taken


def finish(model: type[Claimable], ids: Iterable[int]) -> None:
    """Mark rows as done; to be called in the transaction that records their results."""
    rows = list(ids)
    model._default_manager.filter(pk__in=rows).update(state=StepState.DONE, not_before=None, error="")  # noqa: SLF001 - Django's public name
    if (ended := _ended.get()) is not None:
        ended += rows


@contextmanager
def counted() -> Iterator[list[int]]:
    """Collect the rows that are ended within the block."""
    ended: list[int] = []
    token = _ended.set(ended)
    try:
        yield ended
    finally:
        _ended.reset(token)


def wait(model: type[Claimable], pk: int, until: datetime, sentence: str = "") -> None:
    """Put a claimed row off for a reason that is no failure, told in a sentence: it counts as no attempt."""
    claimed = model._default_manager.filter(pk=pk, state=StepState.DOING)  # noqa: SLF001 - Django's public name
    claimed.update(state=StepState.TODO, not_before=until, attempts=0, error=sentence)


def hold_up(model: type[Claimable], ids: Iterable[int], sentence: str) -> None:
    """Put claimed rows off because of something that all of them need; none of them is given up for that.

    Args:
        model: which rows.
        ids: the rows; those that have ended meanwhile stay as they are.
        sentence: what is amiss, for the operator.
    """
    claimed = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING)  # noqa: SLF001 - Django's public name
    claimed.update(state=StepState.TODO, not_before=now() + HELD_UP_FOR, attempts=0, error=sentence)


def held_up(model: type[Claimable]) -> str:
    """What rows wait for that were held up; empty when there are none."""
    rows = model._default_manager.filter(state=StepState.TODO, attempts=0, not_before__isnull=False)  # noqa: SLF001 - Django's public name
    return rows.exclude(error="").order_by("-not_before").values_list("error", flat=True).first() or ""


def fail(model: type[Claimable], pk: int, sentence: str, *, retry: bool) -> None:
    """Record that a step didn't work: tried again with growing pauses, or given up.

    A row that another claimer has ended meanwhile stays as it is.

    Args:
        model: which rows.
        pk: the row.
        sentence: what happened, for the operator.
        retry: whether trying again can help.
    """
    claimed = model._default_manager.filter(pk=pk, state=StepState.DOING)  # noqa: SLF001 - Django's public name
    attempts = claimed.values_list("attempts", flat=True).first() or 0
    again = retry and attempts < MAX_ATTEMPTS
    claimed.update(
        state=StepState.TODO if again else StepState.FAILED,
        not_before=now() + FIRST_PAUSE * 4 ** max(attempts - 1, 0) if again else None,
        error=sentence,
    )


def try_again(model: type[Claimable], rows: QuerySet[Claimable]) -> list[int]:
    """Put rows that were given up to work again, as if they hadn't been tried; returns which, ascending.

    Rows that somebody else has put to work meanwhile stay as they are.
    """
    with transaction.atomic():
        given_up = rows.filter(state=StepState.FAILED).select_for_update(skip_locked=True, no_key=True, of=("self",))
        again = list(given_up.order_by("pk").values_list("pk", flat=True))
        fresh = {"not_before": None, "claimed_at": None, "attempts": 0, "error": "", "waits_since": now()}
        model._default_manager.filter(pk__in=again).update(state=StepState.TODO, **fresh)  # noqa: SLF001 - Django's public name
    return again


def give_back(
    model: type[Claimable], ids: Iterable[int], since: datetime, *, until: datetime | None = None, error: str = ""
) -> None:
    """Let go of those of the rows that were claimed since a moment, by a claimer that was interrupted.

    A row that another claimer took at the same time may be worked off twice, which every step tolerates.

    Args:
        model: which rows.
        ids: the rows.
        since: when the claimer began.
        until: when they may be claimed again; at once, if absent.
        error: what happened, for the operator.
    """
    rows = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING, claimed_at__gte=since)  # noqa: SLF001 - Django's public name
    rows.update(state=StepState.TODO, not_before=until, error=error)
