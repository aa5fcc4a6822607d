"""Offline verification of RFC 3161 responses, without network, clock, or trust in included data.

asn1crypto parses responses, and ``cryptography`` builds and verifies the certificate chain (RFC 5280). Certificates
included with a response only help to build the chain, which must end in a root that the caller pins.
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

MAX_RESPONSE_BYTES = 1 << 20
MAX_CERTIFICATES = 16
"""Maximum number of different certificates in a reply and its material: each is compared with every other."""
MAX_ACCURACY_SECONDS = 3600  # seconds; less accurate timestamps are rejected
ACCEPTED_RSA_BITS = range(2048, 4097)
GRANTED_STATUSES = ("granted", "granted_with_mods")
PARSE_ERRORS = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError, UnsupportedAlgorithm,
    x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""Errors of the libraries for data that they cannot read."""

_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_SIGNER_ATTRIBUTES = ("signing_certificate", "signing_certificate_v2")
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_TIME = re.compile(r"(\d{14})(\.\d{1,9})?Z", re.ASCII)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class TimestampResponse(core.Sequence):
    """``TimeStampResp`` of RFC 3161, 2.4.2, whose token may be absent."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


@dataclass(frozen=True, slots=True)
class ParsedTimestamp:
    """Content of a consistent response; the signer's trust is not verified."""

    digest: Digest
    time: datetime  # ``genTime`` in whole seconds, aware, UTC; chains are verified as of this time
    latest_time: datetime  # ``genTime`` plus the accuracy, rounded up: the digest existed by then
    nonce: int | None
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]  # all certificates in the response, including the signer's


