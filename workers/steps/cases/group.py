"""Putting aside cases that a person decided at once, and opening them again: one by one, and gone on with."""

import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from exhibit.clock import now
from registry.cases import triage
from registry.cases.queue import Wanted, chosen
from registry.db import steps
from registry.models import Case, GroupDecision
from workers.cases.decisions import decide_in_group
from workers.services.wiring import Services

CASES_AT_ONCE = 50
WORK_SECONDS = 5.0  # after so long a group is put off where it is, so that others have their turn


def decide_groups(services: Services, ids: Sequence[int]) -> None:
    """Go on with each group; one that takes long is gone on with in another message."""
    for pk in steps.claim(GroupDecision, ids, services.stale_after):
        until = time.monotonic() + WORK_SECONDS
        while _some(services, pk):
            if time.monotonic() >= until:
                steps.wait(GroupDecision, pk, now())
                services.enqueue("group", [pk])
                break


def _some(services: Services, pk: int) -> bool:
    """Decide some of a group's cases, then look after others that learn of it; returns whether anything was left.

    A person may take the group back at any time: what was just done to it is noted only if nobody has.
    """
    with transaction.atomic():
        group = GroupDecision.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=pk)
        own = list(_own(group)[:CASES_AT_ONCE])
        others = [] if own else list(_others(group)[:CASES_AT_ONCE])
        if not own and not others:
            steps.finish(GroupDecision, [pk])
            return False
    for case in own:
        decide_in_group(services, group, case)
    for other in others:
        triage.look_again(other)
    done = {"looked_until": own[-1].pk} if own else {"taught_until": others[-1]}
    GroupDecision.objects.filter(pk=pk, undone_at=group.undone_at).update(**done)
    return True


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
