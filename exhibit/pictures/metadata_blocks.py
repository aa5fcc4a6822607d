"""Locations of metadata in image files: EXIF, IPTC, XMP, text chunks and comments of each format.

JPEG segments and AVIF items come from Pillow. The chunks of PNG, WebP and GIF are read here, because Pillow ignores
chunks after a PNG's pixels, chunks that a WebP's header does not announce, and XMP in a GIF.
"""

import binascii
import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image

from exhibit.pictures import exif, iptc
from exhibit.pictures.text_encodings import Text, as_utf_8, decode_latin_1
from exhibit.pictures.xmp import MAX_XMP

MAX_TEXT_BYTES = 1 << 20  # maximum bytes of a chunk, unpacked
MAX_CHUNKS = 10_000
MAX_EXIF = 1 << 22  # maximum bytes, in several segments of a JPEG
_EXIF, _XMP, _XMP_EXTENSION = b"Exif\0", b"http://ns.adobe.com/xap/1.0/", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = re.compile(rb"Photoshop 3\.0\0|Adobe_Photoshop2\.5:")
_XMP_START = re.compile(rb"\s*(?:<\?xpacket|<\?xml|<\w+:xmpmeta|<\w+:xapmeta|<\w+:RDF)|\xef\xbb\xbf|\xff\xfe|\xfe\xff")
_EXTENSION_HEAD = struct.Struct(">32sII")
_EXTENDED_XMP = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})")
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
_PNG, _RAW_PROFILE = b"\x89PNG\r\n\x1a\n", "raw profile type "
_GIF_XMP, _GIF_XMP_END = b"\x21\xff\x0bXMP DataXMP", b"\x01\xff\xfe\xfd"


@dataclass(slots=True)
class Blocks:
    """Metadata blocks of a file, as bytes."""

    exif: list[bytes] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, Text]] = field(default_factory=list)  # keyword and text of PNG chunks
    damaged: list[str] = field(default_factory=list)  # names of damaged or incomplete blocks


def collect_blocks(picture: Image.Image, data: bytes) -> Blocks:
    """Collect the metadata blocks of an opened image file."""
    blocks = Blocks()
    readers: dict[str, Callable[[], None]] = {
        "JPEG": lambda: _jpeg(picture, blocks),
        "MPO": lambda: _jpeg(picture, blocks),
        "PNG": lambda: _png(data, blocks),
        "WEBP": lambda: _webp(data, blocks),
        "GIF": lambda: _gif(picture, data, blocks),
        "TIFF": lambda: _tiff(data, blocks),
    }
    readers.get(picture.format or "", lambda: _items(picture, blocks))()
    return blocks


def _items(picture: Image.Image, blocks: Blocks) -> None:
    """Add the blocks that Pillow found, for AVIF."""
    for name, packets in (("exif", blocks.exif), ("xmp", blocks.xmp)):
        block = picture.info.get(name)
        if isinstance(block, bytes) and block:
            packets.append(_without_head(block) if name == "exif" else block)


def _jpeg(picture: Image.Image, blocks: Blocks) -> None:
    photoshop: list[bytes] = []
    extensions: list[bytes] = []
    for name, content in getattr(picture, "applist", ()):
        if name == "COM":
            blocks.comments.append(content)
        elif name == "APP1" and content.startswith(_EXIF):
            _add_exif(content[6:], blocks)
        elif name == "APP1" and content.startswith(_XMP_EXTENSION):
            extensions.append(content[len(_XMP_EXTENSION) :])
        elif name == "APP1":
            _add_xmp_segment(content, blocks)
        elif name == "APP13" and (head := _PHOTOSHOP.match(content)) is not None:
            photoshop.append(content[head.end() :])
        elif name == "APP13" and content.startswith((b"\x1c\x01", b"\x1c\x02")):
            blocks.iptc.append(content)
    _add_resources(photoshop, blocks)
    _add_extensions(extensions, blocks)


def _add_exif(content: bytes, blocks: Blocks) -> None:
    """Add a segment's EXIF, which is a new block or continues the previous one."""
    if blocks.exif and not content.startswith(_TIFF_HEADS):
        if len(blocks.exif[-1]) < MAX_EXIF:  # a missing rest is reported as damage
            blocks.exif[-1] += content
    else:
        blocks.exif.append(content)


