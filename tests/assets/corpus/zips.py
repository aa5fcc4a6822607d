"""ZIPs: those that common programs make of a bundle are valid; those that two programs could read differently fail."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.assets.bundle_changes import Files
from tests.assets.corpus import Case, failing_case
from tests.assets.corpus.making import (
    FACTS,
    Change,
    Member,
    append_members,
    build_zip,
    change_all_members,
    change_member,
    deflate,
    members,
    move_into_folder,
    replace_facts,
)  # fmt: skip
from tests.assets.tampering import zip_bytes

UT, UX_OLD = b"UT\x0d\0\x07" + bytes(12), b"UX\x0c\0" + bytes(12)
UX = b"ux\x0b\0\1\4" + bytes(4) + b"\4" + bytes(4)
NTFS = b"\n\0\x20\0" + bytes(4) + b"\1\0\x18\0" + bytes(24)
FIRST = b"VERIFY.md"
LINK = b"/etc/passwd"


def zip_after(*changes: Change) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP after changes of its members."""

    def make(files: Files) -> bytes:
        entries = members(files)
        for change in changes:
            entries = list(change(entries))
        return build_zip(entries)

    return make


def change_end_record(**end: int) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with other fields in its end record."""
    return lambda files: build_zip(members(files), end=end)


def offset_end_record(name: str, amount: int) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with a number in its end record off by ``amount``."""

    def make(files: Files) -> bytes:
        data = bytearray(zip_bytes(files))
        place, form = {"count": (-14, "<H"), "all": (-12, "<H"), "size": (-10, "<I"), "offset": (-6, "<I")}[name]
        struct.pack_into(form, data, len(data) + place, struct.unpack_from(form, data, len(data) + place)[0] + amount)
        return bytes(data)

    return make


def unicode_path_field(name: bytes, stated_name: bytes) -> bytes:
    """Return the extra field from which some programs take another name."""
    body = struct.pack("<BI", 1, zlib.crc32(name)) + stated_name
    return struct.pack("<2H", 0x7075, len(body)) + body


def with_zip64_record(files: Files) -> bytes:
    """Return a ZIP with a ZIP64 end record and its locator, which repeat the values of the end record."""
    data = zip_bytes(files)
    end = data[-22:]
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2IH", end)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    return data[:-22] + record + struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1) + end


def with_hidden_locator(files: Files) -> bytes:
    """Return a ZIP with a ZIP64 locator in the last bytes of the directory, inside a field for times."""
    entries = members(files)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 5, 1)
    entries[-1] = replace(entries[-1], central_extra=b"\n\0\x20\0" + bytes(12) + locator)
    return build_zip(entries)


def with_unlisted_member(files: Files) -> bytes:
    """Return a ZIP with a member that is not listed in the directory."""
    hidden_zip = build_zip(members({"data/facts.json": b"{}"}))
    return build_zip(
        [
            replace(member, before=hidden_zip[: hidden_zip.index(b"PK\1\2")] * (n == 5))
            for n, member in enumerate(members(files))
        ]
    )


def with_member_listed_twice(files: Files) -> bytes:
    """Return a ZIP that lists one member under two names."""
    entries = members(files)
    return build_zip([*entries, Member(b"data/x.json", b"", central={"offset": 0})])


def write_sizes_after(entries: list[Member]) -> list[Member]:
    """Write sizes after the data, as programs do that write into a pipe."""
    return [replace(member, method=8, flags=8) for member in entries]


def write_sizes_before(entries: list[Member]) -> list[Member]:
    """Write the size before the data and the rest after it, as libarchive does."""
    return [replace(member, local={"size": len(member.data)}) for member in write_sizes_after(entries)]


