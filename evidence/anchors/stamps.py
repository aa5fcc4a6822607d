"""RFC 3161 replies, read and checked offline: no network, no clock, and no trust in anything that came along.

The certificates that travel with a reply only help to build the chain; it has to end in a root that the caller pins.
OpenSSL (through ``rfc3161-client``) checks chain and signature at the stamp's own time. What it can't say, whether a
reply is broken or merely by a stranger, is found out first.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from evidence.errors import UnknownWitnessError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError

MAX_REPLY = 1 << 20
MAX_CERTIFICATES = 32
MAX_POOL = 2 * MAX_CERTIFICATES
"""Certificates that came along with a reply, in it and beside it: each is compared with every other."""
VERSIONS = ("v3", "v4", "v5")
"""Of signed data that isn't plain (RFC 5652, 5.1)."""
GRANTED = ("granted", "granted_with_mods")
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class Response(core.Sequence):
    """``TimeStampResp`` of RFC 3161, 2.4.2, whose token may be absent."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a reply says, after it was found whole in itself; nothing here says whom to trust.

    Attributes:
        digest: what was stamped.
        time: the authority's ``genTime``, aware, UTC.
        nonce: the number that the request carried, or ``None``.
        serial: the stamp's number at the authority.
        signer: the certificate of the key that signed.
        certificates: all that came with the reply, the signer's among them.
    """

    digest: Digest
    time: datetime
    nonce: int | None
    serial: int
    signer: x509.Certificate
    certificates: tuple[x509.Certificate, ...]


def verify_reply(reply: bytes, digest: Digest, roots: Sequence[bytes], intermediates: Sequence[bytes] = ()) -> datetime:
    """Check a reply to the last step: digest, signature, and a chain to a pinned root at the stamp's time.

    Revocation isn't checked.

    Args:
        reply: a DER ``TimeStampResp``.
        digest: what has to be stamped.
        roots: pinned root certificates, each PEM (one or several) or DER.
        intermediates: certificates that may help to build the chain; they aren't trusted.

    Returns:
        The time that the authority states, aware, UTC.

    Raises:
        IntegrityError: the reply is broken, or about another digest, or its chain doesn't hold.
        UnknownWitnessError: the reply is whole in itself, but leads to none of the roots.
    """
    stamp = read_reply(reply)
    if stamp.digest != digest:
        raise IntegrityError(f"The timestamp is about another digest: {stamp.digest}.")
    trusted = load_certificates(roots)
    helpers = load_certificates(intermediates)
    if len(stamp.certificates) + len(helpers) > MAX_POOL:
        raise IntegrityError(f"More than {MAX_POOL} certificates came with the timestamp.")
    if find_root(stamp, trusted, helpers) is None:
        raise UnknownWitnessError(
            f"The timestamp is signed by {name_of(stamp.signer)}, which no pinned root vouches for."
        )
    _check_pool([*stamp.certificates, *helpers], trusted)
    try:
        response = decode_timestamp_response(_normalised(reply, helpers))
        VerifierBuilder(roots=list(trusted)).build().verify(response, digest.raw)
    except (VerificationError, *UNREADABLE) as error:
        raise IntegrityError(f"The timestamp's chain of certificates doesn't hold: {error}.") from error
    return stamp.time


def read_reply(reply: bytes) -> Stamp:
    """Read a reply and check that it is whole: one signer, its own certificate named by the signature, which holds.

    Raises:
        IntegrityError: it isn't a granted reply with SHA-256, or anything in it doesn't fit the rest.
    """
    if len(reply) > MAX_REPLY:
        raise IntegrityError("The timestamp reply is too long.")
    try:
        return _read(reply)
    except UNREADABLE as error:
        raise IntegrityError("The timestamp reply can't be read.") from error


def refusal(reply: bytes) -> str | None:
    """Why an authority refused, in its own words, or ``None`` when it granted; raises ``IntegrityError``."""
    try:
        status = Response.load(reply, strict=True)["status"].native
        if status["status"] in GRANTED:
            return None
        words = [*(status["status_string"] or []), *sorted(status["fail_info"] or []), str(status["status"])]
    except UNREADABLE as error:
        raise IntegrityError("The authority's answer isn't a timestamp reply.") from error
    return ", ".join(str(word) for word in words)


def find_root(
    stamp: Stamp, roots: Sequence[x509.Certificate], helpers: Sequence[x509.Certificate] = ()
) -> x509.Certificate | None:
    """The pinned root at which a chain of signatures from the stamp's signer ends, validity not looked at."""
    pool = list(dict.fromkeys([*stamp.certificates, *helpers]))[:MAX_CERTIFICATES]
    open_ends, seen = [stamp.signer], {stamp.signer}
    while open_ends:
        current = open_ends.pop()
        for root in roots:
            if _issued(root, current):
                return root
        above = [issuer for issuer in pool if issuer not in seen and _issued(issuer, current)]
        seen.update(above)
        open_ends.extend(above)
    return None