def _add_xmp_segment(content: bytes, blocks: Blocks) -> None:
    if content.startswith(_XMP):
        blocks.xmp.append(content[len(_XMP) :].removeprefix(b"\0"))
    elif content.startswith(_TIFF_HEADS):
        blocks.exif.append(content)
    else:  # the name of the segment is damaged or missing
        name, _zero, rest = content[:64].partition(b"\0")
        start = len(name) + 1 if _XMP_START.match(rest) else 0
        if start or _XMP_START.match(content):
            blocks.xmp.append(content[start:])


def _add_extensions(extensions: list[bytes], blocks: Blocks) -> None:
    """Join extended XMP (part 3, 1.1.3.1) referenced by a packet. Incomplete or unreferenced parts count as damage."""
    parts: dict[bytes, dict[int, bytes]] = {}
    sizes: dict[bytes, int] = {}
    for extension in extensions:
        if len(extension) < _EXTENSION_HEAD.size:
            blocks.damaged.append("XMP")
            continue
        digest, size, place = _EXTENSION_HEAD.unpack_from(extension)
        parts.setdefault(digest.upper(), {}).setdefault(place, extension[_EXTENSION_HEAD.size :])
        sizes[digest.upper()] = size
    names = {identifier.upper() for packet in blocks.xmp for identifier in _EXTENDED_XMP.findall(packet[: MAX_XMP + 1])}
    for digest, pieces in parts.items():
        whole = b"".join(piece for _place, piece in sorted(pieces.items()))
        is_whole = len(whole) == sizes[digest] and _follow(pieces)
        if digest in names and is_whole:
            blocks.xmp.append(whole)
            is_whole = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode() == digest
        if not is_whole or digest not in names:
            blocks.damaged.append("XMP")
    blocks.damaged += ["XMP"] * bool(names - parts.keys())


def _follow(pieces: dict[int, bytes]) -> bool:
    end = 0
    for place, piece in sorted(pieces.items()):
        if place != end:
            return False
        end += len(piece)
    return True


def _add_resources(segments: list[bytes], blocks: Blocks) -> None:
    new_resources, is_damaged = iptc.resources(segments)
    kinds = {iptc.IPTC_RESOURCE: blocks.iptc, iptc.XMP_RESOURCE: blocks.xmp, iptc.EXIF_RESOURCE: blocks.exif}
    for number, content in new_resources:
        if number in kinds and content:
            kinds[number].append(_without_head(content))
    blocks.damaged += ["Photoshop"] * is_damaged


def _without_head(block: bytes) -> bytes:
    return block.removeprefix(b"Exif\0\0") if block.startswith(_EXIF) else block


def _tiff(data: bytes, blocks: Blocks) -> None:
    blocks.exif.append(data)
    entries = exif.read_directories(data).first
    if exif.XMP_TAG in entries:
        blocks.xmp.append(bytes(entries[exif.XMP_TAG].view[: MAX_XMP + 1]))
    if exif.IPTC_TAG in entries:
        blocks.iptc.append(_swapped(bytes(entries[exif.IPTC_TAG].view[:MAX_TEXT_BYTES])))
    if exif.PHOTOSHOP_TAG in entries:
        resources = Blocks()
        _add_resources([entries[exif.PHOTOSHOP_TAG].value], resources)
        blocks.iptc += [block for block in resources.iptc if block not in blocks.iptc]
        blocks.xmp += [block for block in resources.xmp if block not in blocks.xmp]
        blocks.damaged += resources.damaged


def _swapped(block: bytes) -> bytes:
    """Restore the byte order of IPTC that a program wrote as four-byte numbers in the order of its file."""
    if block[:1] == b"\x1c" or block[3:4] != b"\x1c" or len(block) % 4:
        return block
    return b"".join(block[place : place + 4][::-1] for place in range(0, len(block), 4))


