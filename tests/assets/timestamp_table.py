"""The table of timestamp kinds: valid ones, invalid chains and timestamps, and paths through several certificates."""

# ruff: noqa: ANN401, B008, E501, PLR0915 - a table, a kind a line
# fmt: off

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.assets import hostile_timestamps
from tests.assets.timestamp_forge import (
    ANY,
    BASIC,
    CERTIFYING,
    CONSTRAINTS,
    ISSUING,
    MOMENT,
    PURPOSE,
    ROOT,
    SERVERS,
    SIGNING,
    STAMPING,
    UNIT,
    USAGE,
    Shape,
    at,
    basic_constraints,
    common_name,
    der_integer,
    der_sequence,
    extension,
    key_of,
    moment,
    name_oid,
    purposes,
    reply,
    tlv,
    usage,
    with_expired_certificate,
)
from tests.assets.timestamp_kinds import (
    BAD,
    GOOD,
    MANIFEST_PATH,
    STRANGE,
    StampKind,
    accuracy,
    base_files,
    build_kind,
    replace_extensions,
    rsa,
)


def kinds() -> Iterator[StampKind]:
    """Yield all kinds."""
    yield from valid_kinds()
    yield from invalid_chains()
    yield from invalid_timestamps()
    yield from paths()
    yield from hostile_timestamps.kinds()


