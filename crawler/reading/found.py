"""Results of reading a document: images and links as absolute URLs, and the document's statements about itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from crawler.formats.job import Kind
from crawler.reading.limits import ADDRESS_CHARACTERS, DOCUMENT_CHARACTERS
from exhibit.network.addresses import joined
from exhibit.types import SeenElsewhere

CONTEXT_LENGTH = 500
MAX_ADDRESS = ADDRESS_CHARACTERS
_EACH = 200
_SHINGLE = 3
_MIN_WORDS = 10
_MAX_WORDS = 20_000
_LANES = [sum((byte >> bit & 1) << (32 * bit) for bit in range(8)) for byte in range(256)]
"""For each byte, its bits as eight adjacent 32-bit counters, so that one addition counts all bits."""
_VISITED = ("http", "https")
_NOT_ADDRESSES = ("about", "blob", "chrome", "cid", "javascript", "mailto", "sms", "tel", "vbscript")


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image named in a document: absolute URL, kind of place, surrounding words, and page."""

    url: str
    found_in: str
    context: str = ""
    page_url: str = ""
    is_aside: bool = False
    """Whether the image is probably not content: in the header, navigation or footer of the page, or a logo, an icon or
    a placeholder by its name."""
    elsewhere: tuple[SeenElsewhere, ...] = ()
    """Publication dates stated by the source that names the image: a feed entry or a search result."""


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link from a document to another document."""

    url: str
    kind: Kind
    modified: str = ""  # last change as stated by the linking document: RFC 3339


@dataclass(frozen=True, slots=True)
class Document:
    """Contents of a page, a sitemap or a feed; each URL appears once, in document order."""

    images: tuple[FoundImage, ...] = ()
    links: tuple[FoundLink, ...] = ()  # other documents
    sheets: tuple[str, ...] = ()  # style sheets, absolute
    is_cut: bool = False  # whether a sitemap or a feed is truncated
    left_out: Mapping[str, int] = field(default_factory=dict)  # by :class:`crawler.reading.limits.LeftOut`
    title: str = ""  # of the document
    published: str = ""  # publication date as the page states it: ISO 8601, possibly incomplete
    language: str = ""  # as declared
    text: str = ""  # fingerprint of the visible words
    words: int = 0  # number of visible words
    robots: tuple[str, ...] = ()  # contents of robots meta elements
    tdm_reservation: str = ""  # of the TDMRep meta element, or empty
    tdm_policy: str = ""  # of the TDMRep meta element, or empty
    scripts: int = 0  # elements that run a script
    script_urls: tuple[str, ...] = ()  # absolute URLs of external scripts
    scripts_show: bool = False  # whether the text of an inline script suggests that it adds images
    characters: int = 0  # number of characters of its text
    needs_scripts: bool = False
    """Whether the page says that it requires scripts, has an empty root for an app, or contains scripts or templates
    that write images."""

    @property
    def runs_scripts(self) -> bool:
        """True if a browser may show images that the document does not name."""
        return bool(self.scripts or self.needs_scripts)


class Room:
    """Limit for the characters of all URLs that one document may name, with an extra charge per URL.

    A base URL appears once in a document and is repeated in each absolute URL: without a limit, these could fill any
    memory.
    """

    def __init__(self) -> None:
        self._left = DOCUMENT_CHARACTERS
        self.refused = 0  # URLs that exceeded the limit

    def takes(self, address: str) -> bool:
        """Reserve room for one more URL; return False, and count the URL as refused, if the limit is exceeded."""
        self._left -= len(address) + _EACH
        self.refused += self._left < 0
        return self._left >= 0


def absolute(base: str, address: str) -> str:
    """Resolve a URL of a document and remove its fragment; return an empty string if it is invalid or far too long.

    ``data:`` URLs and schemes that are not visited are returned too: the reader decides, and the guard refuses.
    """
    address = address.strip(" \t\r\n\f\0")
    if not address or address[0] == "#":
        return ""
    if address[:5].lower() == "data:":
        return address
    if len(address) + len(base) > 2 * MAX_ADDRESS:
        return ""
    url = joined(base, address)
    scheme, colon, _ = url.partition(":")
    if not colon or scheme in _NOT_ADDRESSES:
        return ""
    return url if len(url) <= MAX_ADDRESS else ""


def is_visitable(url: str) -> bool:
    """Return True if the scheme of a URL is HTTP or HTTPS."""
    return url.partition(":")[0].lower() in _VISITED


def plain(text: str, length: int = CONTEXT_LENGTH) -> str:
    """Normalise white space, remove control characters, and cut the text to a length in characters."""
    words = " ".join(text[: 4 * length].split())
    if not words.isprintable():
        words = "".join(character for character in words if character.isprintable())
    return words[:length].rstrip()


def fingerprint(texts: Iterable[str]) -> str:
    """Return the 64-bit simhash of a text's three-word shingles as 16 hexadecimal digits; empty for under ten words.

    Each bit is the majority among the hashes of the shingles (Charikar, "Similarity estimation techniques from rounding
    algorithms", STOC 2002), so that texts that share nearly all shingles differ in few bits.
    """
    words = " ".join(texts).lower().split()[:_MAX_WORDS]
    if len(words) < _MIN_WORDS:
        return ""
    totals = [0] * 8
    shingles = len(words) - _SHINGLE + 1
    for place in range(shingles):
        hashed = blake2b(" ".join(words[place : place + _SHINGLE]).encode("utf-8", "replace"), digest_size=8)
        for lane, byte in enumerate(hashed.digest()):
            totals[lane] += _LANES[byte]
    bits = ((total >> (32 * bit) & 0xFFFFFFFF) * 2 > shingles for total in totals for bit in range(8))
    return f"{sum(1 << place for place, is_set in enumerate(bits) if is_set):016x}"
