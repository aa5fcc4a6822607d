"""ZIPs: those that common programs make of a bundle are valid; those that two programs could read differently fail."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.assets.changes import Files
from tests.assets.corpus import Case, failing
from tests.assets.corpus.making import (
    FACTS,
    Change,
    Member,
    also,
    deflated,
    every,
    evil,
    inside,
    members,
    on,
    zip_of,
)  # fmt: skip
from tests.assets.tampering import packed_bytes

UT, UX_OLD = b"UT\x0d\0\x07" + bytes(12), b"UX\x0c\0" + bytes(12)
UX = b"ux\x0b\0\1\4" + bytes(4) + b"\4" + bytes(4)
NTFS = b"\n\0\x20\0" + bytes(4) + b"\1\0\x18\0" + bytes(24)
FIRST = b"VERIFY.md"
LINK = b"/etc/passwd"


def made(*changes: Change) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP after changes of its members."""

    def make(files: Files) -> bytes:
        entries = members(files)
        for change in changes:
            entries = list(change(entries))
        return zip_of(entries)

    return make


def ended(**end: int) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with other fields in its end record."""
    return lambda files: zip_of(members(files), end=end)


def off(name: str, by: int) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with a number in its end record off by ``by``."""

    def make(files: Files) -> bytes:
        data = bytearray(packed_bytes(files))
        place, form = {"count": (-14, "<H"), "all": (-12, "<H"), "size": (-10, "<I"), "offset": (-6, "<I")}[name]
        struct.pack_into(form, data, len(data) + place, struct.unpack_from(form, data, len(data) + place)[0] + by)
        return bytes(data)

    return make


def unicode_path(name: bytes, stated: bytes) -> bytes:
    """Return the extra field from which some programs take another name."""
    body = struct.pack("<BI", 1, zlib.crc32(name)) + stated
    return struct.pack("<2H", 0x7075, len(body)) + body


def large(files: Files) -> bytes:
    """Return a ZIP with a ZIP64 end record and its locator, which repeat the values of the end record."""
    data = packed_bytes(files)
    end = data[-22:]
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2IH", end)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    return data[:-22] + record + struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1) + end


def hidden_locator(files: Files) -> bytes:
    """Return a ZIP with a ZIP64 locator in the last bytes of the directory, inside a field for times."""
    entries = members(files)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 5, 1)
    entries[-1] = replace(entries[-1], central_extra=b"\n\0\x20\0" + bytes(12) + locator)
    return zip_of(entries)


def local_only(files: Files) -> bytes:
    """Return a ZIP with a member that is not listed in the directory."""
    hidden = zip_of(members({"data/facts.json": b"{}"}))
    return zip_of(
        [replace(one, before=hidden[: hidden.index(b"PK\1\2")] * (n == 5)) for n, one in enumerate(members(files))]
    )


def twice_listed(files: Files) -> bytes:
    """Return a ZIP that lists one member under two names."""
    entries = members(files)
    return zip_of([*entries, Member(b"data/x.json", b"", central={"offset": 0})])


def streamed(entries: list[Member]) -> list[Member]:
    """Write sizes after the data, as programs do that write into a pipe."""
    return [replace(one, method=8, flags=8) for one in entries]


def sized(entries: list[Member]) -> list[Member]:
    """Write the size before the data and the rest after it, as libarchive does."""
    return [replace(one, local={"size": len(one.data)}) for one in streamed(entries)]


def folders(entries: list[Member]) -> list[Member]:
    """Add members for folders."""
    names = sorted(
        {b"/".join(one.name.split(b"/")[:depth]) for one in entries for depth in range(1, one.name.count(b"/") + 1)}
    )
    dirs = [Member(name + b"/", b"", version=10, attributes=0o040755 << 16 | 0x10) for name in names]
    return [*dirs, *entries]


def nested(files: Files) -> bytes:
    """Return a ZIP with a leftover file whose compressed data end early.

    Other members follow for readers that read on.
    """
    body = deflated(b"x")
    junk = Member(b"._x", b"x", method=8, flags=8, raw=body + zip_of(members(evil(files)))[:5000])
    return zip_of([*members(files), junk])


def appended(*parts: Callable[[Files], bytes]) -> Callable[[Files], bytes]:
    """Return a function that concatenates parts."""
    return lambda files: b"".join(part(files) for part in parts)


def evil_zip(files: Files) -> bytes:
    """Return a ZIP with other facts."""
    return packed_bytes(evil(files))