def valid_kinds() -> Iterator[StampKind]:
    """Yield valid kinds."""
    def good(name: str, shape: Shape = Shape(), **other: Any) -> StampKind:
        return build_kind(name, GOOD, shape, **other)

    day = f"{MOMENT:%Y-%m-%dT%H:%M}"
    yield good("the usual chain of three")
    yield good("a unit right below the root", issuing=())
    yield good("granted with modifications", Shape(status=der_sequence(der_integer(1))))
    yield good("accuracy of a second", Shape(accuracy=accuracy(1)), latest=f"{day}:01Z")
    yield good("accuracy of a millisecond", Shape(accuracy=accuracy(milli=1)), latest=f"{day}:01Z")
    yield good("accuracy in all three parts", Shape(accuracy=accuracy(59, 999, 999)), latest="2026-11-20T12:01:00Z")
    yield good("accuracy of an hour", Shape(accuracy=accuracy(3600)), latest="2026-11-20T13:00:00Z")
    yield good("an empty accuracy", Shape(accuracy=der_sequence()))
    yield good("a fraction of a second", Shape(time=at("20261120120000.5Z")), latest=f"{day}:01Z")
    yield good("a fraction and an accuracy that fill a second", Shape(time=at("20261120120000.5Z"), accuracy=accuracy(milli=500)), latest=f"{day}:01Z")
    yield good("a fraction and an accuracy beyond a second", Shape(time=at("20261120120000.5Z"), accuracy=accuracy(milli=501)), latest=f"{day}:02Z")
    yield good("ordering", Shape(ordering=b"\x01\x01\xff"))
    yield good("ordering that is false", Shape(ordering=b"\x01\x01\x00"))
    yield good("a nonce", Shape(nonce=der_integer(1 << 63)))
    yield good("a nonce below zero", Shape(nonce=der_integer(-5)))
    yield good("the authority's name", Shape(tsa=tlv(0xA0, tlv(0xA4, common_name("Unit")))))
    yield good("an extension of the stamp", Shape(further=tlv(0xA1, extension("1.3.6.1.5.5.7.1.3", b"\5\0"))))
    yield good("its certificate named by SHA-1", Shape(ess="v1"))
    yield good("its certificate named twice", Shape(ess="both"))
    yield good("its certificate named by SHA-512", Shape(ess="sha512"))
    yield good("signed data of version 4", Shape(cms_version=4))
    yield good("a hash of 384 bits", Shape(digest="sha384", announced="sha384"))
    yield good("a hash of 512 bits", Shape(digest="sha512", announced="sha512"))
    yield good("an attribute with the time of signing", Shape(more_attributes=(der_sequence(name_oid("1.2.840.113549.1.9.5"), tlv(0x31, tlv(0x17, b"261120120000Z"))),)))
    yield good("a key for signatures alone", unit=replace_extensions(UNIT, usage(b"\x07\x80"), purposes(STAMPING)))
    yield good("a key for commitments alone", unit=replace_extensions(UNIT, usage(b"\x06\x40"), purposes(STAMPING)))
    yield good("a unit without key usage", unit=replace_extensions(UNIT, purposes(STAMPING)))
    yield good("an authority without key usage", issuing=[replace_extensions(ISSUING, basic_constraints(path_length=0))])
    yield good(
        "an authority for stamping alone",
        issuing=[replace_extensions(ISSUING, *ISSUING.extensions, purposes(STAMPING, critical=False))],
    )
    yield good(
        "an authority for any purpose", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, purposes(ANY, critical=False))]
    )
    policies = extension("2.5.29.32", der_sequence(der_sequence(name_oid("2.5.29.32.0"))), critical=True)
    yield good("critical policies", unit=replace_extensions(UNIT, *UNIT.extensions, policies))
    yield good(
        "an unknown extension that isn't critical", unit=replace_extensions(UNIT, *UNIT.extensions, extension("1.2.3.4", b"\5\0"))
    )
    yield good("RSA of 2048 bits", **rsa(2048))
    yield good("RSA of 4096 bits", **rsa(4096))
    yield good("RSA named by its key alone", Shape(scheme="1.2.840.113549.1.1.1"), **rsa(2048))
    yield good("a chain signed with RSA-PSS", issuing=[replace(ISSUING, pss=32)], root=replace(ROOT, name="Root PSS", key=key_of("rsa2048", "root"), pss=32))
    for curve in ("p384", "p521"):
        yield good(f"curve {curve}", unit=replace(UNIT, key=key_of(curve, "unit")))
        yield good(f"a root of curve {curve}", root=replace(ROOT, name=f"Root {curve}", key=key_of(curve, "root")))
    yield good("a certificate twice", inside=[ISSUING.certificate(ROOT), ISSUING.certificate(ROOT)])
    yield good("the root among the certificates", inside=[ISSUING.certificate(ROOT), ROOT.certificate(ROOT)])
    yield good("the authority beside the reply", inside=(), extra_certificates=[ISSUING.certificate(ROOT)])
    yield good("a root that is signed with SHA-1", roots=[replace(ROOT, digest="sha1").certificate(ROOT)])
    yield good("two roots, of which the first expired", roots=[with_expired_certificate(ROOT).certificate(ROOT), ROOT.certificate(ROOT)])
    yield good(
        "two roots, of which the second expired", roots=[ROOT.certificate(ROOT), with_expired_certificate(ROOT).certificate(ROOT)]
    )
    yield good(
        "valid to this very second",
        unit=replace(UNIT, end=moment(MOMENT)),
        openssl=False,
        openssl_reason="RFC 5280 counts the last second, openssl doesn't.",
    )
    yield good("valid from this very second", unit=replace(UNIT, begin=moment(MOMENT)))
    yield good("valid to the end of the calendar", root=replace(ROOT, end=at("99991231235959Z")))


