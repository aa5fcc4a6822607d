"""Hostile timestamps and certificates: keys without a secret, signatures in odd forms, junk in unread places."""

# ruff: noqa: ANN401, E501 - a table, a kind a line
# fmt: off

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asn1crypto import x509

from evidence.anchors.rfc3161.stamps import Response
from tests.assets.stamp_forge import (
    BASIC,
    CERTIFYING,
    ISSUING,
    PURPOSE,
    ROOT,
    SIGNING,
    STAMPING,
    UNIT,
    USAGE,
    Holder,
    Shape,
    at,
    basic,
    expired,
    extension,
    key_of,
    name_oid,
    named,
    purposes,
    reply,
    seq,
    spki,
    tlv,
    whole,
)
from tests.assets.stamp_kinds import BAD, GOOD, SEALED, STRANGE, StampKind, base_files, made, with_

LAX = "The profile is stricter."


def kinds() -> Iterator[StampKind]:
    """Yield all kinds."""
    yield from _keys()
    yield from _contents()
    yield from _replies()


def _rsa_key(modulus: int, exponent: int) -> bytes:
    return seq(seq(name_oid("1.2.840.113549.1.1.1"), b"\5\0"), tlv(0x03, b"\0", seq(whole(modulus), whole(exponent))))


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
    yield made("a root whose RSA exponent is 1, and a forged signature", STRANGE, issuing=[replace(forged, forged=_padded(body, 256))], root=open_root, openssl=True, why="openssl takes any exponent, for a root is trusted.")
    for name, public in {
        "an even exponent": _rsa_key(modulus, 65536), "a huge exponent": _rsa_key(modulus, (1 << 64) + 1), "an exponent of 0": _rsa_key(modulus, 0),
        "an even modulus": _rsa_key(modulus - 1, 65537), "a modulus below zero": _rsa_key(-modulus, 65537), "a modulus of 8 bits": _rsa_key(251, 3),
        "a modulus of 16,384 bits": _rsa_key((1 << 16384) - 1, 65537), "no parameters": seq(seq(name_oid("1.2.840.113549.1.1.1")), tlv(0x03, b"\0", seq(whole(modulus), whole(65537)))),
        "a point that isn't on the curve": seq(seq(name_oid("1.2.840.10045.2.1"), name_oid("1.2.840.10045.3.1.7")), tlv(0x03, b"\0\4", b"\1" * 64)),
        "the point at infinity": seq(seq(name_oid("1.2.840.10045.2.1"), name_oid("1.2.840.10045.3.1.7")), tlv(0x03, b"\0\0")),
        "a point of another length": seq(seq(name_oid("1.2.840.10045.2.1"), name_oid("1.3.132.0.34")), tlv(0x03, b"\0\4", b"\1" * 64)),
        "a curve of its own": seq(seq(name_oid("1.2.840.10045.2.1"), seq(whole(1))), tlv(0x03, b"\0\4", b"\1" * 64)),
        "no key at all": seq(seq(name_oid("1.2.3")), tlv(0x03, b"\0")),
    }.items():
        state = GOOD if name == "no parameters" else BAD
        yield made(f"a unit whose key has {name}", state, unit=replace(UNIT, public=public, key=strong if "lus" in name or "expo" in name or "para" in name else UNIT.key))
    long = base64.b16encode(spki(key_of("p256", "unit")))[-64:]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for name, value in {
        "nothing": b"\0", "zeros": seq(whole(0), whole(0)), "the order": seq(whole(order), whole(order)), "numbers below zero": seq(whole(-5), whole(-6)),
        "numbers too long": seq(whole(1 << 300), whole(7)), "three numbers": seq(whole(1), whole(2), whole(3)), "text": long, "numbers with a tail": seq(whole(5), whole(6)) + b"\0",
    }.items():
        yield made(f"a signature of {name}", BAD, Shape(signature=value))
    pss_root = replace(ROOT, name="Root PSS", key=key_of("rsa2048", "root"))
    for name, holder in {"another mask": replace(ISSUING, pss=32, mask="sha512"), "a salt of 65 bytes": replace(ISSUING, pss=65)}.items():
        yield made(f"an authority signed with RSA-PSS and {name}", BAD, issuing=[holder], root=pss_root, openssl=True, why=LAX)


