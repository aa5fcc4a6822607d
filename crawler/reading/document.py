"""Contents of a parsed document: images and links as absolute URLs, and the document's own metadata."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from crawler.formats.job import Kind
from crawler.reading.limits import MAX_DOCUMENT_URL_CHARS, MAX_URL_CHARS
from exhibit.network.addresses import join_urls
from exhibit.types import SourceStatement

CONTEXT_LENGTH = 500
MAX_URL_LENGTH = MAX_URL_CHARS
_CHARS_PER_URL = 200
_SHINGLE_WORDS = 3
_MIN_WORDS = 10
_MAX_WORDS = 20_000
_LANES = [sum((byte >> bit & 1) << (32 * bit) for bit in range(8)) for byte in range(256)]
"""For each byte, its bits as eight adjacent 32-bit counters, so that one addition counts all bits."""
_VISITABLE_SCHEMES = ("http", "https")
_OTHER_SCHEMES = ("about", "blob", "chrome", "cid", "javascript", "mailto", "sms", "tel", "vbscript")


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image named in a document: absolute URL, element or attribute that names it, surrounding words, and page."""

    url: str
    found_in: str
    context: str = ""
    page_url: str = ""
    is_decorative: bool = False
    """Whether the image is probably not content: in the header, navigation or footer of the page, or a logo, an icon or
    a placeholder by its name."""
    elsewhere: tuple[SourceStatement, ...] = ()
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
    is_truncated: bool = False  # whether a sitemap or a feed is truncated
    left_out: Mapping[str, int] = field(default_factory=dict)  # by :class:`crawler.reading.limits.OmittedItem`
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
    has_image_scripts: bool = False  # whether the text of an inline script suggests that it adds images
    characters: int = 0  # number of characters of its text
    needs_scripts: bool = False
    """Whether the page states that it requires scripts, has an empty root for an app, or contains scripts or templates
    that write images."""

    @property
    def has_scripts(self) -> bool:
        """True if a browser may show images that the document does not name."""
        return bool(self.scripts or self.needs_scripts)


class UrlBudget:
    """Limit for the characters of all URLs that one document may name, with an extra charge per URL.

    A base URL appears once in a document and is repeated in each absolute URL: without a limit, these URLs
    could exhaust the memory.
    """

    def __init__(self) -> None:
        self._chars_left = MAX_DOCUMENT_URL_CHARS
        self.refused_count = 0  # URLs that exceeded the limit

    def reserve(self, address: str) -> bool:
        """Reserve the characters of one more URL; return False, and count it as refused, if the limit is exceeded."""
        self._chars_left -= len(address) + _CHARS_PER_URL
        self.refused_count += self._chars_left < 0
        return self._chars_left >= 0


def resolve_url(base: str, address: str) -> str:
    """Resolve a URL of a document and remove its fragment; return an empty string if it is invalid or far too long.

    ``data:`` URLs and schemes that are not visited are returned too: callers filter them, and the guard blocks them.
    """
    address = address.strip(" \t\r\n\f\0")
    if not address or address[0] == "#":
        return ""
    if address[:5].lower() == "data:":
        return address
    if len(address) + len(base) > 2 * MAX_URL_LENGTH:
        return ""
    url = join_urls(base, address)
    scheme, colon, _ = url.partition(":")
    if not colon or scheme in _OTHER_SCHEMES:
        return ""
    return url if len(url) <= MAX_URL_LENGTH else ""


def is_visitable(url: str) -> bool:
    """Return True if the scheme of a URL is HTTP or HTTPS."""
    return url.partition(":")[0].lower() in _VISITABLE_SCHEMES


def normalise_text(text: str, length: int = CONTEXT_LENGTH) -> str:
    """Normalise white space, remove control characters, and cut the text to a length in characters."""
    result = " ".join(text[: 4 * length].split())
    if not result.isprintable():
        result = "".join(char for char in result if char.isprintable())
    return result[:length].rstrip()


def compute_fingerprint(texts: Iterable[str]) -> str:
    """Return the 64-bit simhash of a text's three-word shingles as 16 hexadecimal digits; empty for under ten words.

    Each bit is the majority among the hashes of the shingles (Charikar, "Similarity estimation techniques from rounding
    algorithms", STOC 2002), so that texts that share nearly all shingles differ in few bits.
    """
    words = " ".join(texts).lower().split()[:_MAX_WORDS]
    if len(words) < _MIN_WORDS:
        return ""
    totals = [0] * 8
    shingles = len(words) - _SHINGLE_WORDS + 1
    for index in range(shingles):
        shingle_hash = blake2b(
            " ".join(words[index : index + _SHINGLE_WORDS]).encode("utf-8", "replace"), digest_size=8
        )
        for lane, byte in enumerate(shingle_hash.digest()):
            totals[lane] += _LANES[byte]
    bits = ((total >> (32 * bit) & 0xFFFFFFFF) * 2 > shingles for total in totals for bit in range(8))
    return f"{sum(1 << index for index, is_set in enumerate(bits) if is_set):016x}"
