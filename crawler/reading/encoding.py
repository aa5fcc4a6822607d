"""In which encoding a page is written, and how its addresses are encoded."""

import re
from contextlib import suppress
from urllib.parse import quote, quote_from_bytes

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, to_unicode

_GUESSED = (
    "cp1252", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "shift_jis", "euc_jp", "iso2022_jp", "gb18030",
    "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip
"""What is guessed: of the encodings for Latin letters only the most frequent, because short texts don't part them."""
_NO_PAGE = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})
"""Codecs of Python that no page is written in, some of which are slow."""
_SAMPLE = 16_384
_MIN_SIGNS = 20
_OUTSIDE = re.compile(rb"[\x80-\xff]")
_QUERY = re.compile(r"[^\x00-\x7f]+")


def decoded(data: bytes, content_type: str, *, is_html: bool = True) -> tuple[str, str]:
    """The encoding of a page or a style sheet, and its text.

    As the byte order mark, the header or the page says (WHATWG HTML, 13.2.3.2), else as charset-normalizer guesses it.
    """
    marked, _ = read_bom(data)
    declared = [marked, http_content_type_encoding(content_type), html_body_declared_encoding(data) if is_html else ""]
    for encoding in declared:
        if encoding and encoding.replace("-", "_").lower() not in _NO_PAGE:
            with suppress(LookupError, ValueError):  # no encoding of texts
                return encoding, to_unicode(data, encoding)
    encoding = guess_encoding(data) if is_html else "utf-8"
    return encoding, to_unicode(data, encoding)


def guess_encoding(data: bytes) -> str:
    """The encoding of a page that declares none: UTF-8 though a sign or two of it are broken, or what fits best.

    A few signs say nothing: then it is what most of the old pages in Latin letters are written in.
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
    """An address of a page in another encoding, as browsers ask for it: its query in that encoding (WHATWG URL, 4.4).

    What the encoding can't write becomes a reference, as in forms. The path is UTF-8 in any page, and left alone.
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
