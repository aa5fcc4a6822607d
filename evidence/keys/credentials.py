"""Content credentials (C2PA) signed by an owner's document key. Needs the optional part ``c2pa``.

C2PA rejects certificates signed by their own key. The key is therefore in two certificates: an authority, and a leaf
below it. Readers show an unknown signer until the certificate is pinned, as for PDFs; no service is contacted.
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

MINING = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
"""Uses in the training and data mining assertion (CAWG 1.1), ``cawg.training-mining``."""
SOFT_BINDING = "io.iscc.v0"
"""Name of the ISCC in C2PA's list of soft binding algorithms."""
_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class FileWithCredentials:
    """A file with credentials, and the credentials separately, to which a copy that was stripped of them leads back."""

    file: bytes
    manifest: str  # identifier of the active manifest
    key: str  # public half of the key that signed them, compressed, in hex
    store: bytes  # the manifest store (JUMBF), ``application/c2pa``


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
    """Add credentials to a file that name the owner as signer, and existing credentials as their ingredient.

    Args:
        data: The file.
        media_type: Its media type.
        key: The owner's document key.
        title: Title of the work.
        software: Name and version of the program that writes the credentials.
        no_mining: True to disallow data mining, inference and training.
        binding: Value of the soft binding :data:`SOFT_BINDING`, the ISCC of ``data``.

    Raises:
        ServiceMissingError: The optional part is not installed.
        RefusedError: The file cannot contain credentials.
    """
    if find_spec("c2pa") is None:
        hint = "Install it: python3 tools/bootstrap.py runtime c2pa. Or leave out --sign."
        raise ServiceMissingError("Credentials need the optional part c2pa.", hint=hint)
    import c2pa  # noqa: PLC0415 - optional

    entries = {f"cawg.{use}": {"use": "notAllowed"} for use in MINING}
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
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    out, context = io.BytesIO(), c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
    try:
        info = c2pa.C2paSignerInfo(b"es256", _build_chain(key), private, None)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(claim), context) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            store = builder.sign(signer, media_type, io.BytesIO(data), out)
        with c2pa.Reader(media_type, io.BytesIO(out.getvalue()), context=context) as reader:
            manifest = str(json.loads(reader.json())["active_manifest"])
    except c2pa.C2paError as error:
        raise RefusedError("Credentials can't be written into this file.", reason="broken") from error
    public = key.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return FileWithCredentials(out.getvalue(), manifest, public.hex(), store)


def _build_chain(key: DocumentKey) -> bytes:
    """Return leaf and authority as PEM, both with the document key and the validity of its certificate."""
    own = key.certificate.subject
    other_parts = [part for part in own if part.oid != NameOID.COMMON_NAME]
    authority = x509.Name([*other_parts, x509.NameAttribute(NameOID.COMMON_NAME, "Authority of its own")])
    leaf = _create_certificate(key, own, authority, is_authority=False)
    authority_certificate = _create_certificate(key, authority, authority, is_authority=True)
    return leaf.public_bytes(Encoding.PEM) + authority_certificate.public_bytes(Encoding.PEM)


def _create_certificate(
    key: DocumentKey, subject: x509.Name, issuer: x509.Name, *, is_authority: bool
) -> x509.Certificate:
    public, own = key.private.public_key(), key.certificate
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(create_key_usage("key_cert_sign" if is_authority else "digital_signature"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(key.private, hashes.SHA256())
