"""Steps that change many rows because a person said so once: portion by portion, so that others have their turn.

Groups of cases that are put aside or opened again, changes of licences, and changes of many works at once.
"""

import time
from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import QuerySet

from exhibit.clock import now
from registry import jobs
from registry.cases import triage
from registry.cases.decisions import decide_in_group
from registry.cases.ledger import look_at_cases
from registry.cases.models import Case, GroupDecision, LedgerChange
from registry.cases.queue import Wanted, chosen
from registry.db import steps
from registry.db.claimable import Claimable
from registry.services.services import Services
from registry.works.bulk import change_portion
from registry.works.models import BulkEdit

CASES_AT_ONCE = 50
WORK_SECONDS = 5.0  # after so long a row is put off where it is


def decide_groups(services: Services, ids: Sequence[int]) -> None:
    """Put aside the cases that a person decided at once, or open them again, one by one."""
    _in_portions(services, jobs.group, GroupDecision, ids, lambda pk: _decided(services, pk))


def look_at_ledger(services: Services, ids: Sequence[int]) -> None:
    """Look at the cases that each change of the licence ledger concerns."""
    _in_portions(services, jobs.ledger, LedgerChange, ids, look_at_cases)


def edit_works(services: Services, ids: Sequence[int]) -> None:
    """Work off bulk edits."""
    _in_portions(services, jobs.bulk, BulkEdit, ids, change_portion)


def _in_portions(
    services: Services, job: jobs.Job, model: type[Claimable], ids: Sequence[int], portion: Callable[[int], bool]
) -> None:
    """Go on with each row until a portion has finished it, and says so; what takes long goes on in another message."""
    for pk in steps.claim(model, ids, services.stale_after):
        with steps.ending(model, [pk]):
            until = time.monotonic() + WORK_SECONDS
            while not portion(pk):
                if time.monotonic() >= until:
                    steps.wait(model, pk, now())
                    services.enqueue(job, [pk])
                    break


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
