"""Certificates (RFC 5280), and the profile by which a chain of them counts: docs/bundle-format.md states it.

What a certificate says is read here, not by a library that has rules of its own. The library computes signatures.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from evidence.anchors.rfc3161.der import Element, bits, fields, number, oid, read, time_of, unreadable
from exhibit.errors import IntegrityError

Hash = hashes.HashAlgorithm
MAX_POOL = 16
"""Different certificates that come along with a reply, in it and beside it: each is compared with every other."""
RSA_BITS = range(2048, 4097)
MAX_EXPONENT = (1 << 32) - 1

HASHES: dict[bytes, Hash] = {
    oid("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),
    oid("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    oid("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
_RSA, _MGF1, _PSS = (oid(f"1.2.840.113549.1.1.{number}") for number in (1, 8, 10))
_EC = oid("1.2.840.10045.2.1")
_SCHEMES = {
    **{oid(f"1.2.840.113549.1.1.{11 + place}"): (_RSA, digest) for place, digest in enumerate(HASHES.values())},
    **{oid(f"1.2.840.10045.4.3.{2 + place}"): (_EC, digest) for place, digest in enumerate(HASHES.values())},
}
_CURVES = {oid("1.2.840.10045.3.1.7"): 32, oid("1.3.132.0.34"): 48, oid("1.3.132.0.35"): 66}
_BASIC, _USAGE, _CONSTRAINTS, _PURPOSE = map(oid, ("2.5.29.19", "2.5.29.15", "2.5.29.30", "2.5.29.37"))
_KNOWN = {_BASIC, _USAGE, _PURPOSE, *(oid(f"2.5.29.{number}") for number in (14, 17, 18, 31, 32, 35))}
"""Extensions that may be critical; of the last six nothing has to be followed here."""
_STAMPING, _ANY_PURPOSE = oid("1.3.6.1.5.5.7.3.8"), oid("2.5.29.37.0")
_COMMON_NAME = oid("2.5.4.3")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")
_BLANKS = re.compile(rb"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, as far as a chain needs it; two are the same when their bytes are, and so are their names."""

    der: bytes
    signed: bytes = field(compare=False)  # the part that the signature is over
    algorithm: Element = field(compare=False)  # of the signature
    signature: bytes = field(compare=False)
    serial: bytes = field(compare=False)  # DER
    issuer: bytes = field(compare=False)  # DER
    subject: bytes = field(compare=False)  # DER
    name: str = field(compare=False)  # the last common name in it, for a reader
    begin: datetime = field(compare=False)  # aware, UTC
    end: datetime = field(compare=False)  # valid to and with
    key: Element = field(compare=False)  # SubjectPublicKeyInfo
    extensions: dict[bytes, tuple[bool, Element]] = field(compare=False)  # whether each is critical, and its value


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate; raises ``IntegrityError``."""
    signed, algorithm, signature = fields(read(der), "30 30 03")
    version, serial, inner, issuer, validity, subject, key, _, _, held = fields(
        signed, "a0? 02 30 30 30 30 30 81? 82? a3?"
    )
    if inner.encoded != algorithm.encoded or (version and number(fields(version, "02", 0xA0)[0].content, 2) == 0):
        raise unreadable()
    extensions = read_extensions(fields(held, "30", 0xA3)[0]) if held else {}
    (begin, rest), (end, more) = (time_of(part) for part in fields(validity, "17|18 17|18"))
    if rest or more:
        raise unreadable()
    return Certificate(
        der, signed.encoded, algorithm, bits(signature), serial.encoded, issuer.encoded, subject.encoded,
        _common_name(subject), begin, end, key, extensions,
    )  # fmt: skip


def read_extensions(held: Element) -> dict[bytes, tuple[bool, Element]]:
    """Extensions by kind, whether each is critical, and its value as octets; raises ``IntegrityError``."""
    found = {}
    for extension in held.inside:
        kind, critical, value = fields(extension, "06 01? 04")
        if kind.content in found:
            raise unreadable()
        found[kind.content] = (critical is not None and critical.content != b"\x00", value)
    return found


def load_certificates(files: Iterable[bytes]) -> tuple[Certificate, ...]:
    """The certificates in PEM or DER files, each once; raises ``IntegrityError`` when a file holds none."""
    found: dict[Certificate, None] = {}
    for data in files:
        try:
            ders = [_from_pem(text) for text in _PEM.findall(data)] if b"-----BEGIN" in data else [data]
            loaded = [read_certificate(der) for der in ders]
        except (IntegrityError, binascii.Error) as error:
            raise IntegrityError("A certificate can't be read.") from error
        if not loaded:
            raise IntegrityError("A certificate can't be read.")
        found.update(dict.fromkeys(loaded))
    return tuple(found)


def find_root(
    signer: Certificate,
    roots: Sequence[Certificate],
    pool: Sequence[Certificate],
    fault: Callable[[Certificate, int], str] = lambda _certificate, _below: "",
) -> Certificate | None:
    """The pinned root at which the shortest chain of signatures from the signer, through the pool, ends, or ``None``.

    ``fault`` says what is wrong with an issuer above so many others, if anything: no chain leads over such a one. The
    shortest way to each is tried, since length is all in which ways to one issuer differ.
    """
    seen, level, below = {signer}, [signer], 0
    while level:
        above = []
        for subject in level:
            for issuer in dict.fromkeys([*roots, *pool]):
                if issuer.subject == subject.issuer and (issuer in roots or issuer not in seen):
                    if not is_issued(issuer, subject) or fault(issuer, below):
                        continue
                    if issuer in roots:
                        return issuer
                    seen.add(issuer)
                    above.append(issuer)
        level, below = above, below + 1
    return None


def fault_of_signer(certificate: Certificate, moment: datetime) -> str:
    """Why a certificate may not stamp at a moment, or nothing (RFC 3161, 2.3)."""
    critical, value = certificate.extensions.get(_PURPOSE, (False, None))
    if not critical or value is None or _purposes(value) != [_STAMPING]:
        return f"{certificate.name} isn't for stamping times alone"
    usage = _usages(certificate)
    if usage is not None and (not usage & 0xC000 or usage & ~0xC000):
        return f"{certificate.name} may be used for something else than signatures"
    return _fault(certificate, moment)


def fault_of_issuer(certificate: Certificate, moment: datetime, below: int) -> str:
    """Why a certificate may not stand above so many others at a moment, or nothing (RFC 5280, 6.1)."""
    is_authority, longest = None, None
    if _BASIC in certificate.extensions:
        is_authority, longest = fields(read(certificate.extensions[_BASIC][1].content), "01? 02?")
    usage, purpose = _usages(certificate), certificate.extensions.get(_PURPOSE)
    if is_authority is None or is_authority.content == b"\x00":
        fault = "isn't an authority"
    elif longest is not None and number(longest.content, MAX_EXPONENT) < below:
        fault = "may not stand so high above"
    elif usage is not None and not usage & 0x0400:
        fault = "may not sign certificates"
    elif _CONSTRAINTS in certificate.extensions:
        fault = "limits names, which isn't followed here"
    elif purpose and not {_STAMPING, _ANY_PURPOSE} & set(_purposes(purpose[1])):
        fault = "isn't an authority for stamping times"
    else:
        return _fault(certificate, moment)
    return f"{certificate.name} {fault}"


def check_pool(pool: Sequence[Certificate], roots: Sequence[Certificate]) -> None:
    """Refuse a certificate that came along and was changed; raises ``IntegrityError``.

    Nobody of its issuer's name has signed it, or its signature stands under another text as well. One whose issuer
    didn't come along, or that is signed in a way that isn't accepted, can't be checked and does no harm.
    """
    everyone = list(dict.fromkeys([*pool, *roots]))
    by_signature = {certificate.signature: certificate for certificate in everyone}
    for certificate in pool:
        if by_signature[certificate.signature] != certificate:
            raise IntegrityError(f"Two certificates carry one signature, so one was changed: {certificate.name}.")
        if certificate in roots or _scheme(certificate.algorithm, None) is None:
            continue
        named = [issuer for issuer in everyone if issuer.subject == certificate.issuer and _key_kind(issuer.key)]
        if named and not any(is_issued(issuer, certificate) for issuer in named):
            raise IntegrityError(f"A certificate that came with the timestamp was changed: {certificate.name}.")


@lru_cache(4096)
def is_issued(issuer: Certificate, subject: Certificate) -> bool:
    """Whether the issuer's name and key stand behind a certificate."""
    if issuer.subject != subject.issuer:
        return False
    return signature_holds(issuer.key, subject.algorithm, subject.signature, subject.signed)


