"""What members do with cases, one or many at once: decide, undo, dispute, and write notes to each other.

Each case is decided in a transaction of its own. Whoever comes second is told what the first one decided; nothing that
was decided is written over unseen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from registry.accounts import scoped
from registry.cases import history, triage
from registry.log import audit_log
from registry.models import Case, Licence, Owner
from workers.cases import decide as deciding
from workers.services.wiring import Services

UNDO_FOR = timedelta(seconds=20)
"""So long after a case is confirmed nothing is sealed."""

MAX_CASES = 200
"""Cases in one go."""


class Choice(StrEnum):
    """What a member may decide."""

    CONFIRM = "confirmed"
    CLEAR = "cleared"
    COPIES = "copies"
    LICENSE = "licensed"
    REOPEN = "open"


@dataclass(frozen=True, slots=True)
class Wish:
    """A decision as a member asks for it.

    Attributes:
        choice: what.
        by: who.
        reason: why; may be empty.
        licence: which permits it, for ``LICENSE``.
    """

    choice: Choice
    by: str
    reason: str = ""
    licence: Licence | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it for one case: done, or left as somebody else had decided it."""

    case: Case
    done: bool


def decide_each(services: Services, owner: Owner, numbers: Sequence[int], wish: Wish) -> list[Outcome]:
    """Decide cases of an owner, at most :data:`MOST`, each by itself; those that aren't open stay as they are.

    A case that gained something after its decision is opened again first.

    Raises:
        NotFoundError: the owner has no such case; then none is decided.
        WrongUseError: too many, or no licence is named.
    """
    if wish.choice is Choice.LICENSE and wish.licence is None:
        raise WrongUseError("No licence is named.", hint="Choose the licence that permits the use.")
    return [_outcome(case, lambda case: _decide(services, case, wish)) for case in _chosen(owner, numbers)]


def undo_each(owner: Owner, numbers: Sequence[int], *, by: str) -> list[Outcome]:
    """Take back what this member decided; what somebody else decided meanwhile stays. Raises as :func:`decide_each`."""
    return [_outcome(case, lambda case: deciding.undo(case, by=by)) for case in _chosen(owner, numbers)]


def dispute(case: Case, *, by: str, reason: str) -> None:
    """Say that a case was decided wrongly, without deciding anything; it stays as it is until somebody does.

    Raises:
        ConflictError: it is open.
        WrongUseError: no reason is given.
    """
    _check_words(reason, "Say what is wrong with the decision.")
    with transaction.atomic():
        row = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        if row.decision == Case.Decision.OPEN:
            raise ConflictError(f"Case {row.number} is open: decide it instead.")
        Case.objects.filter(pk=row.pk).update(disputed_at=now())
        history.record(row, "disputed", by, ("disputed", {}), words=reason)
        audit_log.noted(row, "disputed", by=by)


def settle(case: Case, *, by: str, reason: str) -> None:
    """Let a disputed decision stand, with a reason.

    Raises:
        ConflictError: it isn't disputed.
        WrongUseError: no reason is given.
    """
    _check_words(reason, "Say why the decision stands.")
    with transaction.atomic():
        row = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        if row.disputed_at is None:
            raise ConflictError(f"The decision of case {row.number} isn't disputed.")
        Case.objects.filter(pk=row.pk).update(disputed_at=None)
        history.record(row, "settled", by, ("settled", {}), words=reason)
        audit_log.noted(row, "settled", by=by)


def note(case: Case, *, by: str, words: str) -> None:
    """Write a note on a case, for the other members; raises ``WrongUseError`` when it is empty."""
    _check_words(words, "Write something.")
    with transaction.atomic():
        history.record(case, "note", by, words=words)
        audit_log.noted(case, "noted", by=by)


def take_out(case: Case, *, by: str) -> None:
    """Take a case out of the drawer of look-alikes: it waits for a person again. Any other stays."""
    with transaction.atomic():
        if triage.take_out(case):
            history.record(case, "taken-out", by, ("taken-out", {}))
            audit_log.noted(case, "taken out", by=by)


def _chosen(owner: Owner, numbers: Sequence[int]) -> list[Case]:
    wanted = list(dict.fromkeys(numbers))
    if len(wanted) > MAX_CASES:
        raise WrongUseError(f"These are {len(wanted)} cases.", hint=f"Decide at most {MAX_CASES} at once.")
    rows = {row.number: row for row in scoped.cases(owner).filter(number__in=wanted)}
    missing = [number for number in wanted if number not in rows]
    if missing:
        raise NotFoundError(f"{owner.name} has no case {missing[0]}.")
    return [rows[number] for number in wanted]


def _decide(services: Services, case: Case, wish: Wish) -> None:
    by, reason = wish.by, wish.reason
    if wish.choice is Choice.REOPEN:
        deciding.reopen(case, by=by, reason=reason)
        return
    deciding.reopen_grown(case, by=by)
    if wish.choice is Choice.CONFIRM:
        if not deciding.confirm(services, case, by=by, reason=reason, undo_for=UNDO_FOR):
            raise ConflictError(f"Case {case.number} is decided: not licensed.")
    elif wish.choice is Choice.LICENSE:
        assert wish.licence is not None
        deciding.license_use(case, wish.licence, by=by, reason=reason)
    else:
        deciding.clear(case, by=by, reason=reason, copies=wish.choice is Choice.COPIES)


def _outcome(case: Case, deed: Callable[[Case], None]) -> Outcome:
    try:
        deed(case)
        done = True
    except ConflictError:
        done = False
    case.refresh_from_db()
    return Outcome(case, done)


def _check_words(words: str, hint: str) -> None:
    if not words:
        raise WrongUseError("There are no words.", hint=hint)
