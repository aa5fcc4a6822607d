"""Hostile timestamps and certificates: keys without a secret, signatures in odd forms, junk in unread places."""

# ruff: noqa: ANN401, E501 - a table, a kind a line
# fmt: off

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asn1crypto import x509

from evidence.anchors.rfc3161.stamps import TimestampResponse
from tests.assets.timestamp_forge import (
    BASIC,
    CERTIFYING,
    ISSUING,
    PURPOSE,
    ROOT,
    SIGNING,
    STAMPING,
    UNIT,
    USAGE,
    CertificateHolder,
    Shape,
    at,
    basic_constraints,
    common_name,
    der_integer,
    der_sequence,
    extension,
    key_of,
    name_oid,
    purposes,
    reply,
    spki,
    tlv,
    with_expired_certificate,
)
from tests.assets.timestamp_kinds import (
    BAD,
    GOOD,
    MANIFEST_PATH,
    STRANGE,
    StampKind,
    base_files,
    build_kind,
    replace_extensions,
)

LAX = "The profile is stricter."


def kinds() -> Iterator[StampKind]:
    """Yield all kinds."""
    yield from _keys()
    yield from _contents()
    yield from _replies()


def _rsa_key(modulus: int, exponent: int) -> bytes:
    return der_sequence(der_sequence(name_oid("1.2.840.113549.1.1.1"), b"\5\0"), tlv(0x03, b"\0", der_sequence(der_integer(modulus), der_integer(exponent))))


def _padded(data: bytes, size: int) -> bytes:
    """Return a signature that RSA with exponent 1 accepts: the padded digest itself."""
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    return b"\0\1" + b"\xff" * (size - 3 - len(prefix) - 32) + b"\0" + prefix + hashlib.sha256(data).digest()


def _keys() -> Iterator[StampKind]:
    strong = key_of("rsa2048", "unit")
    modulus = strong.public_key().public_numbers().n  # type: ignore[union-attr]
    open_root = replace(ROOT, name="Open", public=_rsa_key(modulus, 1), key=strong)
    forged = replace(ISSUING, key=ISSUING.key)
    body = x509.Certificate.load(forged.certificate(open_root))["tbs_certificate"].dump()
    yield build_kind("a root whose RSA exponent is 1, and a forged signature", STRANGE, issuing=[replace(forged, forged=_padded(body, 256))], root=open_root, openssl=True, openssl_reason="openssl takes any exponent, for a root is trusted.")
    for name, public in {
        "an even exponent": _rsa_key(modulus, 65536), "a huge exponent": _rsa_key(modulus, (1 << 64) + 1), "an exponent of 0": _rsa_key(modulus, 0),
        "an even modulus": _rsa_key(modulus - 1, 65537), "a modulus below zero": _rsa_key(-modulus, 65537), "a modulus of 8 bits": _rsa_key(251, 3),
        "a modulus of 16,384 bits": _rsa_key((1 << 16384) - 1, 65537), "no parameters": der_sequence(der_sequence(name_oid("1.2.840.113549.1.1.1")), tlv(0x03, b"\0", der_sequence(der_integer(modulus), der_integer(65537)))),
        "a point that isn't on the curve": der_sequence(der_sequence(name_oid("1.2.840.10045.2.1"), name_oid("1.2.840.10045.3.1.7")), tlv(0x03, b"\0\4", b"\1" * 64)),
        "the point at infinity": der_sequence(der_sequence(name_oid("1.2.840.10045.2.1"), name_oid("1.2.840.10045.3.1.7")), tlv(0x03, b"\0\0")),
        "a point of another length": der_sequence(der_sequence(name_oid("1.2.840.10045.2.1"), name_oid("1.3.132.0.34")), tlv(0x03, b"\0\4", b"\1" * 64)),
        "a curve of its own": der_sequence(der_sequence(name_oid("1.2.840.10045.2.1"), der_sequence(der_integer(1))), tlv(0x03, b"\0\4", b"\1" * 64)),
        "no key at all": der_sequence(der_sequence(name_oid("1.2.3")), tlv(0x03, b"\0")),
    }.items():
        state = GOOD if name == "no parameters" else BAD
        yield build_kind(f"a unit whose key has {name}", state, unit=replace(UNIT, public=public, key=strong if "lus" in name or "expo" in name or "para" in name else UNIT.key))
    long = base64.b16encode(spki(key_of("p256", "unit")))[-64:]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for name, value in {
        "nothing": b"\0", "zeros": der_sequence(der_integer(0), der_integer(0)), "the order": der_sequence(der_integer(order), der_integer(order)), "numbers below zero": der_sequence(der_integer(-5), der_integer(-6)),
        "numbers too long": der_sequence(der_integer(1 << 300), der_integer(7)), "three numbers": der_sequence(der_integer(1), der_integer(2), der_integer(3)), "text": long, "numbers with a tail": der_sequence(der_integer(5), der_integer(6)) + b"\0",
    }.items():
        yield build_kind(f"a signature of {name}", BAD, Shape(signature=value))
    pss_root = replace(ROOT, name="Root PSS", key=key_of("rsa2048", "root"))
    for name, holder in {"another mask": replace(ISSUING, pss=32, mask="sha512"), "a salt of 65 bytes": replace(ISSUING, pss=65)}.items():
        yield build_kind(f"an authority signed with RSA-PSS and {name}", BAD, issuing=[holder], root=pss_root, openssl=True, openssl_reason=LAX)


