"""What reading a document gives: images and links as absolute addresses, and what the document says of itself."""

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
"""Of each byte, its bits as eight counters of 32 bits side by side, so that one addition counts them all."""
_VISITED = ("http", "https")
_NOT_ADDRESSES = ("about", "blob", "chrome", "cid", "javascript", "mailto", "sms", "tel", "vbscript")


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that a document names: its absolute address, where it stands, the words around it, the page of it."""

    url: str
    found_in: str
    context: str = ""
    page_url: str = ""
    is_aside: bool = False
    """Whether it is no content, as far as a page tells: in its header, navigation or footer, or a logo, an icon or what
    holds a place by its name."""
    elsewhere: tuple[SeenElsewhere, ...] = ()
    """When it was there, as whoever names it states: a feed of its entry, a search of its result."""


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A document that a document names."""

    url: str
    kind: Kind
    modified: str = ""  # when it changed last, as the document that names it says: RFC 3339


@dataclass(frozen=True, slots=True)
class Document:
    """What a page, a sitemap or a feed holds, each address once, in the order of the document."""

    images: tuple[FoundImage, ...] = ()
    links: tuple[FoundLink, ...] = ()  # other documents
    sheets: tuple[str, ...] = ()  # style sheets, absolute
    is_cut: bool = False  # whether a sitemap or a feed breaks off: what lies behind is missing
    left_out: Mapping[str, int] = field(default_factory=dict)  # by :class:`crawler.reading.limits.LeftOut`
    title: str = ""  # of the document
    published: str = ""  # when that was, as the page itself states it: as much of ISO 8601 as it says
    language: str = ""  # as declared
    text: str = ""  # fingerprint of the visible words
    words: int = 0  # how many these are
    robots: tuple[str, ...] = ()  # contents of the robots metas
    tdm_reservation: str = ""  # of the TDMRep meta, or empty
    tdm_policy: str = ""  # of the TDMRep meta, or empty
    scripts: int = 0  # elements that run a script
    script_urls: tuple[str, ...] = ()  # where those of them lie that aren't in the page, absolute
    scripts_show: bool = False  # whether one of those in the page may show pictures, by what it says
    characters: int = 0  # of its text
    needs_scripts: bool = False
    """Whether it says that it is nothing without them, has an empty place for an app, or holds scripts or templates
    that write pictures."""

    @property
    def runs_scripts(self) -> bool:
        """Whether a browser may show other pictures than the document names."""
        return bool(self.scripts or self.needs_scripts)


class Room:
    """How much one document may name in characters, some more for each address.

    A base address stands once in a document and in each of its addresses: without an end they would fill any memory.
    """

    def __init__(self) -> None:
        self._left = DOCUMENT_CHARACTERS
        self.refused = 0  # addresses that there was no room for

    def takes(self, address: str) -> bool:
        """Whether there is room for one more address; takes it, or counts it as refused."""
        self._left -= len(address) + _EACH
        self.refused += self._left < 0
        return self._left >= 0


def absolute(base: str, address: str) -> str:
    """An address as a document means it, made absolute, without its fragment; empty when it isn't one, or far too long.

    ``data:`` and schemes that aren't visited come back too: the reader decides, and the guard refuses.
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
    """Whether a URL is of the web."""
    return url.partition(":")[0].lower() in _VISITED


def plain(text: str, length: int = CONTEXT_LENGTH) -> str:
    """Words with single spaces between them and no control characters, cut at a length in characters."""
    words = " ".join(text[: 4 * length].split())
    if not words.isprintable():
        words = "".join(character for character in words if character.isprintable())
    return words[:length].rstrip()


def fingerprint(texts: Iterable[str]) -> str:
    """The 64-bit simhash of a text's shingles of three words, 16 hexadecimal digits; empty for less than ten words.

    Each bit is the majority's among the hashes of the shingles (Charikar, "Similarity estimation techniques from
    rounding algorithms", STOC 2002), so that texts which share nearly all of them differ in few bits.
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
