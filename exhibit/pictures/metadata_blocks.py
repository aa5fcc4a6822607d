"""Locations of metadata in image files: EXIF, IPTC, XMP, text chunks and comments of each format.

JPEG segments and AVIF items come from Pillow. This module reads the chunks of PNG, WebP and GIF itself, because Pillow
ignores chunks after a PNG's pixels, chunks that a WebP's header does not announce, and XMP in a GIF.
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
from exhibit.pictures.text_encodings import Text, decode_latin_1, decode_utf_8
from exhibit.pictures.xmp import MAX_XMP

MAX_TEXT_BYTES = 1 << 20  # maximum bytes of a chunk, unpacked
MAX_CHUNKS = 10_000
MAX_EXIF = 1 << 22  # maximum bytes, in several segments of a JPEG
_EXIF, _XMP, _XMP_EXTENSION = b"Exif\0", b"http://ns.adobe.com/xap/1.0/", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = re.compile(rb"Photoshop 3\.0\0|Adobe_Photoshop2\.5:")
_XMP_START = re.compile(rb"\s*(?:<\?xpacket|<\?xml|<\w+:xmpmeta|<\w+:xapmeta|<\w+:RDF)|\xef\xbb\xbf|\xff\xfe|\xfe\xff")
_EXTENSION_HEADER = struct.Struct(">32sII")
_EXTENDED_XMP = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})")
_TIFF_HEADERS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
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
        "JPEG": lambda: _add_jpeg(picture, blocks),
        "MPO": lambda: _add_jpeg(picture, blocks),
        "PNG": lambda: _add_png(data, blocks),
        "WEBP": lambda: _add_webp(data, blocks),
        "GIF": lambda: _add_gif(picture, data, blocks),
        "TIFF": lambda: _add_tiff(data, blocks),
    }
    readers.get(picture.format or "", lambda: _add_avif(picture, blocks))()
    return blocks


def _add_avif(picture: Image.Image, blocks: Blocks) -> None:
    """Add the blocks that Pillow found, for AVIF."""
    for name, packets in (("exif", blocks.exif), ("xmp", blocks.xmp)):
        block = picture.info.get(name)
        if isinstance(block, bytes) and block:
            packets.append(_strip_exif_header(block) if name == "exif" else block)


def _add_jpeg(picture: Image.Image, blocks: Blocks) -> None:
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
        elif name == "APP13" and (header := _PHOTOSHOP.match(content)) is not None:
            photoshop.append(content[header.end() :])
        elif name == "APP13" and content.startswith((b"\x1c\x01", b"\x1c\x02")):
            blocks.iptc.append(content)
    _add_resources(photoshop, blocks)
    _add_extensions(extensions, blocks)


def _add_exif(content: bytes, blocks: Blocks) -> None:
    """Add the EXIF of a segment, as a new block or as a continuation of the previous one."""
    if blocks.exif and not content.startswith(_TIFF_HEADERS):
        if len(blocks.exif[-1]) < MAX_EXIF:  # the missing remainder is later reported as damage
            blocks.exif[-1] += content
    else:
        blocks.exif.append(content)


def _add_xmp_segment(content: bytes, blocks: Blocks) -> None:
    if content.startswith(_XMP):
        blocks.xmp.append(content[len(_XMP) :].removeprefix(b"\0"))
    elif content.startswith(_TIFF_HEADERS):
        blocks.exif.append(content)
    else:  # the name of the segment is damaged or missing
        name, _zero, rest = content[:64].partition(b"\0")
        start = len(name) + 1 if _XMP_START.match(rest) else 0
        if start or _XMP_START.match(content):
            blocks.xmp.append(content[start:])


def _add_extensions(extensions: list[bytes], blocks: Blocks) -> None:
    """Join the extended XMP that a packet references (part 3, 1.1.3.1). Incomplete or other parts count as damage."""
    parts: dict[bytes, dict[int, bytes]] = {}
    sizes: dict[bytes, int] = {}
    for extension in extensions:
        if len(extension) < _EXTENSION_HEADER.size:
            blocks.damaged.append("XMP")
            continue
        digest, size, offset = _EXTENSION_HEADER.unpack_from(extension)
        parts.setdefault(digest.upper(), {}).setdefault(offset, extension[_EXTENSION_HEADER.size :])
        sizes[digest.upper()] = size
    names = {identifier.upper() for packet in blocks.xmp for identifier in _EXTENDED_XMP.findall(packet[: MAX_XMP + 1])}
    for digest, chunks in parts.items():
        packet_bytes = b"".join(chunk for _place, chunk in sorted(chunks.items()))
        is_complete = len(packet_bytes) == sizes[digest] and _is_contiguous(chunks)
        if digest in names and is_complete:
            blocks.xmp.append(packet_bytes)
            is_complete = hashlib.md5(packet_bytes, usedforsecurity=False).hexdigest().upper().encode() == digest
        if not is_complete or digest not in names:
            blocks.damaged.append("XMP")
    blocks.damaged += ["XMP"] * bool(names - parts.keys())


def _is_contiguous(chunks: dict[int, bytes]) -> bool:
    end = 0
    for offset, chunk in sorted(chunks.items()):
        if offset != end:
            return False
        end += len(chunk)
    return True


def _add_resources(segments: list[bytes], blocks: Blocks) -> None:
    new_resources, is_damaged = iptc.read_resources(segments)
    targets = {iptc.IPTC_RESOURCE: blocks.iptc, iptc.XMP_RESOURCE: blocks.xmp, iptc.EXIF_RESOURCE: blocks.exif}
    for number, content in new_resources:
        if number in targets and content:
            targets[number].append(_strip_exif_header(content))
    blocks.damaged += ["Photoshop"] * is_damaged


def _strip_exif_header(block: bytes) -> bytes:
    return block.removeprefix(b"Exif\0\0") if block.startswith(_EXIF) else block


def _add_tiff(data: bytes, blocks: Blocks) -> None:
    blocks.exif.append(data)
    entries = exif.read_directories(data).first
    if exif.XMP_TAG in entries:
        blocks.xmp.append(bytes(entries[exif.XMP_TAG].view[: MAX_XMP + 1]))
    if exif.IPTC_TAG in entries:
        blocks.iptc.append(_restore_byte_order(bytes(entries[exif.IPTC_TAG].view[:MAX_TEXT_BYTES])))
    if exif.PHOTOSHOP_TAG in entries:
        resources = Blocks()
        _add_resources([entries[exif.PHOTOSHOP_TAG].value], resources)
        blocks.iptc += [block for block in resources.iptc if block not in blocks.iptc]
        blocks.xmp += [block for block in resources.xmp if block not in blocks.xmp]
        blocks.damaged += resources.damaged


def _restore_byte_order(block: bytes) -> bytes:
    """Restore the byte order of IPTC data that was written as four-byte numbers in the opposite byte order."""
    if block[:1] == b"\x1c" or block[3:4] != b"\x1c" or len(block) % 4:
        return block
    return b"".join(block[offset : offset + 4][::-1] for offset in range(0, len(block), 4))


def _read_chunks(data: bytes, offset: int, container: str, tail_size: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, content and trailing bytes of each chunk. The last one may be truncated."""
    for _number in range(MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        first, second = data[offset : offset + 4], data[offset + 4 : offset + 8]
        kind, (size,) = (
            (second, struct.unpack(">I", first)) if container == "png" else (first, struct.unpack("<I", second))
        )
        end = offset + 8 + size
        yield kind, data[offset + 8 : end], data[end : end + tail_size]
        offset = end + tail_size + (size % 2 if container == "riff" else 0)


def _add_png(data: bytes, blocks: Blocks) -> None:
    for kind, content, checksum in _read_chunks(data, len(_PNG), "png", 4):
        if kind not in {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"zxIf"}:
            continue
        if struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))) != checksum:
            blocks.damaged.append("EXIF" if kind == b"eXIf" else "PNG text")
        elif kind == b"eXIf":
            blocks.exif.append(_strip_exif_header(content))
        else:
            entry = _parse_png_text(kind, content)
            if entry is None:
                blocks.damaged.append("PNG text")
            else:
                _add_png_text(*entry, blocks, is_utf_8=kind == b"iTXt")


