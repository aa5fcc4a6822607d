"""A person's decisions on a case, and what follows from them."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError
from registry.cases import look_alikes, matching, triage
from registry.cases.history import Said
from registry.models import Bundle, Case, Licence
from workers.evidence.bundles import request_bundle
from workers.services.wiring import Services

DEMONSTRATION = "demonstration switch"
"""Stands where a person's name would stand; shown in every document."""

NOT_BEFORE = timedelta(0)


def confirm(
    services: Services,
    case: Case,
    *,
    by: str,
    reason: str,
    demonstration: bool = False,
    undo_for: timedelta = NOT_BEFORE,
) -> bool:
    """Confirm a case and ask for its first bundle; confirming twice changes nothing.

    Args:
        services: ports.
        case: the case.
        by: who.
        reason: why.
        demonstration: by the switch that is meant for demonstrations.
        undo_for: so long nothing is sealed, for a hand that slipped.

    Returns:
        Whether it wasn't confirmed before.

    Raises:
        ConflictError: the case was decided otherwise, and has to be reopened first.
    """
    with transaction.atomic():
        case = _locked(case)
        if case.decision == Case.Decision.CONFIRMED:
            return False
        _check_open(case)
        who = matching.Decider.DEMONSTRATION if demonstration else matching.Decider.PERSON
        matching.decide(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who)
        bundle = request_bundle(case)
        if undo_for:
            Bundle.objects.filter(pk=bundle.pk).update(not_before=now() + undo_for)
    services.enqueue("capture_asked", list(case.captures.filter(state="todo").values_list("pk", flat=True)))
    services.enqueue("seal", [bundle.pk])
    return True


def clear(case: Case, *, by: str, reason: str, copies: bool = False) -> None:
    """Record that the found pictures aren't copies or, with ``copies``, that they are and nothing is wrong with it.

    Pictures that aren't copies are learned: the owner's other cases that hold nothing else are put aside.
    """
    with transaction.atomic():
        case = _locked(case)
        _check_open(case)
        matching.decide(case, Case.Decision.CLEARED, by=by, reason=reason, copies=copies)
        if not copies:
            look_alikes.learn(case, by)
    if not copies:
        triage.set_aside(case)


def license_use(case: Case, licence: Licence, *, by: str, reason: str) -> None:
    """Record that a licence permits the use, at every sighting of the case."""
    with transaction.atomic():
        case = _locked(case)
        _check_open(case)
        case.case_sightings.update(licence=licence)
        matching.decide(
            case, Case.Decision.LICENSED, by=by, reason=reason, why=[("by-licence", {"number": licence.number})]
        )


def reopen(case: Case, *, by: str, reason: str) -> None:
    """Open a decided case again; its history and its bundles stay. What it gave or taught is taken back.

    That is a licence that a person gave to it, and look-alikes that were learned from it.

    Raises:
        ConflictError: it is open.
    """
    if not _open_again(case, lambda _case: True, by=by, reason=reason):
        raise ConflictError(f"Case {case.number} is open.")


def undo(case: Case, *, by: str) -> None:
    """Take back what this person decided, as :func:`reopen`.

    Raises:
        ConflictError: it is open, or somebody else has decided it meanwhile.
    """
    if not _open_again(case, lambda present: present.decided_by == by, by=by, why=[("undone", {})]):
        raise ConflictError(f"Case {case.number} is open, or was decided by somebody else.")


def reopen_grown(case: Case, *, by: str) -> None:
    """Open a decided case again that waits, because something new was seen; any other stays as it is."""
    _open_again(case, lambda present: present.waits, by=by, why=[("grown", {})])


def _open_again(
    case: Case, may: Callable[[Case], bool], *, by: str, reason: str = "", why: Sequence[Said] = ()
) -> bool:
    """Open a decided case again, if it may be as it is once nobody else can change it; returns whether it was."""
    with transaction.atomic():
        case = _locked(case)
        if case.decision == Case.Decision.OPEN or not may(case):
            return False
        matching.search_again(case)
        matching.decide(case, Case.Decision.OPEN, by=by, reason=reason, why=why)
        forgotten = look_alikes.forget(case)
    if forgotten:
        triage.set_aside(case)
    return True


def _locked(case: Case) -> Case:
    return Case.objects.select_for_update(no_key=True).get(pk=case.pk)


def _check_open(case: Case) -> None:
    if case.decision != Case.Decision.OPEN:
        decided = "not licensed" if case.decision == Case.Decision.CONFIRMED else case.decision
        sentence = f"Case {case.number} is decided: {decided}."
        raise ConflictError(sentence, hint="Reopen it first, with a reason, if that was wrong.")
