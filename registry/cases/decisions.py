"""Actions of members on one or more cases: decide, undo, dispute, and write notes.

Each case is decided in its own transaction. If two members decide the same case, the second member gets an error that
states the first decision, so that no decision is overwritten unnoticed.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
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
from registry.cases.queue import MAX_CASES, CaseFilter, CaseState, filter_cases
from registry.cases.record_decision import Decider, notify_case_opened, record_decision
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import get_next_number, lock_and_reload, lock_row, update_row
from registry.keys import passkeys
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.members import samples
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence

DEMONSTRATION_ACTOR = "demonstration switch"  # used instead of a member's name; appears in every document
UNDO_PERIOD, NO_DELAY = timedelta(seconds=20), timedelta(0)
"""Delays before a confirmed case is sealed: the default, and no delay."""

_DECISION_NAMES = {
    Case.Decision.CONFIRMED: Sentence("not licensed"),
    Case.Decision.LICENSED: Sentence("licensed"),
    Case.Decision.DISMISSED: Sentence("dismissed"),
}


class DecisionChoice(StrEnum):
    """A decision that a member can make; ``UNDO`` reverses the same member's decision."""

    CONFIRM = CaseDecision.CONFIRMED.value
    DISMISS = CaseDecision.DISMISSED.value
    COPIES = "copies"
    LICENSE = CaseDecision.LICENSED.value
    REOPEN = CaseDecision.OPEN.value
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A decision as requested by a member."""

    choice: DecisionChoice
    by: str  # :data:`DEMONSTRATION_ACTOR` if no member has reviewed the case
    reason: str = ""
    licence: Licence | None = None  # for ``LICENSE``
    undo_period: timedelta = UNDO_PERIOD  # for ``CONFIRM``: delay before sealing, in which the decision can be undone
    passkey: PasskeyResponse | None = None  # for ``CONFIRM``, if the owner requires a passkey signature


@dataclass(frozen=True, slots=True)
class DecisionOutcome:
    """The result of a requested decision for one case.

    ``refusal`` is the error if the case was not decided as requested, or ``None`` if the request succeeded.
    """

    case: Case
    refusal: ConflictError | None

    @property
    def is_applied(self) -> bool:
        """True if the case was decided as requested."""
        return self.refusal is None


def decide_cases(
    services: Services, owner: Owner, numbers: Sequence[int], request: DecisionRequest
) -> list[DecisionOutcome]:
    """Decide several cases of an owner, each in its own transaction.

    A case with new sightings since its decision is reopened first. Other decided cases are left unchanged, and a member
    cannot undo another member's decision.

    Raises:
        NotFoundError: A case does not exist. No case is decided then.
        InvalidRequestError: There are more than :data:`MAX_CASES` cases, or the licence is missing.
    """
    if request.choice is DecisionChoice.LICENSE and request.licence is None:
        raise InvalidRequestError(
            Sentence("No licence is selected."), hint=Sentence("Choose the licence that permits the use.")
        )
    return [_decide_and_report(services, case, request) for case in _load_cases(owner, numbers)]


def request_bundle(case: Case) -> int:
    """Request a case's next bundle and its missing captures, and return the bundle's number.

    Call it in the transaction that confirms the case.

    Raises:
        ConflictError: All matches are based on fingerprints only. A bundle must contain the work's picture, because
            verifiers repeat the comparison.
    """
    samples.check_not_sample(case.owner)
    if not case.case_sightings.exclude(match__registered__bytes_state=BytesState.NEVER).exists():
        is_upload_pending = case.work.work_pictures.exclude(stated=None).exists()
        sentence = Sentence(
            "The picture of work %(work)s was never uploaded, but the evidence requires it.", work=case.work.number
        )
        mismatch = Sentence(
            "The picture of work %(work)s was compared, but does not match the pictures of this case.",
            work=case.work.number,
        )
        hint = Sentence("Register the picture file. The work keeps its number, and the picture is compared again.")
        raise ConflictError(sentence if is_upload_pending else mismatch, hint=hint if is_upload_pending else "")
    number = get_next_number(case.bundles)
    rows = case.case_sightings.filter(licence=None).select_related("sighting").order_by("pk")
    opening.create_first_captures((case, row.sighting) for row in rows)
    recaptures.request_visits_to_changed_places(case)
    case.captures.filter(state=StepState.QUEUED).update(not_before=None)  # no budget limit for members' requests
    case.bundles.create(number=number)
    return number


def confirm_case(
    services: Services,
    case: Case,
    *,
    by: str,
    reason: str,
    undo_period: timedelta = NO_DELAY,
    passkey: PasskeyResponse | None = None,
) -> None:
    """Confirm an open case and request a bundle, which is sealed after ``undo_period`` at the earliest.

    If the web archive is to save the case's pages, the pages are visited once more before sealing.

    Raises:
        ConflictError: The case is already decided and must be reopened first.
        InvalidRequestError: The owner requires a passkey signature, and ``passkey`` is missing or does not sign this
            decision.
    """
    with transaction.atomic():
        case = _lock_open_case(case)
        decider = Decider.DEMONSTRATION if by == DEMONSTRATION_ACTOR else Decider.PERSON
        if case.owner.sample:  # samples are never sealed
            record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, decider=decider)
            return
        bundle_number = request_bundle(case)
        signed_response = passkeys.consume_response(
            case.owner, PasskeyAction.CONFIRM, signed_decisions.build_statement(case, bundle_number), passkey
        )
        digest = None if signed_response is None else Digest.from_bytes(signed_response.to_json())
        entry = record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, decider=decider, assertion=digest)
        if passkey is not None and signed_response is not None:
            PasskeyQuestion.objects.filter(pk=passkey.question.pk).update(entry=entry)
        if web_archive.is_enabled_for(services, case):
            Capture.objects.filter(case=case, state=StepState.QUEUED).update(not_before=now() + undo_period)
            recaptures.request_visits(case, now() + undo_period)
        if undo_period:
            case.bundles.filter(number=bundle_number).update(not_before=now() + undo_period)
    services.enqueue(Capture, list(case.captures.filter(state="queued").values_list("pk", flat=True)), by_user=True)
    # Use the relation's model, because registry.cases must not import registry.bundles.
    services.enqueue(case.bundles.model, [case.bundles.get(number=bundle_number).pk])


def dismiss_case(case: Case, *, by: str, reason: str, copies: bool = False, group: GroupDecision | None = None) -> None:
    """Dismiss an open case: the pictures are not copies or, with ``copies``, are copies whose use is acceptable.

    Pictures that are not copies are stored as look-alikes, and the owner's other cases that contain only look-alikes
    are set aside. For a group decision this happens once, after all of its cases.

    Raises:
        ConflictError: The case is already decided and must be reopened first.
    """
    with transaction.atomic():
        case = _lock_open_case(case)
        record_decision(case, Case.Decision.DISMISSED, by=by, reason=reason, copies=copies, group=group)
        if not copies:
            queue_state.store_case_look_alikes(case, by)
    if not copies and group is None:
        queue_state.update_affected_cases(case)


def dismiss_group(services: Services, owner: Owner, case_filter: CaseFilter, *, by: str, reason: str) -> GroupDecision:
    """Queue the dismissal, as not copies, of all pending cases that match ``case_filter``.

    A background job dismisses them one by one.

    Raises:
        ConflictError: No case matches.
    """
    case_filter, requested_at = replace(case_filter, state=CaseState.NEEDS_DECISION), now()
    if not (total := filter_cases(owner, case_filter).filter(opened_at__lte=requested_at).count()):
        raise ConflictError(Sentence("No case that meets the filter criteria is waiting for a decision."))
    group_columns = {"wanted": asdict(case_filter), "total": total, "by": by, "reason": reason, "at": requested_at}
    group: GroupDecision = owner.group_decisions.create(**group_columns)
    services.enqueue(GroupDecision, [group.pk])
    return group


def undo_group(services: Services, group: GroupDecision, *, by: str) -> None:
    """Queue the reversal of a member's group decision. Cases that were decided again in the meantime are not changed.

    Raises:
        ConflictError: The decision has already been reversed, or was made by another member.
    """
    with lock_row(group) as row:
        if row.undone_at is not None or row.by != by:
            raise ConflictError(Sentence("This decision has already been undone, or was made by another member."))
        row.undone_at, row.looked_until, row.taught_until = now(), 0, 0
        if row.state not in UNFINISHED:  # an unfinished job notices the change itself
            update_row(row, **steps.build_reset_columns())
        row.save()
    services.enqueue(GroupDecision, [row.pk])


def decide_in_group(services: Services, group: GroupDecision, case: Case) -> None:
    """Dismiss one case of a group, or reopen it if the group decision was reversed. Other decisions are not changed."""
    if group.undone_at is None:
        with suppress(ConflictError):
            _decide(services, case, DecisionRequest(DecisionChoice.DISMISS, group.by, group.reason), group)
        return
    group_id = group.pk
    _reopen_if_allowed(
        case,
        lambda locked_case: locked_case.decided_in_id == group_id,
        by=group.by,
        phrases=[("undone", {})],
        group=group,
    )


def license_use(case: Case, licence: Licence, *, by: str, reason: str) -> None:
    """Decide an open case as licensed: the licence permits the use at every sighting."""
    with transaction.atomic():
        case = _lock_open_case(case)
        case.case_sightings.update(licence=licence)
        phrases: list[HistoryPhrase] = [("by-licence", {"number": licence.number})]
        record_decision(case, Case.Decision.LICENSED, by=by, reason=reason, phrases=phrases)


def reopen_decided_case(case: Case, *, by: str, reason: str) -> None:
    """Reopen a decided case. Its history and bundles are not changed.

    A licence assigned by a member is removed from the case, and look-alikes learned from the case are deleted.

    Raises:
        ConflictError: The case is open.
    """
    if not _reopen_if_allowed(case, lambda _case: True, by=by, reason=reason):
        raise ConflictError(Sentence("Case %(number)s is already open.", number=case.number))


def undo_decision(case: Case, *, by: str) -> None:
    """Reopen a case, as :func:`reopen_decided_case` does, if ``by`` made the decision.

    Raises:
        ConflictError: The case is open, or was decided by another member or by the ledger.
    """
    if not _reopen_if_allowed(case, lambda locked_case: locked_case.decided_by == by, by=by, phrases=[("undone", {})]):
        raise ConflictError(f"Case {case.number} is open, or was decided by another member.")


def dispute_decision(case: Case, *, by: str, reason: str) -> None:
    """Dispute a decision without changing it, until a member decides the case again or upholds the decision.

    Raises:
        ConflictError: The case is open.
        InvalidRequestError: The reason is empty.
    """
    reason = _require_text(reason, Sentence("Explain what is wrong with the decision."))
    with lock_row(case) as row:
        if row.decision == Case.Decision.OPEN:
            raise ConflictError(
                Sentence(
                    "Case %(number)s is open, so there is no decision to dispute. Decide the case instead.",
                    number=row.number,
                )
            )
        Case.objects.filter(pk=row.pk).update(disputed_at=now())
        history.record_event(row, "disputed", by, ("disputed", {}), text=reason)
        log_entries.log_action(row, "disputed", by=by)


def uphold_decision(case: Case, *, by: str, reason: str) -> None:
    """Uphold a disputed decision.

    Raises:
        ConflictError: The decision is not disputed.
        InvalidRequestError: The reason is empty.
    """
    reason = _require_text(reason, Sentence("Explain why the decision is upheld."))
    with lock_row(case) as row:
        if row.disputed_at is None:
            raise ConflictError(Sentence("The decision in case %(number)s is not disputed.", number=row.number))
        Case.objects.filter(pk=row.pk).update(disputed_at=None)
        history.record_event(row, "settled", by, ("settled", {}), text=reason)
        log_entries.log_action(row, "settled", by=by)


def add_note(case: Case, *, by: str, text: str) -> None:
    """Add a note to a case for the other members; raises ``InvalidRequestError`` if it is empty."""
    text = _require_text(text, Sentence("Enter the text of the note."))
    with transaction.atomic():
        history.record_event(case, "note", by, text=text)
        log_entries.log_action(case, "noted", by=by)


def return_to_queue(case: Case, *, by: str) -> None:
    """Return a set-aside case to the queue; leave cases that are not set aside unchanged.

    A case with only related pictures becomes a regular case, and subscribers to new cases are notified.
    """
    with transaction.atomic():
        case = lock_and_reload(case)
        was_related = case.is_related
        if queue_state.return_to_queue(case):
            if was_related:
                notify_case_opened(case)
            history.record_event(case, "taken-out", by, ("made-a-case" if was_related else "taken-out", {}))
            log_entries.log_action(case, "taken out", by=by)


def _load_cases(owner: Owner, numbers: Sequence[int]) -> list[Case]:
    distinct_numbers = list(dict.fromkeys(numbers))
    if len(distinct_numbers) > MAX_CASES:
        hint = Sentence("You can decide at most %(most)s cases at once.", most=MAX_CASES)
        raise InvalidRequestError(Sentence("%(count)s cases are selected.", count=len(distinct_numbers)), hint=hint)
    rows = {row.number: row for row in scoped.list_owner_cases(owner).filter(number__in=distinct_numbers)}
    missing = [number for number in distinct_numbers if number not in rows]
    if missing:
        raise NotFoundError(f"{owner.name} has no case {missing[0]}.")
    return [rows[number] for number in distinct_numbers]


def _decide_and_report(services: Services, case: Case, request: DecisionRequest) -> DecisionOutcome:
    refusal = None
    try:
        _decide(services, case, request)
    except ConflictError as error:
        refusal = error
    case.refresh_from_db()
    return DecisionOutcome(case, refusal)


def _decide(services: Services, case: Case, request: DecisionRequest, group: GroupDecision | None = None) -> None:
    choice, by, reason = request.choice, request.by, request.reason
    if choice not in (DecisionChoice.REOPEN, DecisionChoice.UNDO):
        _reopen_if_allowed(case, lambda locked_case: locked_case.is_pending, by=by, phrases=[("grown", {})])
    if choice is DecisionChoice.REOPEN:
        reopen_decided_case(case, by=by, reason=reason)
    elif choice is DecisionChoice.UNDO:
        undo_decision(case, by=by)
    elif choice is DecisionChoice.CONFIRM:
        confirm_case(services, case, by=by, reason=reason, undo_period=request.undo_period, passkey=request.passkey)
    elif choice is DecisionChoice.LICENSE and request.licence is not None:
        license_use(case, request.licence, by=by, reason=reason)
    else:
        dismiss_case(case, by=by, reason=reason, copies=choice is DecisionChoice.COPIES, group=group)


def _reopen_if_allowed(
    case: Case,
    is_allowed: Callable[[Case], bool],
    *,
    by: str,
    reason: str = "",
    phrases: Sequence[HistoryPhrase] = (),
    group: GroupDecision | None = None,
) -> bool:
    """Reopen a decided case if ``is_allowed`` returns True for the locked case; return True if it was reopened."""
    with transaction.atomic():
        case = lock_and_reload(case)
        if case.decision == Case.Decision.OPEN or not is_allowed(case):
            return False
        ledger.recheck_licences(case)
        record_decision(case, Case.Decision.OPEN, by=by, reason=reason, phrases=phrases, group=group)
        deleted_count = queue_state.delete_look_alikes(case)
    if deleted_count and group is None:
        queue_state.update_affected_cases(case)
    return True


def _require_text(text: str, hint: str) -> str:
    if not text.strip():
        raise InvalidRequestError(Sentence("The text is empty."), hint=hint)
    return text.strip()


def _lock_open_case(case: Case) -> Case:
    """Lock a case for this transaction and return it; raises ``ConflictError`` if it is decided."""
    case = lock_and_reload(case)
    if case.decision != Case.Decision.OPEN:
        decision_name = _DECISION_NAMES[Case.Decision(case.decision)]
        sentence = Sentence(
            "Case %(number)s has already been decided: %(decision)s.", number=case.number, decision=decision_name
        )
        raise ConflictError(
            sentence, hint=Sentence("If the decision is wrong, reopen the case first and give a reason.")
        )
    return case
