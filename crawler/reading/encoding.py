"""Character encodings of pages and of their URLs."""

import re
from contextlib import suppress
from urllib.parse import quote, quote_from_bytes

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, to_unicode

_GUESSED = (
    "cp1252", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "shift_jis", "euc_jp", "iso2022_jp", "gb18030",
    "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip
"""Candidate encodings. For Latin letters only the most frequent is included, as short texts do not tell them apart."""
_NO_PAGE = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})
"""Python codecs that no page uses, some of which are slow."""
_SAMPLE = 16_384
_MIN_SIGNS = 20
_OUTSIDE = re.compile(rb"[\x80-\xff]")
_QUERY = re.compile(r"[^\x00-\x7f]+")


def decoded(data: bytes, content_type: str, *, is_html: bool = True) -> tuple[str, str]:
    """Return the encoding and the text of a page or style sheet.

    The encoding comes from the byte order mark, the header or the page (WHATWG HTML, 13.2.3.2); otherwise
    charset-normalizer guesses it.
    """
    marked, _ = read_bom(data)
    encodings = [marked, http_content_type_encoding(content_type), html_body_declared_encoding(data) if is_html else ""]
    for encoding in encodings:
        if encoding and encoding.replace("-", "_").lower() not in _NO_PAGE:
            with suppress(LookupError, ValueError):  # not a text encoding
                return encoding, to_unicode(data, encoding)
    encoding = guess_encoding(data) if is_html else "utf-8"
    return encoding, to_unicode(data, encoding)


def guess_encoding(data: bytes) -> str:
    """Guess the encoding of a page that declares none: UTF-8, even with a few broken characters, or the best match.

    Too few non-ASCII characters prove nothing; the result is then that of most old pages in Latin letters.
    """
    text = data.decode("utf-8", "replace")
    broken = text.count("\N{REPLACEMENT CHARACTER}")
    signs = len(data) - len(text.encode("ascii", "ignore"))
    if broken * 10 <= signs - 3 * broken:
        return "utf-8"
    if len(_OUTSIDE.findall(data)) < _MIN_SIGNS:
        return "cp1252"
    begin = max(0, next(match.start() for match in _OUTSIDE.finditer(data)) - _SAMPLE // 16)
    best = from_bytes(data[begin - begin % 4 :][:_SAMPLE], cp_isolation=list(_GUESSED)).best()
    return best.encoding if best is not None else "cp1252"


def encoded(address: str, encoding: str) -> str:
    """Encode the query of a URL in the encoding of its page, as browsers do (WHATWG URL, 4.4).

    Characters outside the encoding become character references, as in forms. The path is UTF-8 on any page and
    unchanged.
    """
    path, mark, query = address.partition("?")
    if not mark or query.isascii() or encoding.lower().startswith("utf"):
        return address
    return f"{path}?{_QUERY.sub(lambda match: _quoted(match[0], encoding), query)}"


def _quoted(text: str, encoding: str) -> str:
    try:
        return quote_from_bytes(text.encode(encoding, "xmlcharrefreplace"), safe="")
    except (LookupError, UnicodeError):
        return quote(text, safe="", errors="replace")
