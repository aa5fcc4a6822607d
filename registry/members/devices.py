"""Known browsers, in which a user has signed in, and links in emails that sign the user in there.

Neither a link nor a known browser alone grants access, so a forwarded email does not. Both expire when the user changes
the password or address, or ends other sessions. A link also expires with the membership. When known browsers expire,
push notifications end, too.
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
_LINK_SALT, _DEVICE_SALT = "exhibit.mail-link", "exhibit.device"


@dataclass(frozen=True, slots=True)
class MailLink:
    """Content of a link in an email: the page, and the membership that the link signs in (``None`` if expired)."""

    path: str
    membership: Membership | None


def make_link(owner: Owner, user: User, path: str) -> str:
    """Return the signed part of a link that opens an owner's page for a member."""
    return signing.dumps([user.pk, owner.pk, path, _hash_state(user)], salt=_LINK_SALT, compress=True)


def read_link(signed_link: str) -> MailLink | None:
    """Return the content of a link; ``None`` if its signature is invalid."""
    try:
        user, owner, path, state = signing.loads(signed_link, salt=_LINK_SALT)
        signing.loads(signed_link, salt=_LINK_SALT, max_age=LINK_MAX_AGE)
    except signing.SignatureExpired:
        return MailLink(path, None)
    except signing.BadSignature:
        return None
    memberships = Membership.objects.filter(user=user, owner=owner, user__is_active=True).select_related(
        "user", "owner"
    )
    row = memberships.first()
    return MailLink(path, row if row is not None and _hash_state(row.user) == state else None)


def make_device_token(user: User) -> str:
    """Return the signed device token for a browser in which the user has signed in."""
    return signing.dumps([user.pk, _hash_state(user)], salt=_DEVICE_SALT)


def is_known_device(device_token: str, user: User) -> bool:
    """Return True if a browser's device token belongs to this user and is still valid."""
    try:
        return bool(
            signing.loads(device_token, salt=_DEVICE_SALT, max_age=DEVICE_MAX_AGE) == [user.pk, _hash_state(user)]
        )
    except signing.BadSignature:
        return False


def forget_devices(user: User, *, by: str) -> None:
    """Forget a user's browsers and end push notifications. A signed-in browser is known again at the next request."""
    with transaction.atomic():
        user.push_browsers.all().delete()
        User.objects.filter(pk=user.pk).update(sign_out_count=F("sign_out_count") + 1)
        audit_log.log_change("devices forgotten", by=by, details={"user": user.get_username()})


def _hash_state(user: User) -> str:
    """Return a hash that changes when the user's links and known browsers must expire."""
    text = f"{user.get_session_auth_hash()} {user.email} {user.sign_out_count}"
    return salted_hmac("exhibit.devices", text).hexdigest()[:32]


def delete_expired_sessions() -> int:
    """Delete expired sessions and their rows for session lists; return the number of sessions."""
    with transaction.atomic():
        deleted_count, _ = Session.objects.filter(expire_date__lt=now()).delete()
        UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return deleted_count
