"""Picture files of which one segment, chunk, block or box is damaged: each that browsers may show all the same."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

from tests.assets.badfiles import photo, saved
from tests.assets.profiles import ADOBE_RGB, rgb_profile

Part = tuple[bytes, bytes]
_PNG = b"\x89PNG\r\n\x1a\n"
_JUNK = bytes(range(7, 135))
_SIZE = (120, 80)
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
               "avif": "image/avif", "bmp": "image/bmp", "ico": "image/x-icon"}  # fmt: skip


def damaged_pictures() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file; the name begins with a key of ``MEDIA_TYPES`` and a hyphen."""
    for make in (_pngs, _jpegs, _gifs, _webps, _avifs, _bmps, _icons):
        yield from make()


def _damages(body: bytes) -> Iterator[tuple[str, bytes]]:
    """A body in all the wrong sizes and contents."""
    yield "sound", body
    yield "empty", b""
    yield "one-byte", body[:1] or b"\0"
    yield "half", body[: len(body) // 2]
    yield "one-short", body[:-1]
    yield "one-long", body + b"\0"
    yield "long", body + _JUNK
    yield "zeros", bytes(len(body))
    yield "ones", b"\xff" * len(body)
    yield "junk", (_JUNK * (len(body) // len(_JUNK) + 1))[: len(body)]


# PNG


def _chunk(name: bytes, body: bytes, crc: int = 0) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ crc)


def _png_chunks(data: bytes) -> list[Part]:
    place, chunks = len(_PNG), []
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks


def _ancillary(kind: str) -> Iterator[Part]:
    samples = 1 if kind == "grey" else 3
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010E] = "A description"
    yield b"gAMA", struct.pack(">I", 45455)
    yield b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    yield b"sRGB", b"\0"
    if kind == "rgb":
        yield b"iCCP", b"profile\0\0" + zlib.compress(rgb_profile(2.2, ADOBE_RGB))
    yield b"sBIT", b"\x08" * samples
    yield b"bKGD", b"\1" if kind == "palette" else bytes(2 * samples)
    yield b"tRNS", b"\xff\xff" if kind == "palette" else b"\0\1" * samples
    if kind == "palette":
        yield b"hIST", bytes(2 * 64)
    yield b"pHYs", struct.pack(">IIB", 2835, 2835, 1)
    yield b"oFFs", struct.pack(">iiB", 0, 0, 0)
    yield b"pCAL", b"p\0" + struct.pack(">iiBB", 0, 255, 0, 2) + b"m\x000\x001"
    yield b"sCAL", b"\x011\x001"
    yield b"sPLT", b"name\0\x08" + bytes(6) * 4
    yield b"tIME", struct.pack(">HBBBBB", 2024, 5, 31, 14, 30, 0)
    yield b"tEXt", b"Title\0A title"
    yield b"zTXt", b"Title\0\0" + zlib.compress(b"A title")
    yield b"iTXt", b"Title\0\0\0en\0Title\0A title"
    yield b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")
    yield b"cICP", b"\x01\x0d\x00\x01"
    yield b"mDCV", struct.pack(">8HII", *(30000,) * 8, 10000000, 1)
    yield b"cLLI", struct.pack(">II", 10000000, 1000000)
    yield b"acTL", struct.pack(">II", 1, 0)
    yield b"fcTL", struct.pack(">5IHHBB", 0, *_SIZE, 0, 0, 1, 10, 0, 0)
    yield b"fdAT", struct.pack(">I", 1) + zlib.compress(b"\0" * 100)
    yield b"prVt", b"anything"


@cache
def _png_bases() -> dict[str, bytes]:
    picture = photo(*_SIZE)
    return {
        "rgb": saved(picture, "PNG"),
        "palette": saved(picture.quantize(64), "PNG"),
        "grey": saved(picture.convert("L"), "PNG"),
    }


def _pngs() -> Iterator[tuple[str, bytes]]:
    for kind, base in _png_bases().items():
        chunks = _png_chunks(base)
        split = next(number for number, (name, _) in enumerate(chunks) if name == b"IDAT")
        before = _PNG + b"".join(_chunk(*chunk) for chunk in chunks[:split])
        after = b"".join(_chunk(*chunk) for chunk in chunks[split:-1])
        end = _chunk(b"IEND", b"")
        ihdr, rest = before[:33], before[33:]
        for name, body in _ancillary(kind):
            label = f"png-{kind}-{name.decode()}"
            for damage, changed in _damages(body):
                yield f"{label}-{damage}", before + _chunk(name, changed) + after + end
            bad = _chunk(name, body, crc=1)
            yield f"{label}-crc", before + bad + after + end
            yield f"{label}-crc-behind-pixels", before + after + bad + end
            yield f"{label}-crc-and-junk", before + _chunk(name, _JUNK[: len(body)], crc=1) + after + end
            yield f"{label}-twice", before + 2 * _chunk(name, body) + after + end
            yield f"{label}-first", ihdr + _chunk(name, body) + rest + after + end
            yield f"{label}-behind-pixels", before + after + _chunk(name, body) + end
            yield f"{label}-behind-end", before + after + end + _chunk(name, body)
            yield f"{label}-twice-crc", before + bad + _chunk(name, body) + after + end
            long = bytearray(_chunk(name, body))
            for size in (0x7FFFFFFF, 0xFFFFFFFF, len(body) + 1000, max(0, len(body) - 1), len(body) + 1):
                struct.pack_into(">I", long, 0, size)
                yield f"{label}-says-{size:x}", before + bytes(long) + after + end
        yield from _critical(kind, base, chunks)


def _critical(kind: str, base: bytes, chunks: list[Part]) -> Iterator[tuple[str, bytes]]:
    for number, (name, body) in enumerate(chunks):
        made = [_chunk(*chunk) for chunk in chunks]
        label = f"png-{kind}-{name.decode()}"
        yield f"{label}-crc", _PNG + b"".join([*made[:number], _chunk(name, body, crc=1), *made[number + 1 :]])
        yield f"{label}-missing", _PNG + b"".join([*made[:number], *made[number + 1 :]])
        yield f"{label}-twice", _PNG + b"".join([*made[: number + 1], *made[number:]])
        yield f"{label}-one-short", _PNG + b"".join([*made[:number], _chunk(name, body[:-1]), *made[number + 1 :]])
        yield f"{label}-long", _PNG + b"".join([*made[:number], _chunk(name, body + _JUNK), *made[number + 1 :]])
        yield f"{label}-empty-before", _PNG + b"".join([*made[:number], _chunk(name, b""), *made[number:]])
        for odd in (b"ABCD", b"AbCd", b"a1cd", b"\0\0\0\0", b"abcd", b"abCd"):
            yield f"{label}-{odd.hex()}-before", _PNG + b"".join([*made[:number], _chunk(odd, b"odd"), *made[number:]])
        yield f"{label}-junk-before", _PNG + b"".join([*made[:number], b"junk", *made[number:]])
    pixels = b"".join(body for name, body in chunks if name == b"IDAT")
    head = [_chunk(*chunk) for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    parts = [_chunk(b"IDAT", pixels[at : at + 500]) for at in range(0, len(pixels), 500)]
    end = _chunk(b"IEND", b"")
    text = _chunk(b"tEXt", b"Title\0A title")
    yield f"png-{kind}-text-amid-pixels", _PNG + b"".join([*head, *parts[:2], text, *parts[2:], end])
    bad = _chunk(b"IDAT", pixels[500:1000], crc=1)
    yield f"png-{kind}-second-IDAT-crc", _PNG + b"".join([*head, parts[0], bad, *parts[2:], end])
    yield f"png-{kind}-adler", _PNG + b"".join([*head, _chunk(b"IDAT", pixels[:-4] + bytes(4)), end])
    yield f"png-{kind}-no-adler", _PNG + b"".join([*head, _chunk(b"IDAT", pixels[:-4]), end])
    yield f"png-{kind}-window", _PNG + b"".join([*head, _chunk(b"IDAT", b"\x08\x1d" + pixels[2:]), end])
    yield f"png-{kind}-no-end", base[:-12]
    yield f"png-{kind}-half-end", base[:-6]
    yield f"png-{kind}-junk-behind", base + _JUNK
    yield f"png-{kind}-junk-in-pixels", _PNG + b"".join([*head, _chunk(b"IDAT", pixels + _JUNK), end])
    middle = len(pixels) // 2
    yield (
        f"png-{kind}-garbled",
        _PNG + b"".join([*head, _chunk(b"IDAT", pixels[:middle] + bytes(20) + pixels[middle + 20 :]), end]),
    )
    for share in (0.3, 0.6, 0.95):
        yield f"png-{kind}-cut-{share}", base[: int(len(base) * share)]
    for place, value in ((26, 1), (27, 1), (28, 2)):
        header = bytearray(chunks[0][1])
        header[place - 16] = value
        yield f"png-{kind}-header-{place}", _PNG + b"".join([_chunk(b"IHDR", bytes(header)), *head[1:], *parts, end])
    yield f"png-{kind}-signature", b"\x89PNG\n\x1a\n" + base[8:]
    yield f"png-{kind}-zeros-before", bytes(4) + base


# JPEG


def _segment(marker: int, body: bytes, size: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2 if size is None else size) + body


def _segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Those before the scan, and the bytes of the scan with its header and the end."""
    place, segments = 2, []
    while data[place + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, place + 2)
        segments.append((data[place + 1], data[place + 4 : place + 2 + size]))
        place += 2 + size
    return segments, data[place:]


def _jpegs() -> Iterator[tuple[str, bytes]]:
    picture = photo(*_SIZE)
    bases = {
        "plain": saved(picture, "JPEG", quality=90),
        "progressive": saved(picture, "JPEG", quality=90, progressive=True),
        "grey": saved(picture.convert("L"), "JPEG", quality=90),
        "restarts": saved(picture, "JPEG", quality=90, restart_marker_blocks=4),
        "inks": saved(picture.convert("CMYK"), "JPEG", quality=90),
    }
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010E] = "A description"
    others = [
        (0xE0, "JFIF", b"JFIF\0\1\1\1\0H\0H\0\0"),
        (0xE0, "JFXX", b"JFXX\0\x13\1\1" + bytes(3)),
        (0xE0, "AVI1", b"AVI1\0\0\0\0\0\0\0\0"),
        (0xE1, "Exif", exif.tobytes()),
        (0xE1, "XMP", b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        (0xE2, "ICC", b"ICC_PROFILE\0\1\1" + rgb_profile(2.2, ADOBE_RGB)),
        (0xE2, "MPF", b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\0\0\7\0\0\0\x040100\0\0\0\0"),
        (0xE2, "FPXR", b"FPXR\0" + bytes(10)),
        (0xEC, "Ducky", b"Ducky\0\1\0\4\0\0\0\x50\0\0"),
        (0xED, "Photoshop", b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\x0d\x1c\2\x05\0\x08A title.\0"),
        (0xEE, "Adobe", b"Adobe\0\x64\0\0\0\0\1"),
        (0xEB, "JUMBF", b"JP\0\1\0\0\0\1" + struct.pack(">I4s", 30, b"jumb") + bytes(22)),
        (0xE7, "APP7", b"anything at all"),
        (0xFE, "COM", b"A comment"),
        (0xDD, "DRI", b"\0\0"),
        (0xDC, "DNL", struct.pack(">H", 80)),
        (0xF0, "JPG0", b"anything at all"),
        (0x01, "TEM", b""),
        (0xC8, "JPG", b"anything"),
        (0xCC, "DAC", b"\0\1"),
        (0xBF, "RES", b"anything"),
    ]
    for kind, base in bases.items():
        segments, scan = _segments(base)
        own = b"".join(_segment(*segment) for segment in segments)
        for marker, name, body in others if kind in ("plain", "inks") else others[:1] + others[10:16]:
            label = f"jpeg-{kind}-{name}"
            for damage, changed in _damages(body):
                if len(changed) < 0xFFFE:
                    yield f"{label}-{damage}", b"\xff\xd8" + _segment(marker, changed) + own + scan
            good = _segment(marker, body)
            yield f"{label}-twice", b"\xff\xd8" + 2 * good + own + scan
            yield f"{label}-last", b"\xff\xd8" + own + good + scan
            yield f"{label}-behind-end", base + good
            yield f"{label}-before-end", base[:-2] + good + base[-2:]
            for size in (0, 1, 2, 3, len(body), len(body) + 1, len(body) + 3, len(body) + 10, 0xFFFF):
                yield f"{label}-says-{size:x}", b"\xff\xd8" + _segment(marker, body, size) + own + scan
        for number, (marker, body) in enumerate(segments):
            label = f"jpeg-{kind}-own-{marker:02x}-{number}"
            made = [_segment(*segment) for segment in segments]
            for damage, changed in _damages(body):
                parts = [*made[:number], _segment(marker, changed), *made[number + 1 :]]
                yield f"{label}-{damage}", b"\xff\xd8" + b"".join(parts) + scan
            yield f"{label}-missing", b"\xff\xd8" + b"".join([*made[:number], *made[number + 1 :]]) + scan
            yield f"{label}-twice", b"\xff\xd8" + b"".join([*made[: number + 1], *made[number:]]) + scan
            for odd in (b"\xff\xff", b"junk", b"\0", b"\xff\0", b"\xff\xd8", b"\xff\xd0", b"\xff\x01"):
                parts = [*made[:number], odd, *made[number:]]
                yield f"{label}-{odd.hex()}-before", b"\xff\xd8" + b"".join(parts) + scan
        yield from _scans(kind, base, scan, own)


def _scans(kind: str, base: bytes, scan: bytes, own: bytes) -> Iterator[tuple[str, bytes]]:
    yield f"jpeg-{kind}-no-end", base[:-2]
    yield f"jpeg-{kind}-half-end", base[:-1]
    yield f"jpeg-{kind}-junk-behind", base + _JUNK
    yield f"jpeg-{kind}-zeros-behind", base + bytes(100)
    yield f"jpeg-{kind}-another-behind", base + base
    yield f"jpeg-{kind}-zeros-for-end", base[:-2] + bytes(100)
    yield f"jpeg-{kind}-junk-before-end", base[:-2] + _JUNK + base[-2:]
    yield f"jpeg-{kind}-newline-before", b"\n" + base
    for share in (0.3, 0.6, 0.95):
        yield f"jpeg-{kind}-cut-{share}", base[: int(len(base) * share)]
    middle = len(scan) // 2
    for name, odd in (("zeros", bytes(20)), ("junk", _JUNK[:20]), ("marker", b"\xff\xd3"), ("end", b"\xff\xd9"),
                      ("app", _segment(0xE5, b"anything")), ("com", _segment(0xFE, b"anything"))):  # fmt: skip
        yield f"jpeg-{kind}-scan-{name}", b"\xff\xd8" + own + scan[:middle] + odd + scan[middle + len(odd) :]
        yield f"jpeg-{kind}-scan-{name}-more", b"\xff\xd8" + own + scan[:middle] + odd + scan[middle:]
    for place in range(2, 2 + 12):
        for value in (0, 255):
            header = bytearray(scan)
            header[place] = value
            yield f"jpeg-{kind}-scan-header-{place}-{value}", b"\xff\xd8" + own + bytes(header)


# GIF


def _gifs() -> Iterator[tuple[str, bytes]]:
    still = saved(photo(*_SIZE).quantize(64), "GIF")
    frames = [photo(*_SIZE).rotate(angle).quantize(64) for angle in (0, 180)]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[3000, 500], loop=0)
    for kind, base in {"still": still, "moving": moving}.items():
        table = 13 + (3 << ((base[10] & 7) + 1) if base[10] & 0x80 else 0)
        blocks = {
            "comment": b"\x21\xfe\x09A comment\0",
            "text": b"\x21\x01\x0c" + bytes(12) + b"\4text\0",
            "loop": b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0",
            "xmp": b"\x21\xff\x0bXMP DataXMP<x/>\1" + bytes(range(255, -1, -1)) + b"\0",
            "icc": b"\x21\xff\x0bICCRGBG1012\4junk\0",
            "control": b"\x21\xf9\4\0\0\0\0\0",
            "unknown": b"\x21\x99\4junk\0",
        }
        for name, block in blocks.items():
            label = f"gif-{kind}-{name}"
            for place, at in {"first": table, "last": len(base) - 1}.items():
                yield f"{label}-{place}", base[:at] + block + base[at:]
                yield f"{label}-{place}-twice", base[:at] + 2 * block + base[at:]
                yield f"{label}-{place}-unended", base[:at] + block[:-1] + base[at:]
                yield f"{label}-{place}-empty", base[:at] + block[:2] + b"\0" + base[at:]
                for size in (1, 3, 5, 10, 12, 255):
                    odd = block[:2] + bytes([size]) + block[3:]
                    yield f"{label}-{place}-says-{size}", base[:at] + odd + base[at:]
                    short = block[:2] + bytes([size]) + (block[3:-1] * 99)[:size] + b"\0"
                    yield f"{label}-{place}-of-{size}", base[:at] + short + base[at:]
        for field in range(3, 13):
            for value in (0, 1, 255):
                changed_bytes = bytearray(base)
                changed_bytes[field] = value
                yield f"gif-{kind}-header-{field}-{value}", bytes(changed_bytes)
        at = base.index(b"\x2c", table)
        for field in range(1, 12):
            for value in (0, 1, 9, 255):
                changed_bytes = bytearray(base)
                changed_bytes[at + field] = value
                yield f"gif-{kind}-frame-{field}-{value}", bytes(changed_bytes)
        yield f"gif-{kind}-no-end", base[:-1]
        yield f"gif-{kind}-no-terminator", base[:-2]
        yield f"gif-{kind}-junk-for-end", base[:-1] + _JUNK
        yield f"gif-{kind}-zero-for-end", base[:-1] + b"\0;"
        yield f"gif-{kind}-junk-behind", base + _JUNK
        yield f"gif-{kind}-zeros-before-frame", base[:at] + bytes(3) + base[at:]
        yield f"gif-{kind}-junk-before-frame", base[:at] + b"junk" + base[at:]
        middle = (at + len(base)) // 2
        yield f"gif-{kind}-garbled", base[:middle] + bytes(10) + base[middle + 10 :]
        yield f"gif-{kind}-garbled-ones", base[:middle] + b"\xff" * 10 + base[middle + 10 :]
        for share in (0.3, 0.6, 0.95):
            yield f"gif-{kind}-cut-{share}", base[: int(len(base) * share)]


# WebP


def _riff(parts: list[Part], size: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(_riff_chunk(*part) for part in parts)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _riff_parts(data: bytes) -> list[Part]:
    place, parts = 12, []
    while place + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, place + 4)
        parts.append((data[place : place + 4], data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return parts


def _webps() -> Iterator[tuple[str, bytes]]:
    picture = photo(*_SIZE)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray(np.full((_SIZE[1], _SIZE[0]), 180, np.uint8)))
    exif = Image.Exif()
    exif[0x010E] = "A description"
    about = {"exif": exif.tobytes(), "icc_profile": rgb_profile(2.2, ADOBE_RGB), "xmp": b"<x:xmpmeta/>"}
    frames = [picture.rotate(180)]
    bases = {
        "lossy": saved(picture, "WEBP", quality=90, **about),
        "lossless": saved(picture, "WEBP", lossless=True, **about),
        "clear": saved(clear, "WEBP", quality=90, **about),
        "moving": saved(
            picture, "WEBP", save_all=True, append_images=frames, duration=[3000, 500], quality=90, **about
        ),
    }
    for kind, base in bases.items():
        parts = _riff_parts(base)
        for number, (name, body) in enumerate(parts):
            label = f"webp-{kind}-{name.decode().strip()}-{number}"
            before, after = parts[:number], parts[number + 1 :]
            for damage, changed in _damages(body):
                yield f"{label}-{damage}", _riff([*before, (name, changed), *after])
            yield f"{label}-missing", _riff([*before, *after])
            yield f"{label}-twice", _riff([*before, (name, body), (name, body), *after])
            yield f"{label}-first", _riff([(name, body), *before, *after])
            yield f"{label}-last", _riff([*before, *after, (name, body)])
            yield f"{label}-renamed", _riff([*before, (b"JUNK", body), *after])
            yield f"{label}-junk-before", _riff([*before, (b"JUNK", b"odd"), (name, body), *after])
            place = 12 + sum(len(_riff_chunk(*part)) for part in before)
            for size in (0, len(body) - 1, len(body) + 1, len(body) + 2, len(body) + 1000, 0xFFFFFFFF):
                odd = base[: place + 4] + struct.pack("<I", size) + base[place + 8 :]
                yield f"{label}-says-{size:x}", odd
            unpadded = b"".join(_riff_chunk(*part) for part in before) + name + struct.pack("<I", len(body) | 1)
            unpadded += body + b"\1" * (1 - len(body) % 2) + b"".join(_riff_chunk(*part) for part in after)
            yield f"{label}-unpadded", b"RIFF" + struct.pack("<I", 4 + len(unpadded)) + b"WEBP" + unpadded
        for size in (0, 4, 100, len(base) - 9, len(base) - 10, len(base) - 7, len(base) + 1000, 0xFFFFFFFF):
            yield f"webp-{kind}-says-{size:x}", _riff(parts, size)
        for bit in range(8):
            changed_bytes = bytearray(base)
            changed_bytes[20] ^= 1 << bit
            yield f"webp-{kind}-flag-{bit}", bytes(changed_bytes)
        yield f"webp-{kind}-junk-behind", base + _JUNK
        yield f"webp-{kind}-bare", _riff([part for part in parts if part[0] in (b"VP8 ", b"VP8L")])
        for share in (0.3, 0.6, 0.95, 0.99):
            yield f"webp-{kind}-cut-{share}", base[: int(len(base) * share)]


# AVIF

_CONTAINERS = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
}


def _boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    place = begin
    while place + 8 <= end:
        (size,) = struct.unpack_from(">I", data, place)
        name = data[place + 4 : place + 8]
        yield place, size, name
        if name in _CONTAINERS:
            yield from _boxes(data, place + 8 + _CONTAINERS[name], place + size)
        place += max(8, size)


def _avifs() -> Iterator[tuple[str, bytes]]:
    picture = photo(*_SIZE)
    exif = Image.Exif()
    exif[0x010E] = "A description"
    about = {"exif": exif.tobytes(), "icc_profile": rgb_profile(2.2, ADOBE_RGB), "xmp": b"<x:xmpmeta/>"}
    frames = [picture.rotate(180)]
    bases = {
        "still": saved(picture, "AVIF", quality=90, **about),
        "bare": saved(picture, "AVIF", quality=90),
        "moving": saved(
            picture, "AVIF", quality=90, save_all=True, append_images=frames, duration=[3000, 500], **about
        ),
    }
    for kind, base in bases.items():
        for place, size, name in _boxes(base, 0, len(base)):
            label = f"avif-{kind}-{name.decode('latin-1')}-{place}"
            yield f"{label}-renamed", base[: place + 4] + b"free" + base[place + 8 :]
            for said in (0, size - 1, size + 1, 0xFFFFFFFF):
                yield f"{label}-says-{said:x}", base[:place] + struct.pack(">I", said) + base[place + 4 :]
            if name != b"mdat":
                for at in sorted({8, 9, 11, 12, 15, 16, 19, 20, size - 1} & set(range(8, size))):
                    for value in (0, 1, 255):
                        changed_bytes = bytearray(base)
                        changed_bytes[place + at] = value
                        yield f"{label}-byte-{at}-{value}", bytes(changed_bytes)
        yield f"avif-{kind}-junk-behind", base + _JUNK
        yield f"avif-{kind}-box-behind", base + struct.pack(">I4s", 12, b"junk") + b"junk"
        for share in (0.3, 0.6, 0.95, 0.99):
            yield f"avif-{kind}-cut-{share}", base[: int(len(base) * share)]
        middle = len(base) * 3 // 4
        yield f"avif-{kind}-garbled", base[:middle] + bytes(10) + base[middle + 10 :]


# BMP and icons


def _bmps() -> Iterator[tuple[str, bytes]]:
    picture = photo(*_SIZE)
    bases = {
        "rgb": saved(picture, "BMP"),
        "palette": saved(picture.quantize(64), "BMP"),
        "grey": saved(picture.convert("L"), "BMP"),
        "bits": saved(picture.convert("1"), "BMP"),
        "clear": saved(picture.convert("RGBA"), "BMP"),
    }
    for kind, base in bases.items():
        fields = [(26, 2), (28, 2), *((place, 4) for place in (2, 6, 10, 14, 18, 22, 30, 34, 38, 46, 50))]
        for place, size in fields:
            now = int.from_bytes(base[place : place + size], "little")
            top = (1 << 8 * size) - 1
            for value in sorted({0, 1, 2, 3, now - 1, now + 1, now + 4, now - 4, 1000, top, top >> 1, -now} - {now}):
                odd = base[:place] + (value & top).to_bytes(size, "little") + base[place + size :]
                yield f"bmp-{kind}-{place}-{value & top:x}", odd
        yield f"bmp-{kind}-junk-behind", base + _JUNK
        for cut in (1, 4, 100, len(base) // 2):
            yield f"bmp-{kind}-cut-{cut}", base[:-cut]


def _icons() -> Iterator[tuple[str, bytes]]:
    picture = photo(64, 64)
    png, bmp = (
        saved(picture.convert("RGBA"), "PNG"),
        saved(picture.convert("RGBA"), "ICO", bitmap_format="bmp", sizes=[(64, 64)]),
    )
    small = saved(picture.resize((32, 32)).convert("RGBA"), "PNG")
    dib = bmp[22:]
    bad_text = png[:33] + _chunk(b"tEXt", b"Title\0A title", crc=1) + png[33:]

    def icon(entries: list[tuple[int, bytes]], count: int | None = None, kind: int = 1) -> bytes:
        place, head, body = 6 + 16 * len(entries), b"", b""
        for side, data in entries:
            head += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(data), place)
            place, body = place + len(data), body + data
        return struct.pack("<HHH", 0, kind, len(entries) if count is None else count) + head + body

    for kind, data in {"png": png, "dib": dib}.items():
        base = icon([(64, data)])
        yield f"ico-{kind}-sound", base
        for place, size in ((0, 2), (2, 2), (4, 2), (6, 1), (7, 1), (8, 1), (9, 1), (10, 2), (12, 2), (14, 4), (18, 4)):
            now = int.from_bytes(base[place : place + size], "little")
            top = (1 << 8 * size) - 1
            for value in sorted({0, 1, 2, 3, now - 1, now + 1, now + 8, 24, 255, top, top >> 1} - {now}):
                odd = base[:place] + (value & top).to_bytes(size, "little") + base[place + size :]
                yield f"ico-{kind}-{place}-{value & top:x}", odd
        yield f"ico-{kind}-junk-behind", base + _JUNK
        for cut in (1, 20, len(data) // 2):
            yield f"ico-{kind}-cut-{cut}", base[:-cut]
        yield f"ico-{kind}-and-small", icon([(64, data), (32, small)])
        yield f"ico-{kind}-and-broken-small", icon([(64, data), (32, small[:60])])
        yield f"ico-{kind}-broken-small-first", icon([(32, b"junk" * 9), (64, data)])
    yield "ico-png-text-crc", icon([(64, bad_text)])
    for place in (0, 4, 8, 12, 14, 16, 20, 32, 36):
        for value in (0, 1, 2, 32, 40, 64, 124, 255):
            changed_bytes = bytearray(dib)
            struct.pack_into("<H", changed_bytes, place, value)
            yield f"ico-dib-header-{place}-{value}", icon([(64, bytes(changed_bytes))])
