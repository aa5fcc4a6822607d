"""How much work waits, step by step, since when, and what was given up."""

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
from registry.log.audit_log import changed
from registry.models import UNFINISHED, Dismissal, StepState
from registry.notifications import news
from registry.services.services import Enqueue

COUNTED = """
SELECT %s, count(*) FILTER (WHERE state = 'todo'), count(*) FILTER (WHERE state = 'doing'), 0, min(since), count(*)
FROM ({rows}) AS open
"""
FAILED = "SELECT %s, 0, 0, count(*), NULL::timestamptz, 0 FROM ({rows}) AS failed"
HELD_UP = """
SELECT %s, error, max(not_before)
FROM ({rows}) AS open WHERE state = 'todo' AND held_since IS NOT NULL GROUP BY error
"""
MAX_FAILURES = 50  # reasons that are told, the most frequent ones
REASONS = """
(SELECT %s, error, dismissed, count(*), min(waits_since), min(pk) FROM ({rows}) AS failed
GROUP BY error, dismissed ORDER BY dismissed, count(*) DESC, error LIMIT {most})
"""
Asked = tuple[str, str, tuple[str, Sequence[Any]]]
"""A SELECT over rows, a name, and the SELECT of the rows with its values."""
MOST = 1_000
"""Rows that wait for a step which a page counts, the oldest ones: it is quick however many wait."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one step, or for one of its tasks."""

    step: str
    waiting: int  # rows to do, those too that are put off
    under_way: int  # rows that somebody has claimed
    failed: int  # rows that were given up and that somebody should look at
    oldest: datetime | None  # since when the one waits that could be taken first, if one could; not of mails
    more: bool = False  # whether more wait than were counted

    @property
    def in_all(self) -> str:
        """How many wait, with a plus behind it where that isn't all."""
        return f"{self.waiting:,}{'+' * self.more}"


def by_task(most: int | None = None) -> dict[str, Backlog]:
    """What waits for each task of each step, in the order of the tick; asks the database once.

    Of what waits at most so many are counted. What is under way and given up is counted with a step's own task.
    """
    tasks = [(step, task) for step in jobs.with_rows() for task in step.queues]
    found = {task: Backlog(task, 0, 0, 0, None) for _, task in tasks}
    asked: list[Asked] = [(COUNTED, task, _open(step, task)[:most].query.sql_with_params()) for step, task in tasks]
    asked += [(FAILED, step.name, _sql(_failed, step.name)) for step in jobs.with_rows()]
    for task, waiting, under_way, failed, oldest, rows in _over(asked):
        row = found[task]
        counts = (row.waiting + waiting, row.under_way + under_way, row.failed + failed)
        found[task] = Backlog(task, *counts, row.oldest or oldest, more=row.more or rows == most)
    return found


def _over(asked: Iterable[Asked]) -> list[tuple[Any, ...]]:
    """What each SELECT, whose first value is the name, finds in the rows of another; asks the database once."""
    selects, values = [], list[Any]()
    for select, name, (rows, given) in asked:
        selects.append(select.format(rows=rows, most=MAX_FAILURES))
        values += [name, *given]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), values)
        return list(cursor.fetchall())


@cache
def _sql(rows: Callable[[Job], QuerySet[Any, Any]], step: str, most: int | None = None) -> tuple[str, Sequence[Any]]:
    """The SELECT of rows of a step, made once a process: to make it takes longer than to answer it."""
    return rows(jobs.JOBS[step])[:most].query.sql_with_params()


def oldest_by_queue(found: Mapping[str, Backlog]) -> dict[str, datetime | None]:
    """Of each queue, since when the row waits that could be taken first, if one could; mails aren't counted."""
    oldest: dict[str, datetime | None] = dict.fromkeys(sorted(set(jobs.queues().values())))
    for task, waiting in found.items():
        since = [moment for moment in (oldest[jobs.queues()[task]], waiting.oldest) if moment is not None]
        oldest[jobs.queues()[task]] = min(since, default=None)
    return oldest


def settled(step: Job) -> Q:
    """What has failed and needs no operator."""
    conditions = [Q(**{lookup: value}) for lookup, value in step.settled.items()]
    return reduce(or_, conditions, Q(pk__in=[]))


def _open(step: Job, task: str) -> QuerySet[Any, Any]:
    due = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=now()))
    rows = _unfinished(step).filter(**step.only(task))
    if step.rows in news.WITH_NEWS:  # their time may have come long before there was something to tell
        rows, due = rows.filter(news.WITH_NEWS[step.rows](None)), Q(pk__lt=0)
    return rows.annotate(since=Case(When(due, then=Greatest("waits_since", "not_before")))).values_list(
        "state", "since"
    )


