"""Decisions by the licence ledger, and the effects of licence changes on cases.

Changes are applied case by case. Each effect is recorded, so that an interrupted change can be continued.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from exhibit.clock import now
from exhibit.types import Decision
from registry.cases import history, log_entries
from registry.cases.history import Said
from registry.cases.licence_check import Ledger, covering, ledger_of, licences_for
from registry.cases.models import Case, CaseSighting, LedgerEffect
from registry.cases.record_decision import LEDGER, Decider, by_person, record_decision
from registry.db import steps
from registry.db.rows import write
from registry.log.log import submit_all
from registry.works.models import LedgerChange

UNCOVERED: Sequence[Said] = (("uncovered", {}),)
CASES_AT_ONCE = 200
What = LedgerEffect.What


def look_at_cases(pk: int) -> bool:
    """Apply a claimed licence change to the next affected cases; if none are left, finish it and return True.

    Open cases become licensed if the ledger covers every sighting. Cases that the ledger had licensed by a changed
    licence are reopened if it no longer covers them. A person's decision stays, and the case's history records the
    licence change. Each case and its recorded effect share one transaction, so an interrupted run can be continued and
    nothing is reported twice.
    """
    change = LedgerChange.objects.get(pk=pk)
    licences = list(change.licences.values_list("pk", flat=True))
    cases = list(_concerned(change, licences)[:CASES_AT_ONCE])
    if not cases:
        steps.finish(LedgerChange, [pk])
        return True
    touched = _touched(cases, ledger_of(change.owner_id), licences)
    for case in cases:
        if case.pk in touched:
            _look(change, case.pk, licences)
    write(change, looked_until=cases[-1].pk)
    return False


def _concerned(change: LedgerChange, licences: list[int]) -> QuerySet[Case]:
    """Return cases after the last one processed that a changed licence covered or that are open."""
    covered = Exists(CaseSighting.objects.filter(case=OuterRef("pk"), licence__in=licences))
    concerns = Q(covered) if change.kind == LedgerChange.Kind.ENDED else Q(covered) | Q(decision=Case.Decision.OPEN)
    return Case.objects.filter(concerns, owner=change.owner_id, pk__gt=change.looked_until).order_by("pk")


def _touched(cases: Sequence[Case], ledger: Ledger, licences: list[int]) -> set[int]:
    """Return the primary keys of cases whose coverage the changed licences affect, with one query for all.

    Sightings covered by other licences belong to the changes that added those, so that each change reports its own
    effects.
    """
    of = {case.pk: case for case in cases}
    rows = CaseSighting.objects.filter(case__in=list(of)).select_related("sighting")
    rows = rows.filter(Q(licence=None) | Q(licence__in=licences))
    affected = set()
    for row in rows:
        covering = ledger.covering(of[row.case_id].work_id, row.sighting)
        if row.licence_id in licences or (covering is not None and covering.pk in licences):
            affected.add(row.case_id)
    return affected


def _look(change: LedgerChange, pk: int, licences: list[int]) -> None:
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).select_related("work", "owner").get(pk=pk)
        if change.effects.filter(case=case).exists():
            return  # a run recorded this case but was interrupted before it saved its progress
        before = case.decision
        is_named = case.case_sightings.filter(licence__in=licences).exists()
        if by_person(case):
            if is_named and change.kind != LedgerChange.Kind.ADDED:
                _stays(change, case)
            return
        search_again(case)
        apply_ledger(case, taken_back=[_said(change)], words=change.reason)
        if case.decision != before:
            _note(change, case, What.LICENSED if case.decision == Case.Decision.LICENSED else What.REOPENED)
        elif is_named and before in (Case.Decision.CONFIRMED, Case.Decision.CLEARED):
            _stays(change, case)


def _stays(change: LedgerChange, case: Case) -> None:
    """Keep a person's decision, and record the licence change in the history."""
    history.record(case, "ledger", change.by, _said(change), ("stays", {}), words=change.reason)
    _note(change, case, What.STAYED)


def _said(change: LedgerChange) -> Said:
    numbers = change.licences.order_by("number").values_list("number", flat=True)[:20]
    return f"licence-{change.kind}", {"numbers": ", ".join(map(str, numbers))}


def _note(change: LedgerChange, case: Case, what: LedgerEffect.What) -> None:
    """Record a change's effect on a case, in the case's transaction."""
    LedgerEffect.objects.create(change=change, case=case, what=what)


def effects_of(changes: Iterable[LedgerChange]) -> Mapping[int, Mapping[str, list[int]]]:
    """Return the numbers of licensed, reopened and unchanged cases for each change, by primary key; uses one query.

    Effects that no case had are left out.
    """
    effects: dict[int, dict[str, list[int]]] = defaultdict(dict)
    rows = LedgerEffect.objects.filter(change__in=[change.pk for change in changes]).order_by("what", "case__number")
    for change, what, number in rows.values_list("change", "what", "case__number"):
        effects[change].setdefault(what, []).append(number)
    return effects


def apply_ledger(case: Case, *, taken_back: Sequence[Said] = UNCOVERED, words: str = "") -> None:
    """License an open case if the ledger covers every sighting, and reopen a licensed one if it no longer does.

    Sightings that only resemble the work count only if there are no others and a person has made it a case.

    Args:
        case: The case.
        taken_back: Reasons recorded in the history if the case is reopened.
        words: A person's reason for the change, recorded with them.
    """
    rows = case.case_sightings.exclude(match__decision=Decision.RESEMBLES)
    if not rows.exists():
        rows = case.case_sightings.none() if case.resembles else case.case_sightings.all()
    covered = rows.exists() and not rows.filter(licence=None).exists()
    if covered and case.decision == Case.Decision.OPEN:
        numbers = sorted(set(rows.values_list("licence__number", flat=True)))
        why = [("covered", {"numbers": ", ".join(map(str, numbers))})]
        record_decision(case, Case.Decision.LICENSED, by=LEDGER, why=why, who=Decider.LEDGER)
    elif not covered and case.decision == Case.Decision.LICENSED and case.decided_by == LEDGER:
        record_decision(case, Case.Decision.OPEN, by=LEDGER, reason=words, why=taken_back, who=Decider.LEDGER)


def search_again(case: Case) -> None:
    """Match every sighting of a case against the ledger again, ignoring earlier results. Call it in a transaction.

    Changes are recorded in the log.
    """
    changed = []
    for row in case.case_sightings.select_related("sighting__picture").order_by("pk"):
        before = row.licence_id
        write(row, licence=covering(licences_for(case.work), row.sighting), licences_searched_at=now())
        if row.licence_id != before:
            changed.append(row)
    if changed:
        submit_all([log_entries.extension_of(case, changed)])
