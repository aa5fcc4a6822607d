from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from exhibit.clock import now
from registry.accounts import sessions
from registry.models import User


def test_what_ended_is_forgotten_with_what_lists_said_of_it(db: None) -> None:
    ann = User.objects.create_user("ann")
    for key, hours in (("ended", -1), ("lives", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now() + timedelta(hours=hours))
    for key in ("ended", "lives", "signed-out"):
        UserSession.objects.create(user=ann, ip="192.0.2.1", session_key=key, user_agent="", data={})
    assert sessions.forget_ended() == 1
    assert [one.session_key for one in Session.objects.all()] == ["lives"]
    assert [one.session_key for one in UserSession.objects.all()] == ["lives"]