def _check_pool(pool: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> None:
    """Refuse a certificate that came along and was changed.

    Nobody of its issuer's name has signed it, or its signature stands under another text as well. One whose issuer
    didn't come along, such as a cross-signed root, can't be checked and does no harm.
    """
    by_signature = {one.signature: one for one in (*pool, *roots)}
    for one in pool:
        if by_signature[one.signature] != one:
            raise IntegrityError(f"Two certificates carry one signature, so one was changed: {name_of(one)}.")
        named = [issuer for issuer in (*pool, *roots) if issuer.subject == one.issuer]
        if named and not any(_issued(issuer, one) for issuer in named):
            raise IntegrityError(f"A certificate that came with the timestamp was changed: {name_of(one)}.")


def load_certificates(files: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """The certificates in PEM or DER files, each once; raises ``IntegrityError`` when a file holds none."""
    found: dict[x509.Certificate, None] = {}
    for data in files:
        try:
            pem = b"-----BEGIN" in data
            ders = [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(data)] if pem else [data]
            loaded = [_certificate(der) for der in ders]
        except UNREADABLE as error:
            raise IntegrityError("A certificate can't be read.") from error
        found.update(dict.fromkeys(loaded))
    return tuple(found)


def _certificate(der: bytes) -> x509.Certificate:
    """A certificate whose names can be read; raises one of :data:`UNREADABLE`."""
    certificate = x509.load_der_x509_certificate(der)
    for name in (certificate.subject, certificate.issuer):
        name.rfc4514_string()
    return certificate


def name_of(certificate: x509.Certificate) -> str:
    """The subject's name for a reader."""
    return certificate.subject.rfc4514_string()


def _read(reply: bytes) -> Stamp:
    response = Response.load(reply, strict=True)
    if response["status"]["status"].native not in GRANTED:
        raise IntegrityError(f"The authority refused to stamp: {refusal(reply)}.")
    signed = response["time_stamp_token"]["content"]
    if signed["version"].native not in VERSIONS:
        raise IntegrityError("The timestamp reply has a version that can't be.")
    info_bytes = signed["encap_content_info"]["content"].parsed.dump()
    info = tsp.TSTInfo.load(info_bytes, strict=True)
    imprint = info["message_imprint"]
    if signed["encap_content_info"]["content_type"].native != "tst_info" or len(signed["signer_infos"]) != 1:
        raise IntegrityError("The timestamp reply holds no timestamp by exactly one signer.")
    if imprint["hash_algorithm"]["algorithm"].native != "sha256":
        raise IntegrityError("The timestamp isn't about a SHA-256 digest.")
    certificates = tuple(
        _certificate(choice.chosen.dump()) for choice in list(signed["certificates"])[:MAX_CERTIFICATES]
    )
    return Stamp(
        digest=Digest(imprint["hashed_message"].native),
        time=info["gen_time"].native,
        nonce=info["nonce"].native,
        serial=info["serial_number"].native,
        signer=_check_signer(signed["signer_infos"][0], certificates, info_bytes),
        certificates=certificates,
    )


def _check_signer(signer: Any, certificates: Sequence[x509.Certificate], content: bytes) -> x509.Certificate:  # noqa: ANN401 - the library has no types
    """The certificate that the signature names (RFC 5816), once digest and signature have been found to hold."""
    attributes = {attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]}
    algorithm = _HASHES.get(signer["digest_algorithm"]["algorithm"].native)
    if algorithm is None or attributes["content_type"][0].native != "tst_info":
        raise IntegrityError("The timestamp is signed in a way that isn't accepted.")
    digest = hashlib.new(algorithm.name, content).digest()
    if not hmac.compare_digest(digest, attributes["message_digest"][0].native):
        raise IntegrityError("The timestamp's content was changed after it was signed.")
    named = next((item for item in certificates if _is_named(item, attributes)), None)
    if named is None:
        raise IntegrityError("The certificate that the timestamp names isn't in the reply.")
    try:
        _check_signature(named, signer, algorithm)
    except InvalidSignature as error:
        raise IntegrityError("The timestamp's signature doesn't hold.") from error
    return named


def _is_named(certificate: x509.Certificate, attributes: dict[str, Any]) -> bool:
    """Whether the signed attributes name this certificate first, by its hash (RFC 2634, RFC 5035)."""
    der = certificate.public_bytes(Encoding.DER)
    if "signing_certificate_v2" in attributes:
        entry = attributes["signing_certificate_v2"][0]["certs"][0]
        algorithm = entry["hash_algorithm"]["algorithm"].native
    else:
        entry, algorithm = attributes["signing_certificate"][0]["certs"][0], "sha1"
    return hmac.compare_digest(hashlib.new(algorithm, der).digest(), entry["cert_hash"].native)


def _check_signature(certificate: x509.Certificate, signer: Any, algorithm: hashes.HashAlgorithm) -> None:  # noqa: ANN401 - the library has no types
    """Raise ``InvalidSignature`` unless the signed attributes (RFC 5652, 5.4) carry this key's signature."""
    key, signature = certificate.public_key(), signer["signature"].native
    signed = signer["signed_attrs"].untag().dump()
    if isinstance(key, rsa.RSAPublicKey):
        pss = signer["signature_algorithm"].signature_algo == "rsassa_pss"
        scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO) if pss else padding.PKCS1v15()
        key.verify(signature, signed, scheme, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    else:
        raise IntegrityError("The timestamp is signed with a kind of key that isn't accepted.")


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _normalised(reply: bytes, helpers: Sequence[x509.Certificate]) -> bytes:
    """The reply with its unsigned set of certificates in DER order, helpers added: the parser accepts nothing else."""
    response = Response.load(reply, strict=True)
    signed = response["time_stamp_token"]["content"]
    present = {choice.dump() for choice in signed["certificates"]}
    present.update(certificate.public_bytes(Encoding.DER) for certificate in helpers)
    signed["certificates"] = cms.CertificateSet([cms.CertificateChoices.load(der) for der in present])  # sorts
    normalised: bytes = response.dump(force=False)
    return normalised
