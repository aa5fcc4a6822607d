"""Decisions by the licence ledger, and the effects of licence changes on cases.

Changes are applied case by case. Each effect is recorded, so that an interrupted run can be continued.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from exhibit.clock import now
from exhibit.types import Decision
from registry.cases import history, log_entries
from registry.cases.history import HistoryPhrase
from registry.cases.licence_check import Ledger, find_covering_licence, list_licences, load_ledger
from registry.cases.models import Case, CaseSighting, LedgerEffect
from registry.cases.record_decision import LEDGER_ACTOR, Decider, is_licensed_by_person, record_decision
from registry.db import steps
from registry.db.rows import update_row
from registry.log.log import submit_entries
from registry.works.models import LedgerChange

UNCOVERED_SIGHTING: Sequence[HistoryPhrase] = (("uncovered", {}),)
BATCH_SIZE = 200
Effect = LedgerEffect.Effect


def apply_to_next_cases(pk: int) -> bool:
    """Apply a claimed licence change to the next affected cases; if none are left, finish it and return True.

    Open cases become licensed if the ledger covers every sighting. Cases that the ledger had licensed by a changed
    licence are reopened if it no longer covers them. A member's decision is not changed, but the case's history records
    the licence change. Each case and its recorded effect share one transaction, so that an interrupted run can be
    continued without repeated effects.
    """
    change = LedgerChange.objects.get(pk=pk)
    licences = list(change.licences.values_list("pk", flat=True))
    cases = list(_list_candidate_cases(change, licences)[:BATCH_SIZE])
    if not cases:
        steps.finish(LedgerChange, [pk])
        return True
    affected_ids = _find_affected_cases(cases, load_ledger(change.owner_id), licences)
    for case in cases:
        if case.pk in affected_ids:
            _apply_to_case(change, case.pk, licences)
    update_row(change, looked_until=cases[-1].pk)
    return False


def _list_candidate_cases(change: LedgerChange, licences: list[int]) -> QuerySet[Case]:
    """Return the remaining cases that a changed licence covers and, unless the licence ended, all open ones."""
    is_covered = Exists(CaseSighting.objects.filter(case=OuterRef("pk"), licence__in=licences))
    condition = (
        Q(is_covered) if change.kind == LedgerChange.Kind.ENDED else Q(is_covered) | Q(decision=Case.Decision.OPEN)
    )
    return Case.objects.filter(condition, owner=change.owner_id, pk__gt=change.looked_until).order_by("pk")


def _find_affected_cases(cases: Sequence[Case], ledger: Ledger, licences: list[int]) -> set[int]:
    """Return the primary keys of cases whose coverage the changed licences affect, with a single query.

    Sightings covered by other licences are ignored: the changes that added those licences report them.
    """
    cases_by_pk = {case.pk: case for case in cases}
    rows = CaseSighting.objects.filter(case__in=list(cases_by_pk)).select_related("sighting")
    rows = rows.filter(Q(licence=None) | Q(licence__in=licences))
    affected_ids = set()
    for row in rows:
        licence = ledger.find_covering_licence(cases_by_pk[row.case_id].work_id, row.sighting)
        if row.licence_id in licences or (licence is not None and licence.pk in licences):
            affected_ids.add(row.case_id)
    return affected_ids


def _apply_to_case(change: LedgerChange, pk: int, licences: list[int]) -> None:
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).select_related("work", "owner").get(pk=pk)
        if change.effects.filter(case=case).exists():
            return  # recorded by an earlier run that was interrupted before it saved its progress
        previous_decision = case.decision
        uses_licence = case.case_sightings.filter(licence__in=licences).exists()
        if is_licensed_by_person(case):
            if uses_licence and change.kind != LedgerChange.Kind.ADDED:
                _record_kept_decision(change, case)
            return
        recheck_licences(case)
        apply_ledger(case, reopening_phrases=[_build_change_phrase(change)], text=change.reason)
        if case.decision != previous_decision:
            _record_effect(
                change, case, Effect.LICENSED if case.decision == Case.Decision.LICENSED else Effect.REOPENED
            )
        elif uses_licence and previous_decision in (Case.Decision.CONFIRMED, Case.Decision.DISMISSED):
            _record_kept_decision(change, case)


def _record_kept_decision(change: LedgerChange, case: Case) -> None:
    """Record a licence change in a case's history without changing the member's decision."""
    history.record_event(case, "ledger", change.by, _build_change_phrase(change), ("stays", {}), text=change.reason)
    _record_effect(change, case, Effect.STAYED)


def _build_change_phrase(change: LedgerChange) -> HistoryPhrase:
    numbers = change.licences.order_by("number").values_list("number", flat=True)[:20]
    return f"licence-{change.kind}", {"numbers": ", ".join(map(str, numbers))}


def _record_effect(change: LedgerChange, case: Case, effect: LedgerEffect.Effect) -> None:
    """Record a change's effect on a case, in the case's transaction."""
    LedgerEffect.objects.create(change=change, case=case, what=effect)


def load_effects(changes: Iterable[LedgerChange]) -> Mapping[int, Mapping[str, list[int]]]:
    """Load the effects of licence changes with one query.

    Returns:
        For each change (by primary key), the numbers of the affected cases by effect, without effects that did not
        occur.
    """
    effects: dict[int, dict[str, list[int]]] = defaultdict(dict)
    rows = LedgerEffect.objects.filter(change__in=[change.pk for change in changes]).order_by("what", "case__number")
    for change, effect, number in rows.values_list("change", "what", "case__number"):
        effects[change].setdefault(effect, []).append(number)
    return effects


def apply_ledger(
    case: Case, *, reopening_phrases: Sequence[HistoryPhrase] = UNCOVERED_SIGHTING, text: str = ""
) -> None:
    """License an open case if the ledger covers every sighting, and reopen a licensed one if it no longer does.

    Related pictures are considered only if there are no other sightings and a member has made it a case.

    Args:
        case: The case.
        reopening_phrases: Reasons recorded in the history if the case is reopened.
        text: A member's reason for the licence change, recorded with the phrases.
    """
    rows = case.case_sightings.exclude(match__decision=Decision.RELATED)
    if not rows.exists():
        rows = case.case_sightings.none() if case.is_related else case.case_sightings.all()
    is_covered = rows.exists() and not rows.filter(licence=None).exists()
    if is_covered and case.decision == Case.Decision.OPEN:
        numbers = sorted(set(rows.values_list("licence__number", flat=True)))
        phrases = [("covered", {"numbers": ", ".join(map(str, numbers))})]
        record_decision(case, Case.Decision.LICENSED, by=LEDGER_ACTOR, phrases=phrases, decider=Decider.LEDGER)
    elif not is_covered and case.decision == Case.Decision.LICENSED and case.decided_by == LEDGER_ACTOR:
        record_decision(
            case, Case.Decision.OPEN, by=LEDGER_ACTOR, reason=text, phrases=reopening_phrases, decider=Decider.LEDGER
        )


def recheck_licences(case: Case) -> None:
    """Match every sighting of a case against the ledger again, ignoring earlier results.

    Changes are recorded in the log. Call it in a transaction.
    """
    changed_rows = []
    for row in case.case_sightings.select_related("sighting__picture").order_by("pk"):
        previous_licence = row.licence_id
        update_row(
            row, licence=find_covering_licence(list_licences(case.work), row.sighting), licences_searched_at=now()
        )
        if row.licence_id != previous_licence:
            changed_rows.append(row)
    if changed_rows:
        submit_entries([log_entries.build_extension_entry(case, changed_rows)])