def signature_holds(
    key: Element, algorithm: Element, signature: bytes, data: bytes, announced: Hash | None = None
) -> bool:
    """Whether a signature over data, of an accepted kind and by a key of one, holds.

    ``announced`` is the hash that a signer states besides: the algorithm must not name another one.
    """
    scheme, kind = _scheme(algorithm, announced), _key_kind(key)
    if scheme is None or not kind or kind != (_EC if scheme[0] == _EC else _RSA):
        return False
    if announced is not None and announced.name != scheme[1].name:
        return False
    try:
        public = load_der_public_key(key.encoded)
        if isinstance(public, ec.EllipticCurvePublicKey):
            fields(read(signature), "02 02")
            public.verify(signature, data, ec.ECDSA(scheme[1]))
        elif isinstance(public, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(scheme[1]), scheme[2])
            public.verify(signature, data, pss if scheme[0] == _PSS else padding.PKCS1v15(), scheme[1])
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, IntegrityError):
        return False
    return True


def algorithm_of(element: Element) -> tuple[bytes, Element | None]:
    """Kind and parameters of an AlgorithmIdentifier; raises ``IntegrityError``."""
    if element.tag != 0x30 or not 0 < len(element.inside) < 3 or element.inside[0].tag != 0x06:
        raise unreadable()
    return element.inside[0].content, element.inside[1] if len(element.inside) == 2 else None


