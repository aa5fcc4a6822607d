"""Sessions of people who are signed in: what is left of those that ended."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from exhibit.clock import now


def forget_ended() -> int:
    """Remove sessions whose time is over, and what lists of sessions would say of them; returns how many."""
    with transaction.atomic():
        ended, _ = Session.objects.filter(expire_date__lt=now()).delete()
        UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return ended