def _contents() -> Iterator[StampKind]:
    def identified(*more: bytes) -> Holder:
        return with_(UNIT, *UNIT.extensions, *more)

    tail = seq(b"\x01\x01\xff") + b"\5\0"
    yield made("basic constraints with something behind", BAD, issuing=[with_(ISSUING, extension(BASIC, tail, critical=True), CERTIFYING)], openssl=True, why="openssl reads the first element.")
    yield made("an empty key usage", BAD, issuing=[with_(ISSUING, basic(longest=0), extension(USAGE, b"\x03\x01\x00", critical=True))])
    yield made("no purposes in a list of purposes", BAD, unit=with_(UNIT, SIGNING, extension(PURPOSE, seq(), critical=True)))
    yield made("one purpose twice", BAD, unit=with_(UNIT, SIGNING, purposes(STAMPING, STAMPING)), openssl=True, why=LAX)
    yield made("a purpose that is said not to be critical", BAD, unit=with_(UNIT, SIGNING, seq(name_oid(PURPOSE), b"\x01\x01\x00", tlv(0x04, seq(name_oid(STAMPING))))))
    yield made("an unknown extension that is said not to be critical", BAD, unit=identified(seq(name_oid("1.2.3.4"), b"\x01\x01\x00", tlv(0x04, b"junk"))), openssl=True, why="DER leaves out what is false; the library holds certificates to DER.")
    yield made("an issuer's identifier that is another's", GOOD, unit=identified(extension("2.5.29.35", seq(tlv(0x80, b"x" * 20)))), issuing=[with_(ISSUING, *ISSUING.extensions, extension("2.5.29.14", tlv(0x04, b"y" * 20)))], openssl=False, why="openssl follows key identifiers.")
    yield made("a version that isn't there yet", BAD, unit=replace(UNIT, version=tlv(0xA0, whole(3))), openssl=True, why="openssl doesn't look at it.")
    yield made("version 1 said explicitly", BAD, unit=replace(UNIT, version=tlv(0xA0, whole(0))), openssl=True, why=LAX)
    yield made("marks of issuer and subject", GOOD, unit=replace(UNIT, marks=tlv(0x81, b"\0\1") + tlv(0x82, b"\0\2")))
    yield made("a serial number of a thousand bytes", BAD, unit=replace(UNIT, serial=1 << 8000), openssl=True, why="RFC 5280 has at most 20 bytes.")
    printable = seq(tlv(0x31, seq(name_oid("2.5.4.3"), tlv(0x13, b"Issuing"))))
    yield made("an issuer's name in another form", STRANGE, inside=[replace(ISSUING, subject=printable).certificate(ROOT)], openssl=True, why=LAX)
    evil = "Unit\x1b[2J\u202e\0" + "x" * 5000
    yield made("a name that steers a terminal", BAD, unit=replace(UNIT, name=evil, extensions=(SIGNING,)))
    yield made("a name that is no text", BAD, unit=replace(UNIT, subject=seq(tlv(0x31, seq(name_oid("2.5.4.3"), tlv(0x0C, b"\xff\xfe"))))), openssl=False)
    yield made("a subject of nothing", GOOD, unit=replace(UNIT, subject=seq()))
    yield made("a validity that ends before it begins", BAD, issuing=[replace(ISSUING, begin=ISSUING.end, end=ISSUING.begin)])
    itself = replace(ISSUING, serial=60)
    yield made("an authority that signed itself, and no root", STRANGE, inside=[itself.certificate(itself)])
    first, second = (replace(ISSUING, name=name, key=key_of("p256", name), extensions=(basic(), CERTIFYING)) for name in ("One", "Two"))
    yield made("two authorities that signed each other, and no root", STRANGE, issuing=[first], inside=[first.certificate(second), second.certificate(first)])
    yield made("two authorities that signed each other, and a root", GOOD, issuing=[first], inside=[first.certificate(second), second.certificate(first), first.certificate(ROOT)])
    yield made("an expired root beside the valid one in the reply", GOOD, inside=[ISSUING.certificate(ROOT), expired(ROOT).certificate(ROOT)])
    yield made("an attribute certificate among the certificates", BAD, inside=[ISSUING.certificate(ROOT), tlv(0xA1, whole(1))], openssl=False)
    yield made("junk among the certificates", BAD, inside=[ISSUING.certificate(ROOT), seq(whole(1))], openssl=False)
    yield made("junk beside the reply", BAD, beside=[seq(whole(1))], openssl=False)
    yield made("an empty certificate beside the reply", BAD, beside=[b""], openssl=False)


