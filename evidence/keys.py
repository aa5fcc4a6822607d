"""Ed25519 keys (RFC 8032): the log's own in a file, an owner's sealing key encrypted at rest. No key can be printed."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from exhibit.errors import ConfigError, IntegrityError

_PURPOSE = b"exhibit sealing key v1"
_VERSION = b"\x01"
_NONCE_BYTES = 12
_ENCRYPTED_BYTES = 1 + 32 + _NONCE_BYTES + 32 + 16
MASTER_KEY_BYTES = 32


class KeySigner:
    """Signs with a private key in memory (port ``Signer``); it can't be printed, copied or pickled."""

    __slots__ = ("_private",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 raw bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.public_key.hex()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key isn't pickled")


class FileSigner(KeySigner):
    """Signs with a key kept in a file that only its owner may read; the key is made when the file is absent.

    Args:
        path: a PKCS#8 PEM file, mode 0600.

    Raises:
        ConfigError: the file can't be read, is open to others, or holds no Ed25519 key.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            _write_new_key(path)
        super().__init__(_read_key(path))


def generate_sealing_key(master_key: bytes) -> tuple[bytes, bytes]:
    """Make a key pair for an owner.

    Args:
        master_key: at least 32 random bytes, kept apart from the rows.

    Returns:
        The public key (32 bytes), and the private key encrypted with AES-256-GCM under a key derived from the master
        key (HKDF-SHA256), bound to the public key.
    """
    private = Ed25519PrivateKey.generate()
    public_key = private.public_key().public_bytes_raw()
    head = _VERSION + public_key
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_derive(master_key)).encrypt(nonce, private.private_bytes_raw(), _PURPOSE + head)
    return public_key, head + nonce + sealed


def unlock(encrypted: bytes, master_key: bytes) -> KeySigner:
    """Decrypt what :func:`generate_sealing_key` returned; raises ``IntegrityError`` when key or bytes don't fit."""
    hint = "Check that the master key is the one it was made with."
    failure = IntegrityError("The sealing key can't be unlocked.", hint=hint)
    if len(encrypted) != _ENCRYPTED_BYTES or encrypted[:1] != _VERSION:
        raise failure
    head, nonce, sealed = encrypted[:33], encrypted[33 : 33 + _NONCE_BYTES], encrypted[33 + _NONCE_BYTES :]
    try:
        raw = AESGCM(_derive(master_key)).decrypt(nonce, sealed, _PURPOSE + head)
    except InvalidTag:
        raise failure from None
    return KeySigner(Ed25519PrivateKey.from_private_bytes(raw))


def _derive(master_key: bytes) -> bytes:
    if len(master_key) < MASTER_KEY_BYTES:
        raise ConfigError(f"The master key has {len(master_key)} bytes; it needs at least {MASTER_KEY_BYTES}.")
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(master_key)


def _write_new_key(path: Path) -> None:
    """Write a new key beside the path and link it into place, so that two starters agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _read_key(path: Path) -> Ed25519PrivateKey:
    hint = "Restore the key file from its backup, or name another path."
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"The key file {path} may be read by others.", hint=f"Run chmod 600 {path}")
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"The key file {path} can't be read.", hint=hint) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"The key file {path} doesn't hold an Ed25519 key.", hint=hint)
    return private