def verify_response(
    response: bytes, digest: Digest, roots: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> datetime:
    """Verify a response completely: digest, signature, and a chain to a pinned root at the time of the timestamp.

    Certificate files are PEM (one or several) or DER. Intermediates help to build the chain but are not trusted.
    Revocation is checked separately (:mod:`evidence.anchors.rfc3161.revocation`).

    Returns:
        Time by which the digest existed, according to the authority and its stated accuracy.

    Raises:
        IntegrityError: The response is invalid.
        UntrustedIssuerError: The response is consistent, but none of the roots has issued it.
    """
    return verify_timestamp(
        parse_response(response), digest, load_certificates(roots), load_certificates(intermediates)
    )


def verify_timestamp(
    timestamp: ParsedTimestamp,
    digest: Digest,
    roots: Sequence[x509.Certificate],
    intermediates: Sequence[x509.Certificate],
) -> datetime:
    """Verify a parsed response as :func:`verify_response` does, and return the same time."""
    if timestamp.digest != digest:
        raise IntegrityError(f"The timestamp is for a different digest: {timestamp.digest}.")
    pool = tuple(dict.fromkeys([*timestamp.certificates, *intermediates]))
    if len(pool) > MAX_CERTIFICATES:
        raise IntegrityError(f"More than {MAX_CERTIFICATES} certificates came with the timestamp.")
    if find_root(timestamp.signer, roots, pool) is None:
        name = get_common_name(timestamp.signer)
        raise UntrustedIssuerError(f"The timestamp is signed by {name}, whose root certificate is not listed.")
    reason = find_chain_fault(timestamp.signer, roots, pool, timestamp.time)
    if reason:
        raise IntegrityError(Sentence("The certificate chain of the timestamp is not valid: %(why)s.", why=reason))
    return timestamp.latest_time


def parse_response(response: bytes) -> ParsedTimestamp:
    """Parse a response and check its consistency.

    It must have exactly one signer, whose certificate the signature names, and a valid signature.

    Raises:
        IntegrityError: The request was not granted, the response is not for SHA-256, or it is inconsistent.
    """
    if len(response) > MAX_RESPONSE_BYTES:
        raise IntegrityError("The timestamp response is too long.")
    try:
        return _parse_response(response)
    except PARSE_ERRORS as error:
        raise IntegrityError(Sentence("The timestamp response cannot be read.")) from error


def parse_refusal(response: bytes) -> str | None:
    """Return the reason for a refusal, or ``None`` if granted; raises ``IntegrityError`` for invalid responses."""
    try:
        status = TimestampResponse.load(response, strict=True)["status"].native
        if status["status"] in GRANTED_STATUSES:
            return None
        reasons = [*(status["status_string"] or []), *sorted(status["fail_info"] or []), str(status["status"])]
    except PARSE_ERRORS as error:
        raise IntegrityError("The authority's response is not a timestamp response.") from error
    return ", ".join(str(reason) for reason in reasons)


def load_certificates(files: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """Load the distinct certificates in PEM or DER files; raises ``IntegrityError`` if a file has none."""
    certificates: dict[x509.Certificate, None] = {}
    for data in files:
        try:
            if b"-----BEGIN" in data:
                parsed_certificates = [
                    _parse_completely(x509.load_pem_x509_certificate(pem)) for pem in _PEM.findall(data)
                ]
            else:
                parsed_certificates = [read_certificate(data)]
        except PARSE_ERRORS as error:
            raise IntegrityError("A certificate cannot be read.") from error
        if not parsed_certificates:
            raise IntegrityError("A certificate cannot be read.")
        certificates.update(dict.fromkeys(parsed_certificates))
    return tuple(certificates)


def read_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate completely; raises one of :data:`PARSE_ERRORS`."""
    return _parse_completely(x509.load_der_x509_certificate(der))


def get_common_name(certificate: x509.Certificate) -> str:
    """Return the last common name in a certificate as printable text."""
    try:
        names = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except PARSE_ERRORS:
        names = []
    name = names[-1] if names else "an unnamed key"
    return "".join(char if char.isprintable() else "?" for char in name[:120])


def find_root(
    signer: x509.Certificate, roots: Sequence[x509.Certificate], pool: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Find a pinned root that issued the signer's certificate, directly or through certificates of the pool.

    Only names and signatures are checked. Returns ``None`` if there is no such root.
    """
    visited, subjects = {signer}, [signer]
    while subjects:
        issuers = {issuer: None for subject in subjects for issuer in (*roots, *pool) if is_issued_by(issuer, subject)}
        for root in roots:
            if root in issuers:
                return root
        subjects = [issuer for issuer in issuers if issuer not in visited]
        visited.update(subjects)
    return None


def find_chain_fault(
    signer: x509.Certificate, roots: Sequence[x509.Certificate], pool: Sequence[x509.Certificate], time: datetime
) -> str:
    """Return why no chain from signer to root is valid for timestamping at this time, or "" (RFC 5280, RFC 3161)."""
    if not roots:
        return "no root certificate is listed"
    builder = PolicyBuilder().store(Store(list(roots))).time(time).max_chain_depth(MAX_CERTIFICATES)
    builder = builder.extension_policies(ca_policy=_AUTHORITY_POLICY, ee_policy=_UNIT_POLICY)
    try:
        builder.build_client_verifier().verify(signer, [certificate for certificate in pool if certificate != signer])
    except (VerificationError, *PARSE_ERRORS) as error:
        reason = str(error).partition(" (encountered processing")[0].removeprefix("validation failed: ")
        return reason[:200] or "a certificate cannot be read"
    return ""


def is_issued_under(
    timestamp: ParsedTimestamp,
    listed_certificates: Sequence[x509.Certificate],
    intermediates: Sequence[x509.Certificate],
) -> bool:
    """Return True if a timestamp was signed by one of the listed certificates, or by one issued under them."""
    return timestamp.signer in listed_certificates or not find_chain_fault(
        timestamp.signer, listed_certificates, (*timestamp.certificates, *intermediates), timestamp.time
    )


def _parse_completely(certificate: x509.Certificate) -> x509.Certificate:
    """Parse all fields of a certificate, which the library otherwise parses on access, and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anomalies are checked with the chain
        _ = certificate.issuer, certificate.subject, certificate.extensions, certificate.not_valid_after_utc
    return certificate


def is_issued_by(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Return True if the issuer's name and key match those in a certificate."""
    if issuer.subject != subject.issuer or not _has_strong_key(issuer):
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, *PARSE_ERRORS):
        return False
    return True


def _has_strong_key(certificate: x509.Certificate) -> bool:
    """Return True for an RSA key of 2048 to 4096 bits with an exponent of at least 3, or a key on a common curve."""
    try:
        key = certificate.public_key()
    except PARSE_ERRORS:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size in ACCEPTED_RSA_BITS and key.public_numbers().e >= 3
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def _check_timestamping_only(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
    if list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("the certificate is not for timestamping only")


def _check_signature_only(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is None:
        return
    other_usages = (
        usage.key_encipherment, usage.data_encipherment, usage.key_agreement, usage.key_cert_sign, usage.crl_sign
    )  # fmt: skip
    if any(other_usages) or not (usage.digital_signature or usage.content_commitment):
        raise ValueError("the certificate may be used for other purposes than signatures")


def _check_authority(_policy: Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("the issuing certificate is not an authority")
    if not _has_strong_key(certificate):
        raise ValueError("an authority's key is too weak")


def _check_certificate_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the issuing certificate may not sign certificates")


def _check_may_timestamp(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    allowed_usages = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and not allowed_usages & set(usage):
        raise ValueError("the issuing certificate is not a timestamp authority")


_UNIT_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, _check_timestamping_only)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_signature_only)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
)
"""Requirements for a certificate that signs stamps (RFC 3161, 2.3)."""
_AUTHORITY_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_certificate_signing)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_may_timestamp)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
    .require_not_present(x509.NameConstraints)  # name constraints are not evaluated
)
"""Requirements for a certificate above it (RFC 5280, 6.1)."""


