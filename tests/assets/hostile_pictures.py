"""Small handmade files that exhaust the processor time or memory of a decoder: name → bytes."""

# ruff: noqa: E501 - one line a file

import struct
import zlib
from collections.abc import Callable, Iterable
from io import BytesIO

import numpy as np
from PIL import Image, TiffImagePlugin

from tests.assets.badfiles import encode, generate_photo, png, png_header

ZEROS = bytes(1000)


def lzw(pixels: int) -> bytes:
    """Return zeros for this number of pixels, compressed as in GIF (GIF89a, appendix F), in sub-blocks."""
    bits, filled, out = 0, 0, bytearray()

    def write_code(code: int, width: int) -> None:
        nonlocal bits, filled
        bits |= code << filled
        filled += width
        while filled >= 8:
            out.append(bits & 255)
            bits >>= 8
            filled -= 8

    width = 3
    while pixels > 0:
        write_code(4, width)
        write_code(0, 3)
        width, code, length = 3, 6, 1
        pixels -= 1
        while pixels > 0 and code < 4096:
            write_code(code, width)
            length += 1
            pixels -= length
            code += 1
            width = min(12, max(width, code.bit_length()))
    write_code(5, width)
    write_code(0, 7)
    return bytes([2]) + b"".join(
        bytes([len(out[at : at + 255])]) + out[at : at + 255] for at in range(0, len(out), 255)
    )


def gif_frame(width: int, height: int, data: bytes, *, x: int = 0, disposal: int = 0) -> bytes:
    """Return one frame with its control extension."""
    control = b"!\xf9\x04" + bytes([disposal << 2 | 1, 1, 0, 0]) + b"\0"
    return control + b"," + struct.pack("<HHHHB", x, 0, width, height, 0) + data + b"\0"


def gif(width: int, height: int, frames: Iterable[bytes]) -> bytes:
    """Return a GIF of four colours."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, 0, 0) + bytes(range(12)) + b"".join(frames) + b";"


def tiff(tags: dict[int, tuple[int, int, int]], tail: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF of one directory: tag → type, count, value."""
    body = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", following) + tail


