"""Offline verification of RFC 3161 replies: no network, no clock, and no trust in included data.

asn1crypto parses them, and ``cryptography`` builds and judges the chain of certificates (RFC 5280). Certificates
included with a reply only help to build the chain, which must end in a root that the caller pins.
docs/reference/trust-list.md lists further requirements.

``rfc3161-client`` does not replace this module, because it rejects valid tokens whose certificates are not in DER order
(``openssl ts`` writes such tokens) and does not compare the ESSCertID attribute with the signer's certificate.
"""

import hashlib
import hmac
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import ClassVar

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from evidence.formats.errors import UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.sentences import Sentence

MAX_REPLY = 1 << 20
MAX_CERTIFICATES = 16
"""Limit of different certificates in a reply and its material: each is compared with every other."""
MAX_ACCURACY = 3600  # seconds; a less accurate clock proves too little
RSA_BITS = range(2048, 4097)
GRANTED = ("granted", "granted_with_mods")
UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, UnsupportedAlgorithm,
    x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""Errors of the libraries for data that they cannot read."""

_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_NAMES = ("signing_certificate", "signing_certificate_v2")
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_TIME = re.compile(r"(\d{14})(\.\d{1,9})?Z", re.ASCII)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class Response(core.Sequence):
    """``TimeStampResp`` of RFC 3161, 2.4.2, whose token may be absent."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Content of a reply that is consistent in itself; nothing here says whom to trust."""

    digest: Digest
    time: datetime  # the authority's ``genTime`` in whole seconds, aware, UTC: chains are judged at it
    latest: datetime  # ``genTime`` and the accuracy together, rounded up to a second: it existed no later
    nonce: int | None
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]  # all that came with the reply, the signer's among them


def verify_reply(reply: bytes, digest: Digest, roots: Sequence[bytes], intermediates: Sequence[bytes] = ()) -> datetime:
    """Verify a reply completely: digest, signature, and a chain to a pinned root at the stamp's time.

    Certificate files are PEM (one or several) or DER; intermediates may help to build the chain, and are not trusted.
    Revocation is checked separately (:mod:`evidence.anchors.rfc3161.revocation`).

    Returns:
        Time by which the digest existed, according to the authority and its stated accuracy.

    Raises:
        IntegrityError: The reply is invalid.
        UnknownWitnessError: The reply is consistent, but leads to none of the roots.
    """
    return check_stamp(read_reply(reply), digest, load_certificates(roots), load_certificates(intermediates))


def check_stamp(
    stamp: Stamp, digest: Digest, roots: Sequence[x509.Certificate], helpers: Sequence[x509.Certificate]
) -> datetime:
    """Verify a parsed reply as :func:`verify_reply` does."""
    if stamp.digest != digest:
        raise IntegrityError(f"The timestamp is for a different digest: {stamp.digest}.")
    pool = tuple(dict.fromkeys([*stamp.certificates, *helpers]))
    if len(pool) > MAX_CERTIFICATES:
        raise IntegrityError(f"More than {MAX_CERTIFICATES} certificates came with the timestamp.")
    if find_root(stamp.signer, roots, pool) is None:
        name = get_name(stamp.signer)
        raise UntrustedIssuerError(f"The timestamp is signed by {name}, which has no pinned root certificate.")
    reason = find_chain_fault(stamp.signer, roots, pool, stamp.time)
    if reason:
        raise IntegrityError(Sentence("The certificate chain of the timestamp is not valid: %(why)s.", why=reason))
    return stamp.latest


def read_reply(reply: bytes) -> Stamp:
    """Parse a reply and check its consistency.

    One signer, named in the signature by its certificate, and a valid signature.

    Raises:
        IntegrityError: It is not a granted reply with SHA-256, or is inconsistent.
    """
    if len(reply) > MAX_REPLY:
        raise IntegrityError("The timestamp reply is too long.")
    try:
        return _parse_reply(reply)
    except UNREADABLE as error:
        raise IntegrityError(Sentence("The timestamp response cannot be read.")) from error


def get_refusal(reply: bytes) -> str | None:
    """Return the authority's reason for a refusal, or ``None`` if it granted; raises ``IntegrityError``."""
    try:
        status = Response.load(reply, strict=True)["status"].native
        if status["status"] in GRANTED:
            return None
        reasons = [*(status["status_string"] or []), *sorted(status["fail_info"] or []), str(status["status"])]
    except UNREADABLE as error:
        raise IntegrityError("The authority's answer is not a timestamp reply.") from error
    return ", ".join(str(word) for word in reasons)


