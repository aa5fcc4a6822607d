"""Actions of members on cases, one or many at once: decide, undo, dispute, and write notes to each other.

Each case is decided in its own transaction. If two members decide the same case, the second one gets an error with the
first one's decision, so no decision is overwritten unnoticed.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from exhibit.sentences import Sentence
from exhibit.types import CaseDecision
from registry.accounts.models import Owner
from registry.cases import (
    history,
    ledger,
    log_entries,
    opening,
    queue_state,
    recaptures,
    scoped,
    signed_decisions,
    web_archive,
)
from registry.cases.history import HistoryPhrase
from registry.cases.models import Capture, Case, GroupDecision
from registry.cases.queue import MAX_CASES, CaseFilter, State, filter_cases
from registry.cases.record_decision import Decider, notify_opened, record_decision
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import lock_and_reload, lock_row, next_number, write
from registry.keys import passkeys
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import Act, Answer
from registry.members import samples
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence

DEMONSTRATION = "demonstration switch"  # replaces a person's name; shown in every document
UNDO_FOR, NO_DELAY = timedelta(seconds=20), timedelta(0)
"""Delay before a confirmed case is sealed, by default and for callers that seal without a delay."""

_DECISION_NAMES = {
    Case.Decision.CONFIRMED: Sentence("not licensed"),
    Case.Decision.LICENSED: Sentence("licensed"),
    Case.Decision.CLEARED: Sentence("dismissed"),
}


class Choice(StrEnum):
    """A decision that a member can make; ``UNDO`` reverses the same member's decision."""

    CONFIRM = CaseDecision.CONFIRMED.value
    DISMISS = CaseDecision.CLEARED.value
    COPIES = "copies"
    LICENSE = CaseDecision.LICENSED.value
    REOPEN = CaseDecision.OPEN.value
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A decision as requested by a member."""

    choice: Choice
    by: str  # :data:`DEMONSTRATION` if no person has looked at the case
    reason: str = ""
    licence: Licence | None = None  # for ``LICENSE``
    undo_for: timedelta = UNDO_FOR  # for ``CONFIRM``: delay before sealing, so that a mistake can be undone
    passkey: Answer | None = None  # for ``CONFIRM``, if the owner requires a passkey signature


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a requested decision for one case.

    ``refusal`` explains why the case was left as somebody else decided it; ``None`` if the request succeeded.
    """

    case: Case
    refusal: ConflictError | None

    @property
    def done(self) -> bool:
        """True if the case was decided as requested."""
        return self.refusal is None


def decide_each(services: Services, owner: Owner, numbers: Sequence[int], request: DecisionRequest) -> list[Outcome]:
    """Decide an owner's cases, at most :data:`MAX_CASES`, independently of each other; decided cases stay as they are.

    A case that has gained sightings since its decision is reopened first. Decisions of other people are not undone.

    Raises:
        NotFoundError: A case does not exist. No case is decided then.
        WrongUseError: There are too many cases, or the licence is missing.
    """
    if request.choice is Choice.LICENSE and request.licence is None:
        raise WrongUseError(
            Sentence("No licence is selected."), hint=Sentence("Choose the licence that permits the use.")
        )
    return [_outcome(services, case, request) for case in _load_cases(owner, numbers)]


def request_bundle(case: Case) -> int:
    """Request a case's next bundle and its missing captures, and return the bundle's number.

    Call it in the transaction that confirms the case.

    Raises:
        ConflictError: No picture of the work has been compared. Verifiers of a bundle repeat the comparison, so they
            need the picture.
    """
    samples.check_not_sample(case.owner)
    if not case.case_sightings.exclude(match__registered__bytes_state=BytesState.NEVER).exists():
        waits = case.work.work_pictures.exclude(stated=None).exists()
        sentence = Sentence(
            "The picture of work %(work)s was never uploaded, but the evidence requires it.", work=case.work.number
        )
        mismatch = Sentence("The picture of work %(work)s was compared and was not found there.", work=case.work.number)
        hint = Sentence("Register the file itself. The work keeps its number and is compared again.")
        raise ConflictError(sentence if waits else mismatch, hint=hint if waits else "")
    number = next_number(case.bundles)
    rows = case.case_sightings.filter(licence=None).select_related("sighting").order_by("pk")
    opening.create_first_captures((case, row.sighting) for row in rows)
    recaptures.visit_changed_places(case)
    case.captures.filter(state=StepState.TODO).update(not_before=None)  # no budget delays captures requested by people
    case.bundles.create(number=number)
    return number


