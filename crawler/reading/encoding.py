"""Character encodings of pages and of their URLs."""

import re
from contextlib import suppress
from urllib.parse import quote, quote_from_bytes

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, to_unicode

_CANDIDATES = (
    "cp1252", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "shift_jis", "euc_jp", "iso2022_jp", "gb18030",
    "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip
"""Candidate encodings. For Latin letters only the most frequent is included, as short texts cannot distinguish them."""
_UNUSED_CODECS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})
"""Python codecs that pages do not use; some are slow."""
_SAMPLE_BYTES = 16_384
_MIN_CHARS = 20
_NON_ASCII_BYTE = re.compile(rb"[\x80-\xff]")
_NON_ASCII_TEXT = re.compile(r"[^\x00-\x7f]+")


def decode_text(data: bytes, content_type: str, *, is_html: bool = True) -> tuple[str, str]:
    """Return the encoding and the text of a page or style sheet.

    The encoding comes from the byte order mark, the header or the page (WHATWG HTML, 13.2.3.2); otherwise
    charset-normalizer guesses it.
    """
    bom_encoding, _ = read_bom(data)
    encodings = [
        bom_encoding,
        http_content_type_encoding(content_type),
        html_body_declared_encoding(data) if is_html else "",
    ]
    for encoding in encodings:
        if encoding and encoding.replace("-", "_").lower() not in _UNUSED_CODECS:
            with suppress(LookupError, ValueError):  # not a text encoding
                return encoding, to_unicode(data, encoding)
    encoding = guess_encoding(data) if is_html else "utf-8"
    return encoding, to_unicode(data, encoding)


def guess_encoding(data: bytes) -> str:
    """Guess the encoding of a page that declares none: UTF-8, even with a few broken characters, or the best match.

    Few non-ASCII characters are not enough to guess; the result is then that of most old pages in Latin letters.
    """
    text = data.decode("utf-8", "replace")
    invalid_chars = text.count("\N{REPLACEMENT CHARACTER}")
    non_ascii_chars = len(data) - len(text.encode("ascii", "ignore"))
    if invalid_chars * 10 <= non_ascii_chars - 3 * invalid_chars:
        return "utf-8"
    if len(_NON_ASCII_BYTE.findall(data)) < _MIN_CHARS:
        return "cp1252"
    sample_start = max(0, next(match.start() for match in _NON_ASCII_BYTE.finditer(data)) - _SAMPLE_BYTES // 16)
    best = from_bytes(data[sample_start - sample_start % 4 :][:_SAMPLE_BYTES], cp_isolation=list(_CANDIDATES)).best()
    return best.encoding if best is not None else "cp1252"


def encode_query(address: str, encoding: str) -> str:
    """Encode the query of a URL in the encoding of its page, as browsers do (WHATWG URL, 4.4).

    Characters outside the encoding become character references, as in forms. The path is UTF-8 on any page and
    unchanged.
    """
    path, separator, query = address.partition("?")
    if not separator or query.isascii() or encoding.lower().startswith("utf"):
        return address
    return f"{path}?{_NON_ASCII_TEXT.sub(lambda match: _quote_text(match[0], encoding), query)}"


def _quote_text(text: str, encoding: str) -> str:
    try:
        return quote_from_bytes(text.encode(encoding, "xmlcharrefreplace"), safe="")
    except (LookupError, UnicodeError):
        return quote(text, safe="", errors="replace")