def _contents() -> Iterator[StampKind]:
    def identified(*more: bytes) -> CertificateHolder:
        return replace_extensions(UNIT, *UNIT.extensions, *more)

    tail = der_sequence(b"\x01\x01\xff") + b"\5\0"
    yield build_kind("basic constraints with something behind", BAD, issuing=[replace_extensions(ISSUING, extension(BASIC, tail, critical=True), CERTIFYING)], openssl=True, openssl_reason="openssl reads the first element.")
    yield build_kind("an empty key usage", BAD, issuing=[replace_extensions(ISSUING, basic_constraints(path_length=0), extension(USAGE, b"\x03\x01\x00", critical=True))])
    yield build_kind("no purposes in a list of purposes", BAD, unit=replace_extensions(UNIT, SIGNING, extension(PURPOSE, der_sequence(), critical=True)))
    yield build_kind("one purpose twice", BAD, unit=replace_extensions(UNIT, SIGNING, purposes(STAMPING, STAMPING)), openssl=True, openssl_reason=LAX)
    yield build_kind("a purpose that is said not to be critical", BAD, unit=replace_extensions(UNIT, SIGNING, der_sequence(name_oid(PURPOSE), b"\x01\x01\x00", tlv(0x04, der_sequence(name_oid(STAMPING))))))
    yield build_kind("an unknown extension that is said not to be critical", BAD, unit=identified(der_sequence(name_oid("1.2.3.4"), b"\x01\x01\x00", tlv(0x04, b"junk"))), openssl=True, openssl_reason="DER leaves out what is false; the library holds certificates to DER.")
    yield build_kind("an issuer's identifier that is another's", GOOD, unit=identified(extension("2.5.29.35", der_sequence(tlv(0x80, b"x" * 20)))), issuing=[replace_extensions(ISSUING, *ISSUING.extensions, extension("2.5.29.14", tlv(0x04, b"y" * 20)))], openssl=False, openssl_reason="openssl follows key identifiers.")
    yield build_kind("a version that isn't there yet", BAD, unit=replace(UNIT, version=tlv(0xA0, der_integer(3))), openssl=True, openssl_reason="openssl doesn't look at it.")
    yield build_kind("version 1 said explicitly", BAD, unit=replace(UNIT, version=tlv(0xA0, der_integer(0))), openssl=True, openssl_reason=LAX)
    yield build_kind("marks of issuer and subject", GOOD, unit=replace(UNIT, marks=tlv(0x81, b"\0\1") + tlv(0x82, b"\0\2")))
    yield build_kind("a serial number of a thousand bytes", BAD, unit=replace(UNIT, serial=1 << 8000), openssl=True, openssl_reason="RFC 5280 has at most 20 bytes.")
    printable = der_sequence(tlv(0x31, der_sequence(name_oid("2.5.4.3"), tlv(0x13, b"Issuing"))))
    yield build_kind("an issuer's name in another form", STRANGE, inside=[replace(ISSUING, subject=printable).certificate(ROOT)], openssl=True, openssl_reason=LAX)
    evil = "Unit\x1b[2J\u202e\0" + "x" * 5000
    yield build_kind("a name that steers a terminal", BAD, unit=replace(UNIT, name=evil, extensions=(SIGNING,)))
    yield build_kind("a name that isn't text", BAD, unit=replace(UNIT, subject=der_sequence(tlv(0x31, der_sequence(name_oid("2.5.4.3"), tlv(0x0C, b"\xff\xfe"))))), openssl=False)
    yield build_kind("a subject of nothing", GOOD, unit=replace(UNIT, subject=der_sequence()))
    yield build_kind("a validity that ends before it begins", BAD, issuing=[replace(ISSUING, begin=ISSUING.end, end=ISSUING.begin)])
    itself = replace(ISSUING, serial=60)
    yield build_kind("an authority that signed itself, and no root", STRANGE, inside=[itself.certificate(itself)])
    first, second = (replace(ISSUING, name=name, key=key_of("p256", name), extensions=(basic_constraints(), CERTIFYING)) for name in ("One", "Two"))
    yield build_kind("two authorities that signed each other, and no root", STRANGE, issuing=[first], inside=[first.certificate(second), second.certificate(first)])
    yield build_kind("two authorities that signed each other, and a root", GOOD, issuing=[first], inside=[first.certificate(second), second.certificate(first), first.certificate(ROOT)])
    yield build_kind("an expired root beside the valid one in the reply", GOOD, inside=[ISSUING.certificate(ROOT), with_expired_certificate(ROOT).certificate(ROOT)])
    yield build_kind("an attribute certificate among the certificates", BAD, inside=[ISSUING.certificate(ROOT), tlv(0xA1, der_integer(1))], openssl=False)
    yield build_kind("junk among the certificates", BAD, inside=[ISSUING.certificate(ROOT), der_sequence(der_integer(1))], openssl=False)
    yield build_kind("junk beside the reply", BAD, extra_certificates=[der_sequence(der_integer(1))], openssl=False)
    yield build_kind("an empty certificate beside the reply", BAD, extra_certificates=[b""], openssl=False)