def _chunks(data: bytes, place: int, form: str, tail: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, content and trailing bytes of each chunk. The last one may be truncated."""
    for _number in range(MAX_CHUNKS):
        if place + 8 > len(data):
            return
        first, second = data[place : place + 4], data[place + 4 : place + 8]
        kind, (size,) = (second, struct.unpack(">I", first)) if form == "png" else (first, struct.unpack("<I", second))
        end = place + 8 + size
        yield kind, data[place + 8 : end], data[end : end + tail]
        place = end + tail + (size % 2 if form == "riff" else 0)


def _png(data: bytes, blocks: Blocks) -> None:
    for kind, content, check in _chunks(data, len(_PNG), "png", 4):
        if kind not in {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"zxIf"}:
            continue
        if struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))) != check:
            blocks.damaged.append("EXIF" if kind == b"eXIf" else "PNG text")
        elif kind == b"eXIf":
            blocks.exif.append(_without_head(content))
        else:
            entry = _png_text(kind, content)
            if entry is None:
                blocks.damaged.append("PNG text")
            else:
                _add_png_text(*entry, blocks, is_utf_8=kind == b"iTXt")


def _png_text(kind: bytes, content: bytes) -> tuple[str, bytes] | None:
    """Return keyword and text of a chunk, or None if it is damaged (PNG 3, 11.3.3)."""
    name, zero, rest = content.partition(b"\0")
    keyword = name.decode("latin-1").strip()
    if not zero or not keyword:
        return None
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        unpacked = _unpacked(rest[1:]) if rest[:1] == b"\0" else None
        return None if unpacked is None else (keyword, unpacked)
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3 or rest[0] not in {0, 1} or (rest[0] and rest[1]):
        return None
    text = _unpacked(parts[2]) if rest[0] else parts[2]
    return None if text is None else (keyword, text)


def _unpacked(packed: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None


def _add_png_text(keyword: str, text: bytes, blocks: Blocks, *, is_utf_8: bool) -> None:
    if keyword.lower() == "xml:com.adobe.xmp":
        blocks.xmp.append(text)
    elif keyword.lower().startswith(_RAW_PROFILE):
        _add_raw_profile(keyword.lower().removeprefix(_RAW_PROFILE), text, blocks)
    else:
        blocks.texts.append((keyword, as_utf_8(text) if is_utf_8 else decode_latin_1(text)))


def _add_raw_profile(name: str, text: bytes, blocks: Blocks) -> None:
    """Add a profile that ImageMagick and others write in hexadecimal digits, after a name and a length."""
    if name not in {"exif", "app1", "iptc", "8bim", "xmp"}:
        return
    try:
        _name, size, digits = text.strip().split(b"\n", 2)  # the name may contain spaces
        profile = binascii.unhexlify(b"".join(digits.split()))
        is_whole = len(profile) == int(size)
    except ValueError:
        blocks.damaged.append("PNG text")
        return
    blocks.damaged += [] if is_whole else ["PNG text"]
    head = _PHOTOSHOP.match(profile)
    if head is not None or profile.startswith(b"8BIM"):
        _add_resources([profile[head.end() if head else 0 :]], blocks)
    elif profile.startswith(b"\x1c"):
        blocks.iptc.append(profile)
    elif profile.startswith(_EXIF) or name == "exif":
        blocks.exif.append(_without_head(profile))
    else:
        _add_xmp_segment(profile, blocks)


def _webp(data: bytes, blocks: Blocks) -> None:
    for kind, content, _tail in _chunks(data, 12, "riff", 0):
        if kind == b"EXIF":
            blocks.exif.append(_without_head(content))
        elif kind in {b"XMP ", b"XMP\0"}:
            blocks.xmp.append(content)


def _gif(picture: Image.Image, data: bytes, blocks: Blocks) -> None:
    comment = picture.info.get("comment")
    if isinstance(comment, bytes):
        blocks.comments.append(comment)
    start = data.find(_GIF_XMP)
    if start >= 0:
        start += len(_GIF_XMP)
        end = data.find(_GIF_XMP_END, start)
        blocks.xmp.append(data[start : end if end >= 0 else start + MAX_XMP])
        blocks.damaged += ["XMP"] * (end < 0)
