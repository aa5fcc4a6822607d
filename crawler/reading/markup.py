"""Repairs of compressed, mislabelled or slightly broken XML and JSON, in bounded time and without parsing."""

import codecs
import re
import zlib
from html.entities import html5

from crawler.formats.job import Kind
from exhibit.errors import RefusedError
from exhibit.reasons import Reason

_GZIP = b"\x1f\x8b"
_MAX_GZIP_LAYERS = 2
"""Maximum layers of gzip: a compressed file, from a server that compresses its responses without declaring it."""
_PROLOG_BYTES = 16_384
"""Bytes in which the root element must start: style sheets, comments and a document type may precede it."""
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"), (b"{\0", "utf-16-le"), (b"\0{", "utf-16-be"))
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
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
_INVALID_XML_CHAR = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def unpack(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Decompress gzip, which is detected by content, regardless of the name and the media type.

    Args:
        data: The bytes as served, compressed or not.
        max_bytes: Largest uncompressed size.

    Returns:
        The bytes and whether the last gzip member is complete.

    Raises:
        RefusedError: ``too-large`` for more than ``max_bytes``, ``unreadable`` for broken gzip data.
    """
    is_complete = True
    for _ in range(_MAX_GZIP_LAYERS):
        if data.startswith(_GZIP):
            data, is_member_complete = _unpack_members(data, max_bytes)
            is_complete &= is_member_complete
    return data, is_complete


def detect_kind(data: bytes) -> Kind | None:
    """Detect sitemaps and feeds by their root element or JSON version; return ``None`` for anything else."""
    text = _read_prolog(data)
    if text.startswith("{"):
        return Kind.FEED if _JSON_FEED in text else None
    return _KINDS.get(get_root_name(text).lower()) if text.startswith("<") else None


def get_root_name(text: str) -> str:
    """Return the root element's name without its prefix, or an empty string if there is none."""
    match = _ROOT.search(_COMMENT.sub("", text[:_PROLOG_BYTES]))
    return match["name"] if match else ""


def detect_encoding(data: bytes) -> str:
    """Return the encoding shown by a byte order mark or the first two bytes, or an empty string."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "")
    return encoding or next((name for prefix, name in _BARE_UTF16 if data.startswith(prefix)), "")


def escape_ampersands(text: str) -> str:
    """Escape literal ampersands to make the text valid XML, and drop characters that XML does not allow.

    ``?id=1&lang=de`` keeps both parameters: neither XML's recovery nor HTML's names without a semicolon apply. HTML
    entity names are replaced by their characters; entity names that the document declares are unchanged.
    """
    declares_entities = "<!ENTITY" in text[:_PROLOG_BYTES]

    def replace_token(match: re.Match[str]) -> str:
        token, name = match[0], match["name"]
        if token[0] == "<" or name in _PREDEFINED or (name and declares_entities) or token[1:2] == "#":
            return token
        if name and f"{name};" in html5:
            return "".join(f"&#{ord(char)};" for char in html5[f"{name};"])
        return f"&amp;{token[1:]}"

    return _AMPERSAND.sub(replace_token, _INVALID_XML_CHAR.sub("", text))


def _read_prolog(data: bytes) -> str:
    """Return the first characters in lower case, decompressed if necessary."""
    for _ in range(_MAX_GZIP_LAYERS):
        if data.startswith(_GZIP):
            try:
                data = zlib.decompressobj(wbits=31).decompress(data, _PROLOG_BYTES)
            except zlib.error:
                return ""
    text = data[:_PROLOG_BYTES].decode(detect_encoding(data) or "utf-8", "replace")
    return text.lstrip("\ufeff \t\r\n\0").lower()


def _unpack_members(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Decompress all members of a gzip file (RFC 1952, 2.2); return the data and whether the last member is complete.

    Data after the members is ignored.
    """
    unpacked, remaining, is_complete = bytearray(), data, True
    while remaining.startswith(_GZIP):
        decompressor = zlib.decompressobj(wbits=31)
        try:
            unpacked += decompressor.decompress(remaining, max_bytes + 1 - len(unpacked))
        except zlib.error as error:
            if not unpacked:
                raise RefusedError("The sitemap cannot be decompressed.", reason=Reason.UNREADABLE) from error
            return bytes(unpacked), False
        if len(unpacked) > max_bytes:
            raise RefusedError(f"The sitemap has more than {max_bytes} bytes decompressed.", reason=Reason.TOO_LARGE)
        remaining, is_complete = decompressor.unused_data.lstrip(b"\0"), decompressor.eof
    return bytes(unpacked), is_complete