def add_folders(entries: list[Member]) -> list[Member]:
    """Add members for folders."""
    names = sorted(
        {
            b"/".join(member.name.split(b"/")[:depth])
            for member in entries
            for depth in range(1, member.name.count(b"/") + 1)
        }
    )
    dirs = [Member(name + b"/", b"", version=10, attributes=0o040755 << 16 | 0x10) for name in names]
    return [*dirs, *entries]


def with_truncated_leftover(files: Files) -> bytes:
    """Return a ZIP with a leftover file whose compressed data end early.

    Other members follow for readers that read on.
    """
    body = deflate(b"x")
    junk = Member(b"._x", b"x", method=8, flags=8, raw=body + build_zip(members(replace_facts(files)))[:5000])
    return build_zip([*members(files), junk])


def concatenate(*parts: Callable[[Files], bytes]) -> Callable[[Files], bytes]:
    """Return a function that concatenates parts."""
    return lambda files: b"".join(part(files) for part in parts)


def evil_zip(files: Files) -> bytes:
    """Return a ZIP with other facts."""
    return zip_bytes(replace_facts(files))


def with_comment(comment: Callable[[Files], bytes]) -> Callable[[Files], bytes]:
    """Return a function that makes a ZIP with a comment at the end."""

    def make(files: Files) -> bytes:
        text = comment(files)[:0xFFFF]
        return zip_bytes(files)[:-2] + struct.pack("<H", len(text)) + text

    return make


def small_evil_zip(_: Files) -> bytes:
    """Return a small ZIP that contains only other facts."""
    return zip_bytes({FACTS: b"{}"})


def reverse_directory(files: Files) -> bytes:
    """Return a ZIP whose directory lists the members in another order than they are stored."""
    data = build_zip(members(files))
    start = data.index(b"PK\1\2")
    entries = [b"PK\1\2" + record for record in data[start:-22].split(b"PK\1\2")[1:]]
    return data[:start] + b"".join(reversed(entries)) + data[-22:]


GOOD: dict[str, Callable[[Files], bytes]] = {
    "as written": zip_bytes,
    "stored by another program": zip_after(change_all_members(system=0, dos_time=0x5A21_6000, attributes=0x20)),
    "deflated": zip_after(change_all_members(method=8)),
    "deflated as hard as can be": zip_after(change_all_members(method=8, flags=2)),
    "streamed": zip_after(write_sizes_after),
    "streamed by libarchive": zip_after(write_sizes_before),
    "in one folder": zip_after(move_into_folder(b"case")),
    "in a folder named by a browser": zip_after(move_into_folder(b"bundle (2)")),
    "in a Chinese folder": zip_after(move_into_folder("案件".encode()), change_all_members(flags=0x800)),
    "in a Chinese folder without saying so": zip_after(move_into_folder("案件".encode())),
    "with members for folders": zip_after(add_folders),
    "in one folder with members for folders": zip_after(move_into_folder(b"case"), add_folders),
    "with times and owners as Info-ZIP has them": zip_after(
        change_all_members(extra=UT + UX, central_extra=b"UT\5\0\3" + bytes(4) + UX)
    ),
    "with times as 7-Zip has them": zip_after(change_all_members(system=0, central_extra=NTFS, attributes=0x81A48020)),
    "with owners as ditto has them": zip_after(change_all_members(extra=UX_OLD, central_extra=b"UX\x08\0" + bytes(8))),
    "made on macOS": zip_after(change_all_members(system=19)),
    "made on Windows": zip_after(change_all_members(system=10, attributes=0x20)),
    "that needs version 1.0": zip_after(change_all_members(version=10)),
    "in another order": zip_after(lambda entries: list(reversed(entries))),
    "with other dates": zip_after(change_all_members(dos_time=0x5B7A_8D31)),
    "with modes that nobody but the owner may read": zip_after(change_all_members(attributes=0o100400 << 16)),
    "without any attributes": zip_after(change_all_members(attributes=0)),
}

