"""RFC 3161 replies, read and checked offline: no network, no clock, and no trust in anything that came along.

The certificates that travel with a reply only help to build the chain; it has to end in a root that the caller pins.
What counts is the profile in docs/bundle-format.md.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from asn1crypto import cms, core, tsp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from evidence.anchors.rfc3161.certificates import (
    HASHES,
    MAX_POOL,
    Certificate,
    check_pool,
    fault_of_issuer,
    fault_of_signer,
    find_root,
    hash_of,
    load_certificates,
    read_certificate,
    read_extensions,
    signature_holds,
)
from evidence.anchors.rfc3161.der import Element, fields, number, oid, read, time_of, unreadable
from evidence.formats.errors import UnknownWitnessError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.sentences import Sentence

MAX_REPLY = 1 << 20
MAX_ACCURACY = 3600  # seconds; a clock that may be further off says too little
GRANTED = ("granted", "granted_with_mods")
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, UnsupportedAlgorithm)

_SIGNED_DATA, _STAMP = oid("1.2.840.113549.1.7.2"), oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE, _MESSAGE_DIGEST = oid("1.2.840.113549.1.9.3"), oid("1.2.840.113549.1.9.4")
_NAMED, _NAMED_BY_SHA1 = oid("1.2.840.113549.1.9.16.2.47"), oid("1.2.840.113549.1.9.16.2.12")


class Response(core.Sequence):
    """``TimeStampResp`` of RFC 3161, 2.4.2, whose token may be absent."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a reply says, after it was found whole in itself; nothing here says whom to trust."""

    digest: Digest
    time: datetime  # the authority's ``genTime`` in whole seconds, aware, UTC: chains are judged at it
    latest: datetime  # ``genTime`` and the accuracy together, rounded up to a second: it existed no later
    nonce: int | None
    signer: Certificate
    certificates: tuple[Certificate, ...]  # all that came with the reply, the signer's among them


def verify_reply(reply: bytes, digest: Digest, roots: Sequence[bytes], intermediates: Sequence[bytes] = ()) -> datetime:
    """Check a reply to the last step: digest, signature, and a chain to a pinned root at the stamp's time.

    Files of certificates are PEM (one or several) or DER; intermediates may help to build the chain, and aren't
    trusted. Revocation isn't checked. Returns the time by which it existed, by the authority's word and the accuracy
    that it states. Raises ``IntegrityError``, and ``UnknownWitnessError`` for a reply that is whole in itself, but
    leads to none of the roots.
    """
    return check_stamp(read_reply(reply), digest, load_certificates(roots), load_certificates(intermediates))


def check_stamp(stamp: Stamp, digest: Digest, roots: Sequence[Certificate], helpers: Sequence[Certificate]) -> datetime:
    """What :func:`verify_reply` does once the reply has been read."""
    if stamp.digest != digest:
        raise IntegrityError(f"The timestamp is about another digest: {stamp.digest}.")
    pool = tuple(dict.fromkeys([*stamp.certificates, *helpers]))
    if len(pool) > MAX_POOL:
        raise IntegrityError(f"More than {MAX_POOL} certificates came with the timestamp.")
    if find_root(stamp.signer, roots, pool) is None:
        raise UnknownWitnessError(f"The timestamp is signed by {stamp.signer.name}, which no pinned root vouches for.")
    check_pool(pool, roots)
    faults = [fault_of_signer(stamp.signer, stamp.time)]
    if faults[0] or find_root(stamp.signer, roots, pool, _judging(stamp.time, faults)) is None:
        why = next(filter(None, faults))
        raise IntegrityError(Sentence("The timestamp's chain of certificates doesn't hold: %(why)s.", why=why))
    return stamp.latest


def read_reply(reply: bytes) -> Stamp:
    """Read a reply and check that it is whole: one signer, its own certificate named by the signature, which holds.

    Raises ``IntegrityError`` when it isn't a granted reply with SHA-256, or anything in it doesn't fit the rest.
    """
    if len(reply) > MAX_REPLY:
        raise IntegrityError("The timestamp reply is too long.")
    try:
        return _read(reply)
    except UNREADABLE as error:
        raise IntegrityError(Sentence("The timestamp reply can't be read.")) from error


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


def leads_to(stamp: Stamp, listed: Sequence[Certificate], helpers: Sequence[Certificate]) -> bool:
    """Whether a stamp is by one of these certificates, or by one that they stand above: those of a trusted list."""
    pool = (*stamp.certificates, *helpers)
    return stamp.signer in listed or find_root(stamp.signer, listed, pool, _judging(stamp.time, [])) is not None


def _judging(moment: datetime, faults: list[str]) -> Callable[[Certificate, int], str]:
    """What is wrong with an issuer above so many others at a moment, if anything; noted among the faults."""

    def fault(issuer: Certificate, below: int) -> str:
        try:
            found = fault_of_issuer(issuer, moment, below)
        except IntegrityError:
            found = f"{issuer.name} can't be read"
        faults.append(found)
        return found

    return fault


