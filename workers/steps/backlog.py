"""How much work waits, step by step, since when, and what was given up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import CharField, Count, Exists, Max, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import mail_choices, steps
from registry.models import BytesState, Dismissal, MailChoice, StepState
from registry.models.steps import Claimable
from registry.trail import changed
from workers.batches import batch_of
from workers.steps.seal import OPENED_AGAIN
from workers.steps.tick import ROWS
from workers.words import gettext, gettext_noop

OPEN = [StepState.TODO, StepState.DOING, StepState.FAILED]
SETTLED = {
    "seal": Q(error=OPENED_AGAIN),
    "match": ~Q(bytes_state=BytesState.STORED),
    "notice": Q(begun_at__isnull=False),
}
"""What has failed and needs no operator: a case that was opened again, pictures whose bytes have expired since, mails
of which a member says whether they have left."""

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
    "mail": gettext_noop("mails to members"),
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
        oldest: since when the one waits that could have been taken first; ``None`` when none could be taken now, and
            for mails to members.
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
    order = {step: place for place, (step, *_) in enumerate(ROWS)}
    counted = [_counted(step, model) for step, model, _ in ROWS]
    rows = counted[0].union(*counted[1:], all=True)
    found = {row["step"]: Backlog(**row) for row in rows}
    return sorted((found.get(step, Backlog(step, 0, 0, 0, None)) for step in order), key=lambda one: order[one.step])


def _counted(step: str, model: type[Claimable]) -> QuerySet[Any, Any]:
    due = Q(state=StepState.TODO) & (Q(not_before=None) | Q(not_before__lte=now()))
    failed = Q(state=StepState.FAILED) & ~SETTLED.get(step, Q(pk=None)) & ~Q(_dismissed(step))
    rows = model._default_manager.filter(state__in=OPEN).order_by()  # noqa: SLF001 - Django's public name
    if model is MailChoice:  # each member has one, whose time may have come long before there was something to tell
        rows, due = rows.filter(Q(state=StepState.FAILED) | mail_choices.with_news()), Q(pk=None)
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
    """What keeps rows of a step from being done, by step; steps that nothing holds up are left out."""
    told = [_held_up(step, model) for step, model, _ in ROWS]
    return {row["step"]: row["error"] for row in told[0].union(*told[1:], all=True).order_by("last")}


def _held_up(step: str, model: type[Claimable]) -> QuerySet[Any, Any]:
    rows = model._default_manager.filter(state=StepState.TODO, held_since__isnull=False)  # noqa: SLF001 - Django's public name
    return rows.order_by().values("error", step=Value(step, CharField())).annotate(last=Max("not_before"))


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows of one step that were given up for the same reason.

    Attributes:
        step: its name.
        error: the reason, for the operator.
        count: how many.
        since: since when the oldest had waited.
        example: the primary key of one.
        dismissed: whether the operator leaves them as they are.
    """

    step: str
    error: str
    dismissed: bool
    count: int
    since: datetime
    example: int


MOST_FAILURES = 50
"""Reasons that are told, the most frequent ones."""


def failures() -> list[Failure]:
    """What was given up, by step and reason, the most frequent first; last what the operator leaves as it is.

    What needs nobody is left out.
    """
    told = [_reasons(step, model) for step, model, _ in ROWS]
    rows = told[0].union(*told[1:], all=True).order_by("dismissed", "-count", "step", "error")[:MOST_FAILURES]
    return [Failure(**row) for row in rows]


def _reasons(step: str, model: type[Claimable]) -> QuerySet[Any, Any]:
    rows = _given_up(step, model).order_by()
    named = rows.values("error", step=Value(step, CharField()), dismissed=_dismissed(step))
    return named.annotate(count=Count("pk"), since=Min("waits_since"), example=Min("pk"))


def _given_up(step: str, model: type[Claimable]) -> QuerySet[Claimable]:
    rows = model._default_manager.filter(state=StepState.FAILED)  # noqa: SLF001 - Django's public name
    return rows.exclude(SETTLED[step]) if step in SETTLED else rows


def _dismissed(step: str) -> Exists:
    return Exists(Dismissal.objects.filter(step=step, row=OuterRef("pk"), error=OuterRef("error")))


def dismiss(step: str, error: str | None = None, *, by: str) -> int:
    """Leave rows of a step as they are that were given up: nobody is told of them any more.

    One that is given up again for another reason is told again. Nothing of the rows themselves changes.

    Args:
        step: its name.
        error: only those that were given up for this reason; all, if absent.
        by: who leaves them so.

    Returns:
        How many there are.

    Raises:
        WrongUseError: there is no such step.
    """
    with transaction.atomic():
        rows = _given_up(step, _model_of(step)).exclude(_dismissed(step))
        rows = rows if error is None else rows.filter(error=error)
        told = {"step": step, "by": by, "at": now()}
        made = [Dismissal(row=pk, error=why, **told) for pk, why in rows.values_list("pk", "error")]
        Dismissal.objects.bulk_create(
            made, update_conflicts=True, update_fields=["error", "by", "at"], unique_fields=["step", "row"]
        )
        if made:
            changed("given up and left", by=by, about={"step": step, "rows": len(made)})
    return len(made)


def try_again(hint: Callable[[str, list[int]], None], step: str, error: str | None = None) -> int:
    """Let rows of a step that were given up be tried again, from the first attempt on; those too that were left.

    Args:
        hint: says that rows wait; the tick finds those that it isn't told of.
        step: its name.
        error: only those that were given up for this reason; all, if absent.

    Returns:
        How many there are.

    Raises:
        WrongUseError: there is no such step.
    """
    model = _model_of(step)
    rows = _given_up(step, model)
    with transaction.atomic():
        again = steps.try_again(model, rows if error is None else rows.filter(error=error))
        Dismissal.objects.filter(step=step, row__in=again).delete()
    hint(step, again[: batch_of(step)])
    return len(again)


def _model_of(step: str) -> type[Claimable]:
    for name, model, _ in ROWS:
        if name == step:
            return model
    known = ", ".join(name for name, *_ in ROWS)
    raise WrongUseError(f"There is no step {step!r}.", hint=f"There are {known}.")
