"""XML and JSON as sites serve them: packed, mislabelled, or slightly broken. Only bounded, cheap steps; no parser."""

import codecs
import re
import zlib
from html.entities import html5

from crawler.formats.job import Kind
from exhibit.errors import RefusedError
from exhibit.reasons import Reason

_GZIP = b"\x1f\x8b"
_PACKINGS = 2
"""A packed file, sent by a server that packs what it sends and doesn't say so."""
_PROLOG_BYTES = 16_384
"""Bytes in which the root element must start: style sheets, comments and a document type may precede it."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"), (b"{\0", "utf-16-le"), (b"\0{", "utf-16-be"))
_ASIDE = re.compile(r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
_ROOT = re.compile(
    r"\A\s*(?:<!DOCTYPE(?:[^>\[]|\[[^\]]*\])*>\s*)?<(?:[A-Za-z][\w.-]*:)?(?P<name>[A-Za-z][\w.-]{0,60})",
    re.IGNORECASE | re.ASCII,
)
_KINDS = {
    **dict.fromkeys(("urlset", "sitemapindex", "urlindex"), Kind.SITEMAP),
    **dict.fromkeys(("rss", "feed", "rdf"), Kind.FEED),
}
_JSON_FEED = "jsonfeed.org"
_AMPERSAND = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|&(?:#(?:[0-9]{1,7}|x[0-9a-fA-F]{1,6});|(?P<name>[A-Za-z][\w.-]{0,40});)?",
    re.DOTALL | re.ASCII,
)
_PREDEFINED = frozenset({"amp", "lt", "gt", "quot", "apos"})
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def unpack(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Unpack gzip by content, whatever the name and the media type say.

    Args:
        data: The bytes as served, packed or not.
        max_bytes: Largest size once unpacked.

    Returns:
        The bytes and whether the last gzip member is complete.

    Raises:
        RefusedError: ``too-large`` beyond ``max_bytes``, ``unreadable`` for broken gzip data.
    """
    is_whole = True
    for _ in range(_PACKINGS):
        if data.startswith(_GZIP):
            data, has_ended = _unpack_members(data, max_bytes)
            is_whole &= has_ended
    return data, is_whole


def kind_of(data: bytes) -> Kind | None:
    """Tell sitemaps and feeds by their root element or JSON version; ``None`` for anything else."""
    text = _prolog(data)
    if text.startswith("{"):
        return Kind.FEED if _JSON_FEED in text else None
    return _KINDS.get(root_name(text).lower()) if text.startswith("<") else None


def root_name(text: str) -> str:
    """Return the root element's name without its prefix, empty where none is found."""
    match = _ROOT.search(_ASIDE.sub("", text[:_PROLOG_BYTES]))
    return match["name"] if match else ""


def marked_encoding(data: bytes) -> str:
    """Return the encoding that a byte order mark or the first two bytes show, empty where they show none."""
    found = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    return found or next((name for begin, name in _BARE_UTF16 if data.startswith(begin)), "")


def escape_ampersands(text: str) -> str:
    """Make XML of text whose ampersands mean themselves, and drop characters that XML doesn't allow.

    ``?id=1&lang=de`` keeps both parameters: neither XML's recovery nor HTML's names without a semicolon apply. Names
    of HTML become the characters that they stand for; names that the document declares stay.
    """
    declares = "<!ENTITY" in text[:_PROLOG_BYTES]

    def replace(match: re.Match[str]) -> str:
        cut, name = match[0], match["name"]
        if cut[0] == "<" or name in _PREDEFINED or (name and declares) or cut[1:2] == "#":
            return cut
        if name and f"{name};" in html5:
            return "".join(f"&#{ord(character)};" for character in html5[f"{name};"])
        return f"&amp;{cut[1:]}"

    return _AMPERSAND.sub(replace, _NOT_XML.sub("", text))


def _prolog(data: bytes) -> str:
    """The first characters, in small letters and unpacked where they are packed."""
    for _ in range(_PACKINGS):
        if data.startswith(_GZIP):
            try:
                data = zlib.decompressobj(wbits=31).decompress(data, _PROLOG_BYTES)
            except zlib.error:
                return ""
    text = data[:_PROLOG_BYTES].decode(marked_encoding(data) or "utf-8", "replace")
    return text.lstrip("\ufeff \t\r\n\0").lower()


def _unpack_members(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """What a gzip file holds, all of its members (RFC 1952, 2.2), and whether the last one is whole.

    What stands behind them counts for nothing.
    """
    unpacked, rest, is_whole = bytearray(), data, True
    while rest.startswith(_GZIP):
        reader = zlib.decompressobj(wbits=31)
        try:
            unpacked += reader.decompress(rest, max_bytes + 1 - len(unpacked))
        except zlib.error as error:
            if not unpacked:
                raise RefusedError("The sitemap can't be unpacked.", reason=Reason.UNREADABLE) from error
            return bytes(unpacked), False
        if len(unpacked) > max_bytes:
            raise RefusedError(f"The sitemap has more than {max_bytes} bytes once unpacked.", reason=Reason.TOO_LARGE)
        rest, is_whole = reader.unused_data.lstrip(b"\0"), reader.eof
    return bytes(unpacked), is_whole
