"""Backlog of each step: pending and failed rows, and their age."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from operator import itemgetter, or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, TextField, When
from django.db.models.functions import Cast, Greatest

from exhibit.clock import now
from exhibit.sentences import from_text, to_text
from registry import jobs
from registry.db import steps
from registry.db.claimable import Claimable
from registry.jobs import Job
from registry.log.audit_log import log_change
from registry.models import UNFINISHED, Dismissal, StepState
from registry.notifications import due_rows
from registry.services.services import Enqueue

COUNT_QUERY = """
SELECT %s, count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'), 0, min(since), count(*)
FROM ({rows}) AS open
"""
FAILED_QUERY = "SELECT %s, 0, 0, count(*), NULL::timestamptz, 0 FROM ({rows}) AS failed"
HELD_UP_QUERY = """
SELECT %s, error, max(not_before)
FROM ({rows}) AS open WHERE state = 'queued' AND held_since IS NOT NULL GROUP BY error
"""
MAX_FAILURES = 50  # Maximum number of reasons reported, most frequent first.
REASONS_QUERY = """
(SELECT %s, error, dismissed, count(*), min(waits_since), min(pk) FROM ({rows}) AS failed
GROUP BY error, dismissed ORDER BY dismissed, count(*) DESC, error LIMIT {most})
"""
StepQuery = tuple[str, str, tuple[str, Sequence[Any]]]
"""SELECT template, name of the step, and the inner SELECT with its parameters."""
MAX_COUNTED_ROWS = 1_000
"""Maximum number of pending rows that a page counts for a step, oldest first. This limits the query time."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog of one step or of one of its tasks."""

    step: str
    waiting_rows: int  # Pending rows, including postponed ones.
    under_way: int  # Claimed rows.
    failed: int  # Failed rows that need attention.
    oldest: datetime | None  # Time since which the oldest processable row has been pending. None for emails.
    more: bool = False  # True if more rows are pending than were counted.

    @property
    def pending_label(self) -> str:
        """Number of pending rows, followed by a plus sign if there are more."""
        return f"{self.waiting_rows:,}{'+' * self.more}"


def count_by_task(max_rows: int | None = None) -> dict[str, Backlog]:
    """Return the backlog of each task, in the order of the tick, with a single query.

    At most ``max_rows`` pending rows of a task are counted. Claimed and failed rows count for the step's own task.
    """
    tasks = [(step, task) for step in jobs.list_periodic_jobs() for task in step.queues_by_task]
    backlogs = {task: Backlog(task, 0, 0, 0, None) for _, task in tasks}
    queries: list[StepQuery] = [
        (COUNT_QUERY, task, _list_open_rows(step, task)[:max_rows].query.sql_with_params()) for step, task in tasks
    ]
    queries += [
        (FAILED_QUERY, step.name, _build_sql(_list_failed_rows, step.name)) for step in jobs.list_periodic_jobs()
    ]
    for task, waiting_rows, under_way, failed, oldest, rows in _run_as_union(queries):
        row = backlogs[task]
        counts = (row.waiting_rows + waiting_rows, row.under_way + under_way, row.failed + failed)
        backlogs[task] = Backlog(task, *counts, row.oldest or oldest, more=row.more or rows == max_rows)
    return backlogs


def _run_as_union(queries: Iterable[StepQuery]) -> list[tuple[Any, ...]]:
    """Run several SELECTs as one UNION ALL query. The first column of each row is the name."""
    selects, values = [], list[Any]()
    for template, name, (rows, parameters) in queries:
        selects.append(template.format(rows=rows, most=MAX_FAILURES))
        values += [name, *parameters]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), values)
        return list(cursor.fetchall())


@cache
def _build_sql(
    build_rows: Callable[[Job], QuerySet[Any, Any]], step: str, max_rows: int | None = None
) -> tuple[str, Sequence[Any]]:
    """Return the SQL of a step's rows. It is cached because building it takes longer than running it."""
    return build_rows(jobs.JOBS[step])[:max_rows].query.sql_with_params()


def find_oldest_by_queue(backlogs: Mapping[str, Backlog]) -> dict[str, datetime | None]:
    """Return the time since which the oldest processable row of each queue has been pending; emails are excluded."""
    oldest: dict[str, datetime | None] = dict.fromkeys(sorted(set(jobs.list_queues_by_task().values())))
    for task, backlog in backlogs.items():
        times = [time for time in (oldest[jobs.list_queues_by_task()[task]], backlog.oldest) if time is not None]
        oldest[jobs.list_queues_by_task()[task]] = min(times, default=None)
    return oldest


def build_settled_filter(step: Job) -> Q:
    """Return a condition for failed rows that require no action by the operator."""
    conditions = [Q(**{lookup: value}) for lookup, value in step.settled.items()]
    return reduce(or_, conditions, Q(pk__in=[]))


def _list_open_rows(step: Job, task: str) -> QuerySet[Any, Any]:
    due = Q(state=StepState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now()))
    rows = _list_unfinished_rows(step).filter(**step.get_row_filter(task))
    if step.model in due_rows.NEWS_CONDITIONS:  # Such rows may have become due long before news of them arrived.
        rows, due = rows.filter(due_rows.NEWS_CONDITIONS[step.model](None)), Q(pk__lt=0)
    return rows.annotate(since=Case(When(due, then=Greatest("waits_since", "not_before")))).values_list(
        "state", "since"
    )


