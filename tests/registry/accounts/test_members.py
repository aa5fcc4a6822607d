"""Members of an owner: somebody is always left in the role of owner."""

import pytest

from exhibit.errors import NotFoundError, WrongUseError
from registry.accounts import members, tokens
from registry.models import Membership, Owner, Role, Scope, User
from tests.assets.rows import owner


def joined(of: Owner, name: str, role: Role) -> User:
    user = User.objects.create_user(f"{name}@example.org", f"{name}@example.org")
    Membership.objects.create(owner=of, user=user, role=role)
    return user


def test_the_last_in_the_role_of_owner_can_neither_leave_nor_take_another_role(db: None) -> None:
    studio = owner("studio")
    ann, bob = joined(studio, "ann", Role.OWNER), joined(studio, "bob", Role.VIEWER)
    with pytest.raises(WrongUseError, match="left in the role of owner"):
        members.remove(studio, ann.pk, by="Ann")
    with pytest.raises(WrongUseError, match="left in the role of owner"):
        members.change_role(studio, ann.pk, "viewer", by="Ann")
    members.change_role(studio, bob.pk, "owner", by="Ann")
    User.objects.filter(pk=bob.pk).update(is_active=False)  # who can't sign in doesn't count
    with pytest.raises(WrongUseError):
        members.remove(studio, ann.pk, by="Ann")
    User.objects.update(is_active=True)
    members.remove(studio, ann.pk, by="Ann")
    assert [one.user for one in members.members(studio)] == [bob]


def test_whoever_leaves_leaves_no_token_behind(db: None) -> None:
    studio = owner("studio")
    joined(studio, "ann", Role.OWNER)
    bob = joined(studio, "bob", Role.REVIEWER)
    _, secret = tokens.make(studio, bob, name="script", scopes=[Scope.READ], days=1)
    members.remove(studio, bob.pk, by="Ann")
    Membership.objects.create(owner=studio, user=bob)  # and comes back
    assert tokens.find(secret) is None


def test_strangers_and_roles_that_there_are_not_are_refused(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    ann, eve = joined(studio, "ann", Role.OWNER), joined(agency, "eve", Role.OWNER)
    with pytest.raises(WrongUseError):
        members.change_role(studio, ann.pk, "king", by="Ann")
    with pytest.raises(NotFoundError):
        members.remove(studio, eve.pk, by="Ann")
    with pytest.raises(NotFoundError):
        members.change_role(studio, eve.pk, "owner", by="Ann")
