"""Test users as rows: roles, languages, and invitations."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.accounts.models import SCOPES_BY_ROLE
from registry.models import ApiToken, Invitation, Membership, Role, Scope, User
from tests.assets.rows import owner


def test_roles_include_scopes_of_lesser_roles() -> None:
    assert SCOPES_BY_ROLE[Role.VIEWER] < SCOPES_BY_ROLE[Role.REVIEWER] < SCOPES_BY_ROLE[Role.OWNER] == set(Scope)
    assert Scope.DECIDE not in SCOPES_BY_ROLE[Role.VIEWER]
    assert Scope.MANAGE not in SCOPES_BY_ROLE[Role.REVIEWER]


def test_user_language_falls_back_to_browser_language() -> None:
    assert User(language="en", browser_language="zh-hans").message_language == "en"
    assert User(language="", browser_language="zh-hans").message_language == "zh-hans"


def test_membership_and_open_invitation_are_unique(db: None) -> None:
    studio, ann = owner("studio"), User.objects.create_user("ann", "ann@example.org")

    def make_invitation(number: int) -> Invitation:
        settings = {"made_at": now(), "expires_at": now(), "digest": Digest.from_bytes(bytes([number]))}
        return Invitation.objects.create(owner=studio, email="bob@example.org", **settings)

    Membership.objects.create(user=ann, owner=studio)
    with pytest.raises(IntegrityError, match="membership_identity"), transaction.atomic():
        Membership.objects.create(user=ann, owner=studio, role=Role.OWNER)
    first = make_invitation(1)
    with pytest.raises(IntegrityError, match="invitation_identity"), transaction.atomic():
        make_invitation(2)
    Invitation.objects.filter(pk=first.pk).update(revoked_at=now())
    assert make_invitation(3).pk != first.pk
    assert ApiToken(user=ann, name="script").actor_name == "ann (token script)"
