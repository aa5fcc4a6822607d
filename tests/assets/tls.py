"""Certificates for local servers: an authority, and certificates that it issues."""

import ssl
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exhibit.clock import now

DAY = timedelta(days=1)
LONG = (-DAY, DAY)


@dataclass(frozen=True, slots=True)
class CertificateHolder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str, issued_by: Self | None = None, valid: tuple[timedelta, timedelta] = LONG) -> Self:
        """Create a certificate for a loopback address; without an issuer it is a self-signed authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
        issuer, signer = (subject, key) if issued_by is None else (issued_by.certificate.subject, issued_by.key)
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        begin, end = now() + valid[0], now() + valid[1]
        builder = builder.not_valid_before(begin).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=issued_by is None, path_length=None), critical=True)
        if issued_by is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
            builder = builder.add_extension(names, critical=False)
        return cls(builder.sign(signer, hashes.SHA256()), key)

    @property
    def pem(self) -> bytes:
        """Certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def digest(self) -> str:
        """SHA-256 of its DER, hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """Return a server's TLS context with the certificate."""
        path = folder / f"{self.digest}.pem"
        path.write_bytes(self.pem + self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context