def _replies() -> Iterator[StampKind]:
    def bad(name: str, *, openssl: bool = False, openssl_reason: str = "", **shape: Any) -> StampKind:
        return build_kind(name, BAD, Shape(**shape), openssl=openssl, openssl_reason=openssl_reason)

    digest = hashlib.sha256(base_files()[0][MANIFEST_PATH]).digest()
    yield bad("a digest of 31 bytes", stamped=digest[:31])
    yield bad("a digest of 33 bytes", stamped=digest + b"\0")
    yield bad("a digest of zeros", stamped=bytes(32))
    yield build_kind("a hash with odd parameters", GOOD, Shape(params=der_integer(1)), openssl=False, openssl_reason="The signature covers them, and nothing comes of them.")
    yield build_kind("a hash without parameters", GOOD, Shape(params=b""))
    yield bad("an attribute that says data", attribute_kind="1.2.840.113549.1.7.1", openssl=True, openssl_reason=LAX)
    yield bad("a failure beside a grant", status=der_sequence(der_integer(2), der_sequence(tlv(0x0C, b"no")), tlv(0x03, b"\0\x80")))
    yield build_kind("words beside a grant", GOOD, Shape(status=der_sequence(der_integer(0), der_sequence(tlv(0x0C, b"Operation Okay")))))
    yield build_kind("junk for revocation lists", GOOD, Shape(crls=tlv(0xA1, der_sequence(der_integer(1)))), openssl=False, openssl_reason="openssl reads revocation lists.")
    yield build_kind("junk in unsigned attributes", GOOD, Shape(unsigned=tlv(0xA1, der_sequence(name_oid("1.2.3"), tlv(0x31, der_integer(1))))))
    yield build_kind("another authority's name", GOOD, Shape(tsa=tlv(0xA0, tlv(0xA4, common_name("Somebody")))), openssl=False, openssl_reason="openssl compares the name in the stamp; the certificate alone says who signed.")
    yield build_kind("an authority's name that isn't a name", GOOD, Shape(tsa=tlv(0xA0, tlv(0x86, b"mailto:x"))), openssl=False, openssl_reason="openssl compares it.")
    yield bad("a time with two points", time=at("20261120120000.5.5Z"), openssl=True, openssl_reason="openssl is given the time.")
    yield bad("a time of the year 1949", time=at("19491231235959Z"), openssl=True, openssl_reason="openssl is given the time.")
    yield bad("a stamp from before its authority", time=at("19991231235959Z"), openssl=True, openssl_reason="openssl is given the time.")
    yield bad("a stamp from after its authority", time=at("20410101000001Z"), openssl=True, openssl_reason="openssl is given the time.")
    fine = build_kind("", GOOD)
    token = TimestampResponse.load(fine.reply)["time_stamp_token"].dump()
    for name, data in {
        "its token alone": token, "PEM": b"-----BEGIN PKCS7-----\n" + base64.encodebytes(fine.reply) + b"-----END PKCS7-----\n", "twice itself": fine.reply * 2,
        "a status alone": der_sequence(der_sequence(der_integer(0))), "a status of nothing": der_sequence(der_sequence(), token), "a set": b"\x31" + fine.reply[1:], "zeros": bytes(5000),
        "more than a mebibyte": tlv(0x30, tlv(0x04, bytes(1 << 20))), "wide": der_sequence(tlv(0x31, der_sequence() * 25_000)),
    }.items():
        why = "openssl reads the first element." if name == "twice itself" else ""
        yield replace(fine, name=f"a reply that is {name}", state=BAD, reply=data, latest="", openssl=bool(why), why=why)
    yield replace(fine, name="a reply whose length is written long", reply=b"\x30\x83\x00" + fine.reply[2:])
    certificates = [ISSUING.certificate(ROOT)]
    der = UNIT.certificate(ISSUING)
    yield replace(fine, name="the certificate of somebody else's key", state=BAD, latest="", openssl=False, reply=reply(Shape(), digest, replace(UNIT, key=key_of("p256", "thief")), der, common_name("Issuing"), [der, *certificates]))
