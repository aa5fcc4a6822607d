"""Owners and the accounts of people: names that nobody else has, passwords that can be used."""

import pytest

from exhibit.errors import WrongUseError
from registry.accounts import invitations, people
from registry.models import Membership, Owner, User

PASSWORD = "a long and good password"


def test_an_owner_has_a_name_and_a_short_name_of_its_own(db: None) -> None:
    assert people.add_owner("The  Stüdio & Söhne\n").slug == "the-studio-sohne"
    assert people.add_owner("写真").slug == "owner-2"
    refused = {"THE STÜDIO & SÖHNE": "", "Other": "the-studio-sohne", "Another": "No Slug", " ": "a", "x" * 201: "b"}
    for name, slug in refused.items():
        with pytest.raises(WrongUseError):
            people.add_owner(name, slug=slug)
    assert Owner.objects.count() == 2


def test_who_adds_an_owner_is_not_told_whose_a_taken_name_is(db: None) -> None:
    ann = people.add_member(people.add_owner("Studio"), "ann@example.org", "owner", PASSWORD).user
    eve = people.add_member(people.add_owner("Agency"), "eve@example.org", "owner", PASSWORD).user
    with pytest.raises(WrongUseError, match="There is an owner named"):
        people.add_owner_of(ann, "studio")
    with pytest.raises(WrongUseError, match="can't be used here"):
        people.add_owner_of(eve, "studio")
    second = people.add_owner_of(eve, "Studio!")
    assert (second.slug, Membership.objects.get(owner=second).role) == ("studio-2", "owner")


def test_a_known_person_keeps_the_password_and_takes_the_new_role(db: None) -> None:
    studio = people.add_owner("Studio")
    people.add_member(studio, "Ann@Example.org", "owner", PASSWORD)
    people.add_member(studio, "bob@example.org", "viewer", PASSWORD)
    people.add_member(studio, "BOB@example.org", "reviewer", "another password of Bob's")
    bob = people.user("bob@example.org")
    assert (bob.check_password(PASSWORD), Membership.objects.get(user=bob).role) == (True, "reviewer")
    assert people.is_user("ANN@example.org")
    for weak in ("short", "password", ""):
        with pytest.raises(WrongUseError, match="password"):
            people.change_password(bob, weak)
    people.change_password(bob, "another password of Bob's")
    assert people.user("bob@example.org").check_password("another password of Bob's")


def test_an_operator_begins_with_an_owner_or_with_nothing_at_all(db: None) -> None:
    def link() -> object:
        return invitations.find(invitations.invite_operator(by="root"))

    people.add_owner("Taken")
    with pytest.raises(WrongUseError):
        people.begin(link(), "ann@example.org", PASSWORD, "Taken")  # type: ignore[arg-type]
    ann = people.begin(link(), "ann@example.org", PASSWORD, "Studio")  # type: ignore[arg-type]
    assert people.is_operator(ann)
    assert Membership.objects.get(user=ann).owner.name == "Studio"
    with pytest.raises(WrongUseError, match="signs in with this address already"):
        people.begin(link(), "ANN@example.org", PASSWORD, "")  # type: ignore[arg-type]
    assert User.objects.count() == 1
