"""Test a mail's signed link and a browser's signed mark, and what ends both."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import signing

from exhibit.clock import now
from registry.members import devices
from registry.models import LogOpening, Membership, Owner, User
from tests.assets.rows import owner

PATH = "/o/studio/cases/1/"


@pytest.fixture
def ann(db: None) -> User:
    user = User.objects.create_user("ann", "ann@example.org", "a long password")
    Membership.objects.create(owner=owner("studio"), user=user)
    return user


def lets_in(signed: str) -> bool:
    found = devices.read(signed)
    assert found is not None
    assert found.path == PATH
    return found.membership is not None


def lose(ann: User) -> None:
    devices.forget(ann, by="ann")
    ann.refresh_from_db()


@pytest.mark.parametrize(
    "end",
    [
        lambda ann: ann.set_password("another long password"),
        lambda ann: setattr(ann, "email", "ann@elsewhere.example"),
        lambda ann: setattr(ann, "is_active", False),
        lambda ann: ann.memberships.all().delete(),
        lose,
    ],
)
def test_a_link_ends_with_password_address_account_membership_and_lost_devices(
    ann: User, end: Callable[[User], object]
) -> None:
    signed = devices.link(Owner.objects.get(), ann, PATH)
    assert lets_in(signed)
    end(ann)
    ann.save()
    assert not lets_in(signed)


def test_a_link_ends_after_three_days_and_a_mark_after_half_a_year(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    signed, kept, begun = devices.link(Owner.objects.get(), ann, PATH), devices.mark(ann), time.time()
    moment = begun
    monkeypatch.setattr(time, "time", lambda: moment)
    for span, link, mark in ((2.9, True, True), (3.1, False, True), (179, False, True), (181, False, False)):
        moment = begun + timedelta(days=span).total_seconds()
        assert (lets_in(signed), devices.knows(kept, ann)) == (link, mark), span


def test_neither_is_the_other_nor_somebody_elses(ann: User) -> None:
    signed, kept = devices.link(Owner.objects.get(), ann, PATH), devices.mark(ann)
    assert devices.read(kept) is None
    assert devices.read(signing.dumps([ann.pk, 1, PATH, "x"], salt="another")) is None
    assert not devices.knows(signed, ann)
    assert not devices.knows(kept, User.objects.create_user("bob", "bob@example.org"))


def test_that_devices_were_forgotten_stands_in_the_log(ann: User) -> None:
    kept = devices.mark(ann)
    devices.forget(ann, by="operator")
    ann.refresh_from_db()
    assert not devices.knows(kept, ann)
    said = LogOpening.objects.get(content__what="devices forgotten")
    assert said.details is not None
    assert {name for name in said.details if name != "salt"} == {"by", "user"}
    assert (said.details["by"], said.details["user"]) == ("operator", "ann")


def test_what_ended_is_forgotten_with_what_lists_said_of_it(db: None) -> None:
    ann = User.objects.create_user("ann")
    for key, hours in (("ended", -1), ("lives", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now() + timedelta(hours=hours))
    for key in ("ended", "lives", "signed-out"):
        UserSession.objects.create(user=ann, ip="192.0.2.1", session_key=key, user_agent="", data={})
    assert devices.forget_ended() == 1
    assert [one.session_key for one in Session.objects.all()] == ["lives"]
    assert [one.session_key for one in UserSession.objects.all()] == ["lives"]