def confirm(
    services: Services,
    case: Case,
    *,
    by: str,
    reason: str,
    undo_for: timedelta = NO_DELAY,
    passkey: Answer | None = None,
) -> None:
    """Confirm an open case and request its first bundle, which is not sealed before ``undo_for`` has passed.

    If the owner has a web archive queried automatically, the case's places are visited once more before sealing.

    Raises:
        ConflictError: The case is already decided and has to be reopened first (also raised by :func:`dismiss` and
            :func:`license_use`).
        WrongUseError: The owner requires a passkey signature, and ``passkey`` is not an answer to that request.
    """
    with transaction.atomic():
        case = _lock_open_case(case)
        who = Decider.DEMONSTRATION if by == DEMONSTRATION else Decider.PERSON
        if case.owner.sample:  # samples are never sealed
            record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who)
            return
        bundle = request_bundle(case)
        signed = passkeys.consume_answer(case.owner, Act.CONFIRM, signed_decisions.subject_of(case, bundle), passkey)
        digest = None if signed is None else Digest.of(signed.to_json())
        entry = record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who, assertion=digest)
        if passkey is not None and signed is not None:
            PasskeyQuestion.objects.filter(pk=passkey.question.pk).update(entry=entry)
        if web_archive.is_enabled_for(services, case):
            Capture.objects.filter(case=case, state=StepState.TODO).update(not_before=now() + undo_for)
            recaptures.request_visits(case, now() + undo_for)
        if undo_for:
            case.bundles.filter(number=bundle).update(not_before=now() + undo_for)
    services.enqueue(Capture, list(case.captures.filter(state="todo").values_list("pk", flat=True)), by_user=True)
    # Bundles are above cases, so their model is named through the relation; see registry/bundles/jobs.py.
    services.enqueue(case.bundles.model, [case.bundles.get(number=bundle).pk])


def dismiss(case: Case, *, by: str, reason: str, copies: bool = False, group: GroupDecision | None = None) -> None:
    """Record that the found pictures are not copies or, with ``copies``, that they are copies and the use is fine.

    Pictures that are not copies are remembered as look-alikes: the owner's other cases that contain nothing else are
    set aside. For a group this happens once, after all of its cases.
    """
    with transaction.atomic():
        case = _lock_open_case(case)
        record_decision(case, Case.Decision.CLEARED, by=by, reason=reason, copies=copies, group=group)
        if not copies:
            queue_state.learn_look_alikes(case, by)
    if not copies and group is None:
        queue_state.update_affected_cases(case)


def dismiss_group(services: Services, owner: Owner, case_filter: CaseFilter, *, by: str, reason: str) -> GroupDecision:
    """Queue the clearing, as not copies, of all waiting cases that match ``case_filter``.

    A background step clears them one by one.

    Raises:
        ConflictError: No case matches.
    """
    case_filter, at = replace(case_filter, state=State.NEEDS_DECISION), now()
    if not (total := filter_cases(owner, case_filter).filter(opened_at__lte=at).count()):
        raise ConflictError(Sentence("There are no such cases waiting for a decision."))
    about = {"wanted": asdict(case_filter), "total": total, "by": by, "reason": reason, "at": at}
    group: GroupDecision = owner.group_decisions.create(**about)
    services.enqueue(GroupDecision, [group.pk])
    return group