def _parse_png_text(kind: bytes, content: bytes) -> tuple[str, bytes] | None:
    """Return keyword and text of a chunk, or None if it is damaged (PNG 3, 11.3.3)."""
    name, separator, value = content.partition(b"\0")
    keyword = name.decode("latin-1").strip()
    if not separator or not keyword:
        return None
    if kind == b"tEXt":
        return keyword, value
    if kind == b"zTXt":
        unpacked = _decompress(value[1:]) if value[:1] == b"\0" else None
        return None if unpacked is None else (keyword, unpacked)
    parts = value[2:].split(b"\0", 2)
    if len(parts) < 3 or value[0] not in {0, 1} or (value[0] and value[1]):
        return None
    text = _decompress(parts[2]) if value[0] else parts[2]
    return None if text is None else (keyword, text)


def _decompress(compressed: bytes) -> bytes | None:
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(compressed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return data if decompressor.eof else None


def _add_png_text(keyword: str, text: bytes, blocks: Blocks, *, is_utf_8: bool) -> None:
    if keyword.lower() == "xml:com.adobe.xmp":
        blocks.xmp.append(text)
    elif keyword.lower().startswith(_RAW_PROFILE):
        _add_raw_profile(keyword.lower().removeprefix(_RAW_PROFILE), text, blocks)
    else:
        blocks.texts.append((keyword, decode_utf_8(text) if is_utf_8 else decode_latin_1(text)))


def _add_raw_profile(name: str, text: bytes, blocks: Blocks) -> None:
    """Add a profile as written by ImageMagick and others: a name, a length, and hexadecimal digits."""
    if name not in {"exif", "app1", "iptc", "8bim", "xmp"}:
        return
    try:
        _name, size, digits = text.strip().split(b"\n", 2)  # the name may contain spaces
        profile = binascii.unhexlify(b"".join(digits.split()))
        is_complete = len(profile) == int(size)
    except ValueError:
        blocks.damaged.append("PNG text")
        return
    blocks.damaged += [] if is_complete else ["PNG text"]
    header = _PHOTOSHOP.match(profile)
    if header is not None or profile.startswith(b"8BIM"):
        _add_resources([profile[header.end() if header else 0 :]], blocks)
    elif profile.startswith(b"\x1c"):
        blocks.iptc.append(profile)
    elif profile.startswith(_EXIF) or name == "exif":
        blocks.exif.append(_strip_exif_header(profile))
    else:
        _add_xmp_segment(profile, blocks)


def _add_webp(data: bytes, blocks: Blocks) -> None:
    for kind, content, _tail in _read_chunks(data, 12, "riff", 0):
        if kind == b"EXIF":
            blocks.exif.append(_strip_exif_header(content))
        elif kind in {b"XMP ", b"XMP\0"}:
            blocks.xmp.append(content)


def _add_gif(picture: Image.Image, data: bytes, blocks: Blocks) -> None:
    comment = picture.info.get("comment")
    if isinstance(comment, bytes):
        blocks.comments.append(comment)
    start = data.find(_GIF_XMP)
    if start >= 0:
        start += len(_GIF_XMP)
        end = data.find(_GIF_XMP_END, start)
        blocks.xmp.append(data[start : end if end >= 0 else start + MAX_XMP])
        blocks.damaged += ["XMP"] * (end < 0)
