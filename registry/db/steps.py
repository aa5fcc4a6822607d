"""Claim rows for steps with one conditional UPDATE, safe for any number of workers and safe to repeat.

A row ends as done, or as failed after some attempts. A failure of the machine does not count as an attempt: the row is
held up and continues once the fault is fixed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import CharField, F, Q, QuerySet, Value, Window
from django.db.models.functions import Coalesce, Greatest, Least, RowNumber

from exhibit.clock import now
from exhibit.errors import ExhibitError
from exhibit.machine import has_ended, host_of_process, machine_fault, this_process
from exhibit.sentences import Sentence
from registry.db.claimable import Claimable, StepState
from registry.db.statements import Statement

Row = TypeVar("Row", bound=Claimable)
MAX_ATTEMPTS = 5
SUSPECT_FROM = 2
"""A row with this number of unfinished claims is claimed alone, so that it fails no other row."""

ALL: Mapping[str, object] = MappingProxyType({})
FIRST_PAUSE = timedelta(seconds=5)
MAX_HOLD = timedelta(minutes=5)
WORKER_DIED = Sentence("The worker process died while processing this task.")
STEP_BROKE_OFF = Sentence("The step was interrupted: %(what)s.")

_finished_ids: ContextVar[list[int] | None] = ContextVar("ended", default=None)


def due_condition(stale_after: timedelta, moment: datetime | None = None) -> Q:
    """Return a condition for claimable rows: due, or claimed so long ago that the claimer must be dead."""
    moment = moment or now()
    is_waiting = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=moment))
    return is_waiting | Q(state=StepState.DOING, claimed_at__lt=moment - stale_after)


def due_ids(
    model: type[Claimable],
    stale_after: timedelta,
    limit: int,
    owner: str = "",
    only: Mapping[str, object] = ALL,
    *,
    fresh_first: bool = False,
) -> list[int]:
    """Return primary keys of the oldest rows that a step may claim now.

    With ``owner``, the first row of each owner comes first, then the second of each, and so on.

    Args:
        model: Model of the rows.
        stale_after: Age at which a claim expires.
        limit: Maximum number of rows.
        owner: Field lookup that leads from a row to its owner.
        only: Further filter conditions.
        fresh_first: Place postponed rows behind the others, in the order in which they become due.
    """
    order = [F("not_before").asc(nulls_first=True), F("pk").asc()] if fresh_first else [F("pk").asc()]
    rows = model._default_manager.filter(due_condition(stale_after), **only).order_by(*order)
    if owner:
        turn = Window(RowNumber(), partition_by=F(owner), order_by=order)
        rows = rows.annotate(turn=turn).order_by("turn", *order)
    return list(rows.values_list("pk", flat=True)[:limit])


def claim(model: type[Claimable], ids: Iterable[int], stale_after: timedelta) -> list[int]:
    """Claim those of the rows that are due. A row whose claimers died too often is marked as failed.

    Rows that another transaction has locked are skipped. Returns the claimed primary keys, ascending.
    """
    manager = model._default_manager
    with transaction.atomic():
        free = manager.select_for_update(skip_locked=True, no_key=True).filter(
            due_condition(stale_after), pk__in=list(ids)
        )
        attempts = dict(free.order_by("pk").values_list("pk", "attempts"))
        exhausted = [pk for pk, count in attempts.items() if count >= MAX_ATTEMPTS]
        died = Sentence("The worker process died %(count)s times while processing this task.", count=MAX_ATTEMPTS)
        for row in manager.filter(pk__in=exhausted).only("error"):
            broke_off = isinstance(row.error, Sentence) and row.error.template == STEP_BROKE_OFF
            manager.filter(pk=row.pk).update(state=StepState.FAILED, error=row.error if broke_off else died)
        suspect = [pk for pk, count in attempts.items() if SUSPECT_FROM <= count < MAX_ATTEMPTS]
        claimed_ids = [pk for pk, count in attempts.items() if count < SUSPECT_FROM] or suspect[:1]
        manager.filter(pk__in=claimed_ids).update(
            state=StepState.DOING, claimed_at=now(), claimed_by=this_process(), attempts=F("attempts") + 1
        )
    return claimed_ids


def finish(model: type[Claimable], ids: Iterable[int]) -> None:
    """Mark rows as done; must be called in the transaction that records their results."""
    rows = list(ids)
    model._default_manager.filter(pk__in=rows).update(state=StepState.DONE, not_before=None, held_since=None, error="")
    if (finished := _finished_ids.get()) is not None:
        finished += rows


@contextmanager
def collect_finished() -> Iterator[list[int]]:
    """Collect the primary keys of rows that are finished within the block."""
    finished: list[int] = []
    token = _finished_ids.set(finished)
    try:
        yield finished
    finally:
        _finished_ids.reset(token)


def wait(model: type[Claimable], pk: int, until: datetime, sentence: str = "") -> None:
    """Postpone a claimed row for a reason that is not a failure. The attempts are reset."""
    claimed = model._default_manager.filter(pk=pk, state=StepState.DOING)
    claimed.update(state=StepState.TODO, not_before=until, held_since=None, attempts=0, error=sentence)


def own_claim(row: Row) -> QuerySet[Row]:
    """Return the claimed row as a queryset, empty if another process has taken over the claim."""
    return type(row)._default_manager.filter(pk=row.pk, state=StepState.DOING, claimed_at=row.claimed_at)


def postpone(row: Claimable, until: datetime | None, sentence: str = "") -> bool:
    """Postpone a row as :func:`wait` does; returns False if another process has taken over."""
    return bool(
        own_claim(row).update(state=StepState.TODO, not_before=until, held_since=None, attempts=0, error=sentence)
    )


def hold_up(model: type[Claimable], ids: Iterable[int], sentence: str, *, suspect: bool = False) -> None:
    """Postpone claimed rows because of a fault of the machine or of a shared resource.

    This does not count as an attempt. Rows are tried again after pauses that grow from five seconds to five minutes.
    With ``suspect``, one of the rows may overload the machine: all count as tried, so that each is claimed alone.
    """
    moment = now()
    attempts = Least(F("attempts"), SUSPECT_FROM) if suspect else Greatest(F("attempts") - 1, 0)
    claimed = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING)
    for pk, since in claimed.values_list("pk", "held_since"):
        until = moment + min(max(moment - (since or moment), FIRST_PAUSE), MAX_HOLD)
        pause_columns = {"not_before": until, "held_since": Coalesce("held_since", Value(moment))}
        claimed.filter(pk=pk).update(state=StepState.TODO, attempts=attempts, error=sentence, **pause_columns)


@contextmanager
def processing(model: type[Claimable], ids: Sequence[int], *, shared: bool = False) -> Iterator[None]:
    """Work on claimed rows: a fault of the machine holds them up, an error of Exhibit ends the attempt of each row.

    With ``shared``, an error of Exhibit holds them up as well: the cause is shared by all rows, such as an index or a
    network.
    """
    try:
        yield
    except (ExhibitError, OSError) as error:
        if fault := machine_fault(error) or (error.sentence if shared and isinstance(error, ExhibitError) else ""):
            hold_up(model, ids, fault)
        elif isinstance(error, ExhibitError):
            for pk in ids:
                fail(model, pk, error.sentence, retry=error.retry)
        else:
            raise


def release_after_error(model: type[Claimable], ids: Iterable[int], error: BaseException) -> None:
    """Release rows of this process after an error that the step does not expect, such as a lost connection."""
    own_rows = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING, claimed_by=this_process())
    if fault := machine_fault(error):
        hold_up(model, own_rows.values_list("pk", flat=True), fault, suspect=isinstance(error, MemoryError))
    elif isinstance(error, Exception):
        sentence = Sentence(STEP_BROKE_OFF, what=type(error).__name__)
        own_rows.update(state=StepState.TODO, not_before=now() + FIRST_PAUSE, held_since=None, error=sentence)
    else:  # the process is being stopped
        own_rows.update(state=StepState.TODO, not_before=None, attempts=Greatest(F("attempts") - 1, 0))


def release_ended(models: Sequence[type[Claimable]], silent_hosts: Callable[[], set[str]]) -> int:
    """Release rows whose claimers ended without releasing them: killed processes, and processes of lost hosts.

    The first time a row is released at once; each further time it waits longer. Returns the number of released rows.
    """
    claimers, freed = _claimers(tuple(models)).rows(), 0
    lost_hosts = silent_hosts() - {host_of_process(this_process())} if claimers else set()
    ended_claimers = {name for _, name in claimers if has_ended(name) or host_of_process(name) in lost_hosts}
    model_names = {model for model, name in claimers if name in ended_claimers}
    for model in [model for model in models if model.__name__ in model_names]:
        rows = _claimed(model).filter(claimed_by__in=ended_claimers)
        for attempts in set(rows.order_by().values_list("attempts", flat=True)):
            pause = FIRST_PAUSE * 4 ** min(attempts - 1, MAX_ATTEMPTS) if attempts > 1 else None
            until = None if pause is None else now() + pause
            same_attempts = rows.filter(attempts=attempts)
            freed += same_attempts.update(state=StepState.TODO, not_before=until, held_since=None, error=WORKER_DIED)
    return freed


@cache
def _claimers(models: tuple[type[Claimable], ...]) -> Statement:
    """Return the query for the claimers of rows, with the name of each row's model."""
    return Statement(
        _claimed(model).order_by().values_list(Value(model.__name__, CharField()), "claimed_by").distinct()
        for model in models
    )


