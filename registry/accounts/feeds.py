"""Addresses of feeds: made for a member, shown once, revocable, good as long as the membership."""

import secrets

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.log import audit_log
from registry.models import Feed, Owner, User

_BYTES = 24


def make(owner: Owner, user: User, *, by: str) -> str:
    """A member's new address; the one before it ends. Returns what stands in it, which nobody can read again."""
    secret = secrets.token_urlsafe(_BYTES)
    with transaction.atomic():
        fresh = {"digest": Digest.of(secret.encode()), "made_at": now()}
        Feed.objects.update_or_create(owner=owner, user=user, defaults=fresh)
        audit_log.changed("feed made", by=by, owner=owner, about={"user": user.get_username()})
    return secret


def revoke(owner: Owner, user: User, *, by: str) -> None:
    """Let a member's address lead nowhere."""
    with transaction.atomic():
        if Feed.objects.filter(owner=owner, user=user).delete()[0]:
            audit_log.changed("feed revoked", by=by, owner=owner, about={"user": user.get_username()})


def find(secret: str) -> Feed | None:
    """The feed of an address; none when it was revoked, or its person is no member any more."""
    rows = Feed.objects.filter(digest=Digest.of(secret.encode()), user__is_active=True).select_related("owner", "user")
    row = rows.first()
    return row if row is not None and row.owner.memberships.filter(user=row.user_id).exists() else None
