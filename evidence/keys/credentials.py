"""Content credentials (C2PA) signed by an owner's document key. Needs the optional component ``c2pa``.

C2PA rejects self-signed certificates. The key is therefore certified twice: by an authority certificate, and by a leaf
certificate below it. As for PDFs, readers show an unknown signer until the certificate is pinned. No service is
contacted.
"""

import io
import json
from base64 import b64encode
from dataclasses import dataclass
from importlib.util import find_spec

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evidence.keys.documents import DocumentKey, create_key_usage
from exhibit.errors import RefusedError, ServiceMissingError

MINING_USES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
"""Uses in the training and data mining assertion (CAWG 1.1), ``cawg.training-mining``."""
SOFT_BINDING = "io.iscc.v0"
"""Name of the ISCC in C2PA's list of soft binding algorithms."""
_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class FileWithCredentials:
    """A file with credentials, and the credentials as a separate manifest store.

    The soft binding of a copy without credentials leads back to the manifest store.
    """

    file: bytes
    manifest: str  # identifier of the active manifest
    public_key: str  # public key of the signer, compressed, in hexadecimal
    manifest_store: bytes  # the manifest store (JUMBF), ``application/c2pa``


def add_credentials(
    data: bytes,
    media_type: str,
    key: DocumentKey,
    *,
    title: str,
    software: tuple[str, str],
    no_mining: bool,
    binding: bytes,
) -> FileWithCredentials:
    """Add credentials to a file, with the owner as signer and existing credentials as ingredient.

    Args:
        data: The file.
        media_type: Its media type.
        key: The owner's document key.
        title: Title of the work.
        software: Name and version of the program that writes the credentials.
        no_mining: True to state that data mining, inference and training are not allowed.
        binding: Value of the soft binding :data:`SOFT_BINDING`, the ISCC of ``data``.

    Raises:
        ServiceMissingError: The optional component is not installed.
        RefusedError: The file cannot contain credentials.
    """
    if find_spec("c2pa") is None:
        hint = "Install it: python3 tools/bootstrap.py runtime c2pa. Or omit --sign."
        raise ServiceMissingError("Content credentials require the optional component c2pa.", hint=hint)
    import c2pa  # noqa: PLC0415 - optional

    entries = {f"cawg.{use}": {"use": "notAllowed"} for use in MINING_USES}
    blocks = [{"scope": {}, "value": b64encode(binding).decode()}]
    assertions = [
        {"label": "c2pa.soft-binding", "data": {"alg": SOFT_BINDING, "blocks": blocks}},
        *([{"label": "cawg.training-mining", "data": {"entries": entries}}] if no_mining else []),
    ]
    claim = {
        "claim_generator_info": [dict(zip(("name", "version"), software, strict=True))],
        "title": title,
        "assertions": assertions,
    }
    private_key = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    out, context = io.BytesIO(), c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
    try:
        signer_info = c2pa.C2paSignerInfo(b"es256", _build_chain(key), private_key, None)
        with c2pa.Signer.from_info(signer_info) as signer, c2pa.Builder(json.dumps(claim), context) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            store = builder.sign(signer, media_type, io.BytesIO(data), out)
        with c2pa.Reader(media_type, io.BytesIO(out.getvalue()), context=context) as reader:
            manifest = str(json.loads(reader.json())["active_manifest"])
    except c2pa.C2paError as error:
        raise RefusedError("Content credentials cannot be written into this file.", reason="broken") from error
    public_key = key.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return FileWithCredentials(out.getvalue(), manifest, public_key.hex(), store)


def _build_chain(key: DocumentKey) -> bytes:
    """Return leaf and authority certificate as PEM, both for the document key and valid as long as its certificate."""
    owner_name = key.certificate.subject
    other_parts = [part for part in owner_name if part.oid != NameOID.COMMON_NAME]
    authority = x509.Name([*other_parts, x509.NameAttribute(NameOID.COMMON_NAME, "Authority of its own")])
    leaf = _create_certificate(key, owner_name, authority, is_authority=False)
    authority_certificate = _create_certificate(key, authority, authority, is_authority=True)
    return leaf.public_bytes(Encoding.PEM) + authority_certificate.public_bytes(Encoding.PEM)


def _create_certificate(
    key: DocumentKey, subject: x509.Name, issuer: x509.Name, *, is_authority: bool
) -> x509.Certificate:
    public_key, own_certificate = key.private.public_key(), key.certificate
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(own_certificate.not_valid_before_utc)
        .not_valid_after(own_certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(create_key_usage("key_cert_sign" if is_authority else "digital_signature"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(key.private, hashes.SHA256())
