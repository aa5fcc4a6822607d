"""The backlog of each step: waiting and failed rows, and their age."""

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
SELECT %s, count(*) FILTER (WHERE state = 'todo'), count(*) FILTER (WHERE state = 'doing'), 0, min(since), count(*)
FROM ({rows}) AS open
"""
FAILED = "SELECT %s, 0, 0, count(*), NULL::timestamptz, 0 FROM ({rows}) AS failed"
HELD_UP = """
SELECT %s, error, max(not_before)
FROM ({rows}) AS open WHERE state = 'todo' AND held_since IS NOT NULL GROUP BY error
"""
MAX_FAILURES = 50  # Maximum number of reasons reported, most frequent first.
REASONS = """
(SELECT %s, error, dismissed, count(*), min(waits_since), min(pk) FROM ({rows}) AS failed
GROUP BY error, dismissed ORDER BY dismissed, count(*) DESC, error LIMIT {most})
"""
StepQuery = tuple[str, str, tuple[str, Sequence[Any]]]
"""A SELECT template, a name, and the inner SELECT with its parameters."""
MOST = 1_000
"""Maximum number of waiting rows that a page counts for a step, oldest first. This bounds its time."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog of one step or of one of its tasks."""

    step: str
    waiting_rows: int  # Including postponed rows.
    under_way: int  # Claimed rows.
    failed: int  # Failed rows that need attention.
    oldest: datetime | None  # Since when the first row that can be processed now waits. None for emails.
    more: bool = False  # True if more rows wait than were counted.

    @property
    def in_all(self) -> str:
        """Number of waiting rows, followed by a plus sign if there are more."""
        return f"{self.waiting_rows:,}{'+' * self.more}"


def by_task(most: int | None = None) -> dict[str, Backlog]:
    """Return the backlog of each task, in the order of the tick, with a single query.

    At most ``most`` waiting rows are counted. Rows under way or failed count for a step's own task.
    """
    tasks = [(step, task) for step in jobs.periodic_jobs() for task in step.queues]
    backlogs = {task: Backlog(task, 0, 0, 0, None) for _, task in tasks}
    queries: list[StepQuery] = [
        (COUNT_QUERY, task, _open(step, task)[:most].query.sql_with_params()) for step, task in tasks
    ]
    queries += [(FAILED, step.name, _sql(_failed, step.name)) for step in jobs.periodic_jobs()]
    for task, waiting_rows, under_way, failed, oldest, rows in _over(queries):
        row = backlogs[task]
        counts = (row.waiting_rows + waiting_rows, row.under_way + under_way, row.failed + failed)
        backlogs[task] = Backlog(task, *counts, row.oldest or oldest, more=row.more or rows == most)
    return backlogs


def _over(queries: Iterable[StepQuery]) -> list[tuple[Any, ...]]:
    """Run several SELECTs over inner SELECTs as one query. The first column of each row is the name."""
    selects, values = [], list[Any]()
    for select, name, (rows, parameters) in queries:
        selects.append(select.format(rows=rows, most=MAX_FAILURES))
        values += [name, *parameters]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), values)
        return list(cursor.fetchall())


@cache
def _sql(rows: Callable[[Job], QuerySet[Any, Any]], step: str, most: int | None = None) -> tuple[str, Sequence[Any]]:
    """Return the SQL of a step's rows. It is cached because building it takes longer than running it."""
    return rows(jobs.JOBS[step])[:most].query.sql_with_params()


def oldest_by_queue(backlogs: Mapping[str, Backlog]) -> dict[str, datetime | None]:
    """Return since when the first row of each queue that could be processed now has waited, without emails."""
    oldest: dict[str, datetime | None] = dict.fromkeys(sorted(set(jobs.queues().values())))
    for task, backlog in backlogs.items():
        since = [moment for moment in (oldest[jobs.queues()[task]], backlog.oldest) if moment is not None]
        oldest[jobs.queues()[task]] = min(since, default=None)
    return oldest


def filter_settled(step: Job) -> Q:
    """Return a condition for failed rows that need no operator."""
    conditions = [Q(**{lookup: value}) for lookup, value in step.settled.items()]
    return reduce(or_, conditions, Q(pk__in=[]))


def _open(step: Job, task: str) -> QuerySet[Any, Any]:
    due = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=now()))
    rows = _unfinished(step).filter(**step.row_filter(task))
    if step.rows in due_rows.NEWS_CONDITIONS:  # They may have become due long before there was news.
        rows, due = rows.filter(due_rows.NEWS_CONDITIONS[step.rows](None)), Q(pk__lt=0)
    return rows.annotate(since=Case(When(due, then=Greatest("waits_since", "not_before")))).values_list(
        "state", "since"
    )


