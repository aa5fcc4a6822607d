"""Embedding of a rights statement into an image file, as XMP (ISO 16684-1), without changes to the pixels.

The properties are those of the IPTC Photo Metadata Standard 2023.1 and of PLUS. Other XMP of the file is preserved.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from exhibit.errors import RefusedError
from exhibit.pictures.xmp import MAX_XMP, NAMESPACES, RDF, parse_packet

DATA_MINING_PROHIBITED = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
"""PLUS Data Mining: prohibited."""
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_JPEG, _JPEG_XMP, _MAX_SEGMENT = b"\xff\xd8", b"http://ns.adobe.com/xap/1.0/\0", 65_533
_PNG, _PNG_XMP = b"\x89PNG\r\n\x1a\n", b"XML:com.adobe.xmp\0"


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """Rights statement to embed. For empty fields, the file keeps its own values."""

    title: str = ""
    creator: str = ""
    credit: str = ""
    rights: str = ""  # copyright notice
    holder: str = ""  # rights holder
    licensor: str = ""  # URL where a licence can be obtained
    no_mining: bool = False  # PLUS Data Mining: prohibited


def embed_rights(data: bytes, statement: RightsStatement) -> bytes:
    """Return the JPEG or PNG with a rights statement in its XMP. Raises ``RefusedError`` for other or damaged files."""
    try:
        if data.startswith(_JPEG):
            return b"".join(_build_jpeg(data, statement))
        if data.startswith(_PNG):
            return b"".join(_build_png(data, statement))
    except (struct.error, IndexError) as error:
        raise RefusedError("The picture is damaged.", reason="broken") from error
    raise RefusedError("Metadata can be written only into JPEG and PNG files.", reason="not-a-picture")


def _build_jpeg(data: bytes, statement: RightsStatement) -> Iterator[bytes]:
    """Yield the segments (ISO/IEC 10918-1, B.1). The packet follows the leading APP0 and APP1."""
    segments: list[bytes] = []
    old_packet, offset, leading_count = b"", 2, 0
    while data[offset + 1] not in (0xDA, 0xD9):
        if data[offset] != 0xFF:
            raise IndexError
        (size,) = struct.unpack_from(">H", data, offset + 2)
        segment = data[offset : offset + 2 + size]
        if segment[1] == 0xE1 and segment[4:].startswith(_JPEG_XMP):
            old_packet = segment[4 + len(_JPEG_XMP) :]
        else:
            segments.append(segment)
            leading_count += segment[1] in (0xE0, 0xE1) and leading_count == len(segments) - 1
        offset += 2 + size
    packet = _JPEG_XMP + _build_packet(old_packet, statement)
    if len(packet) > _MAX_SEGMENT:
        raise RefusedError("The file's XMP metadata is too long to be extended.", reason="too-many-bytes")
    xmp_segment = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    yield from (_JPEG, *segments[:leading_count], xmp_segment, *segments[leading_count:], data[offset:])


def _build_png(data: bytes, statement: RightsStatement) -> Iterator[bytes]:
    """Yield the chunks (PNG, third edition, 5.3). The packet follows IHDR, in an uncompressed iTXt."""
    chunks: list[bytes] = []
    old_packet, offset = b"", len(_PNG)
    while offset < len(data):
        (size,) = struct.unpack_from(">I", data, offset)
        chunk = data[offset : offset + 12 + size]
        if chunk[4:8] == b"iTXt" and chunk[8:].startswith(_PNG_XMP):
            content = chunk[8 + len(_PNG_XMP) : -4]  # compression flag and method, two names, the packet
            packet = content[2:].split(b"\0", 2)[-1]
            old_packet = _inflate(packet) if content[:1] == b"\1" else packet
        else:
            chunks.append(chunk)
        offset += 12 + size
    body = b"iTXt" + _PNG_XMP + b"\0\0\0\0" + _build_packet(old_packet, statement)
    xmp_chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    yield from (_PNG, *chunks[:1], xmp_chunk, *chunks[1:])


def _inflate(packet: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packet, MAX_XMP + 1)
    except zlib.error:
        return b""


def _build_packet(old_packet: bytes, statement: RightsStatement) -> bytes:
    """Return the old packet with the statement's properties and without damaged parts, or a new packet."""
    elements = list(_build_properties(statement))
    root = parse_packet(old_packet).root
    rdf = None if root is None else next(root.iter(RDF), None)
    if root is None or rdf is None:
        root = Element(_qualify_name("x:xmpmeta"))
        rdf = SubElement(root, _qualify_name("rdf:RDF"))
    for description in rdf.findall(_qualify_name("rdf:Description")):
        for element in elements:
            description.attrib.pop(element.tag, None)
            for old_element in description.findall(element.tag):
                description.remove(old_element)
    SubElement(rdf, _qualify_name("rdf:Description"), {_qualify_name("rdf:about"): ""}).extend(elements)
    for prefix, namespace in NAMESPACES.items():
        register_namespace(prefix, namespace)
    head, tail = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
    return f"{head}{tostring(root, 'unicode')}{tail}".encode()


def _build_properties(statement: RightsStatement) -> Iterator[Element]:
    if statement.title:
        yield _build_list("dc:title", "rdf:Alt", [statement.title])
    if statement.creator:
        yield _build_list("dc:creator", "rdf:Seq", [statement.creator])
    if statement.rights:
        yield _build_list("dc:rights", "rdf:Alt", [statement.rights])
        yield _build_text("xmpRights:Marked", "True")
    if statement.credit:
        yield _build_text("photoshop:Credit", statement.credit)
    if statement.holder:
        yield _build_list("plus:CopyrightOwner", "rdf:Seq", [_build_text("plus:CopyrightOwnerName", statement.holder)])
    if statement.licensor:
        yield _build_text("xmpRights:WebStatement", statement.licensor)
        yield _build_list("plus:Licensor", "rdf:Seq", [_build_text("plus:LicensorURL", statement.licensor)])
    if statement.no_mining:
        yield _build_text("plus:DataMining", DATA_MINING_PROHIBITED)


def _build_list(name: str, kind: str, entries: Sequence[str | Element]) -> Element:
    element = Element(_qualify_name(name))
    container = SubElement(element, _qualify_name(kind))
    for entry in entries:
        item = SubElement(container, _qualify_name("rdf:li"), {_LANGUAGE: "x-default"} if kind == "rdf:Alt" else {})
        if isinstance(entry, str):
            item.text = entry
        else:
            item.set(_qualify_name("rdf:parseType"), "Resource")
            item.append(entry)
    return element


def _build_text(name: str, text: str) -> Element:
    element = Element(_qualify_name(name))
    element.text = text
    return element


def _qualify_name(name: str) -> str:
    prefix, _colon, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