def hash_of(element: Element) -> Hash | None:
    """The hash of an AlgorithmIdentifier, ``None`` for one that isn't accepted; raises ``IntegrityError``."""
    kind, parameters = algorithm_of(element)
    return HASHES.get(kind) if parameters is None or parameters.tag == 0x05 else None


def _scheme(algorithm: Element, announced: Hash | None) -> tuple[bytes, Hash, int] | None:
    """Kind, hash and length of the salt of a kind of signature, or ``None``."""
    try:
        kind, parameters = algorithm_of(algorithm)
        plain = parameters is None or parameters.tag == 0x05
        if kind in _SCHEMES:
            return (*_SCHEMES[kind], 0) if parameters is None or (plain and _SCHEMES[kind][0] == _RSA) else None
        if kind == _RSA and announced is not None and plain:
            return _RSA, announced, 0
        if kind != _PSS or parameters is None or announced is not None:  # openssl reads no stamp signed so
            return None
        [[named], [mask], [salt]] = (part.inside for part in fields(parameters, "a0 a1 a2"))
        (function, of), found = algorithm_of(mask), hash_of(named)
        if found is None or function != _MGF1 or of is None or hash_of(of) != found:
            return None
        return _PSS, found, number(salt.content, 64) if salt.tag == 0x02 else 65
    except (IntegrityError, ValueError):
        return None


def _key_kind(key: Element) -> bytes:
    """The kind of an accepted key: RSA of 2048 to 4096 bits, or a point of one of three curves; else nothing."""
    try:
        algorithm, held = fields(key, "30 03")
        (kind, parameters), data = algorithm_of(algorithm), bits(held)
        if kind == _RSA and parameters is not None and parameters.tag == 0x05:
            modulus, exponent = (part.content for part in fields(read(data), "02 02"))
            public = number(exponent, MAX_EXPONENT)
            fits = modulus[0] < 128 and int.from_bytes(modulus, "big").bit_length() in RSA_BITS
            return _RSA if fits and modulus[-1] & 1 and public & 1 and public > 1 else b""
        if kind == _EC and parameters is not None and parameters.tag == 0x06:
            width = _CURVES.get(parameters.content)
            return _EC if width is not None and data[:1] == b"\x04" and len(data) == 1 + 2 * width else b""
    except IntegrityError:
        return b""
    return b""


def _fault(certificate: Certificate, moment: datetime) -> str:
    if not certificate.begin <= moment <= certificate.end:
        return f"{certificate.name} wasn't valid at the time of the stamp"
    if any(critical and kind not in _KNOWN for kind, (critical, _) in certificate.extensions.items()):
        return f"{certificate.name} says something critical that isn't known here"
    return ""


def _purposes(value: Element) -> list[bytes]:
    held = read(value.content)
    if held.tag != 0x30 or any(extension.tag != 0x06 for extension in held.inside):
        raise unreadable()
    return [extension.content for extension in held.inside]


def _usages(certificate: Certificate) -> int | None:
    """The bits of key usage, the first one as 0x8000; ``None`` when nothing is said."""
    if _USAGE not in certificate.extensions:
        return None
    held = read(certificate.extensions[_USAGE][1].content)
    if held.tag != 0x03:
        raise unreadable()
    return int.from_bytes(held.content[1:3].ljust(2, b"\x00"), "big")


def _common_name(subject: Element) -> str:
    found = "an unnamed key"
    for pair in (pair for each in subject.inside for pair in each.inside):
        if len(pair.inside) == 2 and pair.inside[0].content == _COMMON_NAME:
            found = pair.inside[1].content.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "?" for sign in found[:120])


def _from_pem(text: bytes) -> bytes:
    packed = _BLANKS.sub(b"", text)
    der = base64.b64decode(packed, validate=True)
    if base64.b64encode(der) != packed:
        raise unreadable()
    return der
