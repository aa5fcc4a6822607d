"""Ed25519 keys (RFC 8032): the log's key in a file, and sealing keys of owners, encrypted at rest."""

from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from evidence.keys.at_rest import SEALING_KEY, decrypt, encrypt
from exhibit.errors import ConfigError, InvalidRequestError
from exhibit.files.durable import write_once

_HEX_DIGITS = 64
_RESTORE_HINT = "Restore the key file from its backup, or enter another path."
_FIELD_PRIME, _SIGN_BIT = 2**255 - 19, 1 << 255
_ORDER = 2**252 + 27742317777372353535851937790883648493
SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""Bytes before the 32 bytes of a public key in a SubjectPublicKeyInfo (RFC 8410)."""
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8, _FIELD_PRIME - _ORDER_8})
"""The y coordinates of all eight points whose order divides 8: a signature by such a key is valid for many messages."""


def is_valid_point(encoded: bytes) -> bool:
    """Return True for 32 bytes that canonically encode a point (RFC 8032, 5.1.2) that is not of small order."""
    y = int.from_bytes(encoded, "little") & ~_SIGN_BIT
    return len(encoded) == 32 and y < _FIELD_PRIME and y not in SMALL_ORDER


def is_valid_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return True if an Ed25519 signature is valid (RFC 8032, 5.1.7).

    The check is strict: both points must be canonical and not of small order, and S must be below the group order.
    """
    if not (is_valid_point(public) and len(signature) == 64 and is_valid_point(signature[:32])):
        return False
    if int.from_bytes(signature[32:], "little") >= _ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class KeySigner:
    """Signer with a private key in memory (port ``Signer``). The key cannot be printed, copied or pickled."""

    __slots__ = ("_private",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 raw bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return an Ed25519 signature, 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.public_key.hex()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key isn't pickled")


def derive_signer(signer: KeySigner, purpose: bytes) -> KeySigner:
    """Derive a signer for another purpose; the original key cannot be recovered from it (HKDF-SHA256, RFC 5869)."""
    seed = HKDF(SHA256(), 32, salt=None, info=purpose).derive(signer._private.private_bytes_raw())  # noqa: SLF001
    return KeySigner(Ed25519PrivateKey.from_private_bytes(seed))


class FileSigner(KeySigner):
    """Signer with a key in a PKCS#8 PEM file, which is created if missing.

    Only the owner of the file may have permission to read it.

    Raises:
        ConfigError: The file cannot be read, is readable by others, or does not contain an Ed25519 key.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            _write_new_key(path)
        super().__init__(_read_key(path))


def load_signer(path: Path) -> KeySigner:
    """Load the key from a PKCS#8 PEM file that is readable only by its owner.

    Raises:
        ConfigError: The file cannot be read, is readable by others, or does not contain an Ed25519 key.
    """
    return KeySigner(_read_key(path))


def load_mounted_signer(path: Path) -> KeySigner:
    """Load the key from a PKCS#8 PEM file without checking its mode; raises ``ConfigError`` if it cannot be read."""
    return KeySigner(_parse_key(path))


def parse_public_key(data: bytes) -> bytes:
    """Parse an Ed25519 public key, in PEM or as 64 hexadecimal digits, to 32 bytes; raises ``InvalidRequestError``."""
    hint = "Enter a PEM file written by `openssl pkey -in KEY -pubout`, never the private key itself."
    try:
        text = data.decode("ascii").strip()
        is_hex = len(text) == _HEX_DIGITS
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)) if is_hex else load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidRequestError("This is not a readable public key.", hint=hint) from None
    if not isinstance(public, Ed25519PublicKey):
        raise InvalidRequestError("This is not an Ed25519 key.", hint="Create one: openssl genpkey -algorithm ed25519")
    if not is_valid_point(raw := public.public_bytes_raw()):
        raise InvalidRequestError(
            "This key is not secure: it is of small order, or is not in canonical form.", hint=hint
        )
    return raw


def generate_sealing_key(master_key: bytes) -> tuple[bytes, bytes]:
    """Generate a sealing key; returns the public key (32 bytes) and the private key, encrypted under the master key."""
    private = Ed25519PrivateKey.generate()
    public_key = private.public_key().public_bytes_raw()
    return public_key, encrypt(SEALING_KEY, public_key, private.private_bytes_raw(), master_key)


def unlock_sealing_key(encrypted: bytes, master_key: bytes) -> KeySigner:
    """Decrypt the result of :func:`generate_sealing_key`; raises ``IntegrityError`` if key or bytes are wrong."""
    return KeySigner(Ed25519PrivateKey.from_private_bytes(decrypt(SEALING_KEY, encrypted, master_key)))


def create_key_folder(path: Path) -> Path:
    """Return the folder of a key file, and create it if its parent exists.

    Parents are never created: otherwise a moved data folder would be recreated at its old path with another key.

    Raises:
        ConfigError: The parent of the folder is missing.
    """
    try:
        path.parent.mkdir(exist_ok=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{path.parent.parent} does not exist, so no key was created.", hint=_RESTORE_HINT) from error
    return path.parent


def _write_new_key(path: Path) -> None:
    """Write a new key, unless another process has created the file in the meantime."""
    create_key_folder(path)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_once(path, pem)


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"The key file {path} may be read by others.", hint=f"Run chmod 600 {path}")
    except OSError as error:
        raise ConfigError(f"The key file {path} cannot be read.", hint=_RESTORE_HINT) from error
    return _parse_key(path)


def _parse_key(path: Path) -> Ed25519PrivateKey:
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"The key file {path} cannot be read.", hint=_RESTORE_HINT) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"The key file {path} does not contain an Ed25519 key.", hint=_RESTORE_HINT)
    return private
