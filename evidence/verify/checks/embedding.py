"""Use of an image in a page's HTML: what readers see of the image, as far as markup shows.

HTML is parsed by libxml2, which ends tags, comments and raw text where the HTML standard does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from lxml import etree

from evidence.formats.records import inline_bodies, mentions_url, to_plain_url
from evidence.verify.checks.exchanges import secured
from exhibit.digests import Digest
from exhibit.network.addresses import joined, path_of

Element: TypeAlias = Any
"""An lxml element; lxml has no types."""

MAX_PAGE = 8 << 20  # maximum number of bytes of HTML that are read
MAX_NAMES = 2_000  # maximum number of URLs with the image's file name that are resolved
LEAST_SIDE = 40
"""Least width and height in pixels of an image that counts as visible on the page."""
ATTRIBUTES = {
    "img": ("src", "srcset"), "source": ("srcset",), "input": ("src",), "video": ("poster",), "object": ("data",),
    "embed": ("src",), "iframe": ("src",), "image": ("href", "xlink:href", "{http://www.w3.org/1999/xlink}href"),
}  # fmt: skip
"""Attributes by which each element shows an image; ``background`` and ``style`` do so in any element."""
PICTURES = frozenset({"img", "source", "picture", "input", "image"})
_INSTEAD = "contains it as a fallback for other browsers"
NEVER_SHOWN = {
    "template": "contains it in a template, which is not displayed", "noscript": "shows it only without scripts",
    "select": "contains it in a list that shows only text", "datalist": "contains it in a list that shows only text",
    "defs": "contains it in the definitions of a drawing, which are not displayed",
    "video": _INSTEAD, "audio": _INSTEAD, "canvas": _INSTEAD, "object": _INSTEAD,
}  # fmt: skip
"""Remarks on images in elements whose content is markup but not displayed."""
EMBEDDED = ""
NAMED_WITHOUT_EMBEDDING = "contains the image URL without embedding it"
NOT_NAMED = "does not contain the image URL"
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_URL = re.compile(r"""url\(\s*+(?:"([^"]*+)"|'([^']*+)'|([^()"']*+))\s*+\)""", re.IGNORECASE)
_LOADED = re.compile(
    r"@import\b[^;{}]*+|@(?:font-face|namespace|counter-style)\b[^;{}]*+(?:\{[^{}]*+)?+", re.IGNORECASE
)
"""Style sheet rules that contain a URL and show no image."""
_BEGINS = r"(?:^|(?<=[;\s]))"
_HIDES = re.compile(
    rf"{_BEGINS}(?=[b-dfhlmortvw])(?:display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse)"
    r"|content-visibility\s*+:\s*+hidden"
    r"|(?:opacity\s*+:|filter\s*+:\s*+opacity\()\s*+(?:0*+(?:\.(?:0[0-9]*+)?+)?+|[0-4]?+(?:\.[0-9]*+)?+\s*+%)\s*+(?:;|!|\)|$)"
    r"|transform\s*+:\s*+(?:scale[XY]?+\(\s*+0*+(?:\.0[0-9]*+)?+\s*+\)|translate(?:X|Y|3d)?+\(\s*+-[0-9]{4})"
    r"|clip-path\s*+:\s*+(?:inset\(\s*+(?:100|[5-9][0-9])%|circle\(\s*+0)|clip\s*+:\s*+rect\((?:\s*+[01](?:px)?+[,\s]*+){4}\)"
    r"|(?:left|top|right|bottom)\s*+:\s*+-[0-9]{3}(?:vw|vh|%|em|rem)"
    r"|(?:max-)?+(?:width|height)\s*+:\s*+0*+(?:\.[0-9]*+)?+(?:em|rem|%|vw|vh)\s*+(?:;|!|$)"
    r"|(?:left|top|right|bottom|margin-left|margin-top|text-indent)\s*+:\s*+-[0-9]{4})",
    re.IGNORECASE,
)
_LENGTH = r"([0-9]{1,6}+(?:\.[0-9]{1,6}+)?+)(?:px)?+\s*+"
_SIDE = re.compile(rf"{_BEGINS}(?:max-)?(?:width|height)\s*+:\s*+{_LENGTH}(?:;|!|$)", re.IGNORECASE)
_OWN_SIDE = re.compile(rf"\s*+\+?{_LENGTH}")
_CANDIDATES = re.compile(r",\s+|\s+")
_LAZY = re.compile("data|src", re.IGNORECASE)


def use_of(page: bytes, image_url: str, image: Digest | None, address: str) -> str:
    """Return how a page's HTML uses an image without embedding it, in words; empty if it embeds the image.

    Args:
        page: The HTML as served or rendered.
        image_url: URL of the image; a ``data:`` URL stands for an image inside the page.
        image: Digest of the image's bytes.
        address: URL of the page.
    """
    tree = _parse_html(page)
    base = (
        "" if tree is None else next((element.get("href") for element in tree.iter("base") if element.get("href")), "")
    )
    target = _Target(image_url, image, joined(address, base.strip()) or address)
    uses = [] if tree is None else list(_uses(tree, target))
    if EMBEDDED in uses:
        return EMBEDDED
    if uses:
        return uses[0]
    if len(page) > MAX_PAGE:
        return f"is longer than the {MAX_PAGE >> 20} MiB that are read, which do not embed the image"
    return NOT_NAMED if mentions_url(page, image_url) is False else NAMED_WITHOUT_EMBEDDING


