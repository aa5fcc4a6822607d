"""ZIPs designed to mislead a verifier or a program that unpacks them."""

import os
import struct
import zipfile
from functools import cache
from io import BytesIO

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TOPS = ("../", "/", "C:/", "..\\x/", "./", " /")
FULL = 0xFFFFFFFF
LOCATOR = struct.Struct("<4sIQI")
CENTRAL = struct.Struct("<4s6H3I5H2I")


def end_record(count: int, size: int, offset: int) -> bytes:
    """Return the end record of a ZIP's directory."""
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def with_far_offset(offset: int) -> bytes:
    """Return a ZIP whose only file starts at this offset, by its extra field for large values."""
    directory = CENTRAL.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 1, 1, 1, 12, 0, 0, 0, 0, FULL)
    directory += b"a" + struct.pack("<HHQ", 1, 8, offset)
    before = b"PK\x03\x04" + bytes(40)
    return before + directory + end_record(1, len(directory), len(before))


def with_deflated_bytes(data: bytes, more: int) -> bytes:
    """Return a ZIP of one deflated file with its compressed bytes truncated, or followed by others."""
    place = data.index(b"PK\x01\x02")
    before = data[:place] + bytes(more) if more > 0 else data[: place + more]
    directory = bytearray(data[place : data.index(b"PK\x05\x06")])
    [packed] = struct.unpack_from("<I", directory, 20)
    struct.pack_into("<I", directory, 20, packed + more)
    return before + bytes(directory) + end_record(1, len(directory), len(before))


@cache
def hostile_zips() -> dict[str, bytes]:
    """Return hostile ZIPs by defect. None may be accepted as a bundle."""

    def build(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
        out = BytesIO()
        with zipfile.ZipFile(out, "w", compression) as target:
            for name, data in entries:
                target.writestr(name, data)
        return out.getvalue()

    link = zipfile.ZipInfo("data/a.txt")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    bomb = build(("data/a.txt", bytes(100 << 20)), compression=zipfile.ZIP_DEFLATED)
    liar = bytearray(bomb)
    struct.pack_into("<I", liar, liar.index(b"PK\x01\x02") + 24, 1000)
    overlap = bytearray(build(("a.txt", b"x" * 100), ("b.txt", b"x" * 100)))
    struct.pack_into("<I", overlap, overlap.index(b"PK\x01\x02", overlap.index(b"PK\x01\x02") + 1) + 42, 0)
    deflated = build(("bagit.txt", b"x" * 500), compression=zipfile.ZIP_DEFLATED)
    around = {prefix: build((f"{prefix}bagit.txt", b""), (f"{prefix}data/a.txt", b"x")) for prefix in TOPS}
    return {
        **{f"everything in {prefix!r}": data for prefix, data in around.items()},
        "an end beyond all": b"PK\x03\x04" + LOCATOR.pack(b"PK\x06\x07", 0, 2**64 - 1, 1) + end_record(0, FULL, FULL),
        "a file beyond all": with_far_offset(2**64 - 1),
        "a file behind the end": with_far_offset(2**31),
        "packed bytes that break off": with_deflated_bytes(deflated, -1),
        "packed bytes with more behind": with_deflated_bytes(deflated, 3),
        "another end behind the end": build(("bagit.txt", b"")) + b"PK\x05\x06",
        "a mark before a name": build(("\ufeffbagit.txt", b""), ("\ufeffdata/a.txt", b"x")),
        "a way out": build(("bagit.txt", b""), ("../outside.txt", b"x")),
        "a name twice": build(("data/a.txt", b"one"), ("DATA/A.TXT", b"two")),
        "a file that is a folder": build(("data", b"one"), ("data/a.txt", b"two")),
        "a link": build((link, b"/etc/passwd")),
        "a bomb": bomb,
        "a bomb that lies": bytes(liar),
        "overlapping files": bytes(overlap),
        "another method": build(("data/a.txt", b"x" * 100), compression=zipfile.ZIP_BZIP2),
        "markup as a name": build((f"data/{HOSTILE}.txt", b"x")),
        "nothing in it": build(),
        "a cut ZIP": build(("data/a.txt", os.urandom(500)))[:-10],
        "text": b"no bundle at all",
        "nothing": b"",
    }