def _parse_response(encoded_response: bytes) -> ParsedTimestamp:
    response = TimestampResponse.load(encoded_response, strict=True)
    token = response["time_stamp_token"]
    if response["status"]["status"].native not in GRANTED_STATUSES or not isinstance(token, cms.ContentInfo):
        raise IntegrityError("The authority refused the timestamp.")
    signed_data = token["content"]
    content = signed_data["encap_content_info"]
    if token["content_type"].native != "signed_data" or content["content_type"].native != "tst_info":
        raise IntegrityError("The timestamp response contains no timestamp.")
    if len(signed_data["signer_infos"]) != 1:
        raise IntegrityError("The timestamp response contains no timestamp by exactly one signer.")
    if len(signed_data["certificates"]) > MAX_CERTIFICATES:
        raise IntegrityError(f"More than {MAX_CERTIFICATES} certificates came with the timestamp.")
    certificate_ders = tuple(dict.fromkeys(choice.chosen.dump() for choice in signed_data["certificates"]))
    content_bytes: bytes = content["content"].contents
    info = tsp.TSTInfo.load(content_bytes, strict=True)
    imprint = info["message_imprint"]
    if info["version"].native != "v1" or imprint["hash_algorithm"]["algorithm"].native != "sha256":
        raise IntegrityError("The timestamp has an unsupported version, or is not for a SHA-256 digest.")
    if any(extension["critical"].native for extension in info["extensions"] or ()):
        raise IntegrityError("The timestamp contains an unknown critical extension.")
    time, latest = _parse_times(info)
    signer = _check_signer(signed_data["signer_infos"][0], certificate_ders, content_bytes)
    certificates = {der: read_certificate(der) for der in certificate_ders}
    digest = Digest(imprint["hashed_message"].native)
    return ParsedTimestamp(
        digest, time, latest, info["nonce"].native, certificates[signer], tuple(certificates.values())
    )


