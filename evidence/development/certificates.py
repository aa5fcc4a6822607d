"""Certificates of the development authority: root, issuing authority, and timestamping unit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evidence.keys.documents import create_key_usage
from exhibit.clock import now
from exhibit.errors import ConfigError

TITLE = "Exhibit development authority – no legal weight"
LIFE = timedelta(days=3650)
PrivateKey = ec.EllipticCurvePrivateKey
UNIT_EXTENSIONS = (
    x509.BasicConstraints(ca=False, path_length=None),
    create_key_usage("digital_signature"),
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
)
"""Extensions of the unit: time stamping is its only purpose, and critical (RFC 3161, 2.3)."""


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """Certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """Certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """Certificate as DER."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class CertificateHierarchy:
    """The three certificates, and the revocation lists (empty, DER) that they point to."""

    root: CertifiedKey
    issuing: CertifiedKey
    unit: CertifiedKey
    root_crl: bytes
    issuing_crl: bytes


def load_hierarchy(folder: Path, base_url: str) -> CertificateHierarchy:
    """Load the hierarchy from a folder, or create it there; raises ``ConfigError`` for unreadable files.

    The root certificate and all keys are created once. The issuing authority and the unit get new certificates if the
    URL of the revocation lists changes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _load_files(folder, base_url)
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove the folder to start a new authority."
        raise ConfigError(f"The development authority in {folder} cannot be read.", hint=hint) from error


def _load_files(folder: Path, base_url: str) -> CertificateHierarchy:
    root_key, issuing_key, unit_key = (_load_key(folder / f"{name}.key") for name in ("root", "issuing", "unit"))
    root = _load_holder(folder / "root.pem", root_key) or _issue_certificate(
        "root", root_key, _create_authority_extensions(1)
    )
    issuing, unit = _load_holder(folder / "issuing.pem", issuing_key), _load_holder(folder / "unit.pem", unit_key)
    url_file = folder / "url"
    if issuing is None or unit is None or not url_file.exists() or url_file.read_text("utf-8") != base_url:
        issuing = _issue_certificate(
            "issuing", issuing_key, _create_authority_extensions(0), root, f"{base_url}/root.crl"
        )
        unit = _issue_certificate("unit", unit_key, UNIT_EXTENSIONS, issuing, f"{base_url}/issuing.crl")
    for name, certified_key in (("root", root), ("issuing", issuing), ("unit", unit)):
        (folder / f"{name}.pem").write_bytes(certified_key.pem)
    url_file.write_text(base_url, "utf-8")
    return CertificateHierarchy(root, issuing, unit, _create_empty_crl(root), _create_empty_crl(issuing))


def _issue_certificate(
    role: str,
    key: PrivateKey,
    critical_extensions: Iterable[x509.ExtensionType],
    issuer: CertifiedKey | None = None,
    crl_url: str = "",
) -> CertifiedKey:
    """Issue a certificate (self-signed without an issuer) that points to the issuer's revocation list."""
    name_parts = {
        NameOID.ORGANIZATION_NAME: TITLE,
        NameOID.COMMON_NAME: f"Exhibit development – no legal weight ({role})",
    }
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in name_parts.items()])
    issuer_name = issuer.certificate.subject if issuer else subject
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_identifier = _get_identifier(issuer.certificate) if issuer else identifier
    valid_from = now().replace(microsecond=0) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder(issuer_name, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_from + LIFE)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
    )
    for extension in critical_extensions:
        builder = builder.add_extension(extension, critical=True)
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return CertifiedKey(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _create_authority_extensions(path_length: int) -> tuple[x509.ExtensionType, ...]:
    return x509.BasicConstraints(ca=True, path_length=path_length), create_key_usage("key_cert_sign", "crl_sign")


def _create_empty_crl(issuer: CertifiedKey) -> bytes:
    """Create an empty list that is valid as long as the issuer's certificate, and so for all its timestamps."""
    identifier = _get_identifier(issuer.certificate)
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issuer.certificate.not_valid_before_utc)
        .next_update(issuer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(issuer.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def _get_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def _load_key(path: Path) -> PrivateKey:
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        path.touch(0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key
    loaded_key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded_key, PrivateKey):
        raise TypeError(f"{path.name} is not a key of this authority")
    return loaded_key


def _load_holder(path: Path, key: PrivateKey) -> CertifiedKey | None:
    return CertifiedKey(x509.load_pem_x509_certificate(path.read_bytes()), key) if path.exists() else None
