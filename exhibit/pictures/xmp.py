"""Parser of XMP packets (ISO 16684-1), based on defusedxml. Damage affects only the property that contains it.

A packet needs neither an ``x:xmpmeta`` element nor an ``xpacket`` wrapper. Bytes that are not UTF-8 are replaced with
U+FFFD, which marks the property as damaged. If the XML is not well-formed, the property with the error is omitted.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

MAX_XMP = 1 << 20
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "cc": "http://creativecommons.org/ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}
"""Prefixes that a packet may use without declarations, because some programs lose the declarations."""
RDF, DESCRIPTION, _ALT, _LI, _VALUE, _RESOURCE = (
    f"{{{NAMESPACES['rdf']}}}{name}" for name in ("RDF", "Description", "Alt", "li", "value", "resource")
)
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_MAX_FAULTS = 20
_MAX_DEPTH = 64
_MAX_ENTRIES = 20  # maximum entries of a list
_NAMESPACE_DECLARATIONS = " ".join(f"xmlns:{prefix}='{address}'" for prefix, address in NAMESPACES.items())
_HEAD, _TAIL = f"<exhibit {_NAMESPACE_DECLARATIONS}>".encode(), b"</exhibit>"
_ROOT_START = re.compile(r"<(?:\w+:)?(?:xmpmeta|xapmeta|RDF)\b")
_MARKUP = re.compile(rb"<(/?[^\s/<>]*)")
_NAME = re.compile(rb"\w+:(?:xmpmeta|RDF|Description)")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"&(?:(?:amp|lt|gt|quot|apos);|#(\d{1,7});|#[xX]([0-9a-fA-F]{1,6});|(\w{2,32};))?")
_XML_DECLARATION = re.compile(
    rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']((?:iso-8859|windows)-\d{1,4})[\"']", re.IGNORECASE
)
_WIDE_ENCODINGS = ((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_BOMS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
UNREADABLE_CHAR = "\N{REPLACEMENT CHARACTER}"
"""Replaces each byte or character that could not be read."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Readable part of a packet."""

    root: Element | None  # x:xmpmeta or rdf:RDF; None if there is neither
    is_damaged: bool  # true if anything was replaced or omitted


def parse_packet(data: bytes) -> Packet:
    """Parse an XMP packet. Parts that are not well-formed are omitted."""
    if len(data) > MAX_XMP:
        return Packet(None, is_damaged=True)
    text = _decode_packet(data)
    first = _ROOT_START.search(text)
    if first is None:
        return Packet(None, is_damaged=bool(text.strip("\0 \r\n\t\ufeff")))
    text = text[first.start() : max(text.rfind(">") + 1, first.end())]
    cleaned = _REFERENCE.sub(_resolve_reference, _NOT_XML.sub(UNREADABLE_CHAR, text))
    body, is_damaged = cleaned.encode(), UNREADABLE_CHAR in cleaned or cleaned != text
    for _attempt in range(_MAX_FAULTS):
        target = _PositionTreeBuilder()
        parser = DefusedXMLParser(target=target, forbid_dtd=True)
        target.parser = parser.parser
        try:
            parser.feed(_HEAD + body + _TAIL)
            wrapper = parser.close()
        except ParseError:
            body, is_damaged = _remove_fault(body, parser.parser.ErrorByteIndex - len(_HEAD), target.open), True
        except (DefusedXmlException, ValueError, RecursionError):
            break
        else:
            has_properties = next(wrapper.iter(RDF), None) is not None
            return Packet(next(iter(wrapper), None), is_damaged or not has_properties)
    return Packet(None, is_damaged=True)


def list_properties(root: Element) -> Iterator[tuple[str, Element | str]]:
    """Yield the properties of a packet: local name, and the element or the value of the attribute."""
    for rdf in root.iter(RDF):
        for description in rdf.findall(DESCRIPTION):
            for name, value in description.attrib.items():
                yield name.rpartition("}")[2], value
            for element in description:
                yield element.tag.rpartition("}")[2], element


