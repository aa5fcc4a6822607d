"""Browsers in which a person has signed in, and mail links that open a page there, signed in.

A link or a browser alone grants no access, so a forwarded mail is useless. Both expire when the person changes the
password or address, or ends other sessions; a link also expires with the membership. Ending them also ends push
notifications.
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

LINK_MAX_AGE = timedelta(days=3)
DEVICE_MAX_AGE = timedelta(days=180)
_LINK, _DEVICE = "exhibit.mail-link", "exhibit.device"


@dataclass(frozen=True, slots=True)
class Link:
    """The page that a mail link opens, and the membership that it may sign in: none once the link has expired."""

    path: str
    membership: Membership | None


def make_link(owner: Owner, user: User, path: str) -> str:
    """Return the signed part of a link that opens an owner's page for a member."""
    return signing.dumps([user.pk, owner.pk, path, _hash_state(user)], salt=_LINK, compress=True)


def read_link(signed: str) -> Link | None:
    """Return the content of a link; ``None`` if its signature is invalid."""
    try:
        user, owner, path, state = signing.loads(signed, salt=_LINK)
        signing.loads(signed, salt=_LINK, max_age=LINK_MAX_AGE)
    except signing.SignatureExpired:
        return Link(path, None)
    except signing.BadSignature:
        return None
    memberships = Membership.objects.filter(user=user, owner=owner, user__is_active=True).select_related(
        "user", "owner"
    )
    row = memberships.first()
    return Link(path, row if row is not None and _hash_state(row.user) == state else None)


def make_device_mark(user: User) -> str:
    """Return the mark stored in a browser in which the person has signed in."""
    return signing.dumps([user.pk, _hash_state(user)], salt=_DEVICE)


def is_known_device(device_mark: str, user: User) -> bool:
    """Return True if a browser's mark belongs to this person and is still valid."""
    try:
        return bool(signing.loads(device_mark, salt=_DEVICE, max_age=DEVICE_MAX_AGE) == [user.pk, _hash_state(user)])
    except signing.BadSignature:
        return False


def forget_devices(user: User, *, by: str) -> None:
    """Forget a person's browsers and end push notifications; signed-in browsers are known again on the next page."""
    with transaction.atomic():
        user.push_browsers.all().delete()
        User.objects.filter(pk=user.pk).update(devices_ended=F("devices_ended") + 1)
        audit_log.log_change("devices forgotten", by=by, about={"user": user.get_username()})


def _hash_state(user: User) -> str:
    """Return a hash that changes when links and browsers are to expire."""
    text = f"{user.get_session_auth_hash()} {user.email} {user.devices_ended}"
    return salted_hmac("exhibit.devices", text).hexdigest()[:32]


def delete_expired_sessions() -> int:
    """Delete expired sessions and the records of them for session lists; returns the number of sessions."""
    with transaction.atomic():
        ended, _ = Session.objects.filter(expire_date__lt=now()).delete()
        UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return ended
