"""Decide groups of cases, or take a decision back, case by case."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from registry.cases import triage
from registry.cases.decisions import decide_in_group
from registry.cases.models import Case, GroupDecision
from registry.cases.queue import Wanted, chosen
from registry.db import steps
from registry.services.portions import in_portions
from registry.services.services import Services

CASES_AT_ONCE = 50


def decide_groups(services: Services, ids: Sequence[int]) -> None:
    """Put aside the cases that a person decided at once, or open them again, one by one."""
    in_portions(services, GroupDecision, ids, lambda pk: _decided(services, pk))


def _decided(services: Services, pk: int) -> bool:
    """Decide some of a group's cases, then look after others that learn of it; returns whether nothing was left.

    A person may take the group back at any time: what was just done to it is noted only if nobody has.
    """
    with transaction.atomic():
        group = GroupDecision.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=pk)
        own = list(_own(group)[:CASES_AT_ONCE])
        others = [] if own else list(_others(group)[:CASES_AT_ONCE])
        if not own and not others:
            steps.finish(GroupDecision, [pk])
            return True
    for case in own:
        decide_in_group(services, group, case)
    for other in others:
        triage.look_again(other)
    done = {"looked_until": own[-1].pk} if own else {"taught_until": others[-1]}
    GroupDecision.objects.filter(pk=pk, undone_at=group.undone_at).update(**done)
    return False


def _own(group: GroupDecision) -> QuerySet[Case]:
    """The group's cases that are still to be decided, or to be opened again."""
    if group.undone_at is None:
        rows = chosen(group.owner, Wanted(**group.wanted)).filter(opened_at__lte=group.at)
    else:
        rows = group.cases.filter(decision=Case.Decision.CLEARED)
    return rows.filter(pk__gt=group.looked_until).order_by("pk")


def _others(group: GroupDecision) -> QuerySet[Case, int]:
    """Cases (primary keys) that hold what the group's taught, or no longer teach."""
    rows = triage.concerned_by(group.owner_id, Case.objects.filter(decided_in=group))
    return rows.filter(pk__gt=group.taught_until).order_by("pk").values_list("pk", flat=True)
