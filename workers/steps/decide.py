"""A person's decisions on a case, and what follows from them."""

from django.db import transaction

from exhibit.errors import ConflictError
from registry import matching
from registry.models import Case, Licence
from workers.steps.seal import request_bundle
from workers.wiring import House

DEMONSTRATION = "demonstration switch"
"""Stands where a person's name would stand; shown in every document."""


def confirm(house: House, case: Case, *, by: str, reason: str, demonstration: bool = False) -> None:
    """Confirm a case and ask for its first bundle; confirming twice changes nothing.

    Raises:
        WrongUseError: the case was decided otherwise, and has to be reopened first.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        if case.decision == Case.Decision.CONFIRMED:
            return
        _check_open(case)
        who = matching.Decider.DEMONSTRATION if demonstration else matching.Decider.PERSON
        matching.decide(case, Case.Decision.CONFIRMED, by=by, reason=reason, who=who)
        bundle = request_bundle(case)
    house.hint("capture", list(case.captures.filter(state="todo").values_list("pk", flat=True)))
    house.hint("seal", [bundle.pk])


def clear(case: Case, *, by: str, reason: str, copies: bool = False) -> None:
    """Record that the found pictures aren't copies or, with ``copies``, that they are and nothing is wrong with it."""
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        _check_open(case)
        matching.decide(case, Case.Decision.CLEARED, by=by, reason=reason, copies=copies)


def license_use(case: Case, licence: Licence, *, by: str, reason: str) -> None:
    """Record that a licence permits the use, at every sighting of the case."""
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        _check_open(case)
        case.case_sightings.update(licence=licence)
        matching.decide(case, Case.Decision.LICENSED, by=by, reason=f"Licence {licence.number}. {reason}".strip())


def reopen(case: Case, *, by: str, reason: str) -> None:
    """Open a decided case again; its history and its bundles stay. A licence that a person gave to it is taken back."""
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
        if case.decision == Case.Decision.OPEN:
            raise ConflictError(f"Case {case.number} is open.")
        matching.search_again(case)
        matching.decide(case, Case.Decision.OPEN, by=by, reason=reason)


def _check_open(case: Case) -> None:
    if case.decision != Case.Decision.OPEN:
        raise ConflictError(
            f"Case {case.number} is {case.decision}.", hint="Reopen it first, with a reason, if that was wrong."
        )
