"""Attestation of passkeys by their manufacturers, if the operator requires it (WebAuthn Level 2, section 6.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints, load_der_x509_certificate, load_pem_x509_certificates
from django.conf import settings
from django.utils.translation import gettext as _
from fido2.attestation.base import AttestationResult, AttestationVerifier
from fido2.webauthn import AuthenticatorData, RegistrationResponse

from exhibit.errors import ConfigError, InvalidRequestError


def is_attestation_required() -> bool:
    """Return True if the operator requires attestation."""
    return bool(settings.CONFIG.passkey_roots or settings.CONFIG.passkey_aaguids)


def verify_passkey_attestation(credential: Mapping[str, Any], valid_at: datetime) -> dict[str, str] | None:
    """Verify a new credential's attestation, with certificates valid at a given time.

    Args:
        credential: The registration response.
        valid_at: Time at which the certificates must be valid.

    Returns:
        The ``aaguid`` and ``format`` of the device, or None if the operator does not require attestation.

    Raises:
        InvalidRequestError: No trusted manufacturer attests the passkey, or its type is not allowed.
        ConfigError: The settings cannot be used.
    """
    if not is_attestation_required():
        return None
    verifier = _RootVerifier(valid_at)
    try:
        response = RegistrationResponse.from_dict(credential).response
        attestation = response.attestation_object
        verifier.verify_attestation(attestation, response.client_data.hash)
        # The oldest format's signature does not cover the AAGUID, which is therefore unverified.
        model = b"" if attestation.fmt == "fido-u2f" else attestation.auth_data.credential_data.aaguid  # type: ignore[union-attr]
    except Exception as error:  # Parsing untrusted input can raise any exception.
        sentence = _("This passkey is not attested by a manufacturer that the operator trusts.")
        hint = _(
            "Use a type of security key or device that the operator allows, and allow the browser to "
            "disclose the type of the device."
        )
        raise InvalidRequestError(sentence, hint=hint) from error
    aaguid = str(UUID(bytes=model.ljust(16, b"\0")))
    if aaguid not in (settings.CONFIG.passkey_aaguids or [aaguid]):
        sentence = _("The operator does not allow this type of passkey (AAGUID %(aaguid)s).") % {"aaguid": aaguid}
        raise InvalidRequestError(sentence, hint=_("Use another passkey, or ask the operator to allow this type."))
    return {"aaguid": aaguid, "format": attestation.fmt}


class _RootVerifier(AttestationVerifier):
    """Verifier that requires certificate chains to end at a configured root. The library checks only signatures."""

    def __init__(self, valid_at: datetime) -> None:
        super().__init__()
        roots_path = settings.CONFIG.data_dir / settings.CONFIG.passkey_roots
        try:
            files = (
                sorted(roots_path.glob("*.pem"))
                if settings.CONFIG.passkey_roots and roots_path.is_dir()
                else [roots_path]
            )
            self._roots = [
                certificate for file in files for certificate in load_pem_x509_certificates(file.read_bytes())
            ]
        except (OSError, ValueError) as error:
            hint = _(
                "Contact the operator. The setting passkey_roots must be the path of a file with PEM "
                "certificates, or of a folder with *.pem files."
            )
            raise ConfigError(_("The certificates in passkey_roots cannot be read."), hint=hint) from error
        self._valid_at = valid_at

    def ca_lookup(self, attestation_result: AttestationResult, auth_data: AuthenticatorData) -> bytes | None:  # noqa: ARG002
        """Return the root of a statement's certificates; None for a statement without any, such as self-attestation."""
        path = [load_der_x509_certificate(der) for der in attestation_result.trust_path]
        if not all(
            certificate.extensions.get_extension_for_class(BasicConstraints).value.ca for certificate in path[1:]
        ):
            return None
        root = next(
            (certificate for certificate in self._roots if path and certificate.subject == path[-1].issuer), None
        )
        chain = [*path, *filter(None, [root])]
        is_valid = all(
            certificate.not_valid_before_utc <= self._valid_at <= certificate.not_valid_after_utc
            for certificate in chain
        )
        return root.public_bytes(Encoding.DER) if root and is_valid else None
