"""Test the API's schemas of owners and members."""

from desk.schemas.owners import Member, Owner
from registry.members import accounts
from registry.models import Membership
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_owner_is_returned_with_its_own_counts(inline: SyncRunner) -> None:
    studio, other = owner("studio"), owner("other")
    case = create_case(inline.services, studio)
    accounts.add_member(studio, "ann@example.org", "owner", "a long password", by="test")
    result = Owner.from_row(studio)
    assert (result.owner, result.works, result.watches, result.open_cases, result.members) == ("studio", 1, 1, 1, 1)
    case.decision = "dismissed"
    case.save()
    assert Owner.from_row(studio).open_cases == 0
    alone = Owner.from_row(other)
    assert (alone.works, alone.watches, alone.open_cases, alone.members) == (0, 0, 0, 0)
    member = Member.from_row(Membership.objects.get())
    assert (member.email, member.role) == ("ann@example.org", "owner")