def read_texts(value: Element | str) -> list[str]:
    """Return the texts of a property: all entries of a list, or the default (else the first) of alternatives."""
    if isinstance(value, str):
        return [value]
    for container in value:
        entries = container.findall(_LI)
        if container.tag == _ALT:
            entries = [*(entry for entry in entries if entry.get(_LANGUAGE) == "x-default"), *entries][:1]
        if entries:
            return [text for entry in entries[:_MAX_ENTRIES] for text in read_texts(entry)]
        if container.tag in {_VALUE, _LI}:
            return [text for entry in value.findall(container.tag)[:_MAX_ENTRIES] for text in read_texts(entry)]
        if container.tag == DESCRIPTION:
            return read_texts(container)
    text = value.get(_RESOURCE) or value.get(_VALUE) or value.text or ""
    return [text] if text.strip() else []


class _PositionTreeBuilder(TreeBuilder):
    """Tree builder that records the offsets of the open elements."""

    parser: Any

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []  # name, offset in the packet

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self.open.append((tag, self.parser.CurrentByteIndex - len(_HEAD)))
        if len(self.open) > _MAX_DEPTH:
            raise ValueError
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self.open.pop()
        return super().end(tag)


def _remove_fault(body: bytes, fault: int, open_elements: Sequence[tuple[str, int]]) -> bytes:
    """Remove the property that contains an error, or only the tag if it is outside of properties."""
    tags = [tag for tag, _place in open_elements]
    nodes = [number for number, pair in enumerate(pairwise(tags)) if pair == (RDF, DESCRIPTION)]
    inner = open_elements[nodes[0] + 2 :] if nodes else ()
    start_offset = inner[0][1] if inner else body.find(b"<", body.rfind(b">", 0, max(fault, 0)) + 1)
    if fault >= len(body) and not inner:  # an element is not closed
        name = _MARKUP.match(body, open_elements[-1][1]) if len(open_elements) > 1 else None
        return body + b"</%s>" % name[1] if name else b""
    name = _MARKUP.match(body, start_offset)
    if name is None:
        return b""
    start = b"<%s" % name[1]
    end = body.find(b"</%s>" % name[1], fault) if inner else -1
    if end < 0 or start in body[fault:end]:
        end = body.find(b">", max(fault, start_offset))
    end = len(body) if end < 0 else body.index(b">", end) + 1
    start_tag = start + b">" if not inner and _NAME.fullmatch(name[1]) else b""
    return body[:start_offset] + start_tag + body[end:]


def _decode_packet(data: bytes) -> str:
    """Decode a packet by its BOM, first bytes or XML declaration, else as UTF-8. Invalid bytes become U+FFFD."""
    encoding = next((encoding for prefix, encoding in _BOMS if data.startswith(prefix)), "")
    encoding = encoding or next(
        (encoding for prefix, encoding in _WIDE_ENCODINGS if data.lstrip(b"\r\n\t ").startswith(prefix)), ""
    )
    declaration = _XML_DECLARATION.match(data)
    if not encoding and declaration is not None:
        encoding = declaration[1].decode()
    try:
        return data.decode(encoding or "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _resolve_reference(match: re.Match[str]) -> str:
    """Convert a reference for XML: a bare ``&`` is escaped, and HTML's named references become characters.

    A name that is unknown to HTML is replaced with U+FFFD, which marks the property as damaged.
    """
    decimal, hexadecimal, name = match.groups()
    if name is not None:
        character = html.unescape(match[0])
        return UNREADABLE_CHAR + match[0].removeprefix("&") if character == match[0] else character
    if match[0] == "&":
        return "&amp;"
    if decimal is None and hexadecimal is None:
        return match[0]
    number = int(decimal) if decimal is not None else int(hexadecimal, 16)
    return UNREADABLE_CHAR if number > 0x10FFFF or _NOT_XML.match(chr(number)) else match[0]
