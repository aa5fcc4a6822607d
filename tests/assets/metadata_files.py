"""Image files with metadata blocks as cameras and programs write them, byte by byte."""

import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from functools import cache

from PIL import Image
from PIL.PngImagePlugin import PngInfo

XMP_NAME, XMP_EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"><rdf:Description rdf:about="" photoshop:Credit="Agency">'
    "<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>"
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Harbour</rdf:li></rdf:Alt></dc:title>'
    "</rdf:Description></rdf:RDF>"
)


def xmp(author: str = "Ann Lee") -> bytes:
    """Return an XMP packet without wrapper, with title and credit."""
    return RDF.format(author=author).encode()


@cache
def picture_without_metadata(form: str = "JPEG") -> bytes:
    """Return an image without metadata."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 60)).save(out, form)
    return out.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(*segments: bytes) -> bytes:
    """Return a JPEG with these segments after its first marker."""
    return b"".join((picture_without_metadata()[:2], *segments, picture_without_metadata()[2:]))


def app1(content: bytes) -> bytes:
    """Return a segment of EXIF or XMP."""
    return segment(0xE1, content)


def dataset(number: int, value: bytes, record: int = 2) -> bytes:
    """Return an IPTC dataset."""
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def long_dataset(number: int, value: bytes, octets: int = 4) -> bytes:
    """Return an extended IPTC dataset, whose length has octets of its own."""
    return struct.pack(">BBBH", 0x1C, 2, number, 0x8000 | octets) + len(value).to_bytes(octets, "big") + value


def resource(content: bytes, number: int = 0x0404) -> bytes:
    """Return a Photoshop image resource."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + b"\0" * (len(content) % 2)


def with_iptc(*datasets: bytes, charset: bytes | None = None, more: Sequence[bytes] = ()) -> bytes:
    """Return a JPEG with an IPTC block, whose character set is declared by dataset 1:90."""
    charset_record = b"" if charset is None else dataset(90, charset, 1)
    return with_segments(*more, segment(0xED, PHOTOSHOP + resource(charset_record + b"".join(datasets))))


def with_iptc_of(data: bytes, *datasets: bytes) -> bytes:
    """Add an IPTC block to a JPEG."""
    return data[:2] + segment(0xED, PHOTOSHOP + resource(b"".join(datasets))) + data[2:]


def entry(order: str, tag: int, kind: int, count: int, value: bytes) -> bytes:
    """Return an entry of a TIFF directory, with four bytes of value or offset."""
    return struct.pack(f"{order}HHI", tag, kind, count) + value


def tiff(entries: Sequence[tuple[int, int, bytes]], order: str = "<", head: str = "", shift: int = 0) -> bytes:
    """Return a TIFF structure with entries of one-byte types.

    ``head`` is the byte order that it declares, ``shift`` moves offsets.
    """
    head = head or order
    start = 8 + 2 + 12 * len(entries) + 4
    table, values = b"", b""
    for tag, kind, value in entries:
        inline = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(f"{order}I", start + len(values) + shift)
        table += entry(order, tag, kind, len(value), inline)
        if len(value) > 4:
            values += value + b"\0" * (len(value) % 2)
    mark = {"<": b"II", ">": b"MM"}[head]
    header = mark + struct.pack(f"{head}HI", 42, 8)
    return header + struct.pack(f"{order}H", len(entries)) + table + b"\0" * 4 + values


def with_exif(block: bytes) -> bytes:
    """Return a JPEG with an EXIF block."""
    return with_segments(app1(b"Exif\0\0" + block))


def extended(author: str, *, digest: bytes = b"", parts: int = 2, omitted: int | None = None) -> bytes:
    """Return a JPEG whose author is in extended XMP, in parts; ``omitted`` leaves one part out."""
    whole = xmp(author)
    name = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode()
    main = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="'
        + (digest or name) + b'"/></rdf:RDF></x:xmpmeta>'
    )  # fmt: skip
    size = -(-len(whole) // parts)
    pieces = [
        app1(XMP_EXTENSION + name + struct.pack(">II", len(whole), place) + whole[place : place + size])
        for number, place in enumerate(range(0, len(whole), size))
        if number != omitted
    ]
    return with_segments(app1(XMP_NAME + main), *reversed(pieces))


def chunk(kind: bytes, content: bytes, *, is_sound: bool = True) -> bytes:
    """Return a PNG chunk."""
    check = zlib.crc32(kind + content) ^ (not is_sound)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(*chunks: bytes, late: bool = False) -> bytes:
    """Return a PNG with these chunks before its pixels, or after them if ``late``."""
    data = picture_without_metadata("PNG")
    place = data.index(b"IEND") - 4 if late else data.index(b"IDAT") - 4
    return data[:place] + b"".join(chunks) + data[place:]


def raw_profile(name: str, content: bytes, title: str = "") -> bytes:
    """Return a zTXt chunk with a profile in hexadecimal digits, as ImageMagick writes it."""
    text = f"\n{title or name}\n{len(content):8d}\n{content.hex()}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text))


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WebP with chunks that its header does not announce."""
    data = picture_without_metadata("WEBP")
    body = data[8:]
    for kind, content in chunks:
        body += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(packet: bytes) -> bytes:
    """Return a GIF with an XMP packet."""
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    data = picture_without_metadata("GIF")
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + data[-1:]


def save_with_pillow(form: str, **more: object) -> bytes:
    """Return an image as Pillow saves it."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 60)).save(out, form, **more)
    return out.getvalue()


def texts(**values: str) -> PngInfo:
    """Return text chunks for Pillow."""
    info = PngInfo()
    for name, value in values.items():
        info.add_itxt(name, value)
    return info