def _grey(width: int, height: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    return tags | {int(name[1:]): value for name, value in more.items()}


def _one_tile(side: int, compression: int = 8) -> bytes:
    packed = zlib.compress(bytes(1 << 20)) if compression == 8 else ZEROS
    tags = _grey(64, 64, t259=(3, 1, compression), t322=(4, 1, side), t323=(4, 1, side))
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    return tiff(tags | {324: (4, 1, start), 325: (4, 1, len(packed))}, packed)


def _strips(count: int) -> bytes:
    tags = _grey(16, 16, t278=(4, 1, 1))
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    table = struct.pack("<I", 8) * count
    return tiff(tags | {273: (4, count, start), 279: (4, count, start)}, table)


def _directories(count: int) -> bytes:
    """Return a chain of directories, the last of which points to the first."""
    size = 2 + 12 + 4
    parts = [b"II*\0" + struct.pack("<I", 8)]
    for number in range(count):
        following = 8 if number == count - 1 else 8 + (number + 1) * size
        parts.append(struct.pack("<HHHIII", 1, 256, 4, 1, 1, following))
    return b"".join(parts)


def _jpeg_in_tiff() -> bytes:
    inner = bytearray(encode(Image.new("L", (64, 64)), "JPEG"))
    at = inner.index(b"\xff\xc0")
    inner[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    tags = _grey(64, 64, t259=(3, 1, 7), t278=(4, 1, 64))
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    return tiff(tags | {273: (4, 1, start), 279: (4, 1, len(inner))}, bytes(inner))


def _scans(side: int, size: int) -> bytes:
    whole = encode(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (size // len(last)) + b"\xff\xd9"


def _segments(marker: bytes, content: bytes, count: int) -> bytes:
    whole = encode(generate_photo(), "JPEG")
    return whole[:2] + (marker + struct.pack(">H", len(content) + 2) + content) * count + whole[2:]


def _exif_loop() -> bytes:
    """Return a directory that names itself as its Exif, GPS and Interop directory, and as the next one."""
    tags = dict.fromkeys((34665, 34853, 40965), (4, 1, 8))
    return _segments(b"\xff\xe1", b"Exif\0\0" + tiff(tags, following=8), 1)


def _exif_counts() -> bytes:
    tags = dict.fromkeys(range(36864, 36864 + 4000), (2, 2147483647, 8))
    return _segments(b"\xff\xe1", b"Exif\0\0" + tiff(tags), 1)


def _entity_bomb() -> bytes:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    packet = f'<!DOCTYPE x [{entities}]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a11;</x:xmpmeta>'
    return _segments(b"\xff\xe1", b"http://ns.adobe.com/xap/1.0/\0" + packet.encode(), 1)


def _deep_xmp() -> bytes:
    packet = b"<a>" * 10_000 + b"</a>" * 10_000
    return _segments(b"\xff\xe1", b"http://ns.adobe.com/xap/1.0/\0" + packet[:65_000], 1)


def _texts(kind: bytes, head: bytes, count: int) -> bytes:
    texts = [(kind, head + zlib.compress(bytes(1_000_000), 9))] * count
    return png(png_header(1, 1), *texts, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))


def _animated_png(frames: int, width: int, height: int) -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 1, 0, 0)
    pixels = zlib.compress(bytes(65 * 64))
    return png(
        png_header(64, 64),
        (b"acTL", struct.pack(">II", frames, 0)),
        (b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 1, 0, 0)),
        (b"IDAT", pixels),
        (b"fcTL", control),
        (b"fdAT", struct.pack(">I", 1) + pixels),
        (b"IEND", b""),
    )


def _long_idat() -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    return png(png_header(64, 64), (b"IDAT", packed), (b"IEND", b""))


def _webp(width: int, height: int, frames: int) -> bytes:
    """Return an animation with frames of one pixel on a large canvas."""
    still = encode(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    canvas = b"\x02\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    head = bytes(6) + bytes(6) + (10).to_bytes(3, "little") + b"\0"
    frame = b"ANMF" + struct.pack("<I", len(head) + len(still)) + head + still
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _avif(width: int, height: int) -> bytes:
    """Return an AVIF whose boxes and bitstream state different sizes."""
    data = encode(generate_photo(), "AVIF")
    size_box = b"ispe" + bytes(4)
    return data.replace(size_box + struct.pack(">II", 96, 64), size_box + struct.pack(">II", width, height))


def _large_avif_stated_small() -> bytes:
    size_box = b"ispe" + bytes(4)
    large = encode(Image.new("L", (2500, 2500)), "AVIF", speed=10)
    return large.replace(size_box + struct.pack(">II", 2500, 2500), size_box + struct.pack(">II", 64, 64))


def _many_views(count: int) -> bytes:
    return encode(generate_photo(), "MPO", save_all=True, append_images=[generate_photo(16, 16)] * count)


def _icon(count: int) -> bytes:
    inner = _texts(b"zTXt", b"c\0\0", 20)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 6 + 16 * count)
    return struct.pack("<HHH", 0, 1, count) + entry * count + inner


def _bitmap(width: int, height: int, *, colours: int = 0, coded: int = 1) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, coded, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + head + bytes(1024) + b"\0\2\xff\xff" * 50_000


def _pages() -> bytes:
    """Return a TIFF with a blank page and a far larger one."""
    out = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for side in (64, 20_000):
            packed = zlib.compress(bytes(1 << 20))
            tags = _grey(side, side, t259=(3, 1, 8), t278=(4, 1, side))
            start = 8 + 2 + 12 * (len(tags) + 2) + 4
            writer.write(tiff(tags | {273: (4, 1, start), 279: (4, 1, len(packed))}, packed))
            writer.newFrame()
    return out.getvalue()


def _noise(kind: str, side: int) -> bytes:
    grey = np.random.default_rng(1).integers(0, 255, (side, side), np.uint8)
    return encode(Image.fromarray(grey), kind)


HOSTILE_PICTURES: dict[str, Callable[[], bytes]] = {
    "second_frame_13300.gif": lambda: gif(64, 64, [gif_frame(64, 64, lzw(4096)), gif_frame(13_300, 13_300, lzw(13_300**2))]),
    "second_frame_7000.gif": lambda: gif(64, 64, [gif_frame(64, 64, lzw(4096)), gif_frame(7000, 7000, lzw(7000**2))]),
    "frame_beyond_the_screen.gif": lambda: gif(1, 1, [gif_frame(65_535, 65_535, lzw(4096), x=65_535)]),
    "first_frame_13300.gif": lambda: gif(64, 64, [gif_frame(13_300, 13_300, lzw(13_300**2))]),
    "growing_frames.gif": lambda: gif(64, 64, [gif_frame(64 + 200 * n, 9000, lzw(64), disposal=2) for n in range(40)]),
    "kept_frames.gif": lambda: gif(7000, 7000, [gif_frame(7000, 7000, lzw(4096), disposal=3)] * 40),
    "million_frames.gif": lambda: gif(1, 1, [gif_frame(1, 1, lzw(1))] * 1_000_000),
    "long_comment.gif": lambda: gif(1, 1, [b"!\xfe" + (b"\xff" + bytes(255)) * 110_000 + b"\0", gif_frame(1, 1, lzw(1))]),
    "blank_frames.gif": lambda: gif(7000, 7000, [gif_frame(7000, 7000, lzw(7000**2))] * 32),
    "one_tile_20000.tif": lambda: _one_tile(20_000),
    "one_tile_65536.tif": lambda: _one_tile(65_536),
    "one_tile_of_lzw.tif": lambda: _one_tile(32_768, 5),
    "one_tile_of_jpeg.tif": lambda: _one_tile(30_000, 7),
    "raw_tile.tif": lambda: _one_tile(30_000, 1),
    "million_strips.tif": lambda: _strips(1_000_000),
    "seven_million_strips.tif": lambda: _strips(7_000_000),
    "directories_in_a_ring.tif": lambda: _directories(500_000),
    "many_samples.tif": lambda: tiff(_grey(2000, 2000, t277=(3, 1, 65_535), t273=(4, 1, 8), t279=(4, 1, 8))),
    "rows_without_end.tif": lambda: tiff(_grey(20_000, 3, t278=(4, 1, 0xFFFF_FFFF), t273=(4, 1, 8), t279=(4, 1, 8))),
    "long_text.tif": lambda: tiff(_grey(16, 16, t270=(2, 0xFFFF_FFFF, 8), t273=(4, 1, 8), t279=(4, 1, 8))),
    "other_size_within.tif": _jpeg_in_tiff,
    "second_page_20000.tif": _pages,
    "many_scans.jpg": lambda: _scans(8900, 2_000_000),
    "more_scans.jpg": lambda: _scans(3000, 20_000_000),
    "many_comments.jpg": lambda: _segments(b"\xff\xfe", b"", 5_000_000),
    "many_profiles.jpg": lambda: _segments(b"\xff\xe2", b"ICC_PROFILE\0\1\1" + bytes(60_000), 400),
    "exif_loop.jpg": _exif_loop,
    "exif_counts.jpg": _exif_counts,
    "iptc.jpg": lambda: _segments(b"\xff\xed", b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\xff\0" + b"\x1c\2\x50\0\0" * 9000, 300),
    "entities.jpg": _entity_bomb,
    "deep_xmp.jpg": _deep_xmp,
    "largest.jpg": lambda: encode(Image.new("L", (30_000, 4000)), "JPEG"),
    "many_views.mpo": lambda: _many_views(300),
    "zipped_texts.png": lambda: _texts(b"zTXt", b"c\0\0", 500),
    "international_texts.png": lambda: _texts(b"iTXt", b"c\0\1\0\0\0", 500),
    "profile.png": lambda: png(png_header(1, 1), (b"iCCP", b"p\0\0" + zlib.compress(bytes(50_000_000))), (b"IEND", b"")),
    "long_pixels.png": _long_idat,
    "one_bit.png": lambda: png((b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)), (b"IDAT", ZEROS)),
    "interlaced.png": lambda: png(
        (b"IHDR", struct.pack(">IIBBBBB", 10_900, 10_900, 16, 6, 0, 0, 1)), (b"IDAT", zlib.compress(bytes(90_000_000)))
    ),
    "deep_colours.png": lambda: png(
        (b"IHDR", struct.pack(">IIBBBBB", 10_900, 10_900, 16, 6, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(90_000_000), 1))
    ),
    "second_frame_65535.png": lambda: _animated_png(2, 65_535, 65_535),
    "frames_without_end.png": lambda: _animated_png(0x7FFF_FFFF, 64, 64),
    "canvas_16383.webp": lambda: _webp(16_383, 16_383, 2),
    "canvas_7700.webp": lambda: _webp(7700, 7700, 60),
    "many_frames.webp": lambda: _webp(64, 64, 200_000),
    "says_more.avif": lambda: _avif(65_000, 65_000),
    "says_less.avif": _large_avif_stated_small,
    "icon_of_65535.ico": lambda: _icon(65_535),
    "coded.bmp": lambda: _bitmap(10_000, 12_000),
    "upside_down.bmp": lambda: _bitmap(16, -0x8000_0000),
    "colours.bmp": lambda: _bitmap(16, 16, colours=0x7FFF_FFFF, coded=0),
    "noise.gif": lambda: _noise("GIF", 2500),
}  # fmt: skip