def commented(comment: Callable[[Files], bytes]) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with a comment at the end."""

    def make(files: Files) -> bytes:
        text = comment(files)[:0xFFFF]
        return packed_bytes(files)[:-2] + struct.pack("<H", len(text)) + text

    return make


def small_evil(_: Files) -> bytes:
    """Return a small ZIP that contains only other facts."""
    return packed_bytes({FACTS: b"{}"})


def flipped_order(files: Files) -> bytes:
    """Return a ZIP whose directory lists the members in another order than they are stored."""
    data = zip_of(members(files))
    start = data.index(b"PK\1\2")
    entries = [b"PK\1\2" + one for one in data[start:-22].split(b"PK\1\2")[1:]]
    return data[:start] + b"".join(reversed(entries)) + data[-22:]


GOOD: dict[str, Callable[[Files], bytes]] = {
    "as written": packed_bytes,
    "stored by another program": made(every(system=0, stamp=0x5A21_6000, attributes=0x20)),
    "deflated": made(every(method=8)),
    "deflated as hard as can be": made(every(method=8, flags=2)),
    "streamed": made(streamed),
    "streamed by libarchive": made(sized),
    "in one folder": made(inside(b"case")),
    "in a folder named by a browser": made(inside(b"bundle (2)")),
    "in a Chinese folder": made(inside("案件".encode()), every(flags=0x800)),
    "in a Chinese folder without saying so": made(inside("案件".encode())),
    "with members for folders": made(folders),
    "in one folder with members for folders": made(inside(b"case"), folders),
    "with times and owners as Info-ZIP has them": made(every(extra=UT + UX, central_extra=b"UT\5\0\3" + bytes(4) + UX)),
    "with times as 7-Zip has them": made(every(system=0, central_extra=NTFS, attributes=0x81A48020)),
    "with owners as ditto has them": made(every(extra=UX_OLD, central_extra=b"UX\x08\0" + bytes(8))),
    "made on macOS": made(every(system=19)),
    "made on Windows": made(every(system=10, attributes=0x20)),
    "that needs version 1.0": made(every(version=10)),
    "in another order": made(lambda entries: list(reversed(entries))),
    "with other dates": made(every(stamp=0x5B7A_8D31)),
    "with modes that nobody but the owner may read": made(every(attributes=0o100400 << 16)),
    "without any attributes": made(every(attributes=0)),
}

FORGED: dict[str, Callable[[Files], bytes]] = {
    "evil before good": appended(evil_zip, packed_bytes),
    "good before evil": appended(packed_bytes, evil_zip),
    "the same twice": appended(packed_bytes, packed_bytes),
    "an evil ZIP as comment": commented(small_evil),
    "a comment": commented(lambda _: b"packed by the registry"),
    "an end record as comment": commented(lambda files: packed_bytes(files)[-22:]),
    "an evil ZIP as a member's comment": made(on(FACTS, comment=small_evil({}))),
    "a member's comment": made(on(FACTS, comment=b"x")),
    "a line behind the end": appended(packed_bytes, lambda _: b"\n"),
    "zeros behind the end": appended(packed_bytes, lambda _: bytes(512)),
    "a program before it": appended(lambda _: b"#!/bin/sh\n", packed_bytes),
    "a program before it, told by every offset": lambda files: b"#!/bin/sh\n" + zip_of(members(files), start=10),
    "a gap before the directory": lambda files: zip_of(members(files), gap=b"x" * 7),
    "a gap between directory and end": lambda files: zip_of(members(files), close=b"x" * 7),
    "a gap before a member": made(on(FACTS, before=b"x")),
    "a gap behind a member": made(on(FACTS, behind=b"x")),
    "a member in no directory": local_only,
    "a member under two names": twice_listed,
    "a directory in another order": flipped_order,
    "a ZIP64 end": large,
    "a hidden ZIP64 locator": hidden_locator,
    "a ZIP64 field": made(on(FACTS, central_extra=struct.pack("<2H2Q", 1, 16, 5, 5))),
    "a ZIP64 field before the bytes": made(on(FACTS, extra=struct.pack("<2H2Q", 1, 16, 5, 5))),
    "sizes in a ZIP64 field": made(on(FACTS, central={"size": 0xFFFFFFFF}, central_extra=struct.pack("<2HQ", 1, 8, 5))),
    "one member less than there are": off("all", -1),
    "one member more than there are": off("all", 1),
    "two counts": off("count", 1),
    "a directory that begins late": off("offset", 46),
    "a directory that begins early": off("offset", -1),
    "a directory that is longer": off("size", 1),
    "a directory that is shorter": off("size", -46),
    "a second disk": ended(disk=1),
    "nothing in it": lambda _: zip_of([]),
    "a member on a second disk": made(on(FACTS, central={"disk": 1})),
    **{
        f"another {name} before the bytes": made(on(FACTS, local={name: value}))
        for name, value in {
            "name": b"data/facts.jsoN",
            "size": 5,
            "packed": 5,
            "crc": 1,
            "flags": 0x800,
            "method": 8,
            "version": 10,
            "stamp": 0x5A21_6000,
        }.items()
    },
    **{
        f"another {name} in the directory": made(on(FACTS, central={name: value}))
        for name, value in {"name": b"data/facts.jsoN", "size": 5, "packed": 5, "crc": 1, "offset": 0}.items()
    },
    "both checksums wrong": made(on(FACTS, local={"crc": 1}, central={"crc": 1})),
    **{
        f"the flag {flag:#06x}": made(on(FACTS, flags=flag))
        for flag in (0x0001, 0x0010, 0x0020, 0x0040, 0x0080, 0x1000, 0x2000, 0x4000, 0x8000)
    },
    **{f"method {method}": made(on(FACTS, method=method, raw=b"x" * 50)) for method in (1, 6, 9, 12, 14, 93, 95, 99)},
    **{f"version {version} needed": made(on(FACTS, version=version)) for version in (21, 45, 63, 255, 0x0314)},
    **{f"made by system {system}": made(on(FACTS, system=system)) for system in (1, 2, 4, 7, 16, 18, 30)},
    **{
        f"an extra field {kind:#06x}": made(on(FACTS, central_extra=struct.pack("<2H", kind, 4) + bytes(4)))
        for kind in (0x0007, 0x0008, 0x000C, 0x000D, 0x0017, 0x6375, 0x6C65, 0x756E, 0x7855, 0x9901, 0xA220, 0xCAFE)
    }
    | {"an extra field 0x7855": made(on(FACTS, extra=struct.pack("<2H", 0x7855, 5) + bytes(5)))},
    "a path in Unicode in the directory": made(
        also(Member(b"data/facts.jsox", b"{}", central_extra=unicode_path(b"data/facts.jsox", FACTS.encode())))
    ),
    "a path in Unicode of the sealed facts": made(
        on(FACTS, central_extra=unicode_path(FACTS.encode(), b"data/x.json"))
    ),
    "a path in Unicode before the bytes": made(on(FACTS, extra=unicode_path(FACTS.encode(), b"data/x.json"))),
    "an extra field that breaks off": made(on(FACTS, central_extra=b"UT\x0d\0\x07")),
    "an extra field that breaks off before the bytes": made(on(FACTS, extra=b"UT\x0d\0\x07")),
    "an extra field of another length": made(on(FACTS, central_extra=b"UT\x06\0" + bytes(6))),
    "a byte of an extra field": made(on(FACTS, extra=b"U")),
    "a file of one name twice": made(also(Member(FACTS.encode(), b"{}"))),
    "the evil one of two first": made(lambda entries: [Member(FACTS.encode(), b"{}"), *entries]),
    "names that differ in case": made(also(Member(b"data/FACTS.json", b"{}"))),
    "names that differ in a dot": made(also(Member(b"data/facts.json.", b"{}"))),
    "names that differ in a blank": made(also(Member(b"data/facts.json ", b"{}"))),
    "names that differ in a slash": made(also(Member(b"data//facts.json", b"{}"))),
    "names that differ in a full stop": made(also(Member(b"./data/facts.json", b"{}"))),
    "a name with a version": made(also(Member(b"data/facts.json;1", b"{}"))),
    "a name with a zero": made(also(Member(b"data/facts.json\0x", b"{}"))),
    "a wide letter in a name": made(also(Member("data/ｆacts.json".encode(), b"{}"))),
    "an accent in a name": made(also(Member("data/\u00e9.json".encode(), b"{}"))),
    "an accent of its own in a name": made(also(Member("data/e\u0301.json".encode(), b"{}"))),
    "a name that isn't UTF-8": made(also(Member(b"data/\xe9.json", b"{}"))),
    "a way out": made(also(Member(b"../facts.json", b"{}"))),
    "a way out and back": made(also(Member(b"proofs/../data/facts.json", b"{}"))),
    "an absolute name": made(also(Member(b"/data/facts.json", b"{}"))),
    "a drive": made(also(Member(b"C:/facts.json", b"{}"))),
    "a stream of a file": made(also(Member(b"data/facts.json::$DATA", b"{}"))),
    "backslashes": made(also(Member(b"data\\facts.json", b"{}"))),
    "all in backslashes": made(lambda entries: [replace(one, name=one.name.replace(b"/", b"\\")) for one in entries]),
    "a device's name": made(also(Member(b"data/nul", b""))),
    "an empty name": made(also(Member(b"", b""))),
    "two folders around": made(lambda entries: [*inside(b"a")(entries[:9]), *inside(b"b")(entries[9:])]),
    "a folder and another one in another case": made(
        lambda entries: [*inside(b"a")(entries[:9]), *inside(b"A")(entries[9:])]
    ),
    "a folder with bytes": made(also(Member(b"data/x/", b"{}", attributes=0o040755 << 16))),
    "a folder that is a file": made(also(Member(b"data/facts.json/", b"", attributes=0o040755 << 16))),
    "a file below a file": made(also(Member(b"data/facts.json/x", b""))),
    "a folder twice": made(folders, also(Member(b"data/", b"", attributes=0o040755 << 16))),
    "a file with the mode of a folder": made(on(FACTS, attributes=0o040755 << 16)),
    "a file with the attribute of a folder": made(on(FACTS, attributes=0o100644 << 16 | 0x10)),
    "a file that is a volume's label": made(on(FACTS, attributes=0x08)),
    "a folder with the mode of a file": made(also(Member(b"x/", b"", attributes=0o100644 << 16))),
    "a link": made(on(FACTS, data=LINK, attributes=0o120777 << 16)),
    "a pipe": made(on(FACTS, attributes=0o010644 << 16)),
    "a device": made(on(FACTS, attributes=0o020644 << 16)),
    "a stored member that doesn't tell its size": made(on(FACTS, flags=8)),
    "nothing behind the streamed bytes": made(streamed, on(FACTS, behind=b"PK\7\x08")),
    "another checksum behind the bytes": made(streamed, on(FACTS, behind=b"PK\7\x08" + bytes(12))),
    "a descriptor of large files": made(streamed, on(FACTS, behind=b"PK\7\x08" + bytes(20))),
    "a descriptor without its mark": lambda files: zip_of(
        replace(one, behind=struct.pack("<3I", zlib.crc32(one.data), len(one.packed()), len(one.data)))
        for one in streamed(members(files))
    ),
    "a size that lies before streamed bytes": made(streamed, on(FACTS, local={"size": 5})),
    "packed bytes with others behind": lambda files: made(
        every(method=8), on(FACTS, raw=deflated(files[FACTS]) + b"x")
    )(files),
    "packed bytes that break off": lambda files: made(every(method=8), on(FACTS, raw=deflated(files[FACTS])[:-1]))(
        files
    ),
    "two packed streams": lambda files: made(every(method=8), on(FACTS, raw=2 * deflated(files[FACTS])))(files),
    "packed bytes of another file": made(every(method=8), on(FACTS, raw=deflated(b"{}"))),
    "members behind a left-over's bytes": nested,
    "a left-over that leads out": made(also(Member(b"__MACOSX/../data/._x", b""))),
    "a left-over of an absolute name": made(also(Member(b"/._x", b""))),
    "a left-over below a file": made(also(Member(b"data/facts.json/._x", b""))),
    "a left-over that is a link": made(also(Member(b"._x", LINK, attributes=0o120777 << 16))),
    "a left-over with a wrong checksum": made(also(Member(b"._x", b"x", local={"crc": 1}, central={"crc": 1}))),
}

NO_BUNDLE = ("nothing in it", "two folders around", "a folder and another one in another case")
"""ZIPs without a bundle at their top level. The verifier reports that there is none, and lists the contents."""
PACKED = ("both checksums", "packed bytes", "two packed streams")
"""Defects that appear only when the bytes are decompressed, so that the file's own checks fail as well."""


def _checks(name: str) -> tuple[str, ...]:
    if "around" in name or name.startswith("a folder and another"):
        return ("manifest",) if name == "two folders around" else ("manifest", "container")
    return ("container", "facts", f"file:{FACTS}") if name.startswith(PACKED) else ("container",)


CASES = {name: Case(make) for name, make in GOOD.items()} | {
    name: failing(make, *_checks(name)) for name, make in FORGED.items()
}
