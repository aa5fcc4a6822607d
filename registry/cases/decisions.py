"""What members do with cases, one or many at once: decide, undo, dispute, and write notes to each other.

Each case is decided in a transaction of its own. Whoever comes second is told what the first one decided; nothing that
was decided is written over unseen.
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
    recaptures,
    scoped,
    signed_decisions,
    triage,
    web_archive,
)
from registry.cases.history import Said
from registry.cases.models import Capture, Case, GroupDecision
from registry.cases.queue import MAX_CASES, State, Wanted, chosen
from registry.cases.record_decision import Decider, announce, record_decision
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import alone_with, locked, next_number, write
from registry.keys import passkeys
from registry.keys.models import PasskeyQuestion
from registry.keys.passkeys import Act, Answer
from registry.members import samples
from registry.pictures.models import BytesState
from registry.services.services import Services
from registry.works.models import Licence

DEMONSTRATION = "demonstration switch"  # stands where a person's name would stand; shown in every document
UNDO_FOR, AT_ONCE = timedelta(seconds=20), timedelta(0)
"""So long after a case is confirmed nothing is sealed; nothing is waited for."""

_DECIDED = {
    Case.Decision.CONFIRMED: Sentence("not licensed"),
    Case.Decision.LICENSED: Sentence("licensed"),
    Case.Decision.CLEARED: Sentence("cleared"),
}


class Choice(StrEnum):
    """What a member may decide; ``UNDO`` takes back what the same member decided."""

    CONFIRM = CaseDecision.CONFIRMED.value
    CLEAR = CaseDecision.CLEARED.value
    COPIES = "copies"
    LICENSE = CaseDecision.LICENSED.value
    REOPEN = CaseDecision.OPEN.value
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Wish:
    """A decision as a member asks for it."""

    choice: Choice
    by: str  # :data:`DEMONSTRATION` where nobody looked
    reason: str = ""
    licence: Licence | None = None  # for ``LICENSE``
    undo_for: timedelta = UNDO_FOR  # for ``CONFIRM``: so long nothing is sealed, for a hand that slipped
    passkey: Answer | None = None  # for ``CONFIRM``, where the owner has that signed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it for one case: done, or left as somebody else had decided it, with the sentence that says so."""

    case: Case
    refusal: ConflictError | None

    @property
    def done(self) -> bool:
        """Whether it was decided as wished."""
        return self.refusal is None


def decide_each(services: Services, owner: Owner, numbers: Sequence[int], wish: Wish) -> list[Outcome]:
    """Decide cases of an owner, at most :data:`MAX_CASES`, each by itself; those that aren't open stay as they are.

    A case that gained something after its decision is opened again first. What somebody else decided isn't undone.
    Raises ``NotFoundError`` before any is decided, and ``WrongUseError`` for too many, or when no licence is named.
    """
    if wish.choice is Choice.LICENSE and wish.licence is None:
        raise WrongUseError(Sentence("No licence is named."), hint=Sentence("Choose the licence that permits the use."))
    return [_outcome(services, case, wish) for case in _chosen(owner, numbers)]


def request_bundle(case: Case) -> int:
    """Ask for a case's next bundle and the captures it lacks, in the transaction that confirms the case; its number.

    Raises ``ConflictError`` where no picture of the work has been compared: whoever checks a bundle compares it again.
    """
    samples.refuse(case.owner)
    if not case.case_sightings.exclude(match__registered__bytes_state=BytesState.NEVER).exists():
        waits = case.work.work_pictures.exclude(stated=None).exists()
        sentence = Sentence(
            "The picture of work %(work)s was never here, and evidence needs it.", work=case.work.number
        )
        found = Sentence("The picture of work %(work)s was compared, and isn't found there.", work=case.work.number)
        hint = Sentence("Register the file itself: the work keeps its number, and is compared again.")
        raise ConflictError(sentence if waits else found, hint=hint if waits else "")
    number = next_number(case.bundles)
    rows = case.case_sightings.filter(licence=None).select_related("sighting").order_by("pk")
    opening.first_captures((case, row.sighting) for row in rows)
    recaptures.catch_up(case)
    case.captures.filter(state=StepState.TODO).update(not_before=None)  # no budget holds back what a person asks for
    case.bundles.create(number=number)
    return number


