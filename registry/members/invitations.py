"""Single-use invitation links for members of an owner, or for the operator of the installation."""

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.accounts.models import Invitation, Membership, Owner, Role, User
from registry.db.locks import Lock, hold
from registry.db.rows import lock_row, require, update_row
from registry.events import push_subscriptions
from registry.log import audit_log

VALIDITY_DAYS = 14
MAX_OPEN = 100
"""Maximum number of open invitations per owner."""
OPERATOR_VALIDITY_HOURS = 24
MAX_EMAIL_LENGTH = 150
"""Maximum number of characters of an email address that is used to sign in."""
_SECRET_BYTES = 32


def create_invitation(owner: Owner, email: str, role: str, *, by: str) -> tuple[Invitation, str]:
    """Invite a user by email address; an earlier invitation of the same address becomes invalid.

    Returns:
        The row, and the secret of the link, which is not stored.

    Raises:
        InvalidRequestError: The address or role is invalid, the user is already a member, or too many invitations are
        open.
    """
    email = email.strip().lower()
    check_email(email)
    if role not in Role.values:
        raise InvalidRequestError(_("Choose a role."))
    if Membership.objects.filter(owner=owner, user__email__iexact=email).exists():
        raise InvalidRequestError(_("%(email)s is already a member.") % {"email": email})
    with lock_row(owner):
        if list_open_invitations(owner).exclude(email=email).count() >= MAX_OPEN:
            raise InvalidRequestError(_("Too many invitations are pending. Revoke some first."))
        row, secret = _create_invitation(timedelta(days=VALIDITY_DAYS), owner=owner, email=email, role=role, by=by)
        _log_invitation("member invited", row, by=by)
    return row, secret


def check_email(email: str) -> None:
    """Raise ``InvalidRequestError`` for text that is not an email address or is too long for a user name."""
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidRequestError(_("“%(email)s” is not an email address.") % {"email": email[:200]}) from None
    if len(email) > MAX_EMAIL_LENGTH:
        raise InvalidRequestError(_("This email address is too long."))


def invite_operator(*, by: str) -> str:
    """Create an invitation for the operator and return its secret; an earlier invitation becomes invalid."""
    with transaction.atomic():
        hold(Lock.SETTINGS)
        row, secret = _create_invitation(timedelta(hours=OPERATOR_VALIDITY_HOURS), by=by)
        _log_invitation("operator invited", row, by=by)
    return secret


def has_operator() -> bool:
    """Return True if the installation has an operator."""
    return User.objects.filter(is_staff=True, is_active=True).exists()


def list_open_invitations(owner: Owner | None = None) -> QuerySet[Invitation]:
    """Return invitations that can still be accepted, of one owner or of all owners, newest first."""
    invitations = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now())
    return (invitations if owner is None else invitations.filter(owner=owner)).order_by("-made_at", "-pk")


def find_open_invitation(secret: str) -> Invitation | None:
    """Return the open invitation with this secret, with its owner."""
    return list_open_invitations().filter(digest=Digest.from_bytes(secret.encode())).select_related("owner").first()


def accept_invitation(invitation: Invitation, user: User) -> Membership | None:
    """Accept an invitation for the user with the invited address.

    The operator's invitation is not bound to an address. Returns the membership; ``None`` for the operator's
    invitation.

    Raises:
        NotFoundError: The invitation is no longer open.
        InvalidRequestError: The invitation is for another user.
    """
    by = user.get_username()
    if invitation.email and invitation.email.lower() != user.email.lower():
        raise InvalidRequestError(_("The invitation is for %(email)s.") % {"email": invitation.email})
    with transaction.atomic():
        if not list_open_invitations().filter(pk=invitation.pk).update(accepted_at=now()):
            raise NotFoundError(_("This invitation is no longer valid. Ask for a new one."))
        if invitation.owner is None:
            User.objects.filter(pk=user.pk).update(is_staff=True)
            audit_log.log_change("operator added", by=by, details={"user": by})
            return None
        defaults = {"role": invitation.role}
        membership, is_new = Membership.objects.get_or_create(user=user, owner=invitation.owner, defaults=defaults)
        if is_new:
            push_subscriptions.skip_earlier_matches(user, invitation.owner)
            log_details = {"invited_by": invitation.by, "role": membership.role, "user": user.email}
            audit_log.log_change("member joined", by=by, owner=invitation.owner, details=log_details)
    return membership


def revoke_invitation(owner: Owner, number: int, *, by: str) -> None:
    """Revoke one of the owner's open invitations; raises ``NotFoundError`` if there is none with this number."""
    with transaction.atomic():
        row = list_open_invitations(owner).select_for_update().filter(pk=number).first()
        row = require(row, _("Invitation not found."))
        update_row(row, revoked_at=now())
        _log_invitation("invitation taken back", row, by=by)


def delete_ended_invitations() -> int:
    """Delete invitations that were accepted, revoked or have expired; the log keeps their history."""
    is_ended = Q(accepted_at__isnull=False) | Q(revoked_at__isnull=False) | Q(expires_at__lte=now())
    return Invitation.objects.filter(is_ended).delete()[0]


def _create_invitation(validity: timedelta, **values: object) -> tuple[Invitation, str]:
    """Create an invitation and revoke an earlier one, even if expired, because the constraint includes expired ones."""
    secret, created_at = secrets.token_urlsafe(_SECRET_BYTES), now()
    same_invitation = Q(owner=values.get("owner"), email=values.get("email", ""), accepted_at=None, revoked_at=None)
    Invitation.objects.filter(same_invitation).update(revoked_at=created_at)
    row = Invitation.objects.create(
        digest=Digest.from_bytes(secret.encode()), made_at=created_at, expires_at=created_at + validity, **values
    )
    return row, secret


def _log_invitation(event: str, row: Invitation, *, by: str) -> None:
    log_details = {"email": row.email, "role": row.role, "until": str(row.expires_at)}
    audit_log.log_change(event, by=by, owner=row.owner, details=log_details)
