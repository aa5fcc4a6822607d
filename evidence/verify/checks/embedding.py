"""Analysis of a page's HTML: find the uses of an image, and determine from the markup if readers can see it.

The parser is libxml2, which ends tags, comments and raw text as the HTML standard does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote

from lxml import etree

from evidence.formats.records import list_inline_images, mentions_url, to_plain_url
from evidence.verify.checks.exchanges import to_https
from exhibit.digests import Digest
from exhibit.network.addresses import get_url_path, join_urls

Element: TypeAlias = Any
"""An lxml element; lxml has no types."""

MAX_PAGE_BYTES = 8 << 20  # maximum number of bytes of HTML that are read
MAX_NAMES = 2_000  # maximum number of URLs with the image's file name that are resolved
MIN_SIDE = 40
"""Minimum width and height in pixels of an image that counts as visible on the page."""
ATTRIBUTES = {
    "img": ("src", "srcset"), "source": ("srcset",), "input": ("src",), "video": ("poster",), "object": ("data",),
    "embed": ("src",), "iframe": ("src",), "image": ("href", "xlink:href", "{http://www.w3.org/1999/xlink}href"),
}  # fmt: skip
"""Attributes by which each element shows an image; ``background`` and ``style`` do so in any element."""
PICTURE_ELEMENTS = frozenset({"img", "source", "picture", "input", "image"})
_FALLBACK_REMARK = "contains the image as a fallback for other browsers"
HIDDEN_ELEMENT_REMARKS = {
    "template": "contains the image in a template, which is not displayed",
    "noscript": "shows the image only in browsers that do not run scripts",
    "select": "contains the image in a list that shows only text",
    "datalist": "contains the image in a list that shows only text",
    "defs": "contains the image in the definitions of a drawing, which are not displayed",
    "video": _FALLBACK_REMARK, "audio": _FALLBACK_REMARK, "canvas": _FALLBACK_REMARK, "object": _FALLBACK_REMARK,
}  # fmt: skip
"""Remarks on images in elements whose content is not displayed, by tag."""
EMBEDDED = ""
NAMED_WITHOUT_EMBEDDING = "contains the image URL without embedding it"
NOT_NAMED = "does not contain the image URL"
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_URL = re.compile(r"""url\(\s*+(?:"([^"]*+)"|'([^']*+)'|([^()"']*+))\s*+\)""", re.IGNORECASE)
_NON_IMAGE_RULE = re.compile(
    r"@import\b[^;{}]*+|@(?:font-face|namespace|counter-style)\b[^;{}]*+(?:\{[^{}]*+)?+", re.IGNORECASE
)
"""Pattern of style sheet rules whose URL is not that of a displayed image."""
_DECLARATION_START = r"(?:^|(?<=[;\s]))"
_HIDING_STYLE = re.compile(
    rf"{_DECLARATION_START}(?=[b-dfhlmortvw])(?:display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse)"
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
_SIDE = re.compile(rf"{_DECLARATION_START}(?:max-)?(?:width|height)\s*+:\s*+{_LENGTH}(?:;|!|$)", re.IGNORECASE)
_SIDE_ATTRIBUTE = re.compile(rf"\s*+\+?{_LENGTH}")
_CANDIDATE_SEPARATOR = re.compile(r",\s+|\s+")
_LAZY_ATTRIBUTE = re.compile("data|src", re.IGNORECASE)


def describe_use(page: bytes, image_url: str, image: Digest | None, address: str) -> str:
    """Describe how a page's HTML uses an image without embedding it; empty if the HTML embeds the image.

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
    target = _Target(image_url, image, join_urls(address, base.strip()) or address)
    uses = [] if tree is None else list(_find_uses(tree, target))
    if EMBEDDED in uses:
        return EMBEDDED
    if uses:
        return uses[0]
    if len(page) > MAX_PAGE_BYTES:
        return f"does not embed the image in the first {MAX_PAGE_BYTES >> 20} MiB; the rest was not read"
    return NOT_NAMED if mentions_url(page, image_url) is False else NAMED_WITHOUT_EMBEDDING


def asks_for_password(page: bytes) -> bool:
    """Return True if a page's HTML has a visible password field."""
    tree = _parse_html(page)
    fields = [] if tree is None else tree.iter("input")
    return any(
        (element.get("type") or "").strip().lower() == "password" and not _explain_hidden(element) for element in fields
    )


def list_refreshes(page: bytes) -> list[str]:
    """Return the contents of a page's ``meta`` refresh elements, each with a delay in seconds and a URL."""
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
        return etree.fromstring(page[:MAX_PAGE_BYTES], parser)
    except (etree.LxmlError, ValueError):
        return None


@dataclass(slots=True)
class _Target:
    """An image to find in a page."""

    url: str  # URL of the image; a ``data:`` URL stands for an image inside the page
    digest: Digest | None  # digest of the image's bytes
    base: str  # base URL for relative URLs on the page
    remaining_urls: int = MAX_NAMES
    _plain_url: str = field(default="", init=False)
    _file_name: str = field(default="", init=False)
    _is_inline: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._plain_url, self._file_name = (
            to_https(to_plain_url(self.url)),
            unquote(get_url_path(self.url).rpartition("/")[2]),
        )
        self._is_inline = self.url[:5].lower() == "data:"

    def has_url(self, value: str) -> bool:
        """Return True if a URL on the page is the URL of the image."""
        text = value.strip()
        if self._is_inline or text[:5].lower() == "data:":
            bodies = list_inline_images(text.encode()) if self._is_inline and text[:5].lower() == "data:" else ()
            return any(Digest.from_bytes(body) == self.digest for _, body in bodies)
        if self.remaining_urls <= 0 or self._file_name not in unquote(text):
            return False
        self.remaining_urls -= 1
        return to_https(to_plain_url((join_urls(self.base, text) or "").partition("#")[0])) == self._plain_url


def _find_uses(tree: Element, target: _Target) -> Iterator[str]:
    """Yield a description of each use of the image (empty for an embedded image), the most informative ones first."""
    weaker_uses = []
    for element in tree.iter(etree.Element):
        for name, values in _list_urls(element):
            if not any(map(target.has_url, values)):
                continue
            tag = str(element.tag)
            if name in {"style", "background"} or name in ATTRIBUTES.get(tag, ()):
                yield _explain_hidden(element) or _explain_no_embedding(element)
            elif tag in PICTURE_ELEMENTS and _LAZY_ATTRIBUTE.search(name):
                weaker_uses.append(f"contains the image URL only in {name[:40]!a}, which scripts may read")
            elif (tag, name) == ("a", "href"):
                weaker_uses.append("links to the image")
    yield from weaker_uses


def _list_urls(element: Element) -> Iterator[tuple[str, list[str]]]:
    """Yield the URLs in an element by attribute; ``style`` for the attribute or the content of a ``style`` element."""
    if element.tag == "style" and (element.get("media") or "").strip().lower() != "print":
        yield "style", _find_style_urls(element.text or "")
    for name, value in element.items():
        if name == "style":
            yield "style", _find_style_urls(value)
        elif name.endswith("srcset"):
            yield (
                name,
                [
                    part
                    for candidate in _CANDIDATE_SEPARATOR.split(value)
                    for part in (candidate, candidate.rstrip(","))
                ],
            )
        else:
            yield name, [value]


def _find_style_urls(style: str) -> list[str]:
    stylesheet = _NON_IMAGE_RULE.sub(" ", _COMMENT.sub(" ", style))
    return [next(filter(None, match.groups()), "") for match in _URL.finditer(stylesheet)]


def _explain_no_embedding(element: Element) -> str:
    """Return the reason why an element with the image URL embeds nothing; else empty."""
    if element.tag == "source":
        picture = next(element.iterancestors("picture"), None)
        return (
            "contains the image URL in a source element that belongs to no image"
            if picture is None or next(picture.iter("img"), None) is None
            else ""
        )
    if element.tag == "input" and (element.get("type") or "").strip().lower() != "image":
        return "contains the image URL in a form field"
    return ""


def _explain_hidden(element: Element) -> str:
    """Return the reason why an element is hidden according to the markup; empty if it is visible."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor is not element and (tag := str(ancestor.tag)) in HIDDEN_ELEMENT_REMARKS:
            return HIDDEN_ELEMENT_REMARKS[tag]
        style = _COMMENT.sub(" ", ancestor.get("style") or "")
        if ancestor.get("hidden") is not None or _HIDING_STYLE.search(style):
            return "hides the image"
    own_style = _COMMENT.sub(" ", element.get("style") or "") if element.tag != "style" else ""
    sides = [*_SIDE.findall(own_style)]
    sides += [match[1] for name in ("width", "height") if (match := _SIDE_ATTRIBUTE.fullmatch(element.get(name) or ""))]
    small_sides = [side for side in sides if float(side) < MIN_SIDE]
    return f"makes the image {small_sides[0]} pixels wide or high" if small_sides else ""
