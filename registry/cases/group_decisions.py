"""Background job that applies or reverses group decisions, case by case."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from registry.cases import queue_state
from registry.cases.decisions import decide_in_group
from registry.cases.models import Case, GroupDecision
from registry.cases.queue import CaseFilter, filter_cases
from registry.db import steps
from registry.services.batches import process_in_portions
from registry.services.services import Services

BATCH_SIZE = 50


def decide_groups(services: Services, ids: Sequence[int]) -> None:
    """Dismiss the cases of group decisions, or reopen them after a reversal, one by one."""
    process_in_portions(services, GroupDecision, ids, lambda pk: _process_group(services, pk))


def _process_group(services: Services, pk: int) -> bool:
    """Process the next cases of a group, then other cases affected by the new look-alikes; return True if finished.

    A member may reverse the group decision at any time. In that case the progress is not saved.
    """
    with transaction.atomic():
        group = GroupDecision.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=pk)
        own_cases = list(_list_remaining_cases(group)[:BATCH_SIZE])
        other_cases = [] if own_cases else list(_list_affected_cases(group)[:BATCH_SIZE])
        if not own_cases and not other_cases:
            steps.finish(GroupDecision, [pk])
            return True
    for case in own_cases:
        decide_in_group(services, group, case)
    for other in other_cases:
        queue_state.update_case(other)
    progress = {"looked_until": own_cases[-1].pk} if own_cases else {"taught_until": other_cases[-1]}
    GroupDecision.objects.filter(pk=pk, undone_at=group.undone_at).update(**progress)
    return False


def _list_remaining_cases(group: GroupDecision) -> QuerySet[Case]:
    """Return the group's cases that are still to be dismissed or, after a reversal, to be reopened."""
    if group.undone_at is None:
        rows = filter_cases(group.owner, CaseFilter(**group.wanted)).filter(opened_at__lte=group.at)
    else:
        rows = group.cases.filter(decision=Case.Decision.DISMISSED)
    return rows.filter(pk__gt=group.looked_until).order_by("pk")


def _list_affected_cases(group: GroupDecision) -> QuerySet[Case, int]:
    """Return the primary keys of other cases that contain look-alikes which the group's cases added or removed."""
    rows = queue_state.find_affected_cases(group.owner_id, Case.objects.filter(decided_in=group))
    return rows.filter(pk__gt=group.taught_until).order_by("pk").values_list("pk", flat=True)