def confirm(
    services: Services,
    case: Case,
    *,
    by: str,
    reason: str,
    undo_for: timedelta = AT_ONCE,
    passkey: Answer | None = None,
) -> None:
    """Confirm an open case and ask for its first bundle, which isn't sealed for a while.

    Where the owner has a web archive asked, its places are visited once more before that.
    Raises ``WrongUseError`` when the owner has it signed with a passkey, and this answer isn't one to that.
    This, :func:`clear` and :func:`license_use` raise ``ConflictError`` for a decided case: it has to be reopened first.
    """
    with transaction.atomic():
        case = _open(case)
        who = Decider.DEMONSTRATION if by == DEMONSTRATION else Decider.PERSON
        if case.owner.sample:  # there is nothing to seal
            record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who)
            return
        bundle = request_bundle(case)
        signed = passkeys.take(case.owner, Act.CONFIRM, signed_decisions.subject_of(case, bundle), passkey)
        digest = None if signed is None else Digest.of(signed.to_json())
        entry = record_decision(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who, assertion=digest)
        if passkey is not None and signed is not None:
            PasskeyQuestion.objects.filter(pk=passkey.question.pk).update(entry=entry)
        if web_archive.wanted(services, case):
            Capture.objects.filter(case=case, state=StepState.TODO).update(not_before=now() + undo_for)
            recaptures.visit_again(case, now() + undo_for)
        if undo_for:
            case.bundles.filter(number=bundle).update(not_before=now() + undo_for)
    services.enqueue(Capture, list(case.captures.filter(state="todo").values_list("pk", flat=True)), asked=True)
    services.enqueue(case.bundles.model, [case.bundles.get(number=bundle).pk])


def clear(case: Case, *, by: str, reason: str, copies: bool = False, group: GroupDecision | None = None) -> None:
    """Record that the found pictures aren't copies or, with ``copies``, that they are and nothing is wrong with it.

    Pictures that aren't copies are learned: the owner's other cases that hold nothing else are put aside, of a group's
    once for all of it.
    """
    with transaction.atomic():
        case = _open(case)
        record_decision(case, Case.Decision.CLEARED, by=by, reason=reason, copies=copies, group=group)
        if not copies:
            triage.learn(case, by)
    if not copies and group is None:
        triage.set_aside(case)


def clear_group(services: Services, owner: Owner, wanted: Wanted, *, by: str, reason: str) -> GroupDecision:
    """Put aside all cases that wait by now and are asked for, as no copies; a step does it, one after the other.

    Raises ``ConflictError`` when there is none.
    """
    wanted, at = replace(wanted, state=State.WAITING), now()
    if not (total := chosen(owner, wanted).filter(opened_at__lte=at).count()):
        raise ConflictError(Sentence("No such case waits any more."))
    about = {"wanted": asdict(wanted), "total": total, "by": by, "reason": reason, "at": at}
    group: GroupDecision = owner.group_decisions.create(**about)
    services.enqueue(GroupDecision, [group.pk])
    return group


def undo_group(services: Services, group: GroupDecision, *, by: str) -> None:
    """Take back what this person put aside at once, as far as nobody has decided it otherwise; a step does it.

    Raises ``ConflictError`` when it is taken back already, or was somebody else's.
    """
    with alone_with(group) as row:
        if row.undone_at is not None or row.by != by:
            raise ConflictError(Sentence("This is taken back already, or was decided by somebody else."))
        row.undone_at, row.looked_until, row.taught_until = now(), 0, 0
        if row.state not in UNFINISHED:  # else it goes over to that by itself
            write(row, **steps.afresh())
        row.save()
    services.enqueue(GroupDecision, [row.pk])


def decide_in_group(services: Services, group: GroupDecision, case: Case) -> None:
    """Clear one case of a group, or open it again once the group is taken back; what others decided stays."""
    if group.undone_at is None:
        with suppress(ConflictError):
            _decide(services, case, Wish(Choice.CLEAR, group.by, group.reason), group)
        return
    pk = group.pk
    _open_again(case, lambda present: present.decided_in_id == pk, by=group.by, why=[("undone", {})], group=group)


def license_use(case: Case, licence: Licence, *, by: str, reason: str) -> None:
    """Record that a licence permits the use, at every sighting of the case."""
    with transaction.atomic():
        case = _open(case)
        case.case_sightings.update(licence=licence)
        why: list[Said] = [("by-licence", {"number": licence.number})]
        record_decision(case, Case.Decision.LICENSED, by=by, reason=reason, why=why)


def reopen(case: Case, *, by: str, reason: str) -> None:
    """Open a decided case again; its history and its bundles stay. Raises ``ConflictError`` for an open one.

    Taken back are a licence that a person gave to it, and look-alikes that were learned from it.
    """
    if not _open_again(case, lambda _case: True, by=by, reason=reason):
        raise ConflictError(Sentence("Case %(number)s is open.", number=case.number))


def undo(case: Case, *, by: str) -> None:
    """Take back what this person decided, as :func:`reopen`; ``ConflictError`` also for what somebody else has."""
    if not _open_again(case, lambda present: present.decided_by == by, by=by, why=[("undone", {})]):
        raise ConflictError(f"Case {case.number} is open, or was decided by somebody else.")