def invalid_chains() -> Iterator[StampKind]:
    """Yield kinds with invalid certificates."""
    def bad(name: str, *, openssl: bool = False, openssl_reason: str = "", **other: Any) -> StampKind:
        return build_kind(name, BAD, openssl=openssl, openssl_reason=openssl_reason, **other)

    unknown = extension("1.2.3.4", b"\5\0", critical=True)
    names = der_sequence(tlv(0xA0, der_sequence(tlv(0xA4, common_name("Unit")))))
    stricter = "The profile is stricter: "
    yield bad("a unit whose purpose isn't critical", unit=replace_extensions(UNIT, SIGNING, purposes(STAMPING, critical=False)))
    yield bad("a unit with two purposes", unit=replace_extensions(UNIT, SIGNING, purposes(STAMPING, SERVERS)))
    yield bad("a unit for servers", unit=replace_extensions(UNIT, SIGNING, purposes(SERVERS)))
    yield bad("a unit without purpose", unit=replace_extensions(UNIT, SIGNING))
    yield bad("a unit for any purpose", unit=replace_extensions(UNIT, SIGNING, purposes(ANY)))
    yield bad("a unit that may encipher", unit=replace_extensions(UNIT, usage(b"\x05\xa0"), purposes(STAMPING)))
    yield bad("a unit that may sign certificates alone", unit=replace_extensions(UNIT, CERTIFYING, purposes(STAMPING)))
    yield bad("a unit of no use at all", unit=replace_extensions(UNIT, usage(b"\x00"), purposes(STAMPING)))
    yield bad("a unit that says something critical", unit=replace_extensions(UNIT, *UNIT.extensions, unknown))
    yield bad("an authority that says something critical", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, unknown)])
    yield bad(
        "a root that says something critical",
        root=replace_extensions(replace(ROOT, name="Root critical"), *ROOT.extensions, unknown),
    )
    yield bad("an authority that limits names", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, extension(CONSTRAINTS, names, critical=True))], openssl=True, openssl_reason=stricter + "limits of names aren't followed, so whoever states some is refused.")
    yield bad("an authority that excludes the unit's name", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, extension(CONSTRAINTS, der_sequence(tlv(0xA1, der_sequence(tlv(0xA4, common_name("Unit"))))), critical=True))])
    yield bad("an authority that limits names without a flag", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, extension(CONSTRAINTS, names))], openssl=True, openssl_reason=stricter + "limits of names aren't followed.")
    yield bad("an authority that isn't one", issuing=[replace_extensions(ISSUING, basic_constraints(ca=False), CERTIFYING)])
    yield bad(
        "an authority that says explicitly that it isn't one",
        issuing=[replace_extensions(ISSUING, extension(BASIC, der_sequence(b"\x01\x01\x00")), CERTIFYING)],
    )
    yield bad("an authority without basic constraints", issuing=[replace_extensions(ISSUING, CERTIFYING)])
    yield bad("an authority without extensions", issuing=[replace_extensions(ISSUING)])
    yield bad("an authority of X.509 version 1", issuing=[replace(ISSUING, extensions=(), version=b"")])
    yield bad("an authority that may not sign certificates", issuing=[replace_extensions(ISSUING, basic_constraints(path_length=0), SIGNING)])
    yield bad("an authority for servers alone", issuing=[replace_extensions(ISSUING, *ISSUING.extensions, purposes(SERVERS, critical=False))], openssl=True, openssl_reason=stricter + "OpenSSL doesn't hold an authority to its purposes when it checks stamps.")
    middle = replace(ISSUING, name="Middle", key=key_of("p256", "middle"), serial=20)
    yield bad("an authority that stands too high", issuing=[ISSUING, middle])
    yield bad("a root that stands too high", root=replace_extensions(replace(ROOT, name="Root low"), basic_constraints(path_length=0), CERTIFYING))
    yield bad("a length of a path beyond all bounds", issuing=[replace_extensions(ISSUING, extension(BASIC, der_sequence(b"\x01\x01\xff", der_integer(1 << 80)), critical=True), CERTIFYING)], openssl=True, openssl_reason="openssl takes any length.")
    yield bad("an expired unit", unit=with_expired_certificate(UNIT))
    yield bad("a unit that isn't valid yet", unit=replace(UNIT, begin=moment(MOMENT + timedelta(seconds=1))))
    yield bad("a unit that ended a second before", unit=replace(UNIT, end=moment(MOMENT - timedelta(seconds=1))))
    yield bad("an expired authority", issuing=[with_expired_certificate(ISSUING)])
    yield bad("an expired root", root=with_expired_certificate(replace(ROOT, name="Root old")))
    yield bad("an authority valid to 30 February", issuing=[replace(ISSUING, end=tlv(0x17, b"400230000000Z"))])
    yield bad("an authority valid to a fraction", issuing=[replace(ISSUING, end=at("20400101000000.5Z"))])
    yield bad("a unit valid to a time with an offset", unit=replace(UNIT, end=tlv(0x17, b"400101000000+0100")))
    yield bad(
        "RSA of 1024 bits",
        **rsa(1024),
        openssl=True,
        openssl_reason=stricter + "openssl takes keys that are too short at its level for stamps.",
    )
    yield build_kind("a root of RSA of 1024 bits", STRANGE, root=replace(ROOT, name="Root weak", key=key_of("rsa1024", "root")), openssl=True, openssl_reason=stricter + "openssl takes short keys.")
    yield build_kind("an authority signed with SHA-1", STRANGE, issuing=[replace(ISSUING, digest="sha1")], openssl=True, openssl_reason=stricter + "no signature over SHA-1 counts in a chain.")
    yield bad("a unit of Ed25519", unit=replace(UNIT, key=key_of("ed25519", "unit")))
    yield bad(
        "a unit of curve secp256k1",
        unit=replace(UNIT, key=key_of("k256", "unit")),
        openssl=True,
        openssl_reason=stricter + "three curves count.",
    )
    yield bad(
        "a unit of curve P-224",
        unit=replace(UNIT, key=key_of("p224", "unit")),
        openssl=True,
        openssl_reason=stricter + "three curves count.",
    )
    yield build_kind("a unit with a compressed point", GOOD, unit=replace(UNIT, compressed=True))
    yield build_kind("two algorithms in one certificate", STRANGE, unit=replace(UNIT, inner=der_sequence(name_oid("1.2.840.10045.4.3.3"))))
    yield bad("a certificate with a tail", unit=replace(UNIT, tail=b"\5\0"))
    yield bad("an extension twice", unit=replace_extensions(UNIT, *UNIT.extensions, SIGNING), openssl=False)
    yield bad(
        "a purpose that can't be read", unit=replace_extensions(UNIT, SIGNING, extension(PURPOSE, b"\x30\x05junk", critical=True))
    )
    yield bad(
        "a use that can't be read",
        issuing=[replace_extensions(ISSUING, basic_constraints(path_length=0), extension(USAGE, b"\x04\x01\x06", critical=True))],
    )
    changed = bytearray(ISSUING.certificate(replace(ROOT, serial=9)))
    changed[changed.index(b"Issuing")] ^= 1
    yield build_kind("a changed certificate beside the chain, which isn't needed", GOOD, extra_certificates=[bytes(changed)])