def undo_group(services: Services, group: GroupDecision, *, by: str) -> None:
    """Queue the reversal of a person's group decision, except for cases that have been decided otherwise since.

    Raises:
        ConflictError: The decision has already been reversed, or was made by somebody else.
    """
    with lock_row(group) as row:
        if row.undone_at is not None or row.by != by:
            raise ConflictError(Sentence("This decision was already undone, or was made by another member."))
        row.undone_at, row.looked_until, row.taught_until = now(), 0, 0
        if row.state not in UNFINISHED:  # an unfinished step notices the change by itself
            write(row, **steps.reset_columns())
        row.save()
    services.enqueue(GroupDecision, [row.pk])


def decide_in_group(services: Services, group: GroupDecision, case: Case) -> None:
    """Clear one case of a group, or reopen it if the group decision was reversed; other people's decisions stay."""
    if group.undone_at is None:
        with suppress(ConflictError):
            _decide(services, case, DecisionRequest(Choice.DISMISS, group.by, group.reason), group)
        return
    pk = group.pk
    _reopen_if(case, lambda present: present.decided_in_id == pk, by=group.by, why=[("undone", {})], group=group)


def license_use(case: Case, licence: Licence, *, by: str, reason: str) -> None:
    """Record that a licence permits the use at every sighting of the case."""
    with transaction.atomic():
        case = _lock_open_case(case)
        case.case_sightings.update(licence=licence)
        why: list[HistoryPhrase] = [("by-licence", {"number": licence.number})]
        record_decision(case, Case.Decision.LICENSED, by=by, reason=reason, why=why)


def reopen(case: Case, *, by: str, reason: str) -> None:
    """Reopen a decided case; its history and bundles stay.

    A licence that a person assigned is removed from the case, and look-alikes learned from the case are forgotten.

    Raises:
        ConflictError: The case is open.
    """
    if not _reopen_if(case, lambda _case: True, by=by, reason=reason):
        raise ConflictError(Sentence("Case %(number)s is open.", number=case.number))


def undo(case: Case, *, by: str) -> None:
    """Undo this person's decision, as :func:`reopen` does.

    Raises:
        ConflictError: The case is open, or was decided by somebody else.
    """
    if not _reopen_if(case, lambda present: present.decided_by == by, by=by, why=[("undone", {})]):
        raise ConflictError(f"Case {case.number} is open, or was decided by somebody else.")


def dispute(case: Case, *, by: str, reason: str) -> None:
    """Dispute a decision without changing it; the case stays as it is until a member decides it again.

    Raises:
        ConflictError: The case is open.
        WrongUseError: The reason is empty.
    """
    reason = _require_text(reason, Sentence("Explain what is wrong with the decision."))
    with lock_row(case) as row:
        if row.decision == Case.Decision.OPEN:
            raise ConflictError(Sentence("Case %(number)s is open. Decide it instead.", number=row.number))
        Case.objects.filter(pk=row.pk).update(disputed_at=now())
        history.record(row, "disputed", by, ("disputed", {}), text=reason)
        log_entries.log_note(row, "disputed", by=by)


def uphold(case: Case, *, by: str, reason: str) -> None:
    """Confirm a disputed decision, with a reason; raises ``ConflictError`` or ``WrongUseError``."""
    reason = _require_text(reason, Sentence("Explain why the decision is upheld."))
    with lock_row(case) as row:
        if row.disputed_at is None:
            raise ConflictError(Sentence("The decision in case %(number)s is not disputed.", number=row.number))
        Case.objects.filter(pk=row.pk).update(disputed_at=None)
        history.record(row, "settled", by, ("settled", {}), text=reason)
        log_entries.log_note(row, "settled", by=by)


def add_note(case: Case, *, by: str, text: str) -> None:
    """Add a note to a case for the other members; raises ``WrongUseError`` if it is empty."""
    text = _require_text(text, Sentence("Enter the text of the note."))
    with transaction.atomic():
        history.record(case, "note", by, text=text)
        log_entries.log_note(case, "noted", by=by)


