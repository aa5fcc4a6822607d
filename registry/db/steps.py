"""Claims of rows for steps, with one conditional UPDATE; safe for any number of workers and safe to repeat.

A row ends as done, or as failed after several attempts. A fault of the machine does not count as an attempt: the row is
postponed and continues once the fault is fixed.
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
from exhibit.machine import describe_machine_fault, get_process_identifier, has_process_ended, parse_process_host
from exhibit.sentences import Sentence
from registry.db.claimable import Claimable, StepState
from registry.db.statements import Statement

Row = TypeVar("Row", bound=Claimable)
MAX_ATTEMPTS = 5
MIN_SUSPECT_ATTEMPTS = 2
"""A row with this number of unfinished claims is claimed alone, so that it cannot make other rows fail."""

NO_CONDITIONS: Mapping[str, object] = MappingProxyType({})
FIRST_PAUSE = timedelta(seconds=5)
MAX_HOLD = timedelta(minutes=5)
WORKER_DIED = Sentence("The worker process died while processing this task.")
STEP_INTERRUPTED = Sentence("The step was interrupted: %(what)s.")

_finished_ids: ContextVar[list[int] | None] = ContextVar("ended", default=None)


def build_due_condition(stale_after: timedelta, at: datetime | None = None) -> Q:
    """Return a condition for claimable rows: due, or claimed so long ago that the claimer must have died."""
    at = at or now()
    is_waiting = Q(state=StepState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=at))
    return is_waiting | Q(state=StepState.RUNNING, claimed_at__lt=at - stale_after)


def list_due_ids(
    model: type[Claimable],
    stale_after: timedelta,
    limit: int,
    owner: str = "",
    conditions: Mapping[str, object] = NO_CONDITIONS,
    *,
    fresh_first: bool = False,
) -> list[int]:
    """Return the primary keys of the oldest rows that a step may claim now.

    With ``owner``, the first row of each owner comes first, then the second of each, and so on.

    Args:
        model: Model of the rows.
        stale_after: Age at which a claim expires.
        limit: Maximum number of rows.
        owner: Field lookup from a row to its owner.
        conditions: Further filter conditions.
        fresh_first: Return postponed rows last, in the order in which they become due.
    """
    order = [F("not_before").asc(nulls_first=True), F("pk").asc()] if fresh_first else [F("pk").asc()]
    rows = model._default_manager.filter(build_due_condition(stale_after), **conditions).order_by(*order)
    if owner:
        turn = Window(RowNumber(), partition_by=F(owner), order_by=order)
        rows = rows.annotate(turn=turn).order_by("turn", *order)
    return list(rows.values_list("pk", flat=True)[:limit])


def claim(model: type[Claimable], ids: Iterable[int], stale_after: timedelta) -> list[int]:
    """Claim the given rows that are due. A row whose claimers died too often is marked as failed.

    Rows that another transaction has locked are skipped. Returns the claimed primary keys, ascending.
    """
    manager = model._default_manager
    with transaction.atomic():
        free_rows = manager.select_for_update(skip_locked=True, no_key=True).filter(
            build_due_condition(stale_after), pk__in=list(ids)
        )
        attempts = dict(free_rows.order_by("pk").values_list("pk", "attempts"))
        exhausted_ids = [pk for pk, count in attempts.items() if count >= MAX_ATTEMPTS]
        died_message = Sentence(
            "The worker process died %(count)s times while processing this task.", count=MAX_ATTEMPTS
        )
        for row in manager.filter(pk__in=exhausted_ids).only("error"):
            was_interrupted = isinstance(row.error, Sentence) and row.error.template == STEP_INTERRUPTED
            manager.filter(pk=row.pk).update(
                state=StepState.FAILED, error=row.error if was_interrupted else died_message
            )
        suspect_ids = [pk for pk, count in attempts.items() if MIN_SUSPECT_ATTEMPTS <= count < MAX_ATTEMPTS]
        claimed_ids = [pk for pk, count in attempts.items() if count < MIN_SUSPECT_ATTEMPTS] or suspect_ids[:1]
        manager.filter(pk__in=claimed_ids).update(
            state=StepState.RUNNING, claimed_at=now(), claimed_by=get_process_identifier(), attempts=F("attempts") + 1
        )
    return claimed_ids


def finish(model: type[Claimable], ids: Iterable[int]) -> None:
    """Mark rows as done; must be called in the transaction that records their results."""
    rows = list(ids)
    model._default_manager.filter(pk__in=rows).update(state=StepState.DONE, not_before=None, held_since=None, error="")
    if (collected_ids := _finished_ids.get()) is not None:
        collected_ids += rows


@contextmanager
def collect_finished() -> Iterator[list[int]]:
    """Collect the primary keys of rows that are finished within the block."""
    collected_ids: list[int] = []
    token = _finished_ids.set(collected_ids)
    try:
        yield collected_ids
    finally:
        _finished_ids.reset(token)


def postpone_by_id(model: type[Claimable], pk: int, until: datetime, sentence: str = "") -> None:
    """Postpone a claimed row for a reason that is not a failure, and reset its attempts."""
    claimed_rows = model._default_manager.filter(pk=pk, state=StepState.RUNNING)
    claimed_rows.update(state=StepState.QUEUED, not_before=until, held_since=None, attempts=0, error=sentence)


def filter_own_claim(row: Row) -> QuerySet[Row]:
    """Return the claimed row as a queryset, which is empty if another process has taken over the claim."""
    return type(row)._default_manager.filter(pk=row.pk, state=StepState.RUNNING, claimed_at=row.claimed_at)


def postpone(row: Claimable, until: datetime | None, sentence: str = "") -> bool:
    """Postpone a row like :func:`postpone_by_id`; return False if another process has taken over."""
    return bool(
        filter_own_claim(row).update(
            state=StepState.QUEUED, not_before=until, held_since=None, attempts=0, error=sentence
        )
    )


def hold_up(model: type[Claimable], ids: Iterable[int], sentence: str, *, is_suspect: bool = False) -> None:
    """Postpone claimed rows because of a fault of the machine or of a shared resource.

    This does not count as an attempt. Rows are retried after pauses that grow from five seconds to five minutes. With
    ``is_suspect``, one of the rows may overload the machine: an attempt is counted for all of them, so that each is
    claimed alone.
    """
    current_time = now()
    attempts = Least(F("attempts"), MIN_SUSPECT_ATTEMPTS) if is_suspect else Greatest(F("attempts") - 1, 0)
    claimed_rows = model._default_manager.filter(pk__in=list(ids), state=StepState.RUNNING)
    for pk, since in claimed_rows.values_list("pk", "held_since"):
        until = current_time + min(max(current_time - (since or current_time), FIRST_PAUSE), MAX_HOLD)
        pause_columns = {"not_before": until, "held_since": Coalesce("held_since", Value(current_time))}
        claimed_rows.filter(pk=pk).update(state=StepState.QUEUED, attempts=attempts, error=sentence, **pause_columns)


@contextmanager
def guard_processing(model: type[Claimable], ids: Sequence[int], *, is_shared: bool = False) -> Iterator[None]:
    """Handle errors while processing claimed rows.

    A fault of the machine postpones the rows; an error of Exhibit ends the attempt of each row.

    With ``is_shared``, an error of Exhibit postpones them as well, because its cause is shared by all rows, such as an
    index or a model.
    """
    try:
        yield
    except (ExhibitError, OSError) as error:
        if fault := describe_machine_fault(error) or (
            error.sentence if is_shared and isinstance(error, ExhibitError) else ""
        ):
            hold_up(model, ids, fault)
        elif isinstance(error, ExhibitError):
            for pk in ids:
                record_failure(model, pk, error.sentence, retry=error.retry)
        else:
            raise


def release_after_error(model: type[Claimable], ids: Iterable[int], error: BaseException) -> None:
    """Release rows of this process after an error that the step does not expect, such as a lost connection."""
    own_rows = model._default_manager.filter(
        pk__in=list(ids), state=StepState.RUNNING, claimed_by=get_process_identifier()
    )
    if fault := describe_machine_fault(error):
        hold_up(model, own_rows.values_list("pk", flat=True), fault, is_suspect=isinstance(error, MemoryError))
    elif isinstance(error, Exception):
        sentence = Sentence(STEP_INTERRUPTED, what=type(error).__name__)
        own_rows.update(state=StepState.QUEUED, not_before=now() + FIRST_PAUSE, held_since=None, error=sentence)
    else:  # this process is being stopped
        own_rows.update(state=StepState.QUEUED, not_before=None, attempts=Greatest(F("attempts") - 1, 0))


def release_ended(models: Sequence[type[Claimable]], silent_hosts: Callable[[], set[str]]) -> int:
    """Release rows whose claimers ended without releasing them: killed processes and processes on lost hosts.

    A row is released immediately the first time, and after a growing pause each further time. Returns the number of
    released rows.
    """
    claimers, released_count = _build_claimers_query(tuple(models)).fetch_rows(), 0
    lost_hosts = silent_hosts() - {parse_process_host(get_process_identifier())} if claimers else set()
    ended_claimers = {name for _, name in claimers if has_process_ended(name) or parse_process_host(name) in lost_hosts}
    model_names = {model for model, name in claimers if name in ended_claimers}
    for model in [model for model in models if model.__name__ in model_names]:
        rows = _filter_claimed(model).filter(claimed_by__in=ended_claimers)
        for attempts in set(rows.order_by().values_list("attempts", flat=True)):
            pause = FIRST_PAUSE * 4 ** min(attempts - 1, MAX_ATTEMPTS) if attempts > 1 else None
            until = None if pause is None else now() + pause
            rows_with_attempts = rows.filter(attempts=attempts)
            released_count += rows_with_attempts.update(
                state=StepState.QUEUED, not_before=until, held_since=None, error=WORKER_DIED
            )
    return released_count


@cache
def _build_claimers_query(models: tuple[type[Claimable], ...]) -> Statement:
    """Return the query for the claimers of rows, with the name of each row's model."""
    return Statement(
        _filter_claimed(model).order_by().values_list(Value(model.__name__, CharField()), "claimed_by").distinct()
        for model in models
    )


