"""Certificates and timestamps of any form, written byte by byte, including those that a library refuses to write."""

# ruff: noqa: E501, S303 - tables; SHA-1 is among what is tried

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asn1crypto import core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MOMENT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
HASHES: dict[str, Any] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}  # fmt: skip
HASH_OIDS = {
    "sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3",
    "md5": "1.2.840.113549.2.5",
}  # fmt: skip
ECDSA = {
    "sha1": "1.2.840.10045.4.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
RSA = {
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
BASIC, USAGE, PURPOSE, CONSTRAINTS = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.30"
STAMPING, SERVERS, ANY = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"
TST, SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return a DER element."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(size)]) + size + body


def der_sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(0x30, *parts)


def oid(dotted: str) -> bytes:
    """Return the content of an object identifier."""
    return bytes(core.ObjectIdentifier(dotted).contents)


def name_oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    return tlv(0x06, oid(dotted))


def der_integer(number: int) -> bytes:
    """Return an INTEGER."""
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return an extension of a certificate."""
    return der_sequence(name_oid(kind), *([b"\x01\x01\xff"] if critical else []), tlv(0x04, value))


def basic_constraints(*, ca: bool = True, path_length: int | None = None) -> bytes:
    """Return basic constraints."""
    parts = ([b"\x01\x01\xff"] if ca else []) + ([] if path_length is None else [der_integer(path_length)])
    return extension(BASIC, der_sequence(*parts), critical=True)


def usage(bits: bytes) -> bytes:
    """Return key usage, given as the body of its BIT STRING."""
    return extension(USAGE, tlv(0x03, bits), critical=True)


CERTIFYING, SIGNING = usage(b"\x01\x06"), usage(b"\x06\xc0")


def purposes(*kinds: str, critical: bool = True) -> bytes:
    """Return extended key usage."""
    return extension(PURPOSE, der_sequence(*map(name_oid, kinds)), critical=critical)


def common_name(text: str) -> bytes:
    """Return a name that consists of a common name."""
    return der_sequence(tlv(0x31, der_sequence(name_oid("2.5.4.3"), tlv(0x0C, text.encode()))))


@cache
def key_of(kind: str, which: str = "") -> Key:
    """Return the key of a kind and a name; always the same in a process."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "k256": ec.SECP256K1(), "p224": ec.SECP224R1()}  # fmt: skip
    return ec.generate_private_key(curves[kind])


def spki(key: Key, *, compressed: bool = False) -> bytes:
    """Return SubjectPublicKeyInfo."""
    public = key.public_key()
    if compressed and isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return der_sequence(
            der_sequence(name_oid("1.2.840.10045.2.1"), name_oid("1.2.840.10045.3.1.7")), tlv(0x03, b"\0", point)
        )
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def algorithm(key: Key, digest: str, pss: int | None = None, named_as: str = "", mask: str = "") -> bytes:
    """Return AlgorithmIdentifier of a signature."""
    if named_as:
        return der_sequence(name_oid(named_as), *([b"\5\0"] if isinstance(key, rsa.RSAPrivateKey) else []))
    if pss is not None:
        hashed = der_sequence(name_oid(HASH_OIDS[digest]), b"\5\0")
        masked = der_sequence(
            name_oid("1.2.840.113549.1.1.8"), der_sequence(name_oid(HASH_OIDS[mask or digest]), b"\5\0")
        )
        return der_sequence(
            name_oid("1.2.840.113549.1.1.10"),
            der_sequence(tlv(0xA0, hashed), tlv(0xA1, masked), tlv(0xA2, der_integer(pss))),
        )
    if isinstance(key, rsa.RSAPrivateKey):
        return der_sequence(name_oid(RSA[digest]), b"\5\0")
    return der_sequence(name_oid(ECDSA[digest] if isinstance(key, ec.EllipticCurvePrivateKey) else "1.3.101.112"))


def signature(key: Key, data: bytes, digest: str, pss: int | None = None, mask: str = "") -> bytes:
    """Return a signature."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(HASHES[digest]))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    scheme = padding.PSS(padding.MGF1(HASHES[mask or digest]), pss) if pss is not None else padding.PKCS1v15()
    return key.sign(data, scheme, HASHES[digest])


@dataclass(frozen=True, slots=True)
class CertificateHolder:
    """A certificate's contents and signature parameters. Fields override the valid defaults."""

    name: str
    key: Key
    extensions: tuple[bytes, ...] = ()
    begin: bytes = tlv(0x17, b"200101000000Z")
    end: bytes = tlv(0x17, b"400101000000Z")
    serial: int = 7
    digest: str = "sha256"
    pss: int | None = None
    inner: bytes = b""
    compressed: bool = False
    version: bytes = tlv(0xA0, der_integer(2))
    subject: bytes = b""
    tail: bytes = b""
    public: bytes = b""
    marks: bytes = b""
    forged: bytes = b""
    mask: str = ""

    def certificate(self, issuer: "CertificateHolder") -> bytes:
        """Return the certificate, signed by the issuer's key. Results are cached."""
        return _certificate(self, issuer)

    def create_certificate(self, issuer: "CertificateHolder") -> bytes:
        """Create and sign a new certificate."""
        signature_algorithm = algorithm(issuer.key, self.digest, self.pss, mask=self.mask)
        body = der_sequence(
            self.version, der_integer(self.serial), self.inner or signature_algorithm, issuer.subject or common_name(issuer.name),
            der_sequence(self.begin, self.end), self.subject or common_name(self.name), self.public or spki(self.key, compressed=self.compressed), self.marks,
            *([tlv(0xA3, der_sequence(*self.extensions))] if self.extensions else []),
        )  # fmt: skip
        signature_bytes = self.forged or signature(issuer.key, body, self.digest, self.pss, self.mask)
        return der_sequence(
            body, signature_algorithm, tlv(0x03, b"\0", signature_bytes), *([self.tail] if self.tail else [])
        )


@cache
def _certificate(holder: CertificateHolder, issuer: CertificateHolder) -> bytes:
    return holder.create_certificate(issuer)


ROOT = CertificateHolder("Root", key_of("p256", "root"), (basic_constraints(), CERTIFYING), serial=1)
ISSUING = CertificateHolder(
    "Issuing", key_of("p256", "issuing"), (basic_constraints(path_length=0), CERTIFYING), serial=2
)
UNIT = CertificateHolder("Unit", key_of("p256", "unit"), (SIGNING, purposes(STAMPING)), serial=3)


@dataclass(frozen=True, slots=True)
class Shape:
    """The contents and form of a reply; the defaults are valid."""

    status: bytes = der_sequence(der_integer(0))
    version: int = 1
    imprint: str = "sha256"
    time: bytes = tlv(0x18, f"{MOMENT:%Y%m%d%H%M%S}Z".encode())
    accuracy: bytes = b""
    ordering: bytes = b""
    nonce: bytes = b""
    tsa: bytes = b""
    further: bytes = b""
    cms_version: int = 3
    digest: str = "sha256"
    announced: str = "sha256"
    pss: int | None = None
    mask: str = ""
    scheme: str = ""
    signed_with: str = ""
    ess: str = "v2"
    ess_of: bytes = b""
    sid: bytes = b""
    signer_version: int = 1
    sort: bool = True
    twice: str = ""
    more_attributes: tuple[bytes, ...] = ()
    signers: int = 1
    content_type: str = TST
    info_tail: bytes = b""
    tail: bytes = b""
    crls: bytes = b""
    unsigned: bytes = b""
    signature: bytes = b""
    stamped: bytes = b""
    attribute_kind: str = TST
    params: bytes = b"\5\0"


def reply(
    shape: Shape, digest: bytes, unit: CertificateHolder, unit_der: bytes, issuer: bytes, certificates: Sequence[bytes]
) -> bytes:
    """Return a TimeStampResp."""
    stamped = shape.stamped or (digest if shape.imprint != "sha1" else digest[:20])
    info = der_sequence(
        der_integer(shape.version), name_oid("1.3.6.1.4.1.99999.1"),
        der_sequence(der_sequence(name_oid(HASH_OIDS[shape.imprint]), shape.params), tlv(0x04, stamped)), der_integer(99), shape.time,
        shape.accuracy, shape.ordering, shape.nonce, shape.tsa, shape.further, shape.info_tail,
    )  # fmt: skip
    signer = _signer(shape, info, unit, unit_der, issuer)
    content = der_sequence(
        der_integer(shape.cms_version), tlv(0x31, der_sequence(name_oid(HASH_OIDS[shape.announced]))),
        der_sequence(name_oid(shape.content_type), tlv(0xA0, tlv(0x04, info))),
        *([tlv(0xA0, *certificates)] if certificates else []), shape.crls, tlv(0x31, signer * shape.signers),
    )  # fmt: skip
    return der_sequence(shape.status, der_sequence(name_oid(SIGNED_DATA), tlv(0xA0, content))) + shape.tail


def _signer(shape: Shape, info: bytes, unit: CertificateHolder, unit_der: bytes, issuer: bytes) -> bytes:
    def attribute(kind: str, *values: bytes) -> bytes:
        return der_sequence(name_oid(kind), tlv(0x31, *values))

    signed_certificate = shape.ess_of or unit_der
    v1 = der_sequence(der_sequence(der_sequence(tlv(0x04, hashlib.sha1(signed_certificate).digest()))))  # noqa: S324 - what RFC 2634 says
    v2 = der_sequence(der_sequence(der_sequence(tlv(0x04, hashlib.sha256(signed_certificate).digest()))))
    v2_512 = der_sequence(
        der_sequence(
            der_sequence(
                der_sequence(name_oid(HASH_OIDS["sha512"])), tlv(0x04, hashlib.sha512(signed_certificate).digest())
            )
        )
    )
    v2_sha1 = der_sequence(
        der_sequence(
            der_sequence(
                der_sequence(name_oid(HASH_OIDS["sha1"])),
                tlv(0x04, hashlib.sha1(signed_certificate).digest()),  # noqa: S324
            )
        )
    )
    other = der_sequence(der_sequence(der_sequence(tlv(0x04, bytes(20)))))
    first, second = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
    names = {
        "v1": [attribute(first, v1)], "v2": [attribute(second, v2)], "both": [attribute(first, v1), attribute(second, v2)],
        "sha512": [attribute(second, v2_512)], "v2 with sha1": [attribute(second, v2_sha1)], "none": [],
        "v1 of another": [attribute(first, other), attribute(second, v2)], "two values": [attribute(second, v2, v2)],
        "empty": [attribute(second, der_sequence(der_sequence()))],
    }  # fmt: skip
    hashed = hashlib.new(shape.digest, info).digest()
    attributes = [
        attribute("1.2.840.113549.1.9.3", name_oid(shape.attribute_kind)), attribute("1.2.840.113549.1.9.4", tlv(0x04, hashed)),
        *names[shape.ess], *shape.more_attributes,
    ]  # fmt: skip
    if shape.twice:
        attributes += [attribute_der for attribute_der in attributes if oid(shape.twice) in attribute_der]
    attributes = sorted(attributes) if shape.sort else sorted(attributes, reverse=True)
    used = shape.signed_with or shape.digest
    signed = shape.signature or signature(unit.key, tlv(0x31, *attributes), used, shape.pss, shape.mask)
    return der_sequence(
        der_integer(shape.signer_version), shape.sid or der_sequence(issuer, der_integer(unit.serial)),
        der_sequence(name_oid(HASH_OIDS[shape.digest])), tlv(0xA0, *attributes),
        algorithm(unit.key, used, shape.pss, shape.scheme, shape.mask), tlv(0x04, signed), shape.unsigned,
    )  # fmt: skip


def moment(time: datetime) -> bytes:
    """Return a time of a certificate, for years before 2050."""
    return tlv(0x17, f"{time:%y%m%d%H%M%S}Z".encode())


def at(text: str) -> bytes:
    """Return a GeneralizedTime with this exact text."""
    return tlv(0x18, text.encode())


def with_expired_certificate(holder: CertificateHolder) -> CertificateHolder:
    """Return the same holder with a certificate that has expired by the time of the timestamp."""
    return replace(holder, end=moment(MOMENT - timedelta(days=1)), serial=holder.serial + 50)
