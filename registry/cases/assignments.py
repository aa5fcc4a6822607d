"""Assignment of cases to members.

An assignment decides nothing: every member with the right to decide a case may still decide it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.dispatch import receiver
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Membership, Owner, User
from registry.cases import history, scoped
from registry.cases.models import Case, CaseEvent
from registry.cases.queue import MAX_CASES, CaseFilter, State, filter_cases
from registry.db.rows import require
from registry.members.accounts import member_left


@dataclass(frozen=True, slots=True)
class Change:
    """The previous and new assignee of a case: primary keys of users, ``None`` for nobody."""

    case: int  # the case number
    before: int | None
    after: int | None


def assign(owner: Owner, numbers: Sequence[int], person: int | None, *, by: str) -> list[Change]:
    """Assign an owner's cases, at most :data:`~registry.cases.queue.MAX_CASES`, to a member or to nobody.

    Returns:
        The changes made.

    Raises:
        NotFoundError: A case does not exist, or ``person`` (the user's primary key) is not a member of the owner. No
            case is assigned then.
        WrongUseError: There are no cases, or too many.
    """
    return _assign(owner, dict.fromkeys(numbers, person), by=by)


def undo_assignments(owner: Owner, changes: Sequence[Change], *, by: str) -> list[Change]:
    """Restore the previous assignments, except for cases that have been reassigned since.

    Cases whose previous assignee is no longer a member become unassigned. Returns the changes made; raises as
    :func:`assign`.
    """
    current_assignees = dict(
        scoped.cases(owner).filter(number__in=[change.case for change in changes]).values_list("number", "assigned_to")
    )
    revertible = [change for change in changes if current_assignees.get(change.case, change.after) == change.after]
    with transaction.atomic():
        current_members = _members(owner, {change.before for change in revertible if change.before is not None})
        assignments = {
            change.case: change.before if change.before in current_members else None for change in revertible
        }
        return _assign(owner, assignments, by=by) if assignments else []


@receiver(member_left)
def release_cases(owner: Owner, user: User, *, by: str, **_: object) -> None:
    """Unassign all cases of a departing member, in the transaction that ends the membership."""
    cases = list(Case.objects.select_for_update().filter(owner=owner, assigned_to=user).order_by("pk"))
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(assigned_to=None)
    phrases = [["released", {"who": user.get_username()}]]
    lines = (CaseEvent(case=case, at=now(), kind="assigned", actor=by, said=phrases) for case in cases)
    CaseEvent.objects.bulk_create(lines, batch_size=1000)


def count_by_member(owner: Owner, state: State) -> dict[int | None, int]:
    """Count each member's cases in a state, by the user's primary key; ``None`` for unassigned cases."""
    rows = filter_cases(owner, CaseFilter(state)).values_list("assigned_to").annotate(count=Count("pk"))
    return dict(rows)


def _assign(owner: Owner, assignments: dict[int, int | None], *, by: str) -> list[Change]:
    if not assignments:
        raise WrongUseError(_("No case was specified."))
    if len(assignments) > MAX_CASES:
        hint = Sentence("You can assign at most %(most)s cases at once.", most=MAX_CASES)
        raise WrongUseError(Sentence("%(count)s cases are selected.", count=len(assignments)), hint=hint)
    changes = []
    with transaction.atomic():
        people = {person for person in assignments.values() if person is not None}
        names = _members(owner, people)
        for user_id in people:
            require(names.get(user_id), _("This person is not a member."))
        rows = scoped.cases(owner).select_for_update(of=("self",)).filter(number__in=assignments).order_by("pk")
        cases = {row.number: row for row in rows}
        for number, person in assignments.items():
            case = require(cases.get(number), f"{owner.name} has no case {number}.")
            if case.assigned_to_id != person:
                changes.append(Change(number, case.assigned_to_id, person))
                Case.objects.filter(pk=case.pk).update(assigned_to=person)
                phrase = ("unassigned", {}) if person is None else ("assigned", {"who": names[person]})
                history.record(case, "assigned", by, phrase)
    return changes


def _members(owner: Owner, people: set[int]) -> dict[int, str]:
    """Return the user names of those people who are members, and lock their memberships for the transaction."""
    rows = Membership.objects.select_for_update(of=("self",)).filter(owner=owner, user__in=people)
    return {row.user_id: row.user.get_username() for row in rows.select_related("user").order_by("pk")}