def _unfinished(step: Job) -> QuerySet[Claimable]:
    """Rows to do and under way, in the order of an index of theirs: the first are found among all that is done."""
    rows: QuerySet[Claimable] = step.rows._default_manager.filter(state__in=UNFINISHED)
    return rows.order_by("state", "pk")


def _failed(step: Job) -> QuerySet[Any, Any]:
    return _given_up(step).exclude(_dismissed(step.name)).order_by().values("pk")


def backlog() -> dict[str, dict[str, int]]:
    """Rows by step: ``waiting``, ``under_way`` and ``given_up``."""
    found = [row for name, row in by_task().items() if name in jobs.JOBS]
    return {row.step: {"waiting": row.waiting, "under_way": row.under_way, "given_up": row.failed} for row in found}


def held_up(most: int | None = None) -> dict[str, str]:
    """What keeps rows of a step from being done, by step, as far as so many rows tell; others are left out."""
    told = _over((HELD_UP, step.name, _sql(_held, step.name, most)) for step in jobs.with_rows())
    return {step: from_text(error) for step, error, _last in sorted(told, key=itemgetter(2))}


def _held(step: Job) -> QuerySet[Any, Any]:
    return _unfinished(step).values_list("state", "error", "not_before", "held_since")


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one step that were given up for the same reason."""

    step: str
    error: str  # the reason, for the operator
    dismissed: bool  # whether the operator leaves them as they are
    count: int
    since: datetime  # since when the oldest had waited
    example: int  # the primary key of one

    @property
    def key(self) -> str:
        """The reason as the rows' column has it: what names these rows to :func:`dismiss` and :func:`try_again`."""
        return to_text(self.error)


def failures() -> list[Failure]:
    """What was given up, by step and reason, the most frequent first; last what the operator leaves as it is.

    What needs nobody is left out.
    """
    told = [
        Failure(step, from_text(error), *row)
        for step, error, *row in _over((REASONS, job.name, _sql(_reasons, job.name)) for job in jobs.with_rows())
    ]
    return sorted(told, key=lambda one: (one.dismissed, -one.count, one.step, one.error))[:MAX_FAILURES]


def _reasons(step: Job) -> QuerySet[Any, Any]:
    rows = _given_up(step).annotate(dismissed=_dismissed(step.name)).order_by()
    return rows.values_list("error", "waits_since", "pk", "dismissed")


def _given_up(step: Job) -> QuerySet[Claimable]:
    rows: QuerySet[Claimable] = step.rows._default_manager.filter(state=StepState.FAILED)
    return rows.exclude(settled(step))


def _dismissed(step: str) -> Exists:
    return Exists(Dismissal.objects.filter(step=step, row=OuterRef("pk"), error=OuterRef("error")))


def _because(rows: QuerySet[Claimable], key: str | None) -> QuerySet[Claimable]:
    return rows if key is None else rows.annotate(key=Cast("error", TextField())).filter(key=key)


def dismiss(step: str, key: str | None = None, *, by: str) -> int:
    """Leave rows of a step as they are that were given up (for a reason, or all): nobody is told of them any more.

    One that is given up again for another reason is told again. Nothing of the rows themselves changes. Returns how
    many there are; raises ``WrongUseError`` when there is no such step.
    """
    with transaction.atomic():
        rows = _given_up(jobs.named(step)).exclude(_dismissed(step))
        rows = _because(rows, key)
        told = {"step": step, "by": by, "at": now()}
        made = [Dismissal(row=pk, error=why, **told) for pk, why in rows.values_list("pk", "error")]
        columns = ["error", "by", "at"]
        Dismissal.objects.bulk_create(made, update_conflicts=True, update_fields=columns, unique_fields=["step", "row"])
        if made:
            changed("given up and left", by=by, about={"step": step, "rows": len(made)})
    return len(made)


def try_again(enqueue: Enqueue, step: str, key: str | None = None) -> int:
    """Let rows of a step that were given up be tried again, from the first attempt on; those too that were left.

    Returns how many there are; raises
    ``WrongUseError`` when there is no such step.
    """
    declared = jobs.named(step)
    rows = _given_up(declared)
    with transaction.atomic():
        again = steps.try_again(declared.rows, _because(rows, key))
        Dismissal.objects.filter(step=step, row__in=again).delete()
    enqueue(declared.rows, again[: declared.batch])
    return len(again)
