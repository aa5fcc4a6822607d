"""Test owners and accounts: unique names, usable passwords."""

import pytest

from exhibit.errors import InvalidRequestError, NotFoundError
from registry.members import accounts, invitations, tokens
from registry.models import Membership, Owner, Role, Scope, User
from tests.assets.rows import owner

PASSWORD = "a long and good password"


def test_owner_names_and_slugs_are_unique(db: None) -> None:
    assert accounts.add_owner("The  Stüdio & Söhne\n").slug == "the-studio-sohne"
    assert accounts.add_owner("写真").slug == "owner-2"
    refused = {
        "THE STÜDIO & SÖHNE": "",
        "Other": "the-studio-sohne",
        "Another": "No Slug",
        " ": "a",
        "x" * 201: "b",
        "\u3164": "c",
    }
    for name, slug in refused.items():
        with pytest.raises(InvalidRequestError):
            accounts.add_owner(name, slug=slug)
    assert Owner.objects.count() == 2


def test_duplicate_owner_name_does_not_reveal_its_owner(db: None) -> None:
    ann = accounts.add_member(accounts.add_owner("Studio"), "ann@example.org", "owner", PASSWORD).user
    eve = accounts.add_member(accounts.add_owner("Agency"), "eve@example.org", "owner", PASSWORD).user
    with pytest.raises(InvalidRequestError, match="studio"):
        accounts.create_owner_for_user(ann, "studio")
    with pytest.raises(InvalidRequestError) as error_info:
        accounts.create_owner_for_user(eve, "studio")
    assert "studio" not in str(error_info.value).lower()
    second = accounts.create_owner_for_user(eve, "Studio!")
    assert (second.slug, Membership.objects.get(owner=second).role) == ("studio-2", "owner")


def test_existing_user_keeps_password_and_gets_new_role(db: None) -> None:
    studio = accounts.add_owner("Studio")
    accounts.add_member(studio, "Ann@Example.org", "owner", PASSWORD)
    accounts.add_member(studio, "bob@example.org", "viewer", PASSWORD)
    accounts.add_member(studio, "BOB@example.org", "reviewer", "another password of Bob's")
    bob = accounts.get_user("bob@example.org")
    assert (bob.check_password(PASSWORD), Membership.objects.get(user=bob).role) == (True, "reviewer")
    assert accounts.user_exists("ANN@example.org")
    for weak in ("short", "password", ""):
        with pytest.raises(InvalidRequestError):
            accounts.change_password(bob, weak)
    accounts.change_password(bob, "another password of Bob's")
    assert accounts.get_user("bob@example.org").check_password("another password of Bob's")


def test_operator_is_created_with_owner_or_not_at_all(db: None) -> None:
    def make_link() -> object:
        return invitations.find_open_invitation(invitations.invite_operator(by="root"))

    accounts.add_owner("Taken")
    with pytest.raises(InvalidRequestError):
        accounts.create_operator(make_link(), "ann@example.org", PASSWORD, "Taken")  # type: ignore[arg-type]
    ann = accounts.create_operator(make_link(), "ann@example.org", PASSWORD, "Studio")  # type: ignore[arg-type]
    assert accounts.is_operator(ann)
    assert Membership.objects.get(user=ann).owner.name == "Studio"
    with pytest.raises(InvalidRequestError):
        accounts.create_operator(make_link(), "ANN@example.org", PASSWORD, "")  # type: ignore[arg-type]
    assert User.objects.count() == 1


def add_member(rights_holder: Owner, name: str, role: Role) -> User:
    user = User.objects.create_user(f"{name}@example.org", f"{name}@example.org")
    Membership.objects.create(owner=rights_holder, user=user, role=role)
    return user


def test_last_member_in_the_owner_role_cannot_leave_or_change_role(db: None) -> None:
    studio = owner("studio")
    ann, bob = add_member(studio, "ann", Role.OWNER), add_member(studio, "bob", Role.VIEWER)
    with pytest.raises(InvalidRequestError):
        accounts.remove_member(studio, ann.pk, by="Ann")
    with pytest.raises(InvalidRequestError):
        accounts.change_role(studio, ann.pk, "viewer", by="Ann")
    accounts.change_role(studio, bob.pk, "owner", by="Ann")
    User.objects.filter(pk=bob.pk).update(is_active=False)  # a user who cannot sign in does not count
    with pytest.raises(InvalidRequestError):
        accounts.remove_member(studio, ann.pk, by="Ann")
    User.objects.update(is_active=True)
    accounts.remove_member(studio, ann.pk, by="Ann")
    assert [member.user for member in accounts.list_members(studio)] == [bob]


def test_removed_member_loses_api_tokens(db: None) -> None:
    studio = owner("studio")
    add_member(studio, "ann", Role.OWNER)
    bob = add_member(studio, "bob", Role.REVIEWER)
    _, secret = tokens.create_token(studio, bob, name="script", scopes=[Scope.READ], days=1)
    accounts.remove_member(studio, bob.pk, by="Ann")
    Membership.objects.create(owner=studio, user=bob)  # Bob rejoins
    assert tokens.find_token(secret) is None


def test_unknown_members_and_roles_are_rejected(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    ann, eve = add_member(studio, "ann", Role.OWNER), add_member(agency, "eve", Role.OWNER)
    with pytest.raises(InvalidRequestError):
        accounts.change_role(studio, ann.pk, "king", by="Ann")
    with pytest.raises(NotFoundError):
        accounts.remove_member(studio, eve.pk, by="Ann")
    with pytest.raises(NotFoundError):
        accounts.change_role(studio, eve.pk, "owner", by="Ann")
