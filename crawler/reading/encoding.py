"""In which encoding a page is written, and how its addresses are encoded."""

import re
from urllib.parse import quote, quote_from_bytes

from charset_normalizer import from_bytes
from w3lib.encoding import html_to_unicode

_GUESSED = (
    "cp1252", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "shift_jis", "euc_jp", "iso2022_jp", "gb18030",
    "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip
"""What is guessed: of the encodings for Latin letters only the most frequent, because short texts don't part them."""
_SAMPLE = 16_384
_OUTSIDE = re.compile(rb"[\x80-\xff]")
_QUERY = re.compile(r"[^\x00-\x7f]+")


def decoded(data: bytes, content_type: str) -> tuple[str, str]:
    """The encoding of a page and its text: as declared (WHATWG HTML, 13.2.3.2), or as charset-normalizer guesses it."""
    return html_to_unicode(content_type or None, data, default_encoding="utf-8", auto_detect_fun=_guess)


def _guess(data: bytes) -> str | None:
    """The encoding of a page that declares none."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    first = _OUTSIDE.search(data)
    begin = max(0, (first.start() if first else 0) - _SAMPLE // 16)
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