def return_to_queue(case: Case, *, by: str) -> None:
    """Return a set-aside case to the queue; cases that are not set aside are left unchanged.

    A case that only resembled its work becomes a regular case, and subscribers to new cases are notified.
    """
    with transaction.atomic():
        case = lock_and_reload(case)
        resembled = case.resembles
        if queue_state.return_to_queue(case):
            if resembled:
                notify_opened(case)
            history.record(case, "taken-out", by, ("made-a-case" if resembled else "taken-out", {}))
            log_entries.log_note(case, "taken out", by=by)


def _load_cases(owner: Owner, numbers: Sequence[int]) -> list[Case]:
    distinct_numbers = list(dict.fromkeys(numbers))
    if len(distinct_numbers) > MAX_CASES:
        hint = Sentence("You can decide at most %(most)s cases at once.", most=MAX_CASES)
        raise WrongUseError(Sentence("%(count)s cases are selected.", count=len(distinct_numbers)), hint=hint)
    rows = {row.number: row for row in scoped.cases(owner).filter(number__in=distinct_numbers)}
    missing = [number for number in distinct_numbers if number not in rows]
    if missing:
        raise NotFoundError(f"{owner.name} has no case {missing[0]}.")
    return [rows[number] for number in distinct_numbers]


def _outcome(services: Services, case: Case, request: DecisionRequest) -> Outcome:
    refusal = None
    try:
        _decide(services, case, request)
    except ConflictError as error:
        refusal = error
    case.refresh_from_db()
    return Outcome(case, refusal)


def _decide(services: Services, case: Case, request: DecisionRequest, group: GroupDecision | None = None) -> None:
    choice, by, reason = request.choice, request.by, request.reason
    if choice not in (Choice.REOPEN, Choice.UNDO):
        _reopen_if(case, lambda present: present.waits, by=by, why=[("grown", {})])
    if choice is Choice.REOPEN:
        reopen(case, by=by, reason=reason)
    elif choice is Choice.UNDO:
        undo(case, by=by)
    elif choice is Choice.CONFIRM:
        confirm(services, case, by=by, reason=reason, undo_for=request.undo_for, passkey=request.passkey)
    elif choice is Choice.LICENSE and request.licence is not None:
        license_use(case, request.licence, by=by, reason=reason)
    else:
        dismiss(case, by=by, reason=reason, copies=choice is Choice.COPIES, group=group)


def _reopen_if(
    case: Case,
    is_allowed: Callable[[Case], bool],
    *,
    by: str,
    reason: str = "",
    why: Sequence[HistoryPhrase] = (),
    group: GroupDecision | None = None,
) -> bool:
    """Reopen a decided case if ``is_allowed`` allows it, checked after the case is locked.

    Return True if it was reopened.
    """
    with transaction.atomic():
        case = lock_and_reload(case)
        if case.decision == Case.Decision.OPEN or not is_allowed(case):
            return False
        ledger.recheck_licences(case)
        record_decision(case, Case.Decision.OPEN, by=by, reason=reason, why=why, group=group)
        forgotten = queue_state.forget_look_alikes(case)
    if forgotten and group is None:
        queue_state.update_affected_cases(case)
    return True


def _require_text(text: str, hint: str) -> str:
    if not text.strip():
        raise WrongUseError(Sentence("The text is empty."), hint=hint)
    return text.strip()


def _lock_open_case(case: Case) -> Case:
    """Lock a case for this transaction and return it; raises ``ConflictError`` if it is decided."""
    case = lock_and_reload(case)
    if case.decision != Case.Decision.OPEN:
        decided = _DECISION_NAMES[Case.Decision(case.decision)]
        sentence = Sentence(
            "Case %(number)s has already been decided: %(decision)s.", number=case.number, decision=decided
        )
        raise ConflictError(
            sentence, hint=Sentence("If the decision is wrong, reopen the case first and give a reason.")
        )
    return case
