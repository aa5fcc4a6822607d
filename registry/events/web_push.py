"""Web Push: encryption of messages for a browser, and tokens that identify this installation to push services.

``http_ece`` encrypts (RFC 8291) and ``py_vapid`` signs (VAPID, RFC 8292). ``pywebpush`` combines both, but also sends
messages, follows redirects and reads responses of any length. The push service sees neither the text nor its length,
because all messages are padded to the same length.
"""

import base64
from datetime import timedelta
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import jwt

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.config.secrets import load_secret_key

PUBLIC_BYTES, AUTH_BYTES = 65, 16
MESSAGE_LENGTH = 1024
"""Length in bytes to which every message is padded."""
TOKEN_LIFETIME = timedelta(hours=12)
"""Lifetime of a token; RFC 8292 allows a day."""

_CURVE = ec.SECP256R1()
_PURPOSE = b"exhibit push v1"


def derive_application_key(config: Config) -> ec.EllipticCurvePrivateKey:
    """Return the key that identifies this installation to push services.

    Browsers register for this key and accept no messages signed with another. It is derived from
    ``secrets/secret_key``, so it is the same on every machine and after a restore.
    """
    key_bytes = HKDF(hashes.SHA256(), 48, b"", _PURPOSE).derive(bytes.fromhex(load_secret_key(config)))
    return ec.derive_private_key(int.from_bytes(key_bytes) % (_CURVE.group_order - 1) + 1, _CURVE)


def encode_public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Encode a key's public part for Web Push: an uncompressed point in base64url without padding."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def check_keys(public_key: bytes, auth: bytes) -> None:
    """Raise ``ValueError`` unless the key is a point of the curve and the secret has the required length."""
    if len(public_key) != PUBLIC_BYTES or len(auth) != AUTH_BYTES:
        raise ValueError("the key or the secret has the wrong length")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public_key)


def encrypt(message: bytes, public_key: bytes, auth: bytes) -> bytes:
    """Encrypt a message of at most ``MESSAGE_LENGTH`` bytes for the browser with these keys, using an ephemeral key."""
    key = ec.generate_private_key(_CURVE)
    body: bytes = http_ece.encrypt(message.ljust(MESSAGE_LENGTH), private_key=key, dh=public_key, auth_secret=auth)
    return body


def build_authorization(config: Config, endpoint: str) -> str:
    """Return the ``Authorization`` header that identifies the sender to a push service (RFC 8292)."""
    key = derive_application_key(config)
    claims: dict[str, object] = {
        "aud": f"https://{urlsplit(endpoint).netloc}",
        "exp": int((now() + TOKEN_LIFETIME).timestamp()),
    }
    if subject := _get_subject(config):
        claims["sub"] = subject
    return f"vapid t={jwt.sign(claims, key)}, k={encode_public_key(key)}"


def _get_subject(config: Config) -> str:
    """Return the operator's contact, or the site's URL; plain HTTP is excluded, because push services reject it."""
    contact = config.contact if ":" in config.contact or not config.contact else f"mailto:{config.contact}"
    return next(
        (address for address in (contact, config.public_url) if address.startswith(("mailto:", "https://"))), ""
    )
