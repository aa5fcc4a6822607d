"""HTML page parser: finds images with the words around them, links, and signals to crawlers, in one pass."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from lxml import etree

from crawler.formats.job import Kind
from crawler.reading import attributes, css, found, scripts
from crawler.reading.attributes import largest_of
from crawler.reading.encoding import encoded
from crawler.reading.found import Document, absolute, plain
from crawler.reading.limits import FRAMES_DEEP, SCRIPTS, LeftOut, counts_of
from crawler.reading.sniff import has_image_suffix
from exhibit.errors import RefusedError
from exhibit.periods import as_stated
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

Element: TypeAlias = Any
"""An lxml element; lxml has no types."""

_AROUND = 160
_TITLE_LENGTH = 300
_MAX_ATTRIBUTES = 1_000
_ASIDE = re.compile(
    r"<!--.*?(?:-->|\Z)|(?P<tag><(?P<name>script|style|textarea|title|xmp)\b[^<>]*+>).*?(?:(?=</(?P=name))|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""Content without tags: comments, and the text of scripts and similar elements."""
_ATTRIBUTE = r"""[\s/]++[^\s=/>]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_CROWDED = re.compile(rf"<[a-z][^\s>/]{{0,100}}+(?:{_ATTRIBUTE}){{{_MAX_ATTRIBUTES + 1}}}", re.IGNORECASE)
_IMAGE_METAS = {
    **dict.fromkeys(("og:image", "og:image:url", "og:image:secure_url"), "og:image"),
    **dict.fromkeys(("twitter:image", "twitter:image:src"), "twitter:image"),
    **dict.fromkeys(("msapplication-tileimage", "thumbnail", "thumbnailurl", "image"), "meta"),
}
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_NOT_PAGES = (
    ".pdf", ".zip", ".gz", ".tgz", ".rar", ".7z", ".exe", ".dmg", ".apk", ".iso", ".mp3", ".mp4", ".m4a", ".m4v",
    ".webm", ".avi", ".mov", ".mkv", ".ogg", ".wav", ".css", ".js", ".woff", ".woff2", ".ttf", ".doc", ".docx",
    ".xls", ".xlsx", ".ppt", ".pptx", ".svg", ".ico",
)  # fmt: skip
_TIME = re.compile(r"[\t\n\f\r ]*+(?:[0-9]++|(?=\.))[0-9.]*+")
_PARTED = re.compile(r"(?:[\t\n\f\r ]++[;,]?+|[;,])[\t\n\f\r ]*+")
_URL_IS = re.compile(r"url[\t\n\f\r ]*=[\t\n\f\r ]*", re.IGNORECASE)
_LINK = re.compile(
    r"""<(?P<url>[^<>]*+)>(?P<parameters>(?:\s*+;\s*+[^\s=;,<>]++(?:\s*+=\s*+(?:"[^"]*+"|[^\s;,"<>]*+))?+)*+)"""
)
_PARAMETER = re.compile(r"""([^\s=;,]++)(?:\s*+=\s*+(?:"([^"]*+)"|([^\s;,"]*+)))?+""")
_SILENT = frozenset({"script", "style", "template", "head", "title"})
_DATA_SCRIPTS = ("json", "template", "html", "text/plain", "importmap", "speculationrules")
_ASKS_FOR_SCRIPTS = re.compile(r"java\s?script", re.IGNORECASE)
_WRITES_PICTURES = re.compile(r"<img\b|background(?:-image)?\s*:[^;<>]{0,50}url\(", re.IGNORECASE)
_PAGE_PARTS, _CONTENTS = frozenset({"header", "nav", "footer"}), frozenset({"main", "article"})
_NO_CONTENT = re.compile(
    r"(?:\b|[_\d])(?:logo|logotype|icon|favicon|spinner|loading|loader|placeholder|blank|spacer|pixel|sprite)s?(?:\b|[_\d])",
    re.IGNORECASE,
)
"""Names of images beside the content, or shown until it loads."""
_APP_ROOTS = frozenset(
    {"root", "app", "react-root", "__next", "__nuxt", "___gatsby", "svelte", "q-app", "main-app", "app-root"}
)
"""Ids of the elements in which common frameworks put their output."""
_MAX_WAIT = 60
_ASKS_TO_WAIT = re.compile(
    r"load|wait|moment|l[aä]d[et]|charg|carg|caric|загруз|加载|載入|载入|稍候|読み込|로딩", re.IGNORECASE
)
"""Text shown while an app loads."""


def read_page(
    text: str, url: str, token: str = "", encoding: str = "utf-8", *, refresh: str = "", link: str = ""
) -> Document:
    """Parse a page; broken HTML is read as far as possible.

    Images and links are in document order, followed by those that only scripts name; of a ``srcset`` only the largest
    candidate is used.

    Args:
        text: The HTML.
        url: URL of the page after redirects.
        token: Product token of the crawler, for robots meta elements that address it by name.
        encoding: Encoding of the page, in which the queries of its URLs are encoded.
        refresh: The ``Refresh`` header; its target comes after the links of the page.
        link: The ``Link`` header; its targets come after the links of the page.

    Raises:
        RefusedError: A tag has an implausible number of attributes; the parser compares each with all others.
    """
    roots = parse_html(text)
    reader = _Reader(_base(roots[0], url), url, token.lower(), encoding)
    reader.read_roots(roots)
    reader.link(absolute(url, refresh_address(refresh) or ""), Kind.PAGE)
    for attributes_of_link in _links_of(link, url):
        _read_link(reader, attributes_of_link)
    return reader.document(roots[0])


def parse_html(text: str) -> list[Element]:
    """Parse HTML into trees; content after ``</html>`` becomes a separate tree. Raises as :func:`read_page`."""
    if _CROWDED.search(_ASIDE.sub(lambda match: match["tag"] or "", text)):
        sentence = Sentence("A tag on the page has more than %(most)s attributes.", most=_MAX_ATTRIBUTES)
        raise RefusedError(sentence, reason=Reason.UNREADABLE)
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_pis=True, remove_comments=True)
    data = text.replace("\0", "").encode("utf-8", "replace")
    try:
        root = etree.fromstring(data, parser) if data.strip() else None
    except etree.LxmlError:
        root = None
    if root is None:
        root = etree.Element("html")
    return [root, *root.itersiblings()]


def refresh_address(content: str) -> str | None:
    """Return the target of a refresh, as written; empty for the page itself, ``None`` if there is no refresh.

    ``content`` is that of a ``meta`` element or of the header ``Refresh``: both follow the shared declarative refresh
    steps of the HTML standard (4.2.5.3). ``url=`` is optional, and white space, a semicolon or a comma separates time
    and
    URL.
    """
    time = _TIME.match(content)
    if time is None:
        return None
    address = content[time.end() :]
    if address:
        parted = _PARTED.match(address)
        if parted is None:
            return None
        address = address[parted.end() :]
    if prefix := _URL_IS.match(address):
        address = address[prefix.end() :]
    elif address[:1] in ("u", "U"):
        return address
    if address[:1] in ("'", '"'):
        address = address[1:].partition(address[0])[0]
    return address


def _links_of(header: str, url: str) -> Iterator[Mapping[str, str]]:
    """Yield the links of a ``Link`` header (RFC 8288, 3) from this page, as attributes of a ``link`` element."""
    for match in _LINK.finditer(header):
        attributes_of_link: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(match["parameters"]):
            attributes_of_link.setdefault(name.lower(), quoted or bare)
        if absolute(url, attributes_of_link.get("anchor", "")) in ("", url):
            yield {**attributes_of_link, "href": absolute(url, match["url"])}


def _base(root: Element, url: str) -> str:
    """Return the base URL: that of the first ``base`` element with an HTTP(S) URL (HTML, 4.2.3)."""
    element = next((element for element in root.iter("base") if element.get("href")), None)
    base = "" if element is None else absolute(url, element.get("href"))
    return base if found.is_visitable(base) else url


class _Reader:
    """Walks over the elements once. ``words`` grows along the document; an image remembers its position in it."""

    def __init__(self, base: str, own: str, token: str, encoding: str) -> None:
        self.base, self.own, self.token, self.encoding = base, own, token, encoding
        self.room = found.Room()
        self.words: list[str] = []
        self.images: dict[str, tuple[str, list[str], int]] = {}
        self.asides: set[str] = set()  # images that are not content
        self.script_urls: dict[str, None] = {}
        self.links: dict[str, Kind] = {}
        self.sheets: dict[str, None] = {}
        self.robots: list[str] = []
        self.tdm: dict[str, str] = {}
        self.published, self.dates = "", set[str]()  # date from the page's meta element, and dates from JSON-LD
        self.silent = self.scripts = self.pictures = self.parts = self.contents = 0
        self.needs_scripts = self.scripts_show = False
        self.figures: list[list[list[str]]] = []
        self.caption: list[str] | None = None
        self.frames = 0  # depth of frames around the current content
        self.left_out: Counter[LeftOut] = Counter()

    def read_roots(self, roots: Sequence[Element]) -> None:
        """Read the trees of a page, or of a frame in it."""
        for tree in roots:
            self.walk(tree)
            images, published = scripts.in_json_ld(tree)
            for address, words in images:
                self.image(address, "json-ld", plain(words))
            self.dates |= published
            addresses, left_out = scripts.images_of(tree)
            for address in addresses:
                self.image(address, "script")
            self.left_out[LeftOut.SCRIPTS] += left_out

    def frame(self, text: str) -> None:
        """Read the page in a frame's ``srcdoc`` (HTML, 4.8.5); its URLs are relative to the base of this page.

        Nested frames are read to a few levels; deeper ones, and one that is unsafe to parse, are counted.
        """
        if not text:
            return
        try:
            roots = parse_html(text) if self.frames < FRAMES_DEEP else []
        except RefusedError:
            roots = []
        if not roots:
            self.left_out[LeftOut.FRAMES] += 1
            return
        base, self.base = self.base, _base(roots[0], self.base)
        self.frames += 1
        self.read_roots(roots)
        self.frames -= 1
        self.base = base

    def walk(self, root: Element) -> None:
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag
            if not isinstance(tag, str):
                continue
            if event == "start":
                self._enter(tag, element)
            else:
                self._leave(tag, element)

    def _enter(self, tag: str, element: Element) -> None:
        self.silent += tag in _SILENT
        self.parts += tag in _PAGE_PARTS
        self.contents += tag in _CONTENTS
        if tag == "picture":
            self.pictures += 1
        elif tag == "figure":
            self.figures.append([])
        elif tag == "figcaption" and self.figures:
            self.caption = []
        if reader := _READERS.get(tag):
            reader(self, element)
        if element.attrib:
            self._attributes(tag, element)
        self._say(element.text)

    def _leave(self, tag: str, element: Element) -> None:
        self.silent -= tag in _SILENT
        self.parts -= tag in _PAGE_PARTS
        self.contents -= tag in _CONTENTS
        if tag == "picture":
            self.pictures -= 1
        elif tag == "figcaption":
            if self.caption and self.figures:
                words = plain(" ".join(self.caption))
                for context in self.figures[-1]:
                    context.append(words)
                self.figures[-1] = []  # a figure has one caption; further ones apply to the content between them
            self.caption = None
        elif tag == "figure" and self.figures:
            self.figures.pop()
        self._say(element.tail)

    def _say(self, text: str | None) -> None:
        if text and not self.silent and not text.isspace():
            self.words.append(text)
            if self.caption is not None:
                self.caption.append(text)

    def _absolute(self, address: str) -> str:
        return absolute(self.base, encoded(address, self.encoding))

    def image(self, address: str, found_in: str, *words: str) -> None:
        """Add an image URL as written; its first place in the document counts, words of later ones are added."""
        url = self._absolute(address)
        if not url or url == self.own:
            return
        if url in self.images:
            self.images[url][1].extend(word for word in words if word)
            return
        if not self.room.takes(url):
            return
        context = [word for word in words if word]
        if (self.parts and not self.contents) or _is_no_content(url):
            self.asides.add(url)
        self.images[url] = ("data-uri" if url[:5].lower() == "data:" else found_in, context, len(self.words))
        if self.figures:
            self.figures[-1].append(context)

    def link(self, address: str, kind: Kind) -> None:
        """Add a link as written."""
        url = self._absolute(address)
        if url in self.links or not found.is_visitable(url) or url.partition("?")[0].lower().endswith(_NOT_PAGES):
            return
        if self.room.takes(url):
            self.links[url] = kind

    def sheet(self, address: str) -> None:
        """Add a style sheet as written."""
        url = self._absolute(address)
        if url not in self.sheets and found.is_visitable(url) and self.room.takes(url):
            self.sheets[url] = None

    def script(self, address: str) -> None:
        """Add the URL of a script as written."""
        url = self._absolute(address)
        if found.is_visitable(url) and len(self.script_urls) < SCRIPTS and self.room.takes(url):
            self.script_urls[url] = None

    def _attributes(self, tag: str, element: Element) -> None:
        """Add the images that the attributes of an element name."""
        words = ""
        for name, value in element.items():
            for address in attributes.images_of(tag, name, value, element):
                words = words or _described(element)
                self.image(address, _PLACES.get(name, "lazy"), words)

    def document(self, root: Element) -> Document:
        """Return everything found on the page."""
        title = next((plain("".join(title.itertext()), _TITLE_LENGTH) for title in root.iter("title")), "")
        return Document(
            images=tuple(
                found.FoundImage(url, found_in, self._context(words, place), is_aside=url in self.asides)
                for url, (found_in, words, place) in self.images.items()
            ),
            links=tuple(found.FoundLink(url, kind) for url, kind in self.links.items()),
            sheets=tuple(self.sheets),
            left_out=counts_of({**self.left_out, LeftOut.ADDRESSES: self.room.refused}),
            title=title,
            published=self.published or (next(iter(self.dates)) if len(self.dates) == 1 else ""),  # many: a list
            language=plain(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "", 35),
            text=found.fingerprint(self.words),
            words=sum(len(text.split()) for text in self.words),
            robots=tuple(self.robots),
            tdm_reservation=self.tdm.get("tdm-reservation", ""),
            tdm_policy=self.tdm.get("tdm-policy", ""),
            scripts=self.scripts,
            script_urls=tuple(self.script_urls),
            scripts_show=self.scripts_show,
            characters=sum(map(len, self.words)),
            needs_scripts=self.needs_scripts,
        )

    def _context(self, words: list[str], place: int) -> str:
        before = _nearest(self.words[max(0, place - 20) : place][::-1])
        behind = _nearest(self.words[place : place + 20])
        around = plain(" ".join(reversed(before)), 4 * found.CONTEXT_LENGTH)[-_AROUND:]
        parts = [*dict.fromkeys(words), around, plain(" ".join(behind), _AROUND)]
        return plain(" ".join(part for part in parts if part))


def _nearest(texts: list[str]) -> list[str]:
    """Return the first texts, as many as the context needs."""
    lengths = accumulate((len(text) for text in texts), initial=0)
    return [text for text, before in zip(texts, lengths, strict=False) if before <= _AROUND]


def _described(element: Element) -> str:
    words = (element.get(name) or "" for name in ("alt", "title", "aria-label"))
    return plain(" ".join(dict.fromkeys(word for word in words if word)))


def _is_no_content(address: str) -> bool:
    """Return True if an image is a logo, an icon or a placeholder by its file name."""
    return bool(_NO_CONTENT.search(address.partition("?")[0].rpartition("/")[2]))


def _read_img(reader: _Reader, element: Element) -> None:
    words = _described(element)
    reader.image(element.get("src") or "", "img", words)
    reader.image(largest_of(element.get("srcset") or ""), "srcset", words)


def _read_source(reader: _Reader, element: Element) -> None:
    if not reader.pictures and not (element.get("type") or "").startswith("image/"):
        return
    words = _described(element)
    reader.image(largest_of(element.get("srcset") or ""), "picture", words)
    reader.image(element.get("src") or "", "picture", words)


def _read_anchor(reader: _Reader, element: Element) -> None:
    address = element.get("href") or ""
    if has_image_suffix(address):
        reader.image(address, "a", _described(element))
    else:
        reader.link(address, Kind.PAGE)


def _read_frame(reader: _Reader, element: Element) -> None:
    reader.frame(element.get("srcdoc") or "")
    reader.link(element.get("src") or "", Kind.PAGE)
    reader.link(element.get("data-src") or "", Kind.PAGE)


def _read_link(reader: _Reader, element: Element) -> None:
    address = element.get("href") or ""
    relations = (element.get("rel") or "").lower().split()
    if "image_src" in relations or ("preload" in relations and (element.get("as") or "").lower() == "image"):
        reader.image(address, "link")
        reader.image(largest_of(element.get("imagesrcset") or ""), "link")
    elif "stylesheet" in relations or ("preload" in relations and (element.get("as") or "").lower() == "style"):
        reader.sheet(address)
    elif "sitemap" in relations:
        reader.link(address, Kind.SITEMAP)
    elif "alternate" in relations and (element.get("type") or "").lower() in _FEED_TYPES:
        reader.link(address, Kind.FEED)
    elif {"next", "prev", "canonical"} & set(relations):
        reader.link(address, Kind.PAGE)


def _read_meta(reader: _Reader, element: Element) -> None:
    name = (element.get("property") or element.get("name") or element.get("itemprop") or "").strip().lower()
    content = element.get("content") or ""
    if name in _IMAGE_METAS:
        reader.image(content, _IMAGE_METAS[name])
    elif name and name.partition("/")[0] in ("robots", reader.token):
        reader.robots.append(plain(content))
    elif name in ("tdm-reservation", "tdm-policy"):
        reader.tdm.setdefault(name, plain(content))
    elif name == "article:published_time":
        reader.published = reader.published or as_stated(content)
    elif has_image_suffix(content) and scripts.is_address(content):
        reader.image(content, "meta")
    if (element.get("http-equiv") or "").strip().lower() == "refresh":
        reader.link(refresh_address(content) or "", Kind.PAGE)


def _read_style(reader: _Reader, element: Element) -> None:
    images, imports = css.read_sheet(element.text or "")
    for address in images:
        reader.image(address, "style")
    for address in imports:
        reader.sheet(address)


def _read_input(reader: _Reader, element: Element) -> None:
    if (element.get("type") or "").lower() == "image":
        reader.image(element.get("src") or "", "input", _described(element))


def _read_object(reader: _Reader, element: Element) -> None:
    address = element.get("data") or element.get("src") or ""
    if (element.get("type") or "").lower().startswith("image/") or has_image_suffix(address):
        reader.image(address, "object", _described(element))


def _read_script(reader: _Reader, element: Element) -> None:
    kind = (element.get("type") or "").lower()
    if not any(word in kind for word in _DATA_SCRIPTS):
        reader.scripts += 1
        reader.script(element.get("src") or "")
        reader.scripts_show |= scripts.may_show_pictures(element.text or "")
    reader.needs_scripts |= bool(_WRITES_PICTURES.search(element.text or ""))


def _read_noscript(reader: _Reader, element: Element) -> None:
    reader.needs_scripts |= bool(_ASKS_FOR_SCRIPTS.search("".join(element.itertext())))


def _read_app(reader: _Reader, element: Element) -> None:
    is_root = element.tag == "app-root" or (element.get("id") or "") in _APP_ROOTS
    if is_root:
        text = "".join(element.itertext()).strip()
        images_shown = (image.get("src") or "" for image in element.iter("img"))
        is_bare = all(address[:5].lower() == "data:" or _is_no_content(address) for address in images_shown)
        reader.needs_scripts |= is_bare and (not text or (len(text) <= _MAX_WAIT and bool(_ASKS_TO_WAIT.search(text))))


def _read_svg_image(reader: _Reader, element: Element) -> None:
    reader.image(element.get("href") or element.get("xlink:href") or "", "svg", _described(element))
    reader.image(element.get("src") or "", "img", _described(element))  # parsers turn <image> into <img>


_PLACES = {**{name: name for name in ("background", "poster", "itemprop")}, "property": "itemprop", "style": "css"}
_READERS: dict[str, Callable[[_Reader, Element], None]] = {
    **dict.fromkeys(("img", "amp-img"), _read_img),
    **dict.fromkeys(("a", "area"), _read_anchor),
    **dict.fromkeys(("iframe", "frame"), _read_frame),
    **dict.fromkeys(("object", "embed"), _read_object),
    **dict.fromkeys(("div", "main", "app-root"), _read_app),
    "source": _read_source,
    "link": _read_link,
    "meta": _read_meta,
    "style": _read_style,
    "input": _read_input,
    "image": _read_svg_image,
    "script": _read_script,
    "noscript": _read_noscript,
}