def _parse_times(info: tsp.TSTInfo) -> tuple[datetime, datetime]:
    """Return the stamped time in whole seconds, and the latest possible time."""
    match = _TIME.fullmatch(info["gen_time"].contents.decode("ascii"))
    if match is None:
        raise ValueError("The time is not written as required by RFC 3161.")
    time = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    accuracy = info["accuracy"].native or {}
    seconds, milli, micro = (accuracy.get(part) or 0 for part in ("seconds", "millis", "micros"))
    if not 0 <= seconds <= MAX_ACCURACY_SECONDS or not 0 <= milli <= 999 or not 0 <= micro <= 999:
        raise IntegrityError(f"The authority states an accuracy of {seconds} seconds.")
    uncertainty = Fraction(match[2] or 0) + seconds + Fraction(milli, 1000) + Fraction(micro, 1_000_000)
    return time, time + timedelta(seconds=-(-uncertainty.numerator // uncertainty.denominator))


def _check_signer(signer: cms.SignerInfo, certificate_ders: Sequence[bytes], content: bytes) -> bytes:
    """Verify digest and signature, and return the certificate (DER) that the signature names (RFC 5816)."""
    attributes = signer["signed_attrs"]
    values = {attribute["type"].native: attribute["values"] for attribute in attributes}
    if len(values) != len(attributes) or any(len(value) != 1 for value in values.values()):
        raise ValueError("An attribute occurs twice.")
    digest = _HASHES.get(signer["digest_algorithm"]["algorithm"].native)
    if digest is None or values["content_type"][0].native != "tst_info":
        raise IntegrityError("The signature algorithm of the timestamp is not accepted.")
    if not hmac.compare_digest(hashlib.new(digest.name, content).digest(), values["message_digest"][0].native):
        raise IntegrityError("The content of the timestamp was changed after it was signed.")
    signer_der = next((der for der in certificate_ders if _is_named_signer(der, values)), None)
    if signer_der is None:
        raise IntegrityError("The response does not contain the certificate to which the timestamp refers.")
    value, signer_id = cms.Certificate.load(signer_der), signer["sid"]
    if signer_id.name != "issuer_and_serial_number" or (
        signer_id.chosen["issuer"].dump() != value.issuer.dump()
        or signer_id.chosen["serial_number"].native != value.serial_number
    ):
        raise IntegrityError("The timestamp refers to two certificates of the signer.")
    # The signature covers the attributes with the tag SET, which differs from the tag in the response (RFC 5652, 5.4).
    if not _is_valid_signature(read_certificate(signer_der), signer, b"\x31" + attributes.dump()[1:], digest):
        raise IntegrityError(Sentence("The signature of the timestamp is not valid, or its type is not accepted."))
    return signer_der


def _is_named_signer(der: bytes, values: dict[str, cms.SetOfAny]) -> bool:
    """Return True if the signed attributes name this certificate first, in each of them (RFC 2634, RFC 5035)."""
    entries = [
        values[attribute_name][0]["certs"][0] for attribute_name in _SIGNER_ATTRIBUTES if attribute_name in values
    ]
    return bool(entries) and all(_matches_entry(der, entry) for entry in entries)


def _matches_entry(der: bytes, entry: tsp.ESSCertID | tsp.ESSCertIDv2) -> bool:
    algorithm = entry["hash_algorithm"]["algorithm"].native if isinstance(entry, tsp.ESSCertIDv2) else "sha1"
    if algorithm not in _HASHES and not isinstance(entry, tsp.ESSCertID):
        return False
    digest = hashlib.new(algorithm, der, usedforsecurity=False).digest()
    return hmac.compare_digest(digest, entry["cert_hash"].native)


def _is_valid_signature(
    certificate: x509.Certificate, signer: cms.SignerInfo, data: bytes, digest: hashes.HashAlgorithm
) -> bool:
    """Return True if the signer's signature over data by RSA (PKCS #1 v1.5) or ECDSA with this hash is valid."""
    algorithm, signature = signer["signature_algorithm"], signer["signature"].native
    if algorithm["algorithm"].native != "rsassa_pkcs1v15" and algorithm.hash_algo != digest.name:
        return False
    key = certificate.public_key()
    try:
        if not _has_strong_key(certificate):
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
