"""Sensitive actions signed with a passkey: the challenge for the browser and its response, for the site and the API."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.mfa.webauthn.internal import auth
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.utils.translation import gettext as _
from fido2.cose import ES256, RS256, CoseKey
from fido2.utils import websafe_encode
from fido2.webauthn import AttestedCredentialData, AuthenticationResponse, UserVerificationRequirement

from desk.attestation import verify_passkey_attestation
from exhibit.errors import InvalidRequestError, NotFoundError
from registry import scoped
from registry.cases import signed_decisions
from registry.db.rows import get_next_number
from registry.keys import passkeys
from registry.keys.keys import find_key
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.models import Owner, User
from registry.notices import notices
from registry.notices.contents import build_items, build_letter
from registry.notices.signing import compute_letter_digest

MAX_RESPONSE_LENGTH = 20_000
"""Maximum number of characters in a passkey's response."""


def create_challenge(owner: Owner, user: User, action: str, object_id: str) -> dict[str, Any]:
    """Create a challenge for an action on an object.

    Returns:
        The options for ``navigator.credentials.get``.

    Raises:
        NotFoundError: The owner has no such object.
        InvalidRequestError: The action is unknown, or the user has no suitable passkey.
    """
    known_action = next((candidate for candidate in PasskeyAction if candidate == action), None)
    credentials = _list_credentials(user)
    if known_action is None or not credentials:
        problem = _("You have no passkey.") if known_action else _("This action cannot be signed.")
        if known_action and auth.get_credentials(user):
            problem = _("None of your passkeys is of a type that the operator accepts for this action.")
        raise InvalidRequestError(
            problem, hint=_("Add a passkey first. Go to “Account” and open “Two-factor authentication and passkeys”.")
        )
    server = auth.get_server()
    row = passkeys.create_signature_request(
        owner, user, known_action, _get_subject(owner, known_action, object_id), str(server.rp.id)
    )
    options, _state = server.authenticate_begin(
        credentials, UserVerificationRequirement.REQUIRED, challenge=row.challenge.raw
    )
    return dict(options)


def _get_subject(owner: Owner, action: PasskeyAction, object_id: str) -> dict[str, Any]:
    """Return the subject to be signed, exactly as the action will compute it."""
    if action is PasskeyAction.OFF:
        return {}
    if action is PasskeyAction.REVOKE:
        return passkeys.build_key_subject(find_key(owner, object_id).public_key)
    number = int(object_id) if object_id.isdecimal() and len(object_id) < 10 else 0
    if action is PasskeyAction.SIGN:
        notice = notices.get_notice(owner, number)
        return passkeys.build_letter_subject(compute_letter_digest(build_letter(notice, build_items(notice))), number)
    case = scoped.get_case(owner, number)
    if action is PasskeyAction.CONFIRM:
        return signed_decisions.build_statement(case, get_next_number(case.bundles))
    if case.shown is None or case.shown.match.found.digest is None:
        raise NotFoundError(_("The case has no picture."))
    return passkeys.build_picture_subject(case.shown.match.found.digest)


def verify_passkey_response(user: User, submitted_response: Mapping[str, Any] | str | None) -> PasskeyResponse | None:
    """Verify a passkey's response from a browser or program; return None if there is none.

    Raises:
        InvalidRequestError: The response is unreadable, not from a passkey of the user, or matches no pending
        challenge.
    """
    if not submitted_response:
        return None
    try:
        data = (
            json.loads(submitted_response[:MAX_RESPONSE_LENGTH])
            if isinstance(submitted_response, str)
            else dict(submitted_response)
        )
        response = AuthenticationResponse.from_dict(data).response
        row = passkeys.get_signature_request(user, response.client_data.challenge)
        state = {
            "challenge": websafe_encode(row.challenge.raw),
            "user_verification": UserVerificationRequirement.REQUIRED,
        }
        credential = auth.get_server().authenticate_complete(state, _list_credentials(user), data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ValidationError) as error:
        raise InvalidRequestError(_("The passkey's response is not valid.")) from error
    authenticator = auth.get_authenticator_by_credential_id(user, credential.credential_id)
    assert authenticator is not None
    key = _public_key_bytes(credential.public_key)
    parts = (bytes(response.authenticator_data), bytes(response.client_data), bytes(response.signature))
    return passkeys.verify_response(row, key, parts, _get_log_entry(authenticator, key))


def _list_credentials(user: User) -> list[AttestedCredentialData]:
    """Return the user's passkeys that may sign sensitive actions: all, or the attested ones if required."""
    credentials = []
    for row in Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN):
        with contextlib.suppress(InvalidRequestError):
            verify_passkey_attestation(row.data.get("credential", {}), row.created_at)
            credentials.append(row.wrap().authenticator_data.credential_data)
    return credentials


def _public_key_bytes(key: CoseKey) -> bytes:
    """Return a passkey's public key (SubjectPublicKeyInfo).

    Raises:
        InvalidRequestError: Verifiers do not support this kind of key.
    """
    parameters: Mapping[int, Any] = key

    def read_number(name: int) -> int:
        return int.from_bytes(parameters[name], "big")

    if isinstance(key, ES256):
        public_key: Any = EllipticCurvePublicNumbers(read_number(-2), read_number(-3), SECP256R1()).public_key()
    elif isinstance(key, RS256):
        public_key = RSAPublicNumbers(read_number(-2), read_number(-1)).public_key()
    else:
        raise InvalidRequestError(_("Passkeys of this type cannot sign decisions."), hint=_("Use another passkey."))
    return bytes(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _get_log_entry(row: Authenticator, key: bytes, event: str = "noted") -> int:
    """Return the log entry of a passkey. Create it if the passkey was added before passkeys were logged."""
    if "entry" not in row.data:
        row.data["attested"] = verify_passkey_attestation(row.data["credential"], row.created_at)
        row.data["entry"] = passkeys.log_passkey_event(key, event, row.user, row.data["name"], row.data["attested"]).pk
        row.save(update_fields=["data"])
    return int(row.data["entry"])


@receiver(authenticator_added)
def log_added_passkey(authenticator: Authenticator, **_kwargs: object) -> None:
    """Log the addition of a passkey."""
    if (key := _get_public_key(authenticator)) is not None:
        _get_log_entry(authenticator, key, "created")


@receiver(authenticator_removed)
def log_removed_passkey(authenticator: Authenticator, user: User, **_kwargs: object) -> None:
    """Log the removal of a passkey."""
    if (key := _get_public_key(authenticator)) is not None:
        passkeys.log_passkey_event(key, "removed", user, authenticator.data["name"])


def _get_public_key(row: Authenticator) -> bytes | None:
    """Return a passkey's public key; None for other authenticators, and for unreadable or unsupported keys."""
    if row.type != Authenticator.Type.WEBAUTHN:
        return None
    with contextlib.suppress(InvalidRequestError, KeyError, ValueError):
        return _public_key_bytes(row.wrap().authenticator_data.credential_data.public_key)
    return None
