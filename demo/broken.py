"""Files that are named like pictures and aren't."""

import struct
import zlib


def truncated(picture: bytes) -> bytes:
    """Return the beginning of a picture file, as a broken upload leaves it: its headers break off, so nothing shows."""
    return picture[:200]


def html_named_jpg() -> bytes:
    """Return a web page, as servers answer with when a picture is gone."""
    return b"<!doctype html><html><title>Not here</title><p>This picture has moved.</p></html>\n"


def bomb_header() -> bytes:
    """Return a PNG of some bytes whose header announces 60,000 x 60,000 pixels (PNG specification, section 11)."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(64)))
        + _chunk(b"IEND", b"")
    )


def not_a_picture() -> bytes:
    """Return bytes without any meaning."""
    return bytes(value * 37 % 251 for value in range(2048))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
