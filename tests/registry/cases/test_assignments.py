"""Test assigning cases: assigned, undone, and unassigned once the member has left."""

import pytest

from exhibit.errors import InvalidRequestError, NotFoundError
from registry.cases import assignments
from registry.cases.queue import UNASSIGNED, CaseFilter, CaseState, filter_cases
from registry.members import accounts
from registry.models import Case, CaseEvent, Owner
from tests.assets.rows import owner
from tests.desk.web.cases.test_queue import create_cases
from workers.tasks.sync_runner import SyncRunner

PASSWORD = "a long and good password"


def list_assignments(studio: Owner) -> dict[int, int | None]:
    return dict(studio.cases.order_by("number").values_list("number", "assigned_to"))


@pytest.mark.long
def test_cases_are_assigned_to_members_and_released_when_they_leave(inline: SyncRunner) -> None:
    studio = create_cases(inline, 3)
    ann, bob = (
        accounts.add_member(studio, f"{name}@example.org", "owner", PASSWORD).user.pk for name in ("ann", "bob")
    )
    eve = accounts.add_member(owner("agency"), "eve@example.org", "owner", PASSWORD).user.pk
    for numbers, person in (([1, 2], eve), ([1, 99], ann)):
        with pytest.raises(NotFoundError):
            assignments.assign_cases(studio, numbers, person, by="ann")
    with pytest.raises(InvalidRequestError):
        assignments.assign_cases(studio, range(1, 300), ann, by="ann")
    assert set(list_assignments(studio).values()) == {None}

    assignments.assign_cases(studio, [1], bob, by="ann")
    changes = assignments.assign_cases(studio, [1, 2, 3], ann, by="ann")
    assert assignments.assign_cases(studio, [3], ann, by="ann") == []  # no history entry without a change
    assert assignments.count_by_member(studio, CaseState.NEEDS_DECISION) == {ann: 3}
    assignments.assign_cases(studio, [2], bob, by="bob")
    assignments.undo_assignments(studio, changes, by="ann")
    assert list_assignments(studio) == {1: bob, 2: bob, 3: None}  # Bob's later assignments remain
    assert list(filter_cases(studio, CaseFilter(assigned=UNASSIGNED)).values_list("number", flat=True)) == [3]
    assert filter_cases(studio, CaseFilter(assigned=str(bob))).count() == 2

    accounts.remove_member(studio, bob, by="ann")
    assert set(list_assignments(studio).values()) == {None}
    # A removed member gets no assignments
    assignments.undo_assignments(studio, [assignments.AssignmentChange(1, bob, None)], by="ann")
    assert set(list_assignments(studio).values()) == {None}
    lines = CaseEvent.objects.filter(case=Case.objects.get(number=2), kind="assigned").order_by("pk")
    assert [(line.actor, line.said) for line in lines] == [
        ("ann", [["assigned", {"who": "ann@example.org"}]]),
        ("bob", [["assigned", {"who": "bob@example.org"}]]),
        ("ann", [["released", {"who": "bob@example.org"}]]),
    ]