def invalid_timestamps() -> Iterator[StampKind]:
    """Yield kinds with invalid timestamps."""
    def bad(name: str, *, openssl: bool = False, openssl_reason: str = "", **shape: Any) -> StampKind:
        return build_kind(name, BAD, Shape(**shape), openssl=openssl, openssl_reason=openssl_reason)

    def lax(name: str, *, openssl: bool = True, openssl_reason: str = "", **shape: Any) -> StampKind:
        return build_kind(name, GOOD, Shape(**shape), openssl=openssl, openssl_reason=openssl_reason)

    stricter, unread = "The profile is stricter: ", "openssl doesn't look at it."
    der = "What the signature covers, or says nothing, needn't be in DER's one form."
    yield bad("a refusal", status=der_sequence(der_integer(2)))
    yield bad("a status of two bytes", status=der_sequence(tlv(0x02, b"\0\x80")))
    yield bad("a status that waits", status=der_sequence(der_integer(3)))
    yield bad("a stamp of version 2", version=2)
    yield bad("a stamp of version 0", version=0)
    yield bad("an accuracy of ten years", accuracy=accuracy(315_360_000), openssl=True, openssl_reason=unread)
    yield bad("an accuracy of an hour and a second", accuracy=accuracy(3601), openssl=True, openssl_reason=unread)
    yield bad("an accuracy below zero", accuracy=der_sequence(der_integer(-1)), openssl=True, openssl_reason=unread)
    yield bad("an accuracy of 1000 milliseconds", accuracy=accuracy(milli=1000), openssl=True, openssl_reason=unread)
    yield lax("an accuracy of no milliseconds in two bytes", accuracy=der_sequence(tlv(0x80, b"\0\0")), openssl=False, openssl_reason=der)
    explanation = "openssl is given the time, and doesn't read the stamp's."
    yield bad("30 February", time=at("20260230120000Z"), openssl=True, openssl_reason=explanation)
    for text in ("20261320120000Z", "20261120240000Z", "20261120126000Z", "20261120120060Z", "20261120120000", "20261120120000+0000",
                 "202611201200Z", "00001120120000Z", "20261120120000.Z", "20261120120000.1234567890Z", "2026112012000٠Z"):
        yield bad(f"the time {text}", time=at(text), openssl=True, openssl_reason=explanation)
    yield bad("a UTCTime", time=tlv(0x17, b"261120120000Z"))
    yield bad("the end of the calendar", time=at("99991231235959.9Z"), openssl=True, openssl_reason=explanation)
    yield bad("a digest by SHA-512's name", imprint="sha512")
    yield bad("a digest by SHA-1", imprint="sha1")
    yield bad(
        "an extension of the stamp that is critical",
        further=tlv(0xA1, extension("1.2.3.4", b"\5\0", critical=True)),
        openssl=True,
        openssl_reason=unread,
    )
    yield lax("something behind the stamp", info_tail=b"\5\0", openssl=False, openssl_reason=der)
    yield bad(
        "something behind the reply", tail=b"\5\0", openssl=True, openssl_reason="openssl reads the first element of a file."
    )
    yield lax("signed data of version 1", cms_version=1)
    yield bad("a content of another kind", content_type="1.2.840.113549.1.7.1")
    yield bad("two signers", signers=2)
    yield bad("no signer", signers=0)
    yield bad("attributes out of order", sort=False, openssl=True, openssl_reason=stricter + "RFC 5652 wants them in DER.")
    yield bad("a content type twice", twice="1.2.840.113549.1.9.3", openssl=True, openssl_reason=unread)
    yield bad("no certificate named", ess="none")
    yield bad("another certificate named", ess_of=b"another")
    yield bad("another certificate named by SHA-1", ess="v1 of another")
    yield bad(
        "its certificate named by SHA-1 where SHA-256 belongs",
        ess="v2 with sha1",
        openssl=True,
        openssl_reason=stricter + "SHA-1 counts in the older attribute alone.",
    )
    yield bad("its certificate named in two values", ess="two values", openssl=True, openssl_reason=unread)
    yield bad("an empty name of its certificate", ess="empty")
    yield bad("signed with SHA-1", digest="sha1", announced="sha1", openssl=True, openssl_reason=stricter + "SHA-1 doesn't count.")
    yield lax("a hash that isn't announced", announced="sha512", openssl=False, openssl_reason="The signer says which hash it is.")
    yield bad("signed with another hash than stated", signed_with="sha384")
    yield bad("a signer of another number", sid=der_sequence(common_name("Issuing"), der_integer(4)))
    identified = replace_extensions(UNIT, *UNIT.extensions, extension("2.5.29.14", tlv(0x04, b"k" * 20)))
    yield build_kind("a signer named by its key", BAD, Shape(sid=tlv(0x80, b"k" * 20), signer_version=3), unit=identified)
    yield bad("a signer named by a key that isn't its own", sid=tlv(0x80, b"k" * 20), signer_version=3)
    yield lax("a signer of version 3 by name", signer_version=3)
    yield lax("a nonce in two forms", nonce=tlv(0x02, b"\0\5"), openssl=False, openssl_reason=der)
    yield lax("ordering that is neither", ordering=b"\x01\x01\x01")
    yield build_kind("signed with RSA-PSS", BAD, Shape(pss=32), **rsa(2048))
    yield build_kind("signed with RSA-PSS without salt", BAD, Shape(pss=0), **rsa(2048))
    whole_one = build_kind("", GOOD)
    flipped = bytearray(whole_one.reply)
    flipped[-1] ^= 1
    yield replace(
        whole_one, name="a signature with a flipped bit", state=BAD, reply=bytes(flipped), latest="", openssl=False
    )
    for name, data in {"nothing": b"", "an endless length": b"\x30\x80" + b"\0" * 40, "a length beyond its end": b"\x30\x84\xff\xff\xff\xff",
                       "deep nesting": _nested(3000), "many elements": tlv(0x30, b"\5\0" * 30000), "a high tag": b"\x30\x03\x1f\x81\x01"}.items():
        yield replace(whole_one, name=f"a reply that is {name}", state=BAD, reply=data, latest="", openssl=False)


