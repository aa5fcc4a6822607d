"""An image with a signed C2PA manifest from a fictitious camera."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TITLE = "Hills"
SIGNER = "Sample Camera Works, Sample Camera"


def embed_manifest(jpeg: bytes) -> bytes:
    """Return the JPEG with a signed manifest embedded."""
    import c2pa

    chain, key = _hierarchy()
    info = c2pa.C2paSignerInfo(b"es256", chain, key, None)
    claim: dict[str, Any] = {
        "claim_generator_info": [{"name": "sample-camera", "version": "1"}],
        "title": TITLE,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.opened"}]}}],
    }
    claim["assertions"][0]["data"]["actions"][0] = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(claim)) as builder:
        builder.sign(signer, "image/jpeg", io.BytesIO(jpeg), out)
    return out.getvalue()


def _hierarchy() -> tuple[bytes, bytes]:
    """Return a leaf certificate and its issuer as PEM, and the leaf's private key."""
    issuer, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    above = _certificate("Sample CA", issuer, "Sample CA", issuer, is_issuer=True)
    own = _certificate("Sample Camera", leaf, "Sample CA", issuer, is_issuer=False)
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own.public_bytes(Encoding.PEM) + above.public_bytes(Encoding.PEM), key


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, is_issuer: bool
) -> x509.Certificate:
    moment = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_issuer,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_issuer,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_issuer, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not is_issuer:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return builder.sign(signer, hashes.SHA256())


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sample Camera Works")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])
