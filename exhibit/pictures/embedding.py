"""Embedding of a rights statement into an image file, as XMP (ISO 16684-1), without changing any pixel.

The properties are those of the IPTC Photo Metadata Standard 2023.1 and of PLUS. Other XMP of the file is kept.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from exhibit.errors import RefusedError
from exhibit.pictures.xmp import MAX_XMP, RDF, SPACES, parse_packet

PROHIBITED = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
"""PLUS Data Mining: prohibited."""
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_JPEG, _JPEG_XMP, _MAX_SEGMENT = b"\xff\xd8", b"http://ns.adobe.com/xap/1.0/\0", 65_533
_PNG, _PNG_XMP = b"\x89PNG\r\n\x1a\n", b"XML:com.adobe.xmp\0"


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """Rights statement to embed. Empty fields leave the file's own values unchanged."""

    title: str = ""
    creator: str = ""
    credit: str = ""
    rights: str = ""  # copyright notice
    holder: str = ""  # rights holder
    licensor: str = ""  # URL where a licence can be obtained
    no_mining: bool = False  # PLUS Data Mining: prohibited


def with_rights(data: bytes, statement: RightsStatement) -> bytes:
    """Return the JPEG or PNG with a rights statement in its XMP. Raises ``RefusedError`` for other or damaged files."""
    try:
        if data.startswith(_JPEG):
            return b"".join(_jpeg(data, statement))
        if data.startswith(_PNG):
            return b"".join(_png(data, statement))
    except (struct.error, IndexError) as error:
        raise RefusedError("The picture is damaged.", reason="broken") from error
    raise RefusedError("A statement can be written into JPEG and PNG files only.", reason="not-a-picture")


def _jpeg(data: bytes, statement: RightsStatement) -> Iterator[bytes]:
    """Yield the segments (ISO/IEC 10918-1, B.1). The packet follows the leading APP0 and APP1."""
    segments: list[bytes] = []
    old, place, leading = b"", 2, 0
    while data[place + 1] not in (0xDA, 0xD9):
        if data[place] != 0xFF:
            raise IndexError
        (size,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place : place + 2 + size]
        if segment[1] == 0xE1 and segment[4:].startswith(_JPEG_XMP):
            old = segment[4 + len(_JPEG_XMP) :]
        else:
            segments.append(segment)
            leading += segment[1] in (0xE0, 0xE1) and leading == len(segments) - 1
        place += 2 + size
    packet = _JPEG_XMP + _packet(old, statement)
    if len(packet) > _MAX_SEGMENT:
        raise RefusedError("The file's XMP is too long to be added to.", reason="too-many-bytes")
    xmp_segment = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    yield from (_JPEG, *segments[:leading], xmp_segment, *segments[leading:], data[place:])


def _png(data: bytes, statement: RightsStatement) -> Iterator[bytes]:
    """Yield the chunks (PNG, third edition, 5.3). The packet follows IHDR, in an uncompressed iTXt."""
    chunks: list[bytes] = []
    old, place = b"", len(_PNG)
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        chunk = data[place : place + 12 + size]
        if chunk[4:8] == b"iTXt" and chunk[8:].startswith(_PNG_XMP):
            content = chunk[8 + len(_PNG_XMP) : -4]  # compression flag and method, two names, the packet
            packet = content[2:].split(b"\0", 2)[-1]
            old = _inflated(packet) if content[:1] == b"\1" else packet
        else:
            chunks.append(chunk)
        place += 12 + size
    body = b"iTXt" + _PNG_XMP + b"\0\0\0\0" + _packet(old, statement)
    xmp_chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    yield from (_PNG, *chunks[:1], xmp_chunk, *chunks[1:])


def _inflated(packet: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packet, MAX_XMP + 1)
    except zlib.error:
        return b""


def _packet(old: bytes, statement: RightsStatement) -> bytes:
    """Return the old packet with these properties replaced and damaged parts dropped, or a new packet."""
    elements = list(_properties(statement))
    whole = parse_packet(old).root
    rdf = None if whole is None else next(whole.iter(RDF), None)
    if whole is None or rdf is None:
        whole = Element(_name("x:xmpmeta"))
        rdf = SubElement(whole, _name("rdf:RDF"))
    for description in rdf.findall(_name("rdf:Description")):
        for element in elements:
            description.attrib.pop(element.tag, None)
            for same in description.findall(element.tag):
                description.remove(same)
    SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): ""}).extend(elements)
    for prefix, address in SPACES.items():
        register_namespace(prefix, address)
    head, tail = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
    return f"{head}{tostring(whole, 'unicode')}{tail}".encode()


def _properties(statement: RightsStatement) -> Iterator[Element]:
    if statement.title:
        yield _listed("dc:title", "rdf:Alt", [statement.title])
    if statement.creator:
        yield _listed("dc:creator", "rdf:Seq", [statement.creator])
    if statement.rights:
        yield _listed("dc:rights", "rdf:Alt", [statement.rights])
        yield _text("xmpRights:Marked", "True")
    if statement.credit:
        yield _text("photoshop:Credit", statement.credit)
    if statement.holder:
        yield _listed("plus:CopyrightOwner", "rdf:Seq", [_text("plus:CopyrightOwnerName", statement.holder)])
    if statement.licensor:
        yield _text("xmpRights:WebStatement", statement.licensor)
        yield _listed("plus:Licensor", "rdf:Seq", [_text("plus:LicensorURL", statement.licensor)])
    if statement.no_mining:
        yield _text("plus:DataMining", PROHIBITED)


def _listed(name: str, kind: str, entries: Sequence[str | Element]) -> Element:
    element = Element(_name(name))
    container = SubElement(element, _name(kind))
    for entry in entries:
        item = SubElement(container, _name("rdf:li"), {_LANGUAGE: "x-default"} if kind == "rdf:Alt" else {})
        if isinstance(entry, str):
            item.text = entry
        else:
            item.set(_name("rdf:parseType"), "Resource")
            item.append(entry)
    return element


def _text(name: str, text: str) -> Element:
    element = Element(_name(name))
    element.text = text
    return element


def _name(name: str) -> str:
    prefix, _colon, local = name.partition(":")
    return f"{{{SPACES[prefix]}}}{local}"
