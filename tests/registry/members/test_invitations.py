"""Test links that admit one person, once."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from registry.members import invitations
from registry.models import Invitation, Membership, User
from tests.assets.rows import owner


def make_user(name: str) -> User:
    return User.objects.create_user(f"{name}@example.org", f"{name}@example.org")


def test_an_invitation_lets_the_invited_person_in_once(db: None) -> None:
    studio, ann, bob = owner("studio"), make_user("ann"), make_user("bob")
    row, secret = invitations.invite(studio, " Ann@Example.org ", "viewer", by="Bob")
    assert (invitations.find_open(secret), invitations.find_open("guessed")) == (row, None)
    with pytest.raises(WrongUseError, match=r"ann@example\.org"):
        invitations.accept(row, bob)
    joined = invitations.accept(row, ann)
    assert joined is not None
    assert (joined.user, joined.owner, joined.role) == (ann, studio, "viewer")
    with pytest.raises(NotFoundError):
        invitations.accept(row, ann)
    with pytest.raises(WrongUseError):
        invitations.invite(studio, "ANN@example.org", "viewer", by="Bob")


@pytest.mark.parametrize(
    ("email", "role"), [("no address", "viewer"), ("a@b.example", "king"), ("a" * 200 + "@b.example", "viewer")]
)
def test_what_cannot_be_an_invitation_is_refused(db: None, email: str, role: str) -> None:
    with pytest.raises(WrongUseError):
        invitations.invite(owner("studio"), email, role, by="Bob")
    assert not Invitation.objects.exists()


def test_an_invitation_ends_by_time_by_hand_and_by_a_newer_one(db: None) -> None:
    studio, ann = owner("studio"), make_user("ann")
    older, first = invitations.invite(studio, "ann@example.org", "viewer", by="Bob")
    newer, second = invitations.invite(studio, "ann@example.org", "owner", by="Bob")
    assert (invitations.find_open(first), invitations.find_open(second)) == (None, newer)
    with pytest.raises(NotFoundError):
        invitations.revoke(owner("agency"), newer.pk, by="Bob")
    Invitation.objects.filter(pk=newer.pk).update(expires_at=now() - timedelta(seconds=1))
    assert invitations.find_open(second) is None
    third, _ = invitations.invite(studio, "ann@example.org", "viewer", by="Bob")
    invitations.revoke(studio, third.pk, by="Bob")
    assert list(invitations.list_open(studio)) == []
    for row in (older, newer, third):
        with pytest.raises(NotFoundError):
            invitations.accept(row, ann)
    assert (invitations.delete_ended(), Membership.objects.count()) == (3, 0)


def test_whoever_has_the_link_of_the_console_becomes_the_operator(db: None) -> None:
    secret = invitations.invite_operator(by="root")
    row = invitations.find_open(secret)
    assert row is not None
    assert not invitations.has_operator()
    assert invitations.accept(row, make_user("ann")) is None
    assert invitations.has_operator()
    assert invitations.find_open(secret) is None
