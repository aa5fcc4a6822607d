"""A decision signed by a passkey: the statement that was signed, and the assertion (WebAuthn Level 2, section 7.2).

The challenge is the digest of a statement of the decision, so an assertion is valid only for this decision. It proves
that a key signed and that its device verified a user. The owner of the key is only declared by the member who
registered the key.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from evidence.formats.codec import Bytes32, Canonical, FormatError, parse_json, to_plain
from exhibit.entries import encode_canonical

ASSERTION_FORMAT = "exhibit-assertion/1"
ASSERTION_PATH = "data/decision.json"
HASH_PREFIX = b"exhibit decision v1\n"
"""Prefix of a statement for hashing, so that other challenges cannot be reused for decisions."""
MAX_DECISION_AGE = timedelta(minutes=5)
"""Maximum time from the creation of a statement to its signature by a passkey."""
MAX_PART_BYTES = 4096  # bytes of the client data, of the authenticator data and of a key
FLAG_PRESENT, FLAG_VERIFIED, FLAG_ATTESTED = 0x01, 0x04, 0x40  # flags of the authenticator data (section 6.1)
_ORIGIN_PATTERN = re.compile(r"https?://([a-z0-9.-]{1,253})(:[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignedDecision:
    """Statement that a member signs with a passkey."""

    act: str  # ``confirm``, ``sign``, ``purge``, ``revoke`` or ``off``
    owner: str  # the owner's name
    subject: dict[str, Any]  # subject of the decision, plain JSON
    by: str  # user name of the member
    site: str  # host of the passkeys (WebAuthn's RP ID)
    time: datetime  # time of the request, aware, UTC
    nonce: Bytes32  # 32 random bytes

    @property
    def challenge(self) -> bytes:
        """Challenge that the passkey signs, 32 bytes."""
        return hashlib.sha256(HASH_PREFIX + encode_canonical(to_plain(self))).digest()


@dataclass(frozen=True, slots=True)
class Assertion(Canonical):
    """Assertion by a passkey, with all data that is needed to check it."""

    statement: SignedDecision  # the statement to sign
    key: bytes  # SubjectPublicKeyInfo, DER: of P-256, or RSA
    authenticator_data: bytes  # as created by the device
    client_data: bytes  # JSON, as created by the browser
    signature: bytes  # signature over the authenticator data and the digest of the client data
    format: str = ASSERTION_FORMAT  # format of this file

    @property
    def counter(self) -> int:
        """Signature counter of the device; always 0 on many devices."""
        return int.from_bytes(self.authenticator_data[33:37], "big")


def check_assertion(assertion: Assertion) -> None:
    """Check that the passkey signed exactly this statement on its site, and that the device verified the user.

    Raises:
        FormatError: The check failed.
    """
    data, site = assertion.authenticator_data, assertion.statement.site
    if not 37 <= len(data) <= MAX_PART_BYTES or len(assertion.client_data) > MAX_PART_BYTES:
        raise FormatError("The passkey assertion is too short or too long.")
    if data[:32] != hashlib.sha256(site.encode()).digest():
        raise FormatError("The passkey is for a different site than the statement.")
    if data[32] & (FLAG_PRESENT | FLAG_VERIFIED | FLAG_ATTESTED) != FLAG_PRESENT | FLAG_VERIFIED:
        raise FormatError("The device does not state that it verified the person.")
    client = parse_json(assertion.client_data, label="the client data")
    challenge = base64.urlsafe_b64encode(assertion.statement.challenge).rstrip(b"=").decode()
    if not isinstance(client, dict) or client.get("type") != "webauthn.get" or client.get("challenge") != challenge:
        raise FormatError("The passkey did not sign the statement.")
    if client.get("crossOrigin", False) is not False or not is_origin_of(client.get("origin"), site):
        raise FormatError("The passkey was requested by a different site than the statement names.")
    _check_signature(assertion, data + hashlib.sha256(assertion.client_data).digest())


def is_origin_of(origin: object, site: str) -> bool:
    """Return True if pages of an origin may use the passkeys of a site: over TLS, or on localhost."""
    match = _ORIGIN_PATTERN.fullmatch(origin) if isinstance(origin, str) else None
    if match is None or not (match[1] == site or match[1].endswith(f".{site}")):
        return False
    return match[0].startswith("https://") or site == "localhost"


def _check_signature(assertion: Assertion, signed_data: bytes) -> None:
    try:
        key = load_der_public_key(assertion.key[:MAX_PART_BYTES])
        if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != assertion.key:
            raise FormatError("The public key of the passkey is not in canonical form.")
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            key.verify(assertion.signature, signed_data, ECDSA(SHA256()))
        elif isinstance(key, RSAPublicKey) and 2048 <= key.key_size <= 4096:
            key.verify(assertion.signature, signed_data, PKCS1v15(), SHA256())
        else:
            raise FormatError("The key type of the passkey is not accepted.")
    except InvalidSignature as error:
        raise FormatError("The signature of the passkey is invalid.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError("The public key of the passkey cannot be read.") from error
