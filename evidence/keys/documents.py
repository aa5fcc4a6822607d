"""An owner's key for PDF signatures: ECDSA P-256 (FIPS 186-5), because many readers reject Ed25519 in documents.

The certificate is self-signed: no authority confirms the name in it. Readers show an unknown signer until the
certificate is pinned.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evidence.keys.at_rest import DOCUMENT_KEY, decrypt, encrypt
from exhibit.errors import IntegrityError

VALIDITY = timedelta(days=3650)
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # extended key usage for signing documents (RFC 9336)
_MAX_NAME_CHARS = 64  # maximum number of characters in a common name (X.520)


@dataclass(frozen=True, slots=True)
class EncryptedDocumentKey:
    """A new document key in the form in which it is stored."""

    public_key: bytes  # compressed point, 33 bytes (SEC 1, 2.3.3)
    encrypted: bytes  # the private key under the master key
    certificate: bytes  # DER, signed by the key itself


class DocumentKey:
    """An unlocked ECDSA P-256 key with its certificate; it cannot be printed, copied or pickled."""

    __slots__ = ("certificate", "private")

    def __init__(self, private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.private = private
        self.certificate = certificate

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.certificate.fingerprint(hashes.SHA256()).hex()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key isn't pickled")


def generate_document_key(owner: str, holder: str, master_key: bytes, valid_from: datetime) -> EncryptedDocumentKey:
    """Create a key and its self-signed certificate, which is valid for ten years from ``valid_from``.

    The certificate contains the owner's name, truncated to the limit of X.520, and the holder of the key: ``operator``
    or ``owner``.
    """
    private_key = ec.generate_private_key(ec.SECP256R1())
    private_bytes = private_key.private_numbers().private_value.to_bytes(32, "big")
    public = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    certificate = _create_certificate(private_key, owner, holder, valid_from).public_bytes(Encoding.DER)
    return EncryptedDocumentKey(public, encrypt(DOCUMENT_KEY, public, private_bytes, master_key), certificate)


def unlock_document_key(encrypted: bytes, certificate: bytes, master_key: bytes) -> DocumentKey:
    """Decrypt a key; raises ``IntegrityError`` if master key, bytes or certificate do not match."""
    private_key = ec.derive_private_key(
        int.from_bytes(decrypt(DOCUMENT_KEY, encrypted, master_key), "big"), ec.SECP256R1()
    )
    try:
        parsed_certificate = x509.load_der_x509_certificate(certificate)
    except ValueError as error:
        raise IntegrityError("The certificate of the document key cannot be read.") from error
    if parsed_certificate.public_key() != private_key.public_key():
        raise IntegrityError("The certificate does not belong to the document key.")
    return DocumentKey(private_key, parsed_certificate)


def _create_certificate(
    private: ec.EllipticCurvePrivateKey, owner: str, holder: str, valid_from: datetime
) -> x509.Certificate:
    owner, unit_name = owner[:_MAX_NAME_CHARS], f"Key held by the {holder}"
    parts = {NameOID.ORGANIZATION_NAME: owner, NameOID.ORGANIZATIONAL_UNIT_NAME: unit_name, NameOID.COMMON_NAME: owner}
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])
    public_key = private.public_key()
    builder = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_from + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Readers require non-repudiation in certificates for document signatures.
        .add_extension(create_key_usage("digital_signature", "content_commitment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    return builder.sign(private, hashes.SHA256())


def create_key_usage(*allowed_uses: str) -> x509.KeyUsage:
    """Return a key usage extension with the named uses only."""
    other_uses = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    all_uses = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign", *other_uses)
    return x509.KeyUsage(**{use: use in allowed_uses for use in all_uses})
