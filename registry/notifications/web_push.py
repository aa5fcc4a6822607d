"""Web Push: what a message is encrypted with for one browser, and how this installation says that it is its own.

Message Encryption for Web Push (RFC 8291, over RFC 8188's ``aes128gcm``) and Voluntary Application Server
Identification (VAPID, RFC 8292). The service in between sees neither the words nor, since all are filled up to one
length, how many they are.
"""

import base64
import binascii
import json
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.config.secrets import secret_key

PUBLIC_BYTES, AUTH_BYTES = 65, 16
LENGTH = 1024
"""Bytes that every message is filled up to."""
VALID_FOR = timedelta(hours=12)
"""How long a service may take a token for ours; RFC 8292 allows a day."""

_CURVE = ec.SECP256R1()
_RECORD = 4096
_PURPOSE = b"exhibit push v1"


def base64url(data: bytes) -> str:
    """Bytes as Web Push writes them: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """What such a text says; raises ``ValueError`` for any other."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def application_key(config: Config) -> ec.EllipticCurvePrivateKey:
    """The key by which push services know this installation; browsers are added for it and take no other's messages.

    It follows from ``secrets/secret_key``, so every machine has it, and a restored installation keeps it.
    """
    made = _derived(bytes.fromhex(secret_key(config)), b"", _PURPOSE, 48)
    return ec.derive_private_key(int.from_bytes(made) % (_CURVE.group_order - 1) + 1, _CURVE)


def public_bytes(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> bytes:
    """The public half of a key as an uncompressed point."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_keys(public_key: bytes, auth: bytes) -> None:
    """Raise ``ValueError`` unless they are a point of the curve and a secret of the length that browsers make."""
    if len(public_key) != PUBLIC_BYTES or len(auth) != AUTH_BYTES:
        raise ValueError("these keys have another length")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public_key)


def sealed(message: bytes, public_key: bytes, auth: bytes) -> bytes:
    """A message of at most ``LENGTH`` bytes as only the browser with these keys reads it, each time with new ones."""
    return encrypt(message.ljust(LENGTH), public_key, auth, secrets.token_bytes(16), ec.generate_private_key(_CURVE))


def encrypt(message: bytes, to: bytes, auth: bytes, salt: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The body of RFC 8291, 3.4, of one record; salt and key are used this once."""
    sender = public_bytes(key)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, to))
    secret = _derived(shared, auth, b"WebPush: info\0" + to + sender, 32)
    cipher = AESGCM(_derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD.to_bytes(4) + len(sender).to_bytes(1) + sender
    return head + cipher.encrypt(nonce, message + b"\x02", None)


def authorization(config: Config, endpoint: str) -> str:
    """The header by which the service of an endpoint knows who sends, and whom its operator may write to (RFC 8292)."""
    parts, key = urlsplit(endpoint), application_key(config)
    claims: dict[str, object] = {"aud": f"https://{parts.netloc}", "exp": int((now() + VALID_FOR).timestamp())}
    if subject := _subject(config):
        claims["sub"] = subject
    token = ".".join(_part(one) for one in ({"typ": "JWT", "alg": "ES256"}, claims))
    signature = decode_dss_signature(key.sign(token.encode(), ec.ECDSA(hashes.SHA256())))
    signed = base64url(b"".join(number.to_bytes(32) for number in signature))
    return f"vapid t={token}.{signed}, k={base64url(public_bytes(key))}"


def _subject(config: Config) -> str:
    """The operator's contact, or where none is set the site itself; neither by plain HTTP, which services refuse."""
    contact = config.contact if ":" in config.contact or not config.contact else f"mailto:{config.contact}"
    return next((one for one in (contact, config.public_url) if one.startswith(("mailto:", "https://"))), "")


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def _part(claims: object) -> str:
    return base64url(json.dumps(claims, separators=(",", ":")).encode())
