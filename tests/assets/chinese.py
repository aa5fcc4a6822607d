"""Detection of English that remains in Chinese pages, emails and documents."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser

NAMES = frozenset({
    "AI", "API", "CA", "CDXJ", "CN", "CSV", "DDS", "DMCA", "DNS", "EIP", "EUR", "EVM", "EXIF", "FIPS", "FRE", "GB",
    "GDPR", "GMT", "HDR", "HEIC", "HEIF", "HTML", "HTTP", "HTTPS", "IANA", "ID", "IP", "IPTC", "JPEG", "JSON",
    "KB", "MB", "MD", "PDF", "PIN", "PIPL", "PNG", "QOI", "RAW", "RFC", "SHA", "SVG", "TB", "TLS", "URL", "URI",
    "USD", "UTC", "WARC", "WEBP", "XLSX", "XML", "XMP", "ZIP", "Ed", "GiB", "KiB", "MiB", "gzip", "md", "Atom",
    "Bitcoin", "Enter", "Exhibit", "JavaScript", "OpenEXR", "OpenTimestamps", "Photoshop", "PostScript",
    "RootSIFT", "Service", "Worker", "Standard", "Webhook", "Webhooks", "WebP", "WebSocket", "eIDAS", "Etsy",
    "Google", "Images", "TinEye", "Vision", "Yandex", "eBay", "Flickr", "Internet", "Archive", "Mastodon",
    "Europeana", "Openverse", "Wikimedia", "Commons", "Wayback", "Machine", "Common", "Crawl", "Apple", "Microsoft",
    "Mozilla", "iPad", "iPhone",
})  # fmt: skip
"""Names, abbreviations, formats and keys that Chinese text contains unchanged."""
_SAMPLE_WORDS = {
    "Ann",
    "Fee",
    "Harbours",
    "Nightly",
    "Own",
    "Studio",
    "Website",
    "page",
    "prices",
    "studio",
    "watch",
    "work",
}
"""Names of people and pages in ``tests/assets/desk_scene.py``."""
_CODE = {
    "foreground",
    "crawl",
    "default",
    "evidence",
    "files",
    "match",
    "upkeep",
    "visits",
    "pictures",
    "prints",
    "works",
}
"""Names of queues and indexes on the command line."""
_EXAMPLES = {"AT", "CH", "DE", "id", "secret"}
"""Example values shown to users."""
_COLUMNS = {
    "author", "created", "credit", "domain", "file", "holder", "licensee", "registrations", "rights",
    "territories", "title",
}  # fmt: skip
"""Columns of users' tables, as the first line of a file names them."""
KNOWN_WORDS = frozenset({*_SAMPLE_WORDS, *_CODE, *_EXAMPLES, *_COLUMNS})
SILENT_ELEMENTS = frozenset({"script", "style", "code", "kbd", "pre", "textarea"})
"""Elements whose text is code, or was written by a user."""
TEXT_ATTRIBUTES = frozenset({"alt", "aria-label", "placeholder", "title"})
"""Attributes that users read or hear."""
VOID_ELEMENTS = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
NO_WORDS = re.compile(
    r"""\S*(?:://|[/_.@=\\*-])[\x21-\x7e]*"""  # addresses, paths, file names, options, versions
    r"""|\b(?=[0-9a-f]*\d)[0-9a-f]{3,}\b|\b[0-9a-f]{16,}\b|\b(?=\w*\d)\w{8,}\b""",  # digests and codes
    re.ASCII,
)

HALF_WIDTH = re.compile(
    r".{0,9}[\u4e00-\u9fff](?:[,;:!?](?!//)| ?\((?!\w{1,3}\)))[^\n]{0,9}"
    r"|.{0,9}[^\s][,;:!?] ?[\u4e00-\u9fff][^\n]{0,9}"
)
"""Punctuation of other languages next to Chinese characters, with some context."""


class _Reader(HTMLParser):
    """A parser that collects the text of a page in its own language, without quotations in another language."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        foreign = not (attributes.get("lang") or "zh").startswith("zh") or attributes.get("translate") == "no"
        if tag not in VOID_ELEMENTS:
            self._open.append((tag, foreign or tag in SILENT_ELEMENTS))
        if not foreign:
            self.read += [value for name, value in attrs if name in TEXT_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(silent for _tag, silent in self._open):
            self.read.append(data)


def visible_text(page: str) -> str:
    """Return the visible text of an HTML page, one line for each piece."""
    reader = _Reader()
    reader.feed(page)
    return "\n".join(" ".join(piece.split()) for piece in reader.read if piece.strip())


def find_english(text: str, known_words: Iterable[str] = ()) -> list[str]:
    """Return Latin words that are not names, known words, or parts of addresses, paths, digests or versions."""
    names = NAMES.union(known_words)
    words = re.findall(r"\b[A-Za-z]{2,}", NO_WORDS.sub(" ", text), re.ASCII)
    # Digests are printed in groups of four digits, some of which are letters only.
    return [word for word in words if word not in names and not re.fullmatch("[a-f]{4}", word)]


def find_half_width(text: str) -> list[str]:
    """Return the places where Chinese characters are next to punctuation of other languages."""
    return HALF_WIDTH.findall(text)
