"""API tokens and feed URLs of members.

Tokens are shown once, looked up by digest, and valid for a limited time. Feed URLs are shown once, revocable, and valid
as long as the membership.
"""

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.plain import to_one_line
from registry.accounts.models import SCOPES_BY_ROLE, ApiToken, Membership, Owner, Role, Scope, User
from registry.db.rows import require, update_row
from registry.events.models import Feed
from registry.log import audit_log

TOKEN_PREFIX = "exh_"  # noqa: S105 - public
"""Prefix of all API tokens, which lets secret scanners recognise them."""
MAX_DAYS = 366
MAX_TOKENS = 50
"""Maximum number of valid API tokens per user and owner."""
_TOKEN_BYTES = 32
_VISIBLE_LENGTH = 10
_MINUTE = timedelta(minutes=1)
_FEED_BYTES = 24


def create_token(owner: Owner, user: User, *, name: str, scopes: Collection[str], days: int) -> tuple[ApiToken, str]:
    """Create an API token for a member, valid for 1 to 366 days. Its scopes are limited by the member's current role.

    Returns:
        Its row, and the token itself, which is not stored.

    Raises:
        InvalidRequestError: The name is empty, the days are out of range, scopes are missing, unknown or beyond the
            role, or the member has too many tokens.
    """
    name = to_one_line(name)[:100]
    if not name:
        raise InvalidRequestError(_("Enter a name for the API token."))
    if not scopes or set(scopes) - set(list_permitted_scopes(owner, user)):
        raise InvalidRequestError(_("Choose the permissions of the API token, within your role."))
    if not 1 <= days <= MAX_DAYS:
        raise InvalidRequestError(_("An API token can be valid for 1 to 366 days."))
    if _list_valid_tokens().filter(owner=owner, user=user).count() >= MAX_TOKENS:
        raise InvalidRequestError(
            _("There are already %(number)d API tokens. Revoke an API token before you create another one.")
            % {"number": MAX_TOKENS}
        )
    secret = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    ordered_scopes = [scope.value for scope in Scope if scope in scopes]
    columns = {
        "name": name,
        "begins": secret[:_VISIBLE_LENGTH],
        "digest": Digest.from_bytes(secret.encode()),
        "scopes": ordered_scopes,
    }
    created_at = now()
    with transaction.atomic():
        expiry = created_at + timedelta(days=days)
        token = ApiToken.objects.create(owner=owner, user=user, made_at=created_at, expires_at=expiry, **columns)
        _log_token_event("token made", token, by=user.get_username())
    return token, secret


def list_permitted_scopes(owner: Owner, user: User) -> frozenset[Scope]:
    """Return the scopes that a user's current role with an owner permits; empty if the user is not a member."""
    rows = Membership.objects.filter(owner=owner, user=user, user__is_active=True)
    role = rows.values_list("role", flat=True).first()
    return frozenset() if role is None else SCOPES_BY_ROLE[Role(role)]


def find_token(secret: str) -> tuple[ApiToken, frozenset[Scope]] | None:
    """Return the valid token with this secret, with its owner and user, and its current scopes.

    The result is ``None`` if the token is unknown, expired or revoked, or its user is no longer a member.
    """
    if not secret.startswith(TOKEN_PREFIX) or len(secret) > len(TOKEN_PREFIX) + 2 * _TOKEN_BYTES:
        return None
    row = _list_valid_tokens().filter(digest=Digest.from_bytes(secret.encode())).select_related("owner", "user").first()
    if row is None:
        return None
    scopes = list_permitted_scopes(row.owner, row.user) & {Scope(scope) for scope in row.scopes}
    return (row, scopes) if scopes else None


def record_use(token: ApiToken) -> None:
    """Record the use of a token: the time, to the minute, and a log entry on the first use of each day."""
    used_at = now()
    previous_use = token.used_at
    with transaction.atomic():
        due_tokens = Q(used_at=None) | Q(used_at__lt=used_at - _MINUTE)
        if not ApiToken.objects.filter(due_tokens, pk=token.pk, used_at=previous_use).update(used_at=used_at):
            return
        if previous_use is None or previous_use.date() != used_at.date():
            _log_token_event("token used", token, by=token.actor_name)
    token.used_at = used_at


def list_tokens(owner: Owner) -> QuerySet[ApiToken]:
    """Return the owner's tokens that are not revoked, including expired ones, newest first."""
    return ApiToken.objects.filter(owner=owner, revoked_at=None).select_related("user").order_by("-made_at", "-pk")


def revoke_token(owner: Owner, number: int, *, by: str) -> ApiToken:
    """Revoke one of the owner's tokens, by its primary key; raises ``NotFoundError``."""
    with transaction.atomic():
        token = list_tokens(owner).select_for_update(of=("self",)).filter(pk=number).first()
        token = require(token, _("API token not found."))
        update_row(token, revoked_at=now())
        _log_token_event("token revoked", token, by=by)
    return token


def revoke_all_tokens(owner: Owner, user: User, *, by: str) -> None:
    """Revoke all of a user's API tokens with an owner, in the transaction of the change that requires it."""
    for token in list_tokens(owner).filter(user=user):
        revoke_token(owner, token.pk, by=by)


def _list_valid_tokens() -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(revoked_at=None, expires_at__gt=now(), user__is_active=True)


def _log_token_event(event: str, token: ApiToken, *, by: str) -> None:
    log_details = {
        "expires": token.expires_at.isoformat(),
        "name": token.name,
        "scopes": token.scopes,
        "token": token.pk,
    }
    audit_log.log_change(event, by=by, owner=token.owner, details={**log_details, "user": token.user.get_username()})


def create_feed(owner: Owner, user: User, *, by: str) -> str:
    """Create a member's feed URL, replacing an earlier one. Returns its secret, which is not stored."""
    secret = secrets.token_urlsafe(_FEED_BYTES)
    with transaction.atomic():
        defaults = {"digest": Digest.from_bytes(secret.encode()), "made_at": now()}
        Feed.objects.update_or_create(owner=owner, user=user, defaults=defaults)
        audit_log.log_change("feed made", by=by, owner=owner, details={"user": user.get_username()})
    return secret


def revoke_feed(owner: Owner, user: User, *, by: str) -> None:
    """Revoke a member's feed URL."""
    with transaction.atomic():
        if Feed.objects.filter(owner=owner, user=user).delete()[0]:
            audit_log.log_change("feed revoked", by=by, owner=owner, details={"user": user.get_username()})


def find_feed(secret: str) -> Feed | None:
    """Return the feed with this secret; ``None`` if it was revoked, or its user is no longer a member."""
    rows = Feed.objects.filter(digest=Digest.from_bytes(secret.encode()), user__is_active=True).select_related(
        "owner", "user"
    )
    row = rows.first()
    return row if row is not None and row.owner.memberships.filter(user=row.user_id).exists() else None
