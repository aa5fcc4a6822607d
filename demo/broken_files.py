"""Invalid image files."""

import struct
import zlib


def make_truncated_image(picture: bytes) -> bytes:
    """Return the beginning of an image file, as after an interrupted upload. It ends within the headers."""
    return picture[:200]


def make_html_page() -> bytes:
    """Return an HTML page, as servers send instead of a deleted image."""
    return b"<!doctype html><html><title>Not here</title><p>This picture has moved.</p></html>\n"


def make_bomb_header() -> bytes:
    """Return a tiny PNG whose header declares 60,000 x 60,000 pixels (PNG specification, section 11)."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _make_chunk(b"IHDR", header)
        + _make_chunk(b"IDAT", zlib.compress(bytes(64)))
        + _make_chunk(b"IEND", b"")
    )


def make_random_bytes() -> bytes:
    """Return meaningless bytes."""
    return bytes(value * 37 % 251 for value in range(2048))


def _make_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
