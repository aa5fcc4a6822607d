"""Broken, hostile and unusual image files, generated on demand, with the expected result of decoding each."""

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class BadFile:
    """A generated file and its expected result.

    Attributes:
        name: File name as a site might serve it.
        make: Returns the file's bytes, the same at each call.
        reason: Reason for which decoding refuses the file; ``None`` if it decodes.
    """

    name: str
    make: Callable[[], bytes]
    reason: str | None


def generate_photo(width: int = 96, height: int = 64) -> Image.Image:
    """Return a photograph-like image: smooth, textured, with a bright top left corner."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = 60 * np.sin(x / 7) * np.cos(y / 5)
    red = 90 + waves + 60 * (x + y < 20)
    green = 110 + 40 * np.sin((x + 2 * y) / 11)
    blue = 255 * y / height
    return Image.fromarray(np.clip(np.stack([red, green, blue], -1), 0, 255).astype(np.uint8))


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Encode an image in a format."""
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two arrays of pixels of the same shape, from 0 to 255."""
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks, with correct checksums."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    parts += [struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks]
    return b"".join(parts)


def png_header(width: int, height: int) -> tuple[bytes, bytes]:
    """Return the header chunk of an 8-bit grey PNG."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)


def encode_with_orientation(picture: Image.Image, orientation: int) -> bytes:
    """Return a JPEG with this EXIF orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(picture, "JPEG", quality=95, exif=exif)


def blank_then_photo() -> bytes:
    """Return a GIF whose first frame has a single colour."""
    blank = Image.new("P", generate_photo().size, 0)
    return encode(blank, "GIF", save_all=True, append_images=[generate_photo().quantize(32)], duration=100)


def _truncated_jpeg(share: float) -> bytes:
    data = encode(generate_photo(256, 256), "JPEG", quality=90)
    return data[: int(len(data) * share)]


def _flipped_bits() -> bytes:
    data = bytearray(encode(generate_photo(), "PNG"))
    data[data.index(b"IDAT") + 4] ^= 0x55
    return bytes(data)


def _grey16() -> bytes:
    return encode(Image.fromarray(np.asarray(generate_photo().convert("L")).astype(np.uint16) * 257), "PNG")


def _text_bomb() -> bytes:
    text = (b"zTXt", b"Comment\x00\x00" + zlib.compress(b"\x00" * 60_000_000, 9))
    return png(png_header(1, 1), text, (b"IDAT", zlib.compress(b"\x00\x63")), (b"IEND", b""))


def _pixel_bomb() -> bytes:
    return png(png_header(65_535, 65_535), (b"IDAT", zlib.compress(b"\x00" * 1000)), (b"IEND", b""))


def _large() -> bytes:
    return png(png_header(13_000, 13_000), (b"IDAT", zlib.compress(b"\x00" * 1000)), (b"IEND", b""))


def _icon_bomb(inner: bytes) -> bytes:
    """Return an icon whose directory states 16 x 16 pixels while its image is larger."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def _dib_bomb() -> bytes:
    """Return a bitmap without a file header, with many run-length encoded pixels."""
    return struct.pack("<IiiHHIIiiII", 40, 13_000, 13_000, 1, 8, 1, 0, 0, 0, 0, 0) + bytes(2000)


def _transparent() -> bytes:
    picture = generate_photo().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return encode(picture, "PNG")


_HTML = b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>"
_SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(200)

BAD_FILES = (
    BadFile("empty.jpg", lambda: b"", "empty"),
    BadFile("random.jpg", lambda: random.Random(7).randbytes(4000), "not-a-picture"),
    BadFile("error_page.jpg", lambda: _HTML, "not-a-picture"),
    BadFile("answer.jpg", lambda: b'{"error": "gone"}', "not-a-picture"),
    BadFile("document.jpg", lambda: b"%PDF-1.7\n" + bytes(300), "not-a-picture"),
    BadFile("video.jpg", lambda: _MP4, "not-a-picture"),
    BadFile("drawing.svg", lambda: _SVG, "not-a-picture"),
    BadFile("cut_at_a_third.jpg", lambda: _truncated_jpeg(0.33), None),
    BadFile("cut_in_the_first_rows.jpg", lambda: _truncated_jpeg(0.06), None),
    BadFile("cut_before_the_first_row.jpg", lambda: _truncated_jpeg(0.03), "truncated"),
    BadFile("cut_tail.jpg", lambda: _truncated_jpeg(0.95), None),
    BadFile("only_the_start.jpg", lambda: b"\xff\xd8\xff\xe0", "broken"),
    BadFile("flipped_bits.png", _flipped_bits, "broken"),
    BadFile("pixel_bomb.png", _pixel_bomb, "too-many-pixels"),
    BadFile("pixel_bomb.ico", lambda: _icon_bomb(_pixel_bomb()), "too-many-pixels"),
    BadFile("large_pixel_bomb.ico", lambda: _icon_bomb(_large()), "too-many-pixels"),
    BadFile("bitmap_bomb.ico", lambda: _icon_bomb(_dib_bomb()), "too-many-pixels"),
    BadFile("text_bomb.png", _text_bomb, None),
    BadFile("wide.png", lambda: encode(Image.new("L", (60_000, 1), 9), "PNG"), "too-long-side"),
    BadFile("one_pixel.png", lambda: encode(Image.new("RGB", (1, 1), "red"), "PNG"), None),
    BadFile("grey_16_bit.png", _grey16, None),
    BadFile("cmyk.jpg", lambda: encode(generate_photo().convert("CMYK"), "JPEG", quality=95), None),
    BadFile("palette.png", lambda: encode(generate_photo().quantize(64), "PNG"), None),
    BadFile("transparent.png", _transparent, None),
    BadFile("turned.jpg", lambda: encode_with_orientation(generate_photo(), 6), None),
    BadFile("orientation_99.jpg", lambda: encode_with_orientation(generate_photo(), 99), None),
    BadFile("first_frame_blank.gif", blank_then_photo, None),
    BadFile("a_webp.jpg", lambda: encode(generate_photo(), "WEBP", quality=95), None),
)
