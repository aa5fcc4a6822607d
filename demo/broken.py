"""Files with the names of images that are not images."""

import struct
import zlib


def truncated(picture: bytes) -> bytes:
    """Return the beginning of an image file, like a broken upload: its headers are cut off, so nothing is visible."""
    return picture[:200]


def html_named_jpg() -> bytes:
    """Return a web page, as servers send in place of a deleted image."""
    return b"<!doctype html><html><title>Not here</title><p>This picture has moved.</p></html>\n"


def bomb_header() -> bytes:
    """Return a tiny PNG whose header declares 60,000 x 60,000 pixels (PNG specification, section 11)."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(64)))
        + _chunk(b"IEND", b"")
    )


def not_a_picture() -> bytes:
    """Return meaningless bytes."""
    return bytes(value * 37 % 251 for value in range(2048))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