def load_certificates(files: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """Load the certificates in PEM or DER files, each once; raises ``IntegrityError`` if a file has none."""
    certificates: dict[x509.Certificate, None] = {}
    for data in files:
        try:
            if b"-----BEGIN" in data:
                loaded = [_read_all_parts(x509.load_pem_x509_certificate(block)) for block in _PEM.findall(data)]
            else:
                loaded = [read_certificate(data)]
        except UNREADABLE as error:
            raise IntegrityError("A certificate cannot be read.") from error
        if not loaded:
            raise IntegrityError("A certificate cannot be read.")
        certificates.update(dict.fromkeys(loaded))
    return tuple(certificates)


def read_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate completely; raises one of :data:`UNREADABLE`."""
    return _read_all_parts(x509.load_der_x509_certificate(der))


def get_name(certificate: x509.Certificate) -> str:
    """Return the last common name in a certificate, for a reader."""
    try:
        names = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except UNREADABLE:
        names = []
    name = names[-1] if names else "an unnamed key"
    return "".join(sign if sign.isprintable() else "?" for sign in name[:120])


def find_root(
    signer: x509.Certificate, roots: Sequence[x509.Certificate], pool: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Return a pinned root to which signatures lead from the signer through the pool, or ``None``.

    Checks nothing else.
    """
    visited, level = {signer}, [signer]
    while level:
        issuers = {issuer: None for subject in level for issuer in (*roots, *pool) if is_issued(issuer, subject)}
        for root in roots:
            if root in issuers:
                return root
        level = [issuer for issuer in issuers if issuer not in visited]
        visited.update(level)
    return None


def find_chain_fault(
    signer: x509.Certificate, roots: Sequence[x509.Certificate], pool: Sequence[x509.Certificate], moment: datetime
) -> str:
    """Return why no chain from signer to root is valid for timestamping at a moment, or empty (RFC 5280, RFC 3161)."""
    if not roots:
        return "no root is pinned"
    builder = PolicyBuilder().store(Store(list(roots))).time(moment).max_chain_depth(MAX_CERTIFICATES)
    builder = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_UNIT)
    try:
        builder.build_client_verifier().verify(signer, [certificate for certificate in pool if certificate != signer])
    except (VerificationError, *UNREADABLE) as error:
        reason = str(error).partition(" (encountered processing")[0].removeprefix("validation failed: ")
        return reason[:200] or "a certificate cannot be read"
    return ""


def is_issued_under(stamp: Stamp, trusted: Sequence[x509.Certificate], helpers: Sequence[x509.Certificate]) -> bool:
    """Return True if a stamp is by one of these listed certificates, or by one below them."""
    return stamp.signer in trusted or not find_chain_fault(
        stamp.signer, trusted, (*stamp.certificates, *helpers), stamp.time
    )