def asks_for_password(page: bytes) -> bool:
    """Return True if a page's HTML has a visible password field."""
    tree = _parse_html(page)
    fields = [] if tree is None else tree.iter("input")
    return any(
        (element.get("type") or "").strip().lower() == "password" and not _why_unseen(element) for element in fields
    )


def refreshes(page: bytes) -> list[str]:
    """Return the contents of a page's ``meta`` refresh elements: a delay in seconds, and a URL."""
    tree = _parse_html(page)
    metas = [] if tree is None else tree.iter("meta")
    return [
        element.get("content") or ""
        for element in metas
        if (element.get("http-equiv") or "").strip().lower() == "refresh"
        and next(element.iterancestors("noscript"), None) is None
    ]


def _parse_html(page: bytes) -> Element | None:
    parser = etree.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(page[:MAX_PAGE], parser)
    except (etree.LxmlError, ValueError):
        return None


@dataclass(slots=True)
class _Target:
    """An image to find in a page."""

    url: str  # URL of the image; a ``data:`` URL stands for an image inside the page
    digest: Digest | None  # of its bytes
    base: str  # base URL for relative URLs on the page
    remaining: int = MAX_NAMES
    _plain: str = field(default="", init=False)
    _file: str = field(default="", init=False)
    _is_inside: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._plain, self._file = secured(to_plain_url(self.url)), unquote(path_of(self.url).rpartition("/")[2])
        self._is_inside = self.url[:5].lower() == "data:"

    def is_at(self, value: str) -> bool:
        """Return True if a URL on the page is the image's."""
        text = value.strip()
        if self._is_inside or text[:5].lower() == "data:":
            inside = inline_bodies(text.encode()) if self._is_inside and text[:5].lower() == "data:" else ()
            return any(Digest.of(body) == self.digest for _, body in inside)
        if self.remaining <= 0 or self._file not in unquote(text):
            return False
        self.remaining -= 1
        return secured(to_plain_url((joined(self.base, text) or "").partition("#")[0])) == self._plain


def _uses(tree: Element, target: _Target) -> Iterator[str]:
    """Yield each use of the image in words (empty for one that embeds it), the most informative ones first."""
    less = []
    for element in tree.iter(etree.Element):
        for name, values in _places(element):
            if not any(map(target.is_at, values)):
                continue
            tag = str(element.tag)
            if name in {"style", "background"} or name in ATTRIBUTES.get(tag, ()):
                yield _why_unseen(element) or _why_useless(element)
            elif tag in PICTURES and _LAZY.search(name):
                less.append(f"contains the image URL only in {name[:40]!a}, which scripts may read")
            elif (tag, name) == ("a", "href"):
                less.append("links to the image")
    yield from less


def _places(element: Element) -> Iterator[tuple[str, list[str]]]:
    """Yield the URLs in an element by attribute; ``style`` for the attribute or the content of a ``style`` element."""
    if element.tag == "style" and (element.get("media") or "").strip().lower() != "print":
        yield "style", _urls(element.text or "")
    for name, value in element.items():
        if name == "style":
            yield "style", _urls(value)
        elif name.endswith("srcset"):
            yield name, [part for candidate in _CANDIDATES.split(value) for part in (candidate, candidate.rstrip(","))]
        else:
            yield name, [value]


def _urls(style: str) -> list[str]:
    css = _LOADED.sub(" ", _COMMENT.sub(" ", style))
    return [next(filter(None, match.groups()), "") for match in _URL.finditer(css)]


def _why_useless(element: Element) -> str:
    """Return why an element that names the image embeds nothing; else empty."""
    if element.tag == "source":
        around = next(element.iterancestors("picture"), None)
        return (
            "contains the image URL without a picture"
            if around is None or next(around.iter("img"), None) is None
            else ""
        )
    if element.tag == "input" and (element.get("type") or "").strip().lower() != "image":
        return "contains the image URL in a form field"
    return ""


def _why_unseen(element: Element) -> str:
    """Return why markup does not show an element; empty if it does."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor is not element and (tag := str(ancestor.tag)) in NEVER_SHOWN:
            return NEVER_SHOWN[tag]
        style = _COMMENT.sub(" ", ancestor.get("style") or "")
        if ancestor.get("hidden") is not None or _HIDES.search(style):
            return "hides the image"
    own = _COMMENT.sub(" ", element.get("style") or "") if element.tag != "style" else ""
    sides = [*_SIDE.findall(own)]
    sides += [match[1] for name in ("width", "height") if (match := _OWN_SIDE.fullmatch(element.get(name) or ""))]
    small = [side for side in sides if float(side) < LEAST_SIDE]
    return f"makes the image {small[0]} pixels wide or high" if small else ""
