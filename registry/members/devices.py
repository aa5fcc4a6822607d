"""Browsers in which a person has signed in, and links in mails that open a page in them, signed in.

Neither does anything alone: a forwarded mail lets nobody in, nor does a browser by itself. Both end when the person
gets another password or address, or ends other sessions; a link also with the membership. Ending them also ends
push notifications.
"""

from dataclasses import dataclass
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from exhibit.clock import now
from registry.accounts.models import Membership, Owner, User
from registry.log import audit_log

LINK_FOR = timedelta(days=3)
DEVICE_FOR = timedelta(days=180)
_LINK, _DEVICE = "exhibit.mail-link", "exhibit.device"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link in a mail leads to, and whom it may let in: nobody once it has ended."""

    path: str
    membership: Membership | None


def link(owner: Owner, user: User, path: str) -> str:
    """The signed part of a link that opens a page of an owner for a member."""
    return signing.dumps([user.pk, owner.pk, path, _state(user)], salt=_LINK, compress=True)


def read(signed: str) -> Link | None:
    """What a link says; ``None`` for one that wasn't made here."""
    try:
        user, owner, path, state = signing.loads(signed, salt=_LINK)
        signing.loads(signed, salt=_LINK, max_age=LINK_FOR)
    except signing.SignatureExpired:
        return Link(path, None)
    except signing.BadSignature:
        return None
    found = Membership.objects.filter(user=user, owner=owner, user__is_active=True).select_related("user", "owner")
    row = found.first()
    return Link(path, row if row is not None and _state(row.user) == state else None)


def mark(user: User) -> str:
    """What a browser keeps in which the person has signed in."""
    return signing.dumps([user.pk, _state(user)], salt=_DEVICE)


def knows(kept: str, user: User) -> bool:
    """Whether what a browser kept is this person's, and holds still."""
    try:
        return bool(signing.loads(kept, salt=_DEVICE, max_age=DEVICE_FOR) == [user.pk, _state(user)])
    except signing.BadSignature:
        return False


def forget(user: User, *, by: str) -> None:
    """Let no browser be known any more, nor told of finds; one that is signed in is known again with its next page."""
    with transaction.atomic():
        user.push_browsers.all().delete()
        User.objects.filter(pk=user.pk).update(devices_ended=F("devices_ended") + 1)
        audit_log.changed("devices forgotten", by=by, about={"user": user.get_username()})


def _state(user: User) -> str:
    """What changes when links and devices end."""
    said = f"{user.get_session_auth_hash()} {user.email} {user.devices_ended}"
    return salted_hmac("exhibit.devices", said).hexdigest()[:32]


def forget_ended() -> int:
    """Remove sessions whose time is over, and what lists of sessions would say of them; returns how many."""
    with transaction.atomic():
        ended, _ = Session.objects.filter(expire_date__lt=now()).delete()
        UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return ended
