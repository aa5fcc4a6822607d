"""How allauth's accounts fit the installation: names, mail, who may sign up, and secrets of authenticators at rest."""

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

from desk.web.common.access import person_of
from desk.web.middleware.requests import whole_address
from exhibit.errors import IntegrityError
from exhibit.types import Untyped
from registry.members import devices, invitations
from registry.members.people import language_of
from registry.models import Invitation, User

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession

INVITED = "invitation"
"""In a session: the invitation with which somebody is about to sign up."""

_NONCE_BYTES = 12
_log = logging.getLogger(__name__)


class Accounts(DefaultAccountAdapter):
    """The e-mail address is the name; links begin with ``public_url``; who signs up is invited or the site is open."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether the site is open, or an invitation was followed to here."""
        return settings.CONFIG.sign_up == "open" or invited(request) is not None

    def clean_email(self, email: str) -> str:
        """Accept an address that can be a name; with an invitation, only the one that was invited."""
        invitation = invited(self.request)
        if invitation is not None and email.lower() != invitation.email.lower():
            raise ValidationError(_("The invitation is for %(email)s."), params={"email": invitation.email})
        if len(email) > invitations.MAX_EMAIL:
            raise ValidationError(_("This address is too long."))
        return email

    def populate_username(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 - allauth's signature
        """Name the person after the address."""
        user.username = user.email = user.email.lower()

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in a mail, which never follows the host that a request names where ``public_url`` is known."""
        return whole_address(self.request, urlsplit(super().get_reset_password_from_key_url(key)).path)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Untyped) -> str:
        """The link in a mail, as above."""
        return whole_address(request, reverse("account_confirm_email", args=[emailconfirmation.key]))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail in the language of its reader; when the server doesn't take it, say so instead of failing."""
        person = context.get("user")
        names = (email, person.get_username()) if isinstance(person, User) else (email,)
        try:
            with translation.override(language_of(*names) or translation.get_language()):
                super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException):
            _log.exception("a mail couldn't be sent")
            messages.error(self.request, _("The mail couldn't be sent. Try again later, or tell the operator."))


class Sessions(DefaultUserSessionsAdapter):
    """Whoever ends the other sessions has lost a device, perhaps: none is known any more by its cookie."""

    def end_sessions(self, sessions: "Sequence[UserSession]") -> None:
        """End them; a lost device's own may have run out, and then there are none."""
        person = person_of(self.request)
        devices.forget(person, by=person.get_username())
        super().end_sessions(sessions)


class Authenticators(DefaultMFAAdapter):
    """Secrets of authenticators lie encrypted (AES-256-GCM, under a key that follows from ``secrets/secret_key``)."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for its row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + AESGCM(_key()).encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret of a row; raises ``IntegrityError`` when ``secret_key`` isn't the one it was made with."""
        data = base64.b64decode(encrypted_text)
        try:
            return AESGCM(_key()).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None).decode()
        except InvalidTag:
            hint = _("Put secrets/secret_key back from your backup, or remove the person's authenticators.")
            raise IntegrityError(_("The authenticator's secret can't be unlocked."), hint=hint) from None


def invited(request: HttpRequest) -> Invitation | None:
    """The open invitation that was followed in this session."""
    number = request.session.get(INVITED)
    return None if number is None else invitations.open_ones().filter(pk=number).first()


def _key() -> bytes:
    made = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"exhibit authenticators v1")
    return made.derive(bytes.fromhex(settings.SECRET_KEY))
