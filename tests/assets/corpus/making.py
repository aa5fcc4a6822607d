"""ZIPs written byte by byte, with arbitrary values in any header field."""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.assets.changes import Files

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
    stamp: int = 0x21 << 16
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    behind: bytes = b""
    raw: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def packed(self) -> bytes:
        """Return the bytes that follow the header."""
        if self.raw is not None:
            return self.raw
        return deflated(self.data) if self.method == 8 else self.data

    def header(self, told: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a header, overridden by ``told``."""
        sizes = {"crc": zlib.crc32(self.data), "packed": len(self.packed()), "size": len(self.data)}
        mine = {name: getattr(self, name) for name in ("name", "method", "flags", "version", "stamp")}
        return {**mine, **sizes, "disk": 0, **told}


Change = Callable[[list[Member]], Iterable[Member]]


def deflated(data: bytes) -> bytes:
    """Deflate without compression, so that the stored bytes stay recognisable."""
    packer = zlib.compressobj(0, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def members(files: Files) -> list[Member]:
    """Return the files as members like those of the bundle writer."""
    return [Member(name.encode(), data) for name, data in sorted(files.items())]


def zip_of(
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
    for one in entries:
        offset = len(out) + len(one.before) + start
        head = one.header({**({"crc": 0, "packed": 0, "size": 0} if one.flags & 8 else {}), **one.local})
        out += one.before + LOCAL.pack(
            b"PK\3\4", head["version"], head["flags"], head["method"], head["stamp"] & 0xFFFF, head["stamp"] >> 16,
            head["crc"], head["packed"], head["size"], len(head["name"]), len(one.extra),
        ) + head["name"] + one.extra + one.packed()  # fmt: skip
        if one.flags & 8 and not one.behind:
            fields = one.header({})
            out += struct.pack("<4s3I", b"PK\7\x08", fields["crc"], fields["packed"], fields["size"])
        out += one.behind
        head = one.header({"offset": offset, **one.central})
        directory += CENTRAL.pack(
            b"PK\1\2", one.system << 8 | 20, head["version"], head["flags"], head["method"], head["stamp"] & 0xFFFF,
            head["stamp"] >> 16, head["crc"], head["packed"], head["size"], len(head["name"]), len(one.central_extra),
            len(one.comment), head["disk"], 0, one.attributes, head["offset"],
        ) + head["name"] + one.central_extra + one.comment  # fmt: skip
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


def on(name: str, **changes: Any) -> Change:  # noqa: ANN401 - a member's fields
    """Change one member."""
    return lambda entries: [replace(one, **changes) if one.name == name.encode() else one for one in entries]


def every(**changes: Any) -> Change:  # noqa: ANN401 - a member's fields
    """Change all members."""
    return lambda entries: [replace(one, **changes) for one in entries]


def also(*more: Member) -> Change:
    """Append members."""
    return lambda entries: [*entries, *more]


def inside(folder: bytes) -> Change:
    """Move everything into a folder."""
    return lambda entries: [replace(one, name=folder + b"/" + one.name) for one in entries]


def evil(files: Files) -> Files:
    """Replace the facts by others that suit a forger."""
    return {**files, FACTS: files[FACTS].replace(b"rival", b"saint", 1) if b"rival" in files[FACTS] else b"{}"}
