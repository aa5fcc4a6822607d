"""How much work waits, step by step, since when, and what was given up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Min, Q, QuerySet, Value
from django.db.models.functions import Greatest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import steps
from registry.models import BytesState, Picture, StepState, WorkPicture
from registry.models.steps import Claimable
from workers.steps.seal import OPENED_AGAIN
from workers.steps.tick import BATCHES
from workers.words import gettext, gettext_noop

OPEN = [StepState.TODO, StepState.DOING, StepState.FAILED]
SETTLED = {"seal": Q(error=OPENED_AGAIN), "match": ~Q(bytes_state=BytesState.STORED)}
"""What has failed and needs nobody: a case that was opened again, pictures whose bytes have expired since."""

WORDS = {
    "match": gettext_noop("pictures found, to be compared with the works"),
    "register": gettext_noop("files brought, to be registered"),
    "search": gettext_noop("new works, to be compared with what was seen before"),
    "capture": gettext_noop("visits for evidence"),
    "seal": gettext_noop("bundles to be sealed"),
    "witness": gettext_noop("receipts that witnesses owe"),
    "report": gettext_noop("reports"),
    "ledger": gettext_noop("changes of licences, to be applied"),
    "notice": gettext_noop("notices to be sent"),
    "deliver": gettext_noop("messages to webhooks"),
    "package": gettext_noop("bundles to be put together in one file"),
    "slice": gettext_noop("parts of crawls"),
    "inquire": gettext_noop("searches to be asked"),
    "refingerprint": gettext_noop("networks that come into use"),
    "plan": gettext_noop("planning of crawls"),
    "tick": gettext_noop("schedules"),
    "retain": gettext_noop("bytes that expire"),
    "votes": gettext_noop("local features of works"),
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one step.

    Attributes:
        step: its name.
        waiting: rows to do, those too that are put off.
        under_way: rows that somebody has claimed.
        failed: rows that were given up and that somebody should look at.
        oldest: since when the one waits that could have been taken first; ``None`` when none could be taken now.
    """

    step: str
    waiting: int
    under_way: int
    failed: int
    oldest: datetime | None


def step_in_words(step: str) -> str:
    """What waits for a step, in the reader's language."""
    return gettext(WORDS[step]) if step in WORDS else step


def backlogs() -> list[Backlog]:
    """Every step, in the order of the tick; asks the database once."""
    order = {step: place for place, (step, *_) in enumerate(BATCHES)}
    counted = [_counted(step, model) for step, model, _ in BATCHES]
    rows = counted[0].union(*counted[1:], all=True)
    found = {row["step"]: Backlog(**row) for row in rows}
    return sorted((found.get(step, Backlog(step, 0, 0, 0, None)) for step in order), key=lambda one: order[one.step])


def _counted(step: str, model: type[Claimable]) -> QuerySet[Any, Any]:
    due = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=now()))
    failed = Q(state=StepState.FAILED) & ~SETTLED.get(step, Q(pk=None))
    rows = model._default_manager.filter(state__in=OPEN).order_by()  # noqa: SLF001 - Django's public name
    return rows.values(step=Value(step, CharField())).annotate(
        waiting=Count("pk", filter=Q(state=StepState.TODO)),
        under_way=Count("pk", filter=Q(state=StepState.DOING)),
        failed=Count("pk", filter=failed),
        oldest=Min(Greatest("waits_since", "not_before"), filter=due),
    )


def backlog() -> dict[str, dict[str, int]]:
    """Rows by step: ``waiting``, ``under_way`` and ``given_up``."""
    return {
        one.step: {"waiting": one.waiting, "under_way": one.under_way, "given_up": one.failed} for one in backlogs()
    }


def held_up() -> dict[str, str]:
    """What all rows of a step wait for, by step; steps that nothing holds up are left out."""
    told = {"match": steps.held_up(Picture), "search": steps.held_up(WorkPicture)}
    return {step: sentence for step, sentence in told.items() if sentence}


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one step that were given up for the same reason.

    Attributes:
        step: its name.
        error: the reason, for the operator.
        count: how many.
        since: since when the oldest had waited.
        example: the primary key of one.
    """

    step: str
    error: str
    count: int
    since: datetime
    example: int


MOST_FAILURES = 50
"""Reasons that are told, the most frequent ones."""


def failures() -> list[Failure]:
    """What was given up, by step and reason, the most frequent first; what needs nobody is left out."""
    told = [_reasons(step, model) for step, model, _ in BATCHES]
    rows = told[0].union(*told[1:], all=True).order_by("-count", "step", "error")[:MOST_FAILURES]
    return [Failure(**row) for row in rows]


def _reasons(step: str, model: type[Claimable]) -> QuerySet[Any, Any]:
    rows = _given_up(step, model).order_by().values("error", step=Value(step, CharField()))
    return rows.annotate(count=Count("pk"), since=Min("waits_since"), example=Min("pk"))


def _given_up(step: str, model: type[Claimable]) -> QuerySet[Claimable]:
    rows = model._default_manager.filter(state=StepState.FAILED)  # noqa: SLF001 - Django's public name
    return rows.exclude(SETTLED[step]) if step in SETTLED else rows


def try_again(hint: Callable[[str, list[int]], None], step: str, error: str | None = None) -> int:
    """Let rows of a step that were given up be tried again, from the first attempt on.

    Args:
        hint: says that rows wait; the tick finds those that it isn't told of.
        step: its name.
        error: only those that were given up for this reason; all, if absent.

    Returns:
        How many there are.

    Raises:
        WrongUseError: there is no such step.
    """
    for name, model, size in BATCHES:
        if name == step:
            rows = _given_up(step, model)
            again = steps.try_again(model, rows if error is None else rows.filter(error=error))
            hint(step, again[:size])
            return len(again)
    known = ", ".join(name for name, *_ in BATCHES)
    raise WrongUseError(f"There is no step {step!r}.", hint=f"There are {known}.")