FORGED: dict[str, Callable[[Files], bytes]] = {
    "evil before good": concatenate(evil_zip, zip_bytes),
    "good before evil": concatenate(zip_bytes, evil_zip),
    "the same twice": concatenate(zip_bytes, zip_bytes),
    "an evil ZIP as comment": with_comment(small_evil_zip),
    "a comment": with_comment(lambda _: b"packed by the registry"),
    "an end record as comment": with_comment(lambda files: zip_bytes(files)[-22:]),
    "an evil ZIP as a member's comment": zip_after(change_member(FACTS, comment=small_evil_zip({}))),
    "a member's comment": zip_after(change_member(FACTS, comment=b"x")),
    "a line behind the end": concatenate(zip_bytes, lambda _: b"\n"),
    "zeros behind the end": concatenate(zip_bytes, lambda _: bytes(512)),
    "a program before it": concatenate(lambda _: b"#!/bin/sh\n", zip_bytes),
    "a program before it, stated by every offset": lambda files: b"#!/bin/sh\n" + build_zip(members(files), start=10),
    "a gap before the directory": lambda files: build_zip(members(files), gap=b"x" * 7),
    "a gap between directory and end": lambda files: build_zip(members(files), close=b"x" * 7),
    "a gap before a member": zip_after(change_member(FACTS, before=b"x")),
    "a gap behind a member": zip_after(change_member(FACTS, after=b"x")),
    "a member in no directory": with_unlisted_member,
    "a member under two names": with_member_listed_twice,
    "a directory in another order": reverse_directory,
    "a ZIP64 end": with_zip64_record,
    "a hidden ZIP64 locator": with_hidden_locator,
    "a ZIP64 field": zip_after(change_member(FACTS, central_extra=struct.pack("<2H2Q", 1, 16, 5, 5))),
    "a ZIP64 field before the bytes": zip_after(change_member(FACTS, extra=struct.pack("<2H2Q", 1, 16, 5, 5))),
    "sizes in a ZIP64 field": zip_after(
        change_member(FACTS, central={"size": 0xFFFFFFFF}, central_extra=struct.pack("<2HQ", 1, 8, 5))
    ),
    "one member less than there are": offset_end_record("all", -1),
    "one member more than there are": offset_end_record("all", 1),
    "two counts": offset_end_record("count", 1),
    "a directory that begins late": offset_end_record("offset", 46),
    "a directory that begins early": offset_end_record("offset", -1),
    "a directory that is longer": offset_end_record("size", 1),
    "a directory that is shorter": offset_end_record("size", -46),
    "a second disk": change_end_record(disk=1),
    "nothing in it": lambda _: build_zip([]),
    "a member on a second disk": zip_after(change_member(FACTS, central={"disk": 1})),
    **{
        f"another {name} before the bytes": zip_after(change_member(FACTS, local={name: value}))
        for name, value in {
            "name": b"data/facts.jsoN",
            "size": 5,
            "packed": 5,
            "crc": 1,
            "flags": 0x800,
            "method": 8,
            "version": 10,
            "dos_time": 0x5A21_6000,
        }.items()
    },
    **{
        f"another {name} in the directory": zip_after(change_member(FACTS, central={name: value}))
        for name, value in {"name": b"data/facts.jsoN", "size": 5, "packed": 5, "crc": 1, "offset": 0}.items()
    },
    "both checksums wrong": zip_after(change_member(FACTS, local={"crc": 1}, central={"crc": 1})),
    **{
        f"the flag {flag:#06x}": zip_after(change_member(FACTS, flags=flag))
        for flag in (0x0001, 0x0010, 0x0020, 0x0040, 0x0080, 0x1000, 0x2000, 0x4000, 0x8000)
    },
    **{
        f"method {method}": zip_after(change_member(FACTS, method=method, raw=b"x" * 50))
        for method in (1, 6, 9, 12, 14, 93, 95, 99)
    },
    **{
        f"version {version} needed": zip_after(change_member(FACTS, version=version))
        for version in (21, 45, 63, 255, 0x0314)
    },
    **{
        f"made by system {system}": zip_after(change_member(FACTS, system=system))
        for system in (1, 2, 4, 7, 16, 18, 30)
    },
    **{
        f"an extra field {kind:#06x}": zip_after(
            change_member(FACTS, central_extra=struct.pack("<2H", kind, 4) + bytes(4))
        )
        for kind in (0x0007, 0x0008, 0x000C, 0x000D, 0x0017, 0x6375, 0x6C65, 0x756E, 0x7855, 0x9901, 0xA220, 0xCAFE)
    }
    | {"an extra field 0x7855": zip_after(change_member(FACTS, extra=struct.pack("<2H", 0x7855, 5) + bytes(5)))},
    "a path in Unicode in the directory": zip_after(
        append_members(
            Member(b"data/facts.jsox", b"{}", central_extra=unicode_path_field(b"data/facts.jsox", FACTS.encode()))
        )
    ),
    "a path in Unicode of the sealed facts": zip_after(
        change_member(FACTS, central_extra=unicode_path_field(FACTS.encode(), b"data/x.json"))
    ),
    "a path in Unicode before the bytes": zip_after(
        change_member(FACTS, extra=unicode_path_field(FACTS.encode(), b"data/x.json"))
    ),
    "an extra field that breaks off": zip_after(change_member(FACTS, central_extra=b"UT\x0d\0\x07")),
    "an extra field that breaks off before the bytes": zip_after(change_member(FACTS, extra=b"UT\x0d\0\x07")),
    "an extra field of another length": zip_after(change_member(FACTS, central_extra=b"UT\x06\0" + bytes(6))),
    "a byte of an extra field": zip_after(change_member(FACTS, extra=b"U")),
    "a file of one name twice": zip_after(append_members(Member(FACTS.encode(), b"{}"))),
    "the evil one of two first": zip_after(lambda entries: [Member(FACTS.encode(), b"{}"), *entries]),
    "names that differ in case": zip_after(append_members(Member(b"data/FACTS.json", b"{}"))),
    "names that differ in a dot": zip_after(append_members(Member(b"data/facts.json.", b"{}"))),
    "names that differ in a blank": zip_after(append_members(Member(b"data/facts.json ", b"{}"))),
    "names that differ in a slash": zip_after(append_members(Member(b"data//facts.json", b"{}"))),
    "names that differ in a full stop": zip_after(append_members(Member(b"./data/facts.json", b"{}"))),
    "a name with a version": zip_after(append_members(Member(b"data/facts.json;1", b"{}"))),
    "a name with a zero": zip_after(append_members(Member(b"data/facts.json\0x", b"{}"))),
    "a wide letter in a name": zip_after(append_members(Member("data/ｆacts.json".encode(), b"{}"))),
    "an accent in a name": zip_after(append_members(Member("data/\u00e9.json".encode(), b"{}"))),
    "an accent of its own in a name": zip_after(append_members(Member("data/e\u0301.json".encode(), b"{}"))),
    "a name that isn't UTF-8": zip_after(append_members(Member(b"data/\xe9.json", b"{}"))),
    "a way out": zip_after(append_members(Member(b"../facts.json", b"{}"))),
    "a way out and back": zip_after(append_members(Member(b"proofs/../data/facts.json", b"{}"))),
    "an absolute name": zip_after(append_members(Member(b"/data/facts.json", b"{}"))),
    "a drive": zip_after(append_members(Member(b"C:/facts.json", b"{}"))),
    "a stream of a file": zip_after(append_members(Member(b"data/facts.json::$DATA", b"{}"))),
    "backslashes": zip_after(append_members(Member(b"data\\facts.json", b"{}"))),
    "all in backslashes": zip_after(
        lambda entries: [replace(member, name=member.name.replace(b"/", b"\\")) for member in entries]
    ),
    "a device's name": zip_after(append_members(Member(b"data/nul", b""))),
    "an empty name": zip_after(append_members(Member(b"", b""))),
    "two folders around": zip_after(
        lambda entries: [*move_into_folder(b"a")(entries[:9]), *move_into_folder(b"b")(entries[9:])]
    ),
    "a folder and another one in another case": zip_after(
        lambda entries: [*move_into_folder(b"a")(entries[:9]), *move_into_folder(b"A")(entries[9:])]
    ),
    "a folder with bytes": zip_after(append_members(Member(b"data/x/", b"{}", attributes=0o040755 << 16))),
    "a folder that is a file": zip_after(append_members(Member(b"data/facts.json/", b"", attributes=0o040755 << 16))),
    "a file below a file": zip_after(append_members(Member(b"data/facts.json/x", b""))),
    "a folder twice": zip_after(add_folders, append_members(Member(b"data/", b"", attributes=0o040755 << 16))),
    "a file with the mode of a folder": zip_after(change_member(FACTS, attributes=0o040755 << 16)),
    "a file with the attribute of a folder": zip_after(change_member(FACTS, attributes=0o100644 << 16 | 0x10)),
    "a file that is a volume's label": zip_after(change_member(FACTS, attributes=0x08)),
    "a folder with the mode of a file": zip_after(append_members(Member(b"x/", b"", attributes=0o100644 << 16))),
    "a link": zip_after(change_member(FACTS, data=LINK, attributes=0o120777 << 16)),
    "a pipe": zip_after(change_member(FACTS, attributes=0o010644 << 16)),
    "a device": zip_after(change_member(FACTS, attributes=0o020644 << 16)),
    "a stored member that doesn't tell its size": zip_after(change_member(FACTS, flags=8)),
    "nothing behind the streamed bytes": zip_after(write_sizes_after, change_member(FACTS, after=b"PK\7\x08")),
    "another checksum behind the bytes": zip_after(
        write_sizes_after, change_member(FACTS, after=b"PK\7\x08" + bytes(12))
    ),
    "a descriptor of large files": zip_after(write_sizes_after, change_member(FACTS, after=b"PK\7\x08" + bytes(20))),
    "a descriptor without its mark": lambda files: build_zip(
        replace(member, after=struct.pack("<3I", zlib.crc32(member.data), len(member.packed()), len(member.data)))
        for member in write_sizes_after(members(files))
    ),
    "a size that lies before streamed bytes": zip_after(write_sizes_after, change_member(FACTS, local={"size": 5})),
    "packed bytes with others behind": lambda files: zip_after(
        change_all_members(method=8), change_member(FACTS, raw=deflate(files[FACTS]) + b"x")
    )(files),
    "packed bytes that break off": lambda files: zip_after(
        change_all_members(method=8), change_member(FACTS, raw=deflate(files[FACTS])[:-1])
    )(files),
    "two packed streams": lambda files: zip_after(
        change_all_members(method=8), change_member(FACTS, raw=2 * deflate(files[FACTS]))
    )(files),
    "packed bytes of another file": zip_after(change_all_members(method=8), change_member(FACTS, raw=deflate(b"{}"))),
    "members behind a left-over's bytes": with_truncated_leftover,
    "a left-over that leads out": zip_after(append_members(Member(b"__MACOSX/../data/._x", b""))),
    "a left-over of an absolute name": zip_after(append_members(Member(b"/._x", b""))),
    "a left-over below a file": zip_after(append_members(Member(b"data/facts.json/._x", b""))),
    "a left-over that is a link": zip_after(append_members(Member(b"._x", LINK, attributes=0o120777 << 16))),
    "a left-over with a wrong checksum": zip_after(
        append_members(Member(b"._x", b"x", local={"crc": 1}, central={"crc": 1}))
    ),
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
    name: failing_case(make, *_checks(name)) for name, make in FORGED.items()
}
