"""The certificates of the development authority: a root, an issuing authority and the stamping unit."""

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
Key = ec.EllipticCurvePrivateKey
STAMPING = (
    x509.BasicConstraints(ca=False, path_length=None),
    create_key_usage("digital_signature"),
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
)
"""Extensions of the unit: time stamping is its only purpose, and critical (RFC 3161, 2.3)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The three holders, and the revocation lists (empty, DER) that their certificates point to."""

    root: Holder
    issuing: Holder
    unit: Holder
    root_crl: bytes
    issuing_crl: bytes


def open_hierarchy(folder: Path, base_url: str) -> Hierarchy:
    """Read the hierarchy from a folder, or create it there; raises ``ConfigError`` for unreadable files.

    The root and all keys stay the same for the folder's life; issuing authority and unit get new certificates when the
    URL of the revocation lists changes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _open_files(folder, base_url)
    except (OSError, ValueError, TypeError) as error:
        hint = "Remove the folder to start a new authority."
        raise ConfigError(f"The development authority in {folder} can't be read.", hint=hint) from error


def _open_files(folder: Path, base_url: str) -> Hierarchy:
    root_key, issuing_key, unit_key = (_load_key(folder / f"{name}.key") for name in ("root", "issuing", "unit"))
    root = _load_holder(folder / "root.pem", root_key) or _issue("root", root_key, _create_authority_extensions(1))
    issuing, unit = _load_holder(folder / "issuing.pem", issuing_key), _load_holder(folder / "unit.pem", unit_key)
    address = folder / "url"
    if issuing is None or unit is None or not address.exists() or address.read_text("utf-8") != base_url:
        issuing = _issue("issuing", issuing_key, _create_authority_extensions(0), root, f"{base_url}/root.crl")
        unit = _issue("unit", unit_key, STAMPING, issuing, f"{base_url}/issuing.crl")
    for name, holder in (("root", root), ("issuing", issuing), ("unit", unit)):
        (folder / f"{name}.pem").write_bytes(holder.pem)
    address.write_text(base_url, "utf-8")
    return Hierarchy(root, issuing, unit, _empty_crl(root), _empty_crl(issuing))


def _issue(
    role: str, key: Key, critical: Iterable[x509.ExtensionType], issuer: Holder | None = None, crl: str = ""
) -> Holder:
    """Return a certificate by an issuer, or self-signed, that points to the issuer's revocation list."""
    parts = {NameOID.ORGANIZATION_NAME: TITLE, NameOID.COMMON_NAME: f"Exhibit development – no legal weight ({role})"}
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])
    issuer_name = issuer.certificate.subject if issuer else subject
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    parent = _identifier(issuer.certificate) if issuer else identifier
    begin = now().replace(microsecond=0) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder(issuer_name, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFE)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(parent), critical=False)
    )
    for extension in critical:
        builder = builder.add_extension(extension, critical=True)
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Holder(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _create_authority_extensions(below: int) -> tuple[x509.ExtensionType, ...]:
    return x509.BasicConstraints(ca=True, path_length=below), create_key_usage("key_cert_sign", "crl_sign")


def _empty_crl(issuer: Holder) -> bytes:
    """Return an empty list that is in force for the issuer's whole life, and so at every stamp's time."""
    identifier = _identifier(issuer.certificate)
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


def _identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def _load_key(path: Path) -> Key:
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        path.touch(0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key
    loaded = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, Key):
        raise TypeError(f"{path.name} isn't a key of this authority")
    return loaded


def _load_holder(path: Path, key: Key) -> Holder | None:
    return Holder(x509.load_pem_x509_certificate(path.read_bytes()), key) if path.exists() else None