def _unfinished(step: Job) -> QuerySet[Claimable]:
    """Return unfinished rows in index order, so that the first are found quickly among all finished ones."""
    rows: QuerySet[Claimable] = step.rows._default_manager.filter(state__in=UNFINISHED)
    return rows.order_by("state", "pk")


def _failed(step: Job) -> QuerySet[Any, Any]:
    return _given_up(step).exclude(_dismissed(step.name)).order_by().values("pk")


def backlog() -> dict[str, dict[str, int]]:
    """Return the number of rows by step: ``waiting``, ``under_way`` and ``given_up``."""
    rows = [row for name, row in by_task().items() if name in jobs.JOBS]
    return {row.step: {"waiting": row.waiting_rows, "under_way": row.under_way, "given_up": row.failed} for row in rows}


def held_up(most: int | None = None) -> dict[str, str]:
    """Return the reason why rows of a step are held up, by step, based on at most ``most`` rows."""
    rows = _over((HELD_UP, step.name, _sql(_postponed_rows, step.name, most)) for step in jobs.periodic_jobs())
    return {step: from_text(error) for step, error, _last in sorted(rows, key=itemgetter(2))}


def _postponed_rows(step: Job) -> QuerySet[Any, Any]:
    return _unfinished(step).values_list("state", "error", "not_before", "held_since")


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one step that failed for the same reason."""

    step: str
    error: str  # The reason, for the operator.
    dismissed: bool  # True if the operator has dismissed it.
    count: int
    since: datetime  # Start of the oldest row's waiting time.
    example: int  # Primary key of one row.

    @property
    def key(self) -> str:
        """The reason as stored in the column.

        Which identifies the rows for :func:`dismiss` and :func:`retry_failed`.
        """
        return to_text(self.error)


def failures() -> list[Failure]:
    """Return failures by step and reason, most frequent first and dismissed ones last.

    Failures that need no operator are left out.
    """
    found_failures = [
        Failure(step, from_text(error), *row)
        for step, error, *row in _over((REASONS, job.name, _sql(_reasons, job.name)) for job in jobs.periodic_jobs())
    ]
    return sorted(found_failures, key=lambda failure: (failure.dismissed, -failure.count, failure.step, failure.error))[
        :MAX_FAILURES
    ]


def _reasons(step: Job) -> QuerySet[Any, Any]:
    rows = _given_up(step).annotate(dismissed=_dismissed(step.name)).order_by()
    return rows.values_list("error", "waits_since", "pk", "dismissed")


def _given_up(step: Job) -> QuerySet[Claimable]:
    rows: QuerySet[Claimable] = step.rows._default_manager.filter(state=StepState.FAILED)
    return rows.exclude(filter_settled(step))


def _dismissed(step: str) -> Exists:
    return Exists(Dismissal.objects.filter(step=step, row=OuterRef("pk"), error=OuterRef("error")))


def _because(rows: QuerySet[Claimable], key: str | None) -> QuerySet[Claimable]:
    return rows if key is None else rows.annotate(key=Cast("error", TextField())).filter(key=key)


def dismiss(step: str, key: str | None = None, *, by: str) -> int:
    """Dismiss failed rows of a step, for one reason or for all, so that they are no longer reported.

    A row that fails again for another reason is reported again. The rows themselves do not change.

    Returns:
        The number of dismissed rows.

    Raises:
        WrongUseError: There is no such step.
    """
    with transaction.atomic():
        rows = _given_up(jobs.get_job(step)).exclude(_dismissed(step))
        rows = _because(rows, key)
        values = {"step": step, "by": by, "at": now()}
        dismissals = [Dismissal(row=pk, error=why, **values) for pk, why in rows.values_list("pk", "error")]
        columns = ["error", "by", "at"]
        Dismissal.objects.bulk_create(
            dismissals, update_conflicts=True, update_fields=columns, unique_fields=["step", "row"]
        )
        if dismissals:
            log_change("given up and left", by=by, about={"step": step, "rows": len(dismissals)})
    return len(dismissals)


def try_again(enqueue: Enqueue, step: str, key: str | None = None) -> int:
    """Retry failed rows of a step, including dismissed ones, with a fresh count of attempts.

    Returns:
        The number of rows.

    Raises:
        WrongUseError: There is no such step.
    """
    job = jobs.get_job(step)
    rows = _given_up(job)
    with transaction.atomic():
        again = steps.retry_failed(job.rows, _because(rows, key))
        Dismissal.objects.filter(step=step, row__in=again).delete()
    enqueue(job.rows, again[: job.batch])
    return len(again)
