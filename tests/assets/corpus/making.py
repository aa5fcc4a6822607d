"""ZIPs written byte by byte, with arbitrary values in any header field."""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.assets.bundle_changes import Files

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
FACTS = "data/facts.json"


@dataclass(frozen=True)
class Member:
    """One member. ``local`` and ``central`` override fields of its local and central header."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0
    version: int = 20
    system: int = 3
    dos_time: int = 0x21 << 16
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    after: bytes = b""
    raw: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def packed(self) -> bytes:
        """Return the bytes that follow the header."""
        if self.raw is not None:
            return self.raw
        return deflate(self.data) if self.method == 8 else self.data

    def header(self, overrides: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a header, overridden by ``overrides``."""
        sizes = {"crc": zlib.crc32(self.data), "packed": len(self.packed()), "size": len(self.data)}
        own_fields = {name: getattr(self, name) for name in ("name", "method", "flags", "version", "dos_time")}
        return {**own_fields, **sizes, "disk": 0, **overrides}


Change = Callable[[list[Member]], Iterable[Member]]


def deflate(data: bytes) -> bytes:
    """Deflate without compression, so that the stored bytes stay recognisable."""
    packer = zlib.compressobj(0, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def members(files: Files) -> list[Member]:
    """Return the files as members like those of the bundle writer."""
    return [Member(name.encode(), data) for name, data in sorted(files.items())]


def build_zip(
    entries: Iterable[Member],
    *,
    gap: bytes = b"",
    close: bytes = b"",
    start: int = 0,
    end: dict[str, int] | None = None,
) -> bytes:
    """Return a ZIP of these members.

    Args:
        entries: The members.
        gap: Bytes before the directory.
        close: Bytes between the directory and the end record.
        start: Number added to every offset.
        end: Fields of the end record to override.
    """
    out, directory = b"", b""
    count = 0
    for member in entries:
        offset = len(out) + len(member.before) + start
        head = member.header({**({"crc": 0, "packed": 0, "size": 0} if member.flags & 8 else {}), **member.local})
        out += member.before + LOCAL.pack(
            b"PK\3\4", head["version"], head["flags"], head["method"], head["dos_time"] & 0xFFFF,
            head["dos_time"] >> 16,
            head["crc"], head["packed"], head["size"], len(head["name"]), len(member.extra),
        ) + head["name"] + member.extra + member.packed()  # fmt: skip
        if member.flags & 8 and not member.after:
            fields = member.header({})
            out += struct.pack("<4s3I", b"PK\7\x08", fields["crc"], fields["packed"], fields["size"])
        out += member.after
        head = member.header({"offset": offset, **member.central})
        directory += CENTRAL.pack(
            b"PK\1\2", member.system << 8 | 20, head["version"], head["flags"], head["method"],
            head["dos_time"] & 0xFFFF,
            head["dos_time"] >> 16, head["crc"], head["packed"], head["size"], len(head["name"]),
            len(member.central_extra),
            len(member.comment), head["disk"], 0, member.attributes, head["offset"],
        ) + head["name"] + member.central_extra + member.comment  # fmt: skip
        count += 1
    fields = {
        "disk": 0,
        "count": count,
        "all": count,
        "size": len(directory),
        "offset": len(out + gap) + start,
        **(end or {}),
    }
    last = struct.pack("<4s4H2IH", b"PK\5\6", fields["disk"], 0, *(fields[name] for name in ("count", "all")),
                       fields["size"], fields["offset"], 0)  # fmt: skip
    return out + gap + directory + close + last


def change_member(name: str, **changes: Any) -> Change:  # noqa: ANN401 - a member's fields
    """Change one member."""
    return lambda entries: [
        replace(member, **changes) if member.name == name.encode() else member for member in entries
    ]


def change_all_members(**changes: Any) -> Change:  # noqa: ANN401 - a member's fields
    """Change all members."""
    return lambda entries: [replace(member, **changes) for member in entries]


def append_members(*more: Member) -> Change:
    """Append members."""
    return lambda entries: [*entries, *more]


def move_into_folder(folder: bytes) -> Change:
    """Move everything into a folder."""
    return lambda entries: [replace(member, name=folder + b"/" + member.name) for member in entries]


def replace_facts(files: Files) -> Files:
    """Replace the facts by others that suit a forger."""
    return {**files, FACTS: files[FACTS].replace(b"rival", b"saint", 1) if b"rival" in files[FACTS] else b"{}"}