def _nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = tlv(0x30, data)
    return data


def paths() -> Iterator[StampKind]:
    """Yield kinds with several paths from a signer to a root."""
    other_root = replace(ROOT, name="Other root", key=key_of("p256", "other"), serial=40)
    old, good = with_expired_certificate(ISSUING).certificate(ROOT), ISSUING.certificate(ROOT)
    for name, order in {"before": [old, good], "behind": [good, old]}.items():
        yield build_kind(f"an expired authority {name} the valid one of the same key", GOOD, inside=order)
    servers = replace_extensions(replace(ISSUING, serial=21), *ISSUING.extensions, purposes(SERVERS))
    for name, order in {
        "before": [servers.certificate(ROOT), good],
        "behind": [good, servers.certificate(ROOT)],
    }.items():
        yield build_kind(f"an authority for servers {name} one for all of the same key", GOOD, inside=order)
    cross, back = replace(ROOT, serial=41).certificate(other_root), replace(other_root, serial=42).certificate(ROOT)
    yield build_kind("two roots that signed each other, one pinned", GOOD, inside=[good, cross, back])
    yield build_kind(
        "two roots that signed each other, the other one pinned",
        GOOD,
        inside=[good, cross, back],
        roots=[other_root.certificate(other_root)],
    )
    yield build_kind("two roots that signed each other, none pinned", STRANGE, inside=[good, cross, back], roots=[replace(ROOT, name="A third", key=key_of("p256", "third")).certificate(replace(ROOT, name="A third", key=key_of("p256", "third")))])
    stranger = replace(ROOT, name="Stranger", key=key_of("p256", "stranger"))
    yield build_kind("a root that isn't pinned", STRANGE, root=stranger, roots=[ROOT.certificate(ROOT)])
    namesake = replace(ROOT, key=key_of("p256", "namesake"), serial=43)
    yield build_kind(
        "a root's namesake",
        STRANGE,
        root=namesake,
        roots=[ROOT.certificate(ROOT)],
        inside=[ISSUING.certificate(namesake)],
    )
    yield build_kind("an authority that is pinned itself", GOOD, roots=[good], openssl=False, openssl_reason="openssl wants a root that signed itself, unless it is given -partial_chain.")
    yield build_kind("a unit that is pinned itself", STRANGE, roots=[UNIT.certificate(ISSUING)])
    itself = replace(UNIT, name="Alone")
    yield build_kind(
        "a unit that signed itself and is pinned",
        GOOD,
        unit=itself,
        issuing=(),
        root=itself,
    )
    yield build_kind("the authority missing", STRANGE, inside=())
    yield _bare()
    many = [replace(ISSUING, name=f"Spare {place}", serial=100 + place).certificate(ROOT) for place in range(16)]
    yield build_kind("too many certificates", BAD, inside=[good, *many], openssl=True, openssl_reason="openssl has no such limit.")
    yield build_kind("as many certificates as may be", GOOD, inside=[good, *many[:14]])
    yield build_kind("too many certificates beside", BAD, extra_certificates=many, openssl=True, openssl_reason="openssl has no such limit.")
    twins = [replace(ISSUING, serial=200 + place).certificate(ROOT) for place in range(14)]
    yield build_kind("many authorities of one key", GOOD, inside=twins)
    ladder = [
        replace(ISSUING, name=f"Step {place}", key=key_of("p256", f"step {place}"), extensions=(basic_constraints(), CERTIFYING))
        for place in range(12)
    ]
    yield build_kind("a chain of fourteen", GOOD, issuing=ladder)
    rollover = replace_extensions(replace(ROOT, key=key_of("p256", "new"), serial=44), basic_constraints(), CERTIFYING)
    yield build_kind("a new key of the root, signed with the old one", GOOD, issuing=[ISSUING, rollover], openssl=False, openssl_reason="openssl takes the first issuer of a name where no identifier tells two keys apart.")


def _bare() -> StampKind:
    whole_one = build_kind("no certificate at all", BAD)
    digest = hashlib.sha256(base_files()[0][MANIFEST_PATH]).digest()
    data = reply(Shape(), digest, UNIT, UNIT.certificate(ISSUING), common_name("Issuing"), ())
    return replace(whole_one, reply=data, latest="")
