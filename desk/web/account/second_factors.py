"""Customised allauth forms for second factors: translated labels, single-use codes, accepted types of passkeys."""

from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.forms import Form
from django.utils.translation import gettext_lazy as _

from desk.attestation import is_attestation_required, verify_passkey_attestation
from desk.texts.sentences import in_words
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from exhibit.types import Untyped
from registry.models import User


class _SingleUseCodeMixin(Form):
    """Mixin that accepts a code only once during its validity, including clock tolerance (RFC 6238, section 5.2)."""

    user: User

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc] # defined by the form that uses this mixin
        seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
        if not cache.add(f"second-factor-{self.user.pk}-{normalize_user_code(code)}", "used", timeout=seconds):
            raise get_adapter().validation_error("incorrect_code")
        return code


class ActivationCodeForm(_SingleUseCodeMixin, ActivateTOTPForm):
    """Form for the code that activates an authenticator. The code cannot be used for a later sign-in."""


class SignInCodeForm(_SingleUseCodeMixin, AuthenticateForm):
    """Form for the code at sign-in."""


class ReauthenticationCodeForm(_SingleUseCodeMixin, ReauthenticateForm):
    """Form for the code that confirms the user's identity before a sensitive action."""


class _NamedKeyForm(Form):
    def __init__(self, *args: Untyped, **kwargs: Untyped) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name (for your reference)")


class NewKeyForm(_NamedKeyForm, AddWebAuthnForm):
    """Form for a new passkey or security key of a type that the operator accepts."""

    def clean(self) -> dict[str, Any]:
        """Validate as allauth does, and verify the attestation."""
        cleaned_data: dict[str, Any] = super().clean() or {}
        if "credential" in cleaned_data:
            try:
                verify_passkey_attestation(cleaned_data["credential"], now())
            except InvalidRequestError as error:
                raise ValidationError(in_words(error)) from error
        return cleaned_data


class AddKeyView(AddWebAuthnView):
    """Page to add a key. It requests an attestation from the browser if the operator requires one."""

    def get_context_data(self, **kwargs: Untyped) -> dict[str, Any]:
        """Return allauth's context, with the rejected form and the requested attestation."""
        values: dict[str, Any] = super().get_context_data() | kwargs
        if is_attestation_required():
            values["js_data"]["creation_options"]["publicKey"]["attestation"] = "direct"
        return values


class RenameKeyForm(_NamedKeyForm, EditWebAuthnForm):
    """Form to rename a passkey or security key."""