def _claimed(model: type[Claimable]) -> QuerySet[Claimable]:
    return model._default_manager.filter(state=StepState.DOING).exclude(claimed_by="")


def fail(model: type[Claimable], pk: int, sentence: str, *, retry: bool) -> None:
    """Record that a step failed, with a sentence for the operator: try again after a growing pause, or give up.

    A row that another claimer has finished meanwhile is left unchanged.
    """
    claimed = model._default_manager.filter(pk=pk, state=StepState.DOING)
    attempts = claimed.values_list("attempts", flat=True).first() or 0
    is_retried = retry and attempts < MAX_ATTEMPTS
    state = StepState.TODO if is_retried else StepState.FAILED
    until = now() + FIRST_PAUSE * 4 ** max(attempts - 1, 0) if is_retried else None
    claimed.update(state=state, not_before=until, held_since=None, error=sentence)


def retry_failed(model: type[Claimable], rows: QuerySet[Claimable]) -> list[int]:
    """Queue failed rows again as if they had not been tried; returns their primary keys, ascending.

    Rows that have been queued again meanwhile are left unchanged.
    """
    with transaction.atomic():
        failed = rows.filter(state=StepState.FAILED).select_for_update(skip_locked=True, no_key=True, of=("self",))
        ids = list(failed.order_by("pk").values_list("pk", flat=True))
        model._default_manager.filter(pk__in=ids).update(**reset_columns(), claimed_at=None)
    return ids


def reset_columns() -> dict[str, Any]:
    """Return column values of a row that is queued as if it had not been tried."""
    columns = {"state": StepState.TODO, "not_before": None, "held_since": None, "waits_since": now()}
    return columns | {"attempts": 0, "error": ""}


def release(model: type[Claimable], ids: Iterable[int]) -> None:
    """Release rows that this process has claimed, so that another process can claim them."""
    rows = model._default_manager.filter(pk__in=list(ids), state=StepState.DOING, claimed_by=this_process())
    rows.update(state=StepState.TODO, not_before=None)
