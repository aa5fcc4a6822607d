"""Test users as rows: roles, languages, and invitations."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.accounts.models import SCOPES_OF
from registry.models import ApiToken, Invitation, Membership, Role, Scope, User
from tests.assets.rows import owner


def test_each_role_permits_what_the_lesser_one_does_and_no_scope_is_beyond_all() -> None:
    assert SCOPES_OF[Role.VIEWER] < SCOPES_OF[Role.REVIEWER] < SCOPES_OF[Role.OWNER] == set(Scope)
    assert Scope.DECIDE not in SCOPES_OF[Role.VIEWER]
    assert Scope.MANAGE not in SCOPES_OF[Role.REVIEWER]


def test_a_person_is_written_to_in_the_language_of_choice_else_of_the_browser() -> None:
    assert User(language="en", browser_language="zh-hans").reads == "en"
    assert User(language="", browser_language="zh-hans").reads == "zh-hans"


def test_a_person_has_one_role_with_an_owner_and_one_open_invitation_an_address(db: None) -> None:
    studio, ann = owner("studio"), User.objects.create_user("ann", "ann@example.org")

    def make_invitation(number: int) -> Invitation:
        settings = {"made_at": now(), "expires_at": now(), "digest": Digest.of(bytes([number]))}
        return Invitation.objects.create(owner=studio, email="bob@example.org", **settings)

    Membership.objects.create(user=ann, owner=studio)
    with pytest.raises(IntegrityError, match="membership_identity"), transaction.atomic():
        Membership.objects.create(user=ann, owner=studio, role=Role.OWNER)
    first = make_invitation(1)
    with pytest.raises(IntegrityError, match="invitation_identity"), transaction.atomic():
        make_invitation(2)
    Invitation.objects.filter(pk=first.pk).update(revoked_at=now())
    assert make_invitation(3).pk != first.pk
    assert ApiToken(user=ann, name="script").by == "ann (token script)"
