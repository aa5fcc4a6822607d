"""Adapters for allauth: user names, email, sign-up, and encryption of authenticator secrets at rest."""

import base64
import logging
import secrets
from collections.abc import Sequence
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from desk.web.common.access import get_user
from desk.web.middleware.requests import absolute_url
from exhibit.errors import IntegrityError
from exhibit.types import Untyped
from registry.members import devices, invitations
from registry.members.accounts import get_language
from registry.models import Invitation, User

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession

INVITATION_KEY = "invitation"
"""Session key: the invitation with which the visitor is signing up."""

_NONCE_BYTES = 12
_log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Account adapter: email addresses as user names, links below ``public_url``, restricted sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return True if the site is open, or the session has an invitation."""
        return settings.CONFIG.sign_up == "open" or get_current_invitation(request) is not None

    def clean_email(self, email: str) -> str:
        """Validate an address as a user name. With an invitation, only the invited address is accepted."""
        invitation = get_current_invitation(self.request)
        if invitation is not None and email.lower() != invitation.email.lower():
            raise ValidationError(_("The invitation is for %(email)s."), params={"email": invitation.email})
        if len(email) > invitations.MAX_EMAIL_LENGTH:
            raise ValidationError(_("This email address is too long."))
        return email

    def populate_username(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 - allauth's signature
        """Set the user name to the address."""
        user.username = user.email = user.email.lower()

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link for an email. If ``public_url`` is set, the request's Host header is not used."""
        return absolute_url(self.request, urlsplit(super().get_reset_password_from_key_url(key)).path)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Untyped) -> str:
        """Return the confirmation link for an email. If ``public_url`` is set, the Host header is not used."""
        return absolute_url(request, reverse("account_confirm_email", args=[emailconfirmation.key]))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send an email in the recipient's language. Show a message instead of failing if the server rejects it."""
        recipient = context.get("user")
        names = (email, recipient.get_username()) if isinstance(recipient, User) else (email,)
        try:
            with translation.override(get_language(*names) or translation.get_language()):
                super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException):
            _log.exception("an email could not be sent")
            messages.error(self.request, _("The email could not be sent. Try again later, or contact the operator."))


class UserSessionsAdapter(DefaultUserSessionsAdapter):
    """Session adapter: ending sessions also forgets all browsers recognised by cookie, as the device may be lost."""

    def end_sessions(self, sessions: "Sequence[UserSession]") -> None:
        """End the sessions and forget all recognised browsers.

        The list may be empty: the session of a lost device may have expired, but its browser must still be forgotten.
        """
        user = get_user(self.request)
        devices.forget_devices(user, by=user.get_username())
        super().end_sessions(sessions)


class AuthenticatorAdapter(DefaultMFAAdapter):
    """MFA adapter: encrypts authenticator secrets at rest (AES-256-GCM, key derived from ``secrets/secret_key``)."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for storage."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + AESGCM(_derive_key()).encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a stored secret.

        Raises:
            IntegrityError: The secret was encrypted with a different ``secret_key``.
        """
        data = base64.b64decode(encrypted_text)
        try:
            return AESGCM(_derive_key()).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None).decode()
        except InvalidTag:
            hint = _("Restore secrets/secret_key from your backup, or remove this person's authenticators.")
            raise IntegrityError(_("The authenticator's secret cannot be decrypted."), hint=hint) from None


def get_current_invitation(request: HttpRequest) -> Invitation | None:
    """Return the open invitation of this session, or None."""
    number = request.session.get(INVITATION_KEY)
    return None if number is None else invitations.list_open_invitations().filter(pk=number).first()


def _derive_key() -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"exhibit authenticators v1")
    return derivation.derive(bytes.fromhex(settings.SECRET_KEY))
