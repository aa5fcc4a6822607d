"""Test signed links in mails and signed device marks in browsers, and the events that invalidate them."""

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


def can_open_page(signed: str) -> bool:
    result = devices.read_link(signed)
    assert result is not None
    assert result.path == PATH
    return result.membership is not None


def forget_devices(ann: User) -> None:
    devices.forget_devices(ann, by="ann")
    ann.refresh_from_db()


@pytest.mark.parametrize(
    "end",
    [
        lambda ann: ann.set_password("another long password"),
        lambda ann: setattr(ann, "email", "ann@elsewhere.example"),
        lambda ann: setattr(ann, "is_active", False),
        lambda ann: ann.memberships.all().delete(),
        forget_devices,
    ],
)
def test_mail_link_expires_when_account_membership_or_devices_change(ann: User, end: Callable[[User], object]) -> None:
    signed = devices.make_link(Owner.objects.get(), ann, PATH)
    assert can_open_page(signed)
    end(ann)
    ann.save()
    assert not can_open_page(signed)


def test_mail_link_expires_after_3_days_and_device_token_after_180_days(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed, device_mark, start = (
        devices.make_link(Owner.objects.get(), ann, PATH),
        devices.make_device_token(ann),
        time.time(),
    )
    moment = start
    monkeypatch.setattr(time, "time", lambda: moment)
    for span, link, mark in ((2.9, True, True), (3.1, False, True), (179, False, True), (181, False, False)):
        moment = start + timedelta(days=span).total_seconds()
        assert (can_open_page(signed), devices.is_known_device(device_mark, ann)) == (link, mark), span


def test_mail_link_and_device_token_are_not_interchangeable(ann: User) -> None:
    signed, mark = devices.make_link(Owner.objects.get(), ann, PATH), devices.make_device_token(ann)
    assert devices.read_link(mark) is None
    assert devices.read_link(signing.dumps([ann.pk, 1, PATH, "x"], salt="another")) is None
    assert not devices.is_known_device(signed, ann)
    assert not devices.is_known_device(mark, User.objects.create_user("bob", "bob@example.org"))


def test_forgetting_devices_is_logged(ann: User) -> None:
    mark = devices.make_device_token(ann)
    devices.forget_devices(ann, by="operator")
    ann.refresh_from_db()
    assert not devices.is_known_device(mark, ann)
    opening = LogOpening.objects.get(content__what="devices forgotten")
    assert opening.details is not None
    assert {name for name in opening.details if name != "salt"} == {"by", "user"}
    assert (opening.details["by"], opening.details["user"]) == ("operator", "ann")


def test_expired_sessions_are_deleted_with_their_list_entries(db: None) -> None:
    ann = User.objects.create_user("ann")
    for key, hours in (("ended", -1), ("lives", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now() + timedelta(hours=hours))
    for key in ("ended", "lives", "signed-out"):
        UserSession.objects.create(user=ann, ip="192.0.2.1", session_key=key, user_agent="", data={})
    assert devices.delete_expired_sessions() == 1
    assert [session.session_key for session in Session.objects.all()] == ["lives"]
    assert [session.session_key for session in UserSession.objects.all()] == ["lives"]