def _filter_claimed(model: type[Claimable]) -> QuerySet[Claimable]:
    return model._default_manager.filter(state=StepState.RUNNING).exclude(claimed_by="")


def record_failure(model: type[Claimable], pk: int, sentence: str, *, retry: bool) -> None:
    """Record that a step failed, with a sentence for the operator.

    The row is retried after a growing pause, or marked as failed.

    A row that another claimer has finished in the meantime is not changed.
    """
    claimed_rows = model._default_manager.filter(pk=pk, state=StepState.RUNNING)
    attempts = claimed_rows.values_list("attempts", flat=True).first() or 0
    is_retried = retry and attempts < MAX_ATTEMPTS
    state = StepState.QUEUED if is_retried else StepState.FAILED
    until = now() + FIRST_PAUSE * 4 ** max(attempts - 1, 0) if is_retried else None
    claimed_rows.update(state=state, not_before=until, held_since=None, error=sentence)


def retry_failed(model: type[Claimable], rows: QuerySet[Claimable]) -> list[int]:
    """Queue failed rows again with their attempts reset; return their primary keys, ascending.

    Rows that have been queued again in the meantime are not changed.
    """
    with transaction.atomic():
        failed_rows = rows.filter(state=StepState.FAILED).select_for_update(skip_locked=True, no_key=True, of=("self",))
        ids = list(failed_rows.order_by("pk").values_list("pk", flat=True))
        model._default_manager.filter(pk__in=ids).update(**build_reset_columns(), claimed_at=None)
    return ids


def build_reset_columns() -> dict[str, Any]:
    """Return the column values that queue a row with its attempts reset."""
    columns = {"state": StepState.QUEUED, "not_before": None, "held_since": None, "waits_since": now()}
    return columns | {"attempts": 0, "error": ""}


def release(model: type[Claimable], ids: Iterable[int]) -> None:
    """Release rows that this process has claimed, so that another process can claim them."""
    rows = model._default_manager.filter(pk__in=list(ids), state=StepState.RUNNING, claimed_by=get_process_identifier())
    rows.update(state=StepState.QUEUED, not_before=None)