def _list_unfinished_rows(step: Job) -> QuerySet[Claimable]:
    """Return unfinished rows in index order, so that the first are found quickly among all finished ones."""
    rows: QuerySet[Claimable] = step.model._default_manager.filter(state__in=UNFINISHED)
    return rows.order_by("state", "pk")


def _list_failed_rows(step: Job) -> QuerySet[Any, Any]:
    return _list_unsettled_failures(step).exclude(_build_dismissal_condition(step.name)).order_by().values("pk")


def count_rows_by_step() -> dict[str, dict[str, int]]:
    """Return the number of rows by step: ``waiting``, ``under_way`` and ``given_up``."""
    rows = [row for name, row in count_by_task().items() if name in jobs.JOBS]
    return {row.step: {"waiting": row.waiting_rows, "under_way": row.under_way, "given_up": row.failed} for row in rows}


def find_held_up_reasons(max_rows: int | None = None) -> dict[str, str]:
    """Return the reason why rows are held up, by step, based on at most ``max_rows`` rows of each step."""
    rows = _run_as_union(
        (HELD_UP_QUERY, step.name, _build_sql(_list_postponed_rows, step.name, max_rows))
        for step in jobs.list_periodic_jobs()
    )
    return {step: from_text(error) for step, error, _last in sorted(rows, key=itemgetter(2))}


def _list_postponed_rows(step: Job) -> QuerySet[Any, Any]:
    return _list_unfinished_rows(step).values_list("state", "error", "not_before", "held_since")


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one step that failed for the same reason."""

    step: str
    error: str  # The reason, for the operator.
    dismissed: bool  # True if the operator has dismissed it.
    count: int
    since: datetime  # Time since which the oldest row has been pending.
    example: int  # Primary key of one row.

    @property
    def key(self) -> str:
        """The reason as stored in the column.

        It identifies the rows for :func:`dismiss_failures` and :func:`retry_failed`.
        """
        return to_text(self.error)


def list_failures() -> list[Failure]:
    """Return failures by step and reason, most frequent first and dismissed ones last.

    Failures that require no action by the operator are excluded.
    """
    all_failures = [
        Failure(step, from_text(error), *row)
        for step, error, *row in _run_as_union(
            (REASONS_QUERY, job.name, _build_sql(_list_failure_reasons, job.name)) for job in jobs.list_periodic_jobs()
        )
    ]
    return sorted(all_failures, key=lambda failure: (failure.dismissed, -failure.count, failure.step, failure.error))[
        :MAX_FAILURES
    ]


def _list_failure_reasons(step: Job) -> QuerySet[Any, Any]:
    rows = _list_unsettled_failures(step).annotate(dismissed=_build_dismissal_condition(step.name)).order_by()
    return rows.values_list("error", "waits_since", "pk", "dismissed")


def _list_unsettled_failures(step: Job) -> QuerySet[Claimable]:
    rows: QuerySet[Claimable] = step.model._default_manager.filter(state=StepState.FAILED)
    return rows.exclude(build_settled_filter(step))


def _build_dismissal_condition(step: str) -> Exists:
    return Exists(Dismissal.objects.filter(step=step, row=OuterRef("pk"), error=OuterRef("error")))


def _filter_by_reason(rows: QuerySet[Claimable], key: str | None) -> QuerySet[Claimable]:
    return rows if key is None else rows.annotate(key=Cast("error", TextField())).filter(key=key)


def dismiss_failures(step: str, key: str | None = None, *, by: str) -> int:
    """Dismiss failed rows of a step, for one reason or for all, so that they are no longer reported.

    A row that fails again for another reason is reported again. The rows themselves do not change.

    Returns:
        The number of dismissed rows.

    Raises:
        InvalidRequestError: There is no such step.
    """
    with transaction.atomic():
        rows = _list_unsettled_failures(jobs.get_job(step)).exclude(_build_dismissal_condition(step))
        rows = _filter_by_reason(rows, key)
        values = {"step": step, "by": by, "at": now()}
        dismissals = [Dismissal(row=pk, error=error, **values) for pk, error in rows.values_list("pk", "error")]
        columns = ["error", "by", "at"]
        Dismissal.objects.bulk_create(
            dismissals, update_conflicts=True, update_fields=columns, unique_fields=["step", "row"]
        )
        if dismissals:
            log_change("given up and left", by=by, details={"step": step, "rows": len(dismissals)})
    return len(dismissals)


def retry_failed(enqueue: Enqueue, step: str, key: str | None = None) -> int:
    """Retry failed rows of a step, including dismissed ones, with a fresh count of attempts.

    Returns:
        The number of rows.

    Raises:
        InvalidRequestError: There is no such step.
    """
    job = jobs.get_job(step)
    rows = _list_unsettled_failures(job)
    with transaction.atomic():
        retried_ids = steps.retry_failed(job.model, _filter_by_reason(rows, key))
        Dismissal.objects.filter(step=step, row__in=retried_ids).delete()
    enqueue(job.model, retried_ids[: job.batch])
    return len(retried_ids)
