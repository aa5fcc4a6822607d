"""Encryption at rest of private keys and other secrets.

Private keys are encrypted with AES-256-GCM under the operator's master key, and bound to their public keys.

The format is one byte for the kind, the public key, a nonce of 12 bytes, and the ciphertext with its tag. The cipher
key is derived from the master key by HKDF-SHA256 (RFC 5869).
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exhibit.errors import ConfigError, IntegrityError
from exhibit.sentences import Sentence

MASTER_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PRIVATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A type of encrypted key or secret."""

    version: bytes  # first byte of the encrypted form
    purpose: bytes  # bound into the encryption, so that keys of different kinds cannot be confused
    public_bytes: int  # length of the public key
    private_bytes: int | None = _PRIVATE_BYTES  # length of the encrypted secret, or ``None`` for any


SEALING_KEY = KeyKind(b"\x01", b"exhibit sealing key v1", 32)
DOCUMENT_KEY = KeyKind(b"\x02", b"exhibit document key v1", 33)
SECRET = KeyKind(b"\x03", b"exhibit secret v1", 16, None)
"""A secret without a public key, such as an API key of an external service.

16 bytes that identify it replace the public key.
"""
_KINDS = {kind.version: kind for kind in (SEALING_KEY, DOCUMENT_KEY, SECRET)}


def encrypt(kind: KeyKind, public_key: bytes, private_key: bytes, master_key: bytes) -> bytes:
    """Encrypt a private key of 32 bytes, or a secret; raises ``ConfigError`` if the master key is too short."""
    header = kind.version + public_key
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return (
        header + nonce + AESGCM(_derive_cipher_key(kind, master_key)).encrypt(nonce, private_key, kind.purpose + header)
    )


def decrypt(kind: KeyKind, encrypted: bytes, *master_keys: bytes) -> bytes:
    """Return the private key, 32 bytes, or the secret, decrypted with the first matching master key.

    Raises:
        IntegrityError: No master key decrypts it.
    """
    hint = Sentence("Check that the master key is the one that encrypted this key.")
    failure = IntegrityError(Sentence("The key cannot be decrypted."), hint=hint)
    header_bytes = 1 + kind.public_bytes
    private_bytes = len(encrypted) - header_bytes - _NONCE_BYTES - _TAG_BYTES
    expected_bytes = kind.private_bytes
    if (
        private_bytes < 0
        or (expected_bytes is not None and private_bytes != expected_bytes)
        or encrypted[:1] != kind.version
    ):
        raise failure
    header, nonce, nonce_and_ciphertext = (
        encrypted[:header_bytes],
        encrypted[header_bytes:][:_NONCE_BYTES],
        encrypted[header_bytes:],
    )
    for master_key in master_keys:
        with suppress(InvalidTag):
            return AESGCM(_derive_cipher_key(kind, master_key)).decrypt(
                nonce, nonce_and_ciphertext[_NONCE_BYTES:], kind.purpose + header
            )
    raise failure


def reencrypt(encrypted: bytes, old_master_key: bytes, new_master_key: bytes) -> bytes:
    """Re-encrypt a key under ``new_master_key``; a key that is already encrypted under it is returned unchanged.

    Raises:
        IntegrityError: Neither master key decrypts the key.
    """
    kind = _KINDS.get(encrypted[:1], SEALING_KEY)
    try:
        decrypt(kind, encrypted, new_master_key)
    except IntegrityError:
        return encrypt(
            kind, encrypted[1 : 1 + kind.public_bytes], decrypt(kind, encrypted, old_master_key), new_master_key
        )
    return encrypted


def _derive_cipher_key(kind: KeyKind, master_key: bytes) -> bytes:
    if len(master_key) < MASTER_KEY_BYTES:
        raise ConfigError(f"The master key has {len(master_key)} bytes; it needs at least {MASTER_KEY_BYTES}.")
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=kind.purpose).derive(master_key)