def _read_all_parts(certificate: x509.Certificate) -> x509.Certificate:
    """Return the certificate after reading all its parts: the library parses most of them only on access."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oddities are judged with the chain
        _ = certificate.issuer, certificate.subject, certificate.extensions, certificate.not_valid_after_utc
    return certificate


def is_issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Return True if the issuer's name and key match a certificate."""
    if issuer.subject != subject.issuer or not _is_strong(issuer):
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _is_strong(certificate: x509.Certificate) -> bool:
    """Return True for an RSA key of 2048 to 4096 bits with a non-trivial exponent, or a point on a common curve."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size in RSA_BITS and key.public_numbers().e >= 3
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def _check_timestamping_only(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
    if list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("the certificate is not for timestamping only")


def _check_signature_only(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is None:
        return
    other = (
        usage.key_encipherment, usage.data_encipherment, usage.key_agreement, usage.key_cert_sign, usage.crl_sign
    )  # fmt: skip
    if any(other) or not (usage.digital_signature or usage.content_commitment):
        raise ValueError("the certificate may be used for other purposes than signatures")


def _check_authority(_policy: Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("the issuing certificate is not an authority")
    if not _is_strong(certificate):
        raise ValueError("an authority's key is too weak")


def _check_certificate_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the issuing certificate may not sign certificates")


def _check_may_timestamp(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    allowed = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and not allowed & set(usage):
        raise ValueError("the issuing certificate is not a timestamp authority")


_UNIT = (
    ExtensionPolicy.permit_all()
    .require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, _check_timestamping_only)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_signature_only)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
)
"""Requirements for a certificate that signs stamps (RFC 3161, 2.3)."""
_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_certificate_signing)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_may_timestamp)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
    .require_not_present(x509.NameConstraints)  # name constraints are not evaluated
)
"""Requirements for a certificate above it (RFC 5280, 6.1)."""


def _parse_reply(reply: bytes) -> Stamp:
    response = Response.load(reply, strict=True)
    token = response["time_stamp_token"]
    if response["status"]["status"].native not in GRANTED or not isinstance(token, cms.ContentInfo):
        raise IntegrityError("The authority refused to stamp.")
    signed = token["content"]
    content = signed["encap_content_info"]
    if token["content_type"].native != "signed_data" or content["content_type"].native != "tst_info":
        raise IntegrityError("The timestamp reply holds no timestamp.")
    if len(signed["signer_infos"]) != 1:
        raise IntegrityError("The timestamp reply holds no timestamp by exactly one signer.")
    if len(signed["certificates"]) > MAX_CERTIFICATES:
        raise IntegrityError(f"More than {MAX_CERTIFICATES} certificates came with the timestamp.")
    ders = tuple(dict.fromkeys(choice.chosen.dump() for choice in signed["certificates"]))
    octets: bytes = content["content"].contents
    info = tsp.TSTInfo.load(octets, strict=True)
    imprint = info["message_imprint"]
    if info["version"].native != "v1" or imprint["hash_algorithm"]["algorithm"].native != "sha256":
        raise IntegrityError("The timestamp has a different version, or is not for a SHA-256 digest.")
    if any(extension["critical"].native for extension in info["extensions"] or ()):
        raise IntegrityError("The timestamp contains an unknown critical extension.")
    time, latest = _parse_times(info)
    signer = _check_signer(signed["signer_infos"][0], ders, octets)
    certificates = {der: read_certificate(der) for der in ders}
    digest = Digest(imprint["hashed_message"].native)
    return Stamp(digest, time, latest, info["nonce"].native, certificates[signer], tuple(certificates.values()))


def _parse_times(info: tsp.TSTInfo) -> tuple[datetime, datetime]:
    """Return the stamped time in whole seconds, and the latest possible time."""
    match = _TIME.fullmatch(info["gen_time"].contents.decode("ascii"))
    if match is None:
        raise ValueError("The time is not written as required by RFC 3161.")
    time = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    accuracy = info["accuracy"].native or {}
    seconds, milli, micro = (accuracy.get(part) or 0 for part in ("seconds", "millis", "micros"))
    if not 0 <= seconds <= MAX_ACCURACY or not 0 <= milli <= 999 or not 0 <= micro <= 999:
        raise IntegrityError(f"The authority states an accuracy of {seconds} seconds.")
    uncertainty = Fraction(match[2] or 0) + seconds + Fraction(milli, 1000) + Fraction(micro, 1_000_000)
    return time, time + timedelta(seconds=-(-uncertainty.numerator // uncertainty.denominator))


def _check_signer(signer: cms.SignerInfo, ders: Sequence[bytes], content: bytes) -> bytes:
    """Return the certificate (DER) that the signature names (RFC 5816) after verifying digest and signature."""
    attributes = signer["signed_attrs"]
    values = {attribute["type"].native: attribute["values"] for attribute in attributes}
    if len(values) != len(attributes) or any(len(parsed) != 1 for parsed in values.values()):
        raise ValueError("An attribute occurs twice.")
    digest = _HASHES.get(signer["digest_algorithm"]["algorithm"].native)
    if digest is None or values["content_type"][0].native != "tst_info":
        raise IntegrityError("The signature algorithm of the timestamp is not accepted.")
    if not hmac.compare_digest(hashlib.new(digest.name, content).digest(), values["message_digest"][0].native):
        raise IntegrityError("The content of the timestamp was changed after it was signed.")
    signer_der = next((der for der in ders if _is_named(der, values)), None)
    if signer_der is None:
        raise IntegrityError("The reply does not contain the certificate that the timestamp names.")
    parsed, identity = cms.Certificate.load(signer_der), signer["sid"]
    if identity.name != "issuer_and_serial_number" or (
        identity.chosen["issuer"].dump() != parsed.issuer.dump()
        or identity.chosen["serial_number"].native != parsed.serial_number
    ):
        raise IntegrityError("The timestamp names two certificates as the signer's.")
    # The signature covers the attributes as a SET, while the reply has them under another tag (RFC 5652, 5.4).
    if not _signature_holds(read_certificate(signer_der), signer, b"\x31" + attributes.dump()[1:], digest):
        raise IntegrityError(Sentence("The signature of the timestamp is not valid, or its type is not accepted."))
    return signer_der


def _is_named(der: bytes, values: dict[str, cms.SetOfAny]) -> bool:
    """Return True if all signed attributes that name a certificate name this one first (RFC 2634, RFC 5035)."""
    entries = [values[kind][0]["certs"][0] for kind in _NAMES if kind in values]
    return bool(entries) and all(_matches_entry(der, entry) for entry in entries)


def _matches_entry(der: bytes, entry: tsp.ESSCertID | tsp.ESSCertIDv2) -> bool:
    kind = entry["hash_algorithm"]["algorithm"].native if isinstance(entry, tsp.ESSCertIDv2) else "sha1"
    if kind not in _HASHES and not isinstance(entry, tsp.ESSCertID):
        return False
    digest = hashlib.new(kind, der, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, entry["cert_hash"].native)


def _signature_holds(
    certificate: x509.Certificate, signer: cms.SignerInfo, data: bytes, digest: hashes.HashAlgorithm
) -> bool:
    """Return True if the signer's signature over data by RSA (PKCS #1 v1.5) or ECDSA with this hash is valid."""
    algorithm, signature = signer["signature_algorithm"], signer["signature"].native
    if algorithm["algorithm"].native != "rsassa_pkcs1v15" and algorithm.hash_algo != digest.name:
        return False
    key = certificate.public_key()
    try:
        if not _is_strong(certificate):
            return False
        if isinstance(key, rsa.RSAPublicKey) and algorithm.signature_algo == "rsassa_pkcs1v15":
            key.verify(signature, data, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm.signature_algo == "ecdsa":
            key.verify(signature, data, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True