def dispute(case: Case, *, by: str, reason: str) -> None:
    """Say that a case was decided wrongly, without deciding anything; it stays as it is until somebody does.

    Raises ``ConflictError`` for an open case, and ``WrongUseError`` without a reason.
    """
    reason = _written(reason, Sentence("Say what is wrong with the decision."))
    with alone_with(case) as row:
        if row.decision == Case.Decision.OPEN:
            raise ConflictError(Sentence("Case %(number)s is open: decide it instead.", number=row.number))
        Case.objects.filter(pk=row.pk).update(disputed_at=now())
        history.record(row, "disputed", by, ("disputed", {}), words=reason)
        log_entries.log_note(row, "disputed", by=by)


def settle(case: Case, *, by: str, reason: str) -> None:
    """Let a disputed decision stand, with a reason; raises ``ConflictError`` or ``WrongUseError``."""
    reason = _written(reason, Sentence("Say why the decision stands."))
    with alone_with(case) as row:
        if row.disputed_at is None:
            raise ConflictError(Sentence("The decision of case %(number)s isn't disputed.", number=row.number))
        Case.objects.filter(pk=row.pk).update(disputed_at=None)
        history.record(row, "settled", by, ("settled", {}), words=reason)
        log_entries.log_note(row, "settled", by=by)


def note(case: Case, *, by: str, words: str) -> None:
    """Write a note on a case, for the other members; raises ``WrongUseError`` when it is empty."""
    words = _written(words, Sentence("Write something."))
    with transaction.atomic():
        history.record(case, "note", by, words=words)
        log_entries.log_note(case, "noted", by=by)


def take_out(case: Case, *, by: str) -> None:
    """Take a case out of the drawer where it lies: it waits for a person. Any other stays.

    What only resembled a work is a case from then on, and whoever wants to know of cases is told.
    """
    with transaction.atomic():
        case = locked(case)
        resembled = case.resembles
        if triage.take_out(case):
            if resembled:
                announce(case)
            history.record(case, "taken-out", by, ("made-a-case" if resembled else "taken-out", {}))
            log_entries.log_note(case, "taken out", by=by)


def _chosen(owner: Owner, numbers: Sequence[int]) -> list[Case]:
    wanted = list(dict.fromkeys(numbers))
    if len(wanted) > MAX_CASES:
        hint = Sentence("Decide at most %(most)s at once.", most=MAX_CASES)
        raise WrongUseError(Sentence("These are %(count)s cases.", count=len(wanted)), hint=hint)
    rows = {row.number: row for row in scoped.cases(owner).filter(number__in=wanted)}
    missing = [number for number in wanted if number not in rows]
    if missing:
        raise NotFoundError(f"{owner.name} has no case {missing[0]}.")
    return [rows[number] for number in wanted]


def _outcome(services: Services, case: Case, wish: Wish) -> Outcome:
    refusal = None
    try:
        _decide(services, case, wish)
    except ConflictError as error:
        refusal = error
    case.refresh_from_db()
    return Outcome(case, refusal)


def _decide(services: Services, case: Case, wish: Wish, group: GroupDecision | None = None) -> None:
    choice, by, reason = wish.choice, wish.by, wish.reason
    if choice not in (Choice.REOPEN, Choice.UNDO):
        _open_again(case, lambda present: present.waits, by=by, why=[("grown", {})])
    if choice is Choice.REOPEN:
        reopen(case, by=by, reason=reason)
    elif choice is Choice.UNDO:
        undo(case, by=by)
    elif choice is Choice.CONFIRM:
        confirm(services, case, by=by, reason=reason, undo_for=wish.undo_for, passkey=wish.passkey)
    elif choice is Choice.LICENSE and wish.licence is not None:
        license_use(case, wish.licence, by=by, reason=reason)
    else:
        clear(case, by=by, reason=reason, copies=choice is Choice.COPIES, group=group)


def _open_again(
    case: Case,
    may: Callable[[Case], bool],
    *,
    by: str,
    reason: str = "",
    why: Sequence[Said] = (),
    group: GroupDecision | None = None,
) -> bool:
    """Open a decided case again, if it may be as it is once nobody else can change it; returns whether it was."""
    with transaction.atomic():
        case = locked(case)
        if case.decision == Case.Decision.OPEN or not may(case):
            return False
        ledger.search_again(case)
        record_decision(case, Case.Decision.OPEN, by=by, reason=reason, why=why, group=group)
        forgotten = triage.forget(case)
    if forgotten and group is None:
        triage.set_aside(case)
    return True


def _written(words: str, hint: str) -> str:
    if not words.strip():
        raise WrongUseError(Sentence("There are no words."), hint=hint)
    return words.strip()


def _open(case: Case) -> Case:
    """The case, locked for this transaction; raises ``ConflictError`` where it is decided."""
    case = locked(case)
    if case.decision != Case.Decision.OPEN:
        decided = _DECIDED[Case.Decision(case.decision)]
        sentence = Sentence("Case %(number)s is decided: %(decision)s.", number=case.number, decision=decided)
        raise ConflictError(sentence, hint=Sentence("Reopen it first, with a reason, if that was wrong."))
    return case