def _replies() -> Iterator[StampKind]:
    def bad(name: str, *, openssl: bool = False, why: str = "", **shape: Any) -> StampKind:
        return made(name, BAD, Shape(**shape), openssl=openssl, why=why)

    digest = hashlib.sha256(base_files()[0][SEALED]).digest()
    yield bad("a digest of 31 bytes", stamped=digest[:31])
    yield bad("a digest of 33 bytes", stamped=digest + b"\0")
    yield bad("a digest of zeros", stamped=bytes(32))
    yield made("a hash with odd parameters", GOOD, Shape(params=whole(1)), openssl=False, why="The signature covers them, and nothing comes of them.")
    yield made("a hash without parameters", GOOD, Shape(params=b""))
    yield bad("an attribute that says data", attribute_kind="1.2.840.113549.1.7.1", openssl=True, why=LAX)
    yield bad("a failure beside a grant", status=seq(whole(2), seq(tlv(0x0C, b"no")), tlv(0x03, b"\0\x80")))
    yield made("words beside a grant", GOOD, Shape(status=seq(whole(0), seq(tlv(0x0C, b"Operation Okay")))))
    yield made("junk for revocation lists", GOOD, Shape(crls=tlv(0xA1, seq(whole(1)))), openssl=False, why="openssl reads revocation lists.")
    yield made("junk in unsigned attributes", GOOD, Shape(unsigned=tlv(0xA1, seq(name_oid("1.2.3"), tlv(0x31, whole(1))))))
    yield made("another authority's name", GOOD, Shape(tsa=tlv(0xA0, tlv(0xA4, named("Somebody")))), openssl=False, why="openssl compares the name in the stamp; the certificate alone says who signed.")
    yield made("an authority's name that is no name", GOOD, Shape(tsa=tlv(0xA0, tlv(0x86, b"mailto:x"))), openssl=False, why="openssl compares it.")
    yield bad("a time with two points", time=at("20261120120000.5.5Z"), openssl=True, why="openssl is told the time.")
    yield bad("a time of the year 1949", time=at("19491231235959Z"), openssl=True, why="openssl is told the time.")
    yield bad("a stamp from before its authority", time=at("19991231235959Z"), openssl=True, why="openssl is told the time.")
    yield bad("a stamp from after its authority", time=at("20410101000001Z"), openssl=True, why="openssl is told the time.")
    fine = made("", GOOD)
    token = Response.load(fine.reply)["time_stamp_token"].dump()
    for name, data in {
        "its token alone": token, "PEM": b"-----BEGIN PKCS7-----\n" + base64.encodebytes(fine.reply) + b"-----END PKCS7-----\n", "twice itself": fine.reply * 2,
        "a status alone": seq(seq(whole(0))), "a status of nothing": seq(seq(), token), "a set": b"\x31" + fine.reply[1:], "zeros": bytes(5000),
        "more than a mebibyte": tlv(0x30, tlv(0x04, bytes(1 << 20))), "wide": seq(tlv(0x31, seq() * 25_000)),
    }.items():
        why = "openssl reads the first element." if name == "twice itself" else ""
        yield replace(fine, name=f"a reply that is {name}", state=BAD, reply=data, latest="", openssl=bool(why), why=why)
    yield replace(fine, name="a reply whose length is written long", reply=b"\x30\x83\x00" + fine.reply[2:])
    certificates = [ISSUING.certificate(ROOT)]
    der = UNIT.certificate(ISSUING)
    yield replace(fine, name="the certificate of somebody else's key", state=BAD, latest="", openssl=False, reply=reply(Shape(), digest, replace(UNIT, key=key_of("p256", "thief")), der, named("Issuing"), [der, *certificates]))
