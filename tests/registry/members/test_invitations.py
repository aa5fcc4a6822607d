"""Test invitation links, which admit one user once."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.members import invitations
from registry.models import Invitation, Membership, User
from tests.assets.rows import owner


def make_user(name: str) -> User:
    return User.objects.create_user(f"{name}@example.org", f"{name}@example.org")


def test_invitation_admits_the_invited_user_once(db: None) -> None:
    studio, ann, bob = owner("studio"), make_user("ann"), make_user("bob")
    row, secret = invitations.create_invitation(studio, " Ann@Example.org ", "viewer", by="Bob")
    assert (invitations.find_open_invitation(secret), invitations.find_open_invitation("guessed")) == (row, None)
    with pytest.raises(InvalidRequestError, match=r"ann@example\.org"):
        invitations.accept_invitation(row, bob)
    joined = invitations.accept_invitation(row, ann)
    assert joined is not None
    assert (joined.user, joined.owner, joined.role) == (ann, studio, "viewer")
    with pytest.raises(NotFoundError):
        invitations.accept_invitation(row, ann)
    with pytest.raises(InvalidRequestError):
        invitations.create_invitation(studio, "ANN@example.org", "viewer", by="Bob")


@pytest.mark.parametrize(
    ("email", "role"), [("no address", "viewer"), ("a@b.example", "king"), ("a" * 200 + "@b.example", "viewer")]
)
def test_invalid_invitation_is_rejected(db: None, email: str, role: str) -> None:
    with pytest.raises(InvalidRequestError):
        invitations.create_invitation(owner("studio"), email, role, by="Bob")
    assert not Invitation.objects.exists()


def test_invitation_ends_when_expired_revoked_or_replaced(db: None) -> None:
    studio, ann = owner("studio"), make_user("ann")
    older, first = invitations.create_invitation(studio, "ann@example.org", "viewer", by="Bob")
    newer, second = invitations.create_invitation(studio, "ann@example.org", "owner", by="Bob")
    assert (invitations.find_open_invitation(first), invitations.find_open_invitation(second)) == (None, newer)
    with pytest.raises(NotFoundError):
        invitations.revoke_invitation(owner("agency"), newer.pk, by="Bob")
    Invitation.objects.filter(pk=newer.pk).update(expires_at=now() - timedelta(seconds=1))
    assert invitations.find_open_invitation(second) is None
    third, _ = invitations.create_invitation(studio, "ann@example.org", "viewer", by="Bob")
    invitations.revoke_invitation(studio, third.pk, by="Bob")
    assert list(invitations.list_open_invitations(studio)) == []
    for row in (older, newer, third):
        with pytest.raises(NotFoundError):
            invitations.accept_invitation(row, ann)
    assert (invitations.delete_ended_invitations(), Membership.objects.count()) == (3, 0)


def test_operator_link_makes_its_user_the_operator(db: None) -> None:
    secret = invitations.invite_operator(by="root")
    row = invitations.find_open_invitation(secret)
    assert row is not None
    assert not invitations.has_operator()
    assert invitations.accept_invitation(row, make_user("ann")) is None
    assert invitations.has_operator()
    assert invitations.find_open_invitation(secret) is None