def _read(reply: bytes) -> Stamp:
    status, token = fields(read(reply), "30 30?")
    if status.inside[0].encoded not in {b"\x02\x01\x00", b"\x02\x01\x01"} or token is None:
        raise IntegrityError("The authority refused to stamp.")
    kind, wrapped = fields(token, "06 a0")
    version, announced, content, certificates, _, signers = fields(wrapped.inside[0], "02 31 30 a0? a1? 31")
    if kind.content != _SIGNED_DATA or len(wrapped.inside) != 1 or version.content not in {b"\x03", b"\x04", b"\x05"}:
        raise IntegrityError("The timestamp reply has a version that can't be.")
    content_type, held = fields(content, "06 a0")
    [octets] = fields(held, "04", 0xA0)
    if content_type.content != _STAMP or len(signers.inside) != 1:
        raise IntegrityError("The timestamp reply holds no timestamp by exactly one signer.")
    known = tuple(dict.fromkeys(read_certificate(each.encoded) for each in certificates.inside[: MAX_POOL + 1]))
    if len(certificates.inside) > MAX_POOL:
        raise IntegrityError(f"More than {MAX_POOL} certificates came with the timestamp.")
    version, _, imprint, _, at, accuracy, _, nonce, _, further = fields(
        read(octets.content), "02 06 30 02 18 30? 01? 02? a0? a1?"
    )
    algorithm, stamped = fields(imprint, "30 04")
    if version.content != b"\x01" or not isinstance(hash_of(algorithm), hashes.SHA256):
        raise IntegrityError("The timestamp is of another version, or isn't about a SHA-256 digest.")
    if further and any(critical for critical, _ in read_extensions(further).values()):
        raise IntegrityError("The timestamp says something critical that isn't known here.")
    time, latest = _times(at, accuracy)
    signer = _check_signer(signers.inside[0], known, octets.content, announced)
    number_once = None if nonce is None else int.from_bytes(nonce.content, "big", signed=True)
    return Stamp(Digest(stamped.content), time, latest, number_once, signer, known)


def _times(at: Element, accuracy: Element | None) -> tuple[datetime, datetime]:
    """When it was stamped, in whole seconds, and by when at the latest."""
    time, nanoseconds = time_of(at)
    seconds, milli, micro = fields(accuracy, "02? 80? 81?") if accuracy else (None, None, None)
    stated = ((seconds, 1 << 31), (milli, 999), (micro, 999))
    whole, thousandths, millionths = (number(part.content, most) if part else 0 for part, most in stated)
    if whole > MAX_ACCURACY:
        raise IntegrityError(f"The authority's clock may be off by {whole} seconds, by its own word.")
    rest = nanoseconds + thousandths * 1_000_000 + millionths * 1000
    return time, time + timedelta(seconds=whole - (-rest // 1_000_000_000))


def _check_signer(signer: Element, known: Sequence[Certificate], content: bytes, announced: Element) -> Certificate:
    """The certificate that the signature names (RFC 5816), once digest and signature have been found to hold."""
    version, identity, digested, attributes, algorithm, signature, _ = fields(signer, "02 30 30 a0 30 04 a1?")
    parts = [fields(attribute, "06 31") for attribute in attributes.inside]
    values = {kind.content: held.inside[0] for kind, held in parts}
    order = [attribute.encoded for attribute in attributes.inside]
    if len(values) != len(parts) or any(len(held.inside) != 1 for _, held in parts) or order != sorted(order):
        raise unreadable()
    digest = hash_of(digested)
    if digest is None or digest not in [*map(hash_of, announced.inside)] or values[_CONTENT_TYPE].content != _STAMP:
        raise IntegrityError("The timestamp is signed in a way that isn't accepted.")
    stated = values[_MESSAGE_DIGEST]
    if stated.tag != 0x04 or not hmac.compare_digest(hashlib.new(digest.name, content).digest(), stated.content):
        raise IntegrityError("The timestamp's content was changed after it was signed.")
    named = next((certificate for certificate in known if _is_named(certificate, values)), None)
    if named is None:
        raise IntegrityError("The certificate that the timestamp names isn't in the reply.")
    if version.content != b"\x01" or identity.content != named.issuer + named.serial:
        raise IntegrityError("The timestamp names two certificates as the signer's.")
    if not signature_holds(named.key, algorithm, signature.content, b"\x31" + attributes.encoded[1:], digest):
        raise IntegrityError(Sentence("The timestamp's signature doesn't hold, or is of a kind that isn't accepted."))
    return named


def _is_named(certificate: Certificate, values: dict[bytes, Element]) -> bool:
    """Whether all signed attributes that name a certificate name this one first (RFC 2634, RFC 5035)."""
    entries = [(kind, values[kind].inside[0].inside[0]) for kind in (_NAMED, _NAMED_BY_SHA1) if kind in values]
    return bool(entries) and all(_is_meant(certificate, kind, entry) for kind, entry in entries)


def _is_meant(certificate: Certificate, kind: bytes, entry: Element) -> bool:
    if kind == _NAMED_BY_SHA1:
        wanted, _ = fields(entry, "04 30?")
        found = hashlib.sha1(certificate.der, usedforsecurity=False).digest()
    else:
        algorithm, wanted, _ = fields(entry, "30? 04 30?")
        named = next(iter(HASHES.values())) if algorithm is None else hash_of(algorithm)
        found = b"" if named is None else hashlib.new(named.name, certificate.der).digest()
    return hmac.compare_digest(found, wanted.content)
