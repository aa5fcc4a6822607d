"""allauth's forms of passkeys and security keys, with labels in the reader's language."""

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django.utils.translation import gettext_lazy as _


class NewKey(AddWebAuthnForm):
    """A passkey or security key that is added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - allauth's
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name, by which you know it")


class RenamedKey(EditWebAuthnForm):
    """A passkey or security key that gets another name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - allauth's
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name, by which you know it")
