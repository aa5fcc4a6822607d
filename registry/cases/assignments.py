"""Assignment of cases to members.

An assignment grants no exclusive rights: any member who may decide cases can still decide an assigned case.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.dispatch import receiver
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Membership, Owner, User
from registry.cases import history, scoped
from registry.cases.models import Case, CaseEvent
from registry.cases.queue import MAX_CASES, CaseFilter, CaseState, filter_cases
from registry.db.rows import require
from registry.members.accounts import member_left


@dataclass(frozen=True, slots=True)
class AssignmentChange:
    """The previous and new assignee of a case: primary keys of users, ``None`` if unassigned."""

    case: int  # the case number
    before: int | None
    after: int | None


def assign_cases(owner: Owner, numbers: Sequence[int], user_id: int | None, *, by: str) -> list[AssignmentChange]:
    """Assign an owner's cases to a member, or unassign them if ``user_id`` is None.

    Returns:
        The changes made.

    Raises:
        NotFoundError: A case does not exist, or ``user_id`` is not a member of the owner. No case is assigned then.
        InvalidRequestError: No case is given, or more than :data:`~registry.cases.queue.MAX_CASES`.
    """
    return _assign_cases(owner, dict.fromkeys(numbers, user_id), by=by)


def undo_assignments(owner: Owner, changes: Sequence[AssignmentChange], *, by: str) -> list[AssignmentChange]:
    """Restore the previous assignments, except for cases that have been reassigned since.

    Cases whose previous assignee is no longer a member become unassigned. Returns the changes made. Raises the same
    errors as :func:`assign_cases`.
    """
    current_assignees = dict(
        scoped.list_owner_cases(owner)
        .filter(number__in=[change.case for change in changes])
        .values_list("number", "assigned_to")
    )
    revertible_changes = [
        change for change in changes if current_assignees.get(change.case, change.after) == change.after
    ]
    with transaction.atomic():
        current_members = _lock_members(
            owner, {change.before for change in revertible_changes if change.before is not None}
        )
        assignments = {
            change.case: change.before if change.before in current_members else None for change in revertible_changes
        }
        return _assign_cases(owner, assignments, by=by) if assignments else []


@receiver(member_left)
def release_cases(owner: Owner, user: User, *, by: str, **_: object) -> None:
    """Unassign all cases of a former member. Runs in the transaction that ends the membership."""
    cases = list(Case.objects.select_for_update().filter(owner=owner, assigned_to=user).order_by("pk"))
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(assigned_to=None)
    phrases = [["released", {"who": user.get_username()}]]
    case_events = (CaseEvent(case=case, at=now(), kind="assigned", actor=by, said=phrases) for case in cases)
    CaseEvent.objects.bulk_create(case_events, batch_size=1000)


def count_by_member(owner: Owner, state: CaseState) -> dict[int | None, int]:
    """Count the cases in a state by the assignee's primary key; the key of unassigned cases is ``None``."""
    rows = filter_cases(owner, CaseFilter(state)).values_list("assigned_to").annotate(count=Count("pk"))
    return dict(rows)


def _assign_cases(owner: Owner, assignments: dict[int, int | None], *, by: str) -> list[AssignmentChange]:
    if not assignments:
        raise InvalidRequestError(_("No case was specified."))
    if len(assignments) > MAX_CASES:
        hint = Sentence("You can assign at most %(most)s cases at once.", most=MAX_CASES)
        raise InvalidRequestError(Sentence("%(count)s cases are selected.", count=len(assignments)), hint=hint)
    changes = []
    with transaction.atomic():
        user_ids = {assignee_id for assignee_id in assignments.values() if assignee_id is not None}
        names = _lock_members(owner, user_ids)
        for user_id in user_ids:
            require(names.get(user_id), _("This person is not a member."))
        rows = (
            scoped.list_owner_cases(owner).select_for_update(of=("self",)).filter(number__in=assignments).order_by("pk")
        )
        cases = {row.number: row for row in rows}
        for number, assignee_id in assignments.items():
            case = require(cases.get(number), f"{owner.name} has no case {number}.")
            if case.assigned_to_id != assignee_id:
                changes.append(AssignmentChange(number, case.assigned_to_id, assignee_id))
                Case.objects.filter(pk=case.pk).update(assigned_to=assignee_id)
                phrase = ("unassigned", {}) if assignee_id is None else ("assigned", {"who": names[assignee_id]})
                history.record_event(case, "assigned", by, phrase)
    return changes


def _lock_members(owner: Owner, user_ids: set[int]) -> dict[int, str]:
    """Lock the memberships of users for the transaction. Return the names of those who are members, by primary key."""
    rows = Membership.objects.select_for_update(of=("self",)).filter(owner=owner, user__in=user_ids)
    return {row.user_id: row.user.get_username() for row in rows.select_related("user").order_by("pk")}
