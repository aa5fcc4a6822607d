"""HTML page parser: finds images with the words around them, links, and signals to crawlers, in one pass."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from lxml import etree

from crawler.formats.job import Kind
from crawler.reading import attributes, css, document, scripts
from crawler.reading.attributes import find_largest
from crawler.reading.document import Document, normalise_text, resolve_url
from crawler.reading.encoding import encode_query
from crawler.reading.limits import MAX_FRAME_DEPTH, MAX_SCRIPT_URLS, OmittedItem, get_nonzero_counts
from crawler.reading.sniff import has_image_suffix
from exhibit.errors import RefusedError
from exhibit.periods import normalise_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

Element: TypeAlias = Any
"""An lxml element; lxml has no types."""

_CONTEXT_CHARS = 160
_TITLE_LENGTH = 300
_MAX_ATTRIBUTES = 1_000
_UNTAGGED_CONTENT = re.compile(
    r"<!--.*?(?:-->|\Z)|(?P<tag><(?P<name>script|style|textarea|title|xmp)\b[^<>]*+>).*?(?:(?=</(?P=name))|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""Content without tags: comments, and the text of scripts and similar elements."""
_ATTRIBUTE = r"""[\s/]++[^\s=/>]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_TOO_MANY_ATTRIBUTES = re.compile(rf"<[a-z][^\s>/]{{0,100}}+(?:{_ATTRIBUTE}){{{_MAX_ATTRIBUTES + 1}}}", re.IGNORECASE)
_IMAGE_METAS = {
    **dict.fromkeys(("og:image", "og:image:url", "og:image:secure_url"), "og:image"),
    **dict.fromkeys(("twitter:image", "twitter:image:src"), "twitter:image"),
    **dict.fromkeys(("msapplication-tileimage", "thumbnail", "thumbnailurl", "image"), "meta"),
}
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_OTHER_SUFFIXES = (
    ".pdf", ".zip", ".gz", ".tgz", ".rar", ".7z", ".exe", ".dmg", ".apk", ".iso", ".mp3", ".mp4", ".m4a", ".m4v",
    ".webm", ".avi", ".mov", ".mkv", ".ogg", ".wav", ".css", ".js", ".woff", ".woff2", ".ttf", ".doc", ".docx",
    ".xls", ".xlsx", ".ppt", ".pptx", ".svg", ".ico",
)  # fmt: skip
_REFRESH_TIME = re.compile(r"[\t\n\f\r ]*+(?:[0-9]++|(?=\.))[0-9.]*+")
_REFRESH_SEPARATOR = re.compile(r"(?:[\t\n\f\r ]++[;,]?+|[;,])[\t\n\f\r ]*+")
_URL_PREFIX = re.compile(r"url[\t\n\f\r ]*=[\t\n\f\r ]*", re.IGNORECASE)
_LINK = re.compile(
    r"""<(?P<url>[^<>]*+)>(?P<parameters>(?:\s*+;\s*+[^\s=;,<>]++(?:\s*+=\s*+(?:"[^"]*+"|[^\s;,"<>]*+))?+)*+)"""
)
_PARAMETER = re.compile(r"""([^\s=;,]++)(?:\s*+=\s*+(?:"([^"]*+)"|([^\s;,"]*+)))?+""")
_INVISIBLE_TAGS = frozenset({"script", "style", "template", "head", "title"})
_DATA_SCRIPTS = ("json", "template", "html", "text/plain", "importmap", "speculationrules")
_SCRIPT_NOTICE = re.compile(r"java\s?script", re.IGNORECASE)
_IMAGE_MARKUP = re.compile(r"<img\b|background(?:-image)?\s*:[^;<>]{0,50}url\(", re.IGNORECASE)
_PAGE_PART_TAGS, _CONTENT_TAGS = frozenset({"header", "nav", "footer"}), frozenset({"main", "article"})
_DECORATIVE_NAME = re.compile(
    r"(?:\b|[_\d])(?:logo|logotype|icon|favicon|spinner|loading|loader|placeholder|blank|spacer|pixel|sprite)s?(?:\b|[_\d])",
    re.IGNORECASE,
)
"""Names of images that are not content, or are shown until the content loads."""
_APP_ROOTS = frozenset(
    {"root", "app", "react-root", "__next", "__nuxt", "___gatsby", "svelte", "q-app", "main-app", "app-root"}
)
"""Ids of the elements in which common frameworks render their output."""
_MAX_LOADING_CHARS = 60
_LOADING_TEXT = re.compile(
    r"load|wait|moment|l[aä]d[et]|charg|carg|caric|загруз|加载|載入|载入|稍候|読み込|로딩", re.IGNORECASE
)
"""Text shown while an app loads."""


def read_page(
    text: str, url: str, token: str = "", encoding: str = "utf-8", *, refresh: str = "", link: str = ""
) -> Document:
    """Parse a page, even if its HTML is broken.

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
    reader = _Reader(_get_base_url(roots[0], url), url, token.lower(), encoding)
    reader.read_roots(roots)
    reader.add_link(resolve_url(url, parse_refresh(refresh) or ""), Kind.PAGE)
    for link_attributes in _parse_link_header(link, url):
        _read_link(reader, link_attributes)
    return reader.build_document(roots[0])


def parse_html(text: str) -> list[Element]:
    """Parse HTML into trees; content after ``</html>`` becomes a separate tree. Raises as :func:`read_page`."""
    if _TOO_MANY_ATTRIBUTES.search(_UNTAGGED_CONTENT.sub(lambda match: match["tag"] or "", text)):
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


def parse_refresh(content: str) -> str | None:
    """Return the target of a refresh, as written; empty for the page itself, ``None`` if there is no refresh.

    ``content`` is that of a ``meta`` element or of the header ``Refresh``: both follow the shared declarative refresh
    steps of the HTML standard (4.2.5.3). ``url=`` is optional, and white space, a semicolon or a comma separates time
    and URL.
    """
    time = _REFRESH_TIME.match(content)
    if time is None:
        return None
    address = content[time.end() :]
    if address:
        separator = _REFRESH_SEPARATOR.match(address)
        if separator is None:
            return None
        address = address[separator.end() :]
    if prefix := _URL_PREFIX.match(address):
        address = address[prefix.end() :]
    elif address[:1] in ("u", "U"):
        return address
    if address[:1] in ("'", '"'):
        address = address[1:].partition(address[0])[0]
    return address


def _parse_link_header(header: str, url: str) -> Iterator[Mapping[str, str]]:
    """Yield the links of a ``Link`` header (RFC 8288, 3) from this page, as attributes of a ``link`` element."""
    for match in _LINK.finditer(header):
        link_attributes: dict[str, str] = {}
        for name, quoted, unquoted in _PARAMETER.findall(match["parameters"]):
            link_attributes.setdefault(name.lower(), quoted or unquoted)
        if resolve_url(url, link_attributes.get("anchor", "")) in ("", url):
            yield {**link_attributes, "href": resolve_url(url, match["url"])}


def _get_base_url(root: Element, url: str) -> str:
    """Return the base URL: that of the first ``base`` element with an HTTP(S) URL (HTML, 4.2.3)."""
    element = next((element for element in root.iter("base") if element.get("href")), None)
    base = "" if element is None else resolve_url(url, element.get("href"))
    return base if document.is_visitable(base) else url


class _Reader:
    """Reads the elements of a page once. ``words`` collects its text; each image has its position in ``words``."""

    def __init__(self, base: str, own_url: str, token: str, encoding: str) -> None:
        self.base, self.own_url, self.token, self.encoding = base, own_url, token, encoding
        self.url_budget = document.UrlBudget()
        self.words: list[str] = []
        self.images: dict[str, tuple[str, list[str], int]] = {}
        self.decorative_urls: set[str] = set()  # images that are not content
        self.script_urls: dict[str, None] = {}
        self.links: dict[str, Kind] = {}
        self.sheets: dict[str, None] = {}
        self.robots: list[str] = []
        self.tdm: dict[str, str] = {}
        self.published, self.json_ld_dates = "", set[str]()  # date from the page's meta element, and dates from JSON-LD
        self.invisible_depth = self.script_count = self.picture_depth = self.page_part_depth = self.content_depth = 0
        self.needs_scripts = self.has_image_scripts = False
        self.figures: list[list[list[str]]] = []
        self.caption: list[str] | None = None
        self.frame_depth = 0  # depth of frames around the current content
        self.left_out: Counter[OmittedItem] = Counter()

    def read_roots(self, roots: Sequence[Element]) -> None:
        """Read the trees of a page, or of a frame in it."""
        for tree in roots:
            self.walk(tree)
            images, published = scripts.find_images_in_json_ld(tree)
            for address, words in images:
                self.add_image(address, "json-ld", normalise_text(words))
            self.json_ld_dates |= published
            addresses, left_out = scripts.find_images(tree)
            for address in addresses:
                self.add_image(address, "script")
            self.left_out[OmittedItem.SCRIPTS] += left_out

    def read_frame(self, text: str) -> None:
        """Read the page in a frame's ``srcdoc`` (HTML, 4.8.5); its URLs are relative to the base of this page.

        Nested frames are read to a few levels; deeper ones, and frames that are unsafe to parse, are counted.
        """
        if not text:
            return
        try:
            roots = parse_html(text) if self.frame_depth < MAX_FRAME_DEPTH else []
        except RefusedError:
            roots = []
        if not roots:
            self.left_out[OmittedItem.FRAMES] += 1
            return
        base, self.base = self.base, _get_base_url(roots[0], self.base)
        self.frame_depth += 1
        self.read_roots(roots)
        self.frame_depth -= 1
        self.base = base

    def walk(self, root: Element) -> None:
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag
            if not isinstance(tag, str):
                continue
            if event == "start":
                self._enter_element(tag, element)
            else:
                self._leave_element(tag, element)

    def _enter_element(self, tag: str, element: Element) -> None:
        self.invisible_depth += tag in _INVISIBLE_TAGS
        self.page_part_depth += tag in _PAGE_PART_TAGS
        self.content_depth += tag in _CONTENT_TAGS
        if tag == "picture":
            self.picture_depth += 1
        elif tag == "figure":
            self.figures.append([])
        elif tag == "figcaption" and self.figures:
            self.caption = []
        if reader := _READERS.get(tag):
            reader(self, element)
        if element.attrib:
            self._read_attributes(tag, element)
        self._add_text(element.text)

    def _leave_element(self, tag: str, element: Element) -> None:
        self.invisible_depth -= tag in _INVISIBLE_TAGS
        self.page_part_depth -= tag in _PAGE_PART_TAGS
        self.content_depth -= tag in _CONTENT_TAGS
        if tag == "picture":
            self.picture_depth -= 1
        elif tag == "figcaption":
            if self.caption and self.figures:
                words = normalise_text(" ".join(self.caption))
                for context in self.figures[-1]:
                    context.append(words)
                self.figures[-1] = []  # a figure has one caption; further ones apply to the content between them
            self.caption = None
        elif tag == "figure" and self.figures:
            self.figures.pop()
        self._add_text(element.tail)

    def _add_text(self, text: str | None) -> None:
        if text and not self.invisible_depth and not text.isspace():
            self.words.append(text)
            if self.caption is not None:
                self.caption.append(text)

    def _resolve_url(self, address: str) -> str:
        return resolve_url(self.base, encode_query(address, self.encoding))

    def add_image(self, address: str, found_in: str, *words: str) -> None:
        """Add an image URL as written; if the URL was added before, only the words are added to it."""
        url = self._resolve_url(address)
        if not url or url == self.own_url:
            return
        if url in self.images:
            self.images[url][1].extend(word for word in words if word)
            return
        if not self.url_budget.reserve(url):
            return
        context = [word for word in words if word]
        if (self.page_part_depth and not self.content_depth) or _is_decorative(url):
            self.decorative_urls.add(url)
        self.images[url] = ("data-uri" if url[:5].lower() == "data:" else found_in, context, len(self.words))
        if self.figures:
            self.figures[-1].append(context)

    def add_link(self, address: str, kind: Kind) -> None:
        """Add a link as written."""
        url = self._resolve_url(address)
        if (
            url in self.links
            or not document.is_visitable(url)
            or url.partition("?")[0].lower().endswith(_OTHER_SUFFIXES)
        ):
            return
        if self.url_budget.reserve(url):
            self.links[url] = kind

    def add_sheet(self, address: str) -> None:
        """Add a style sheet as written."""
        url = self._resolve_url(address)
        if url not in self.sheets and document.is_visitable(url) and self.url_budget.reserve(url):
            self.sheets[url] = None

    def add_script(self, address: str) -> None:
        """Add the URL of a script as written."""
        url = self._resolve_url(address)
        if document.is_visitable(url) and len(self.script_urls) < MAX_SCRIPT_URLS and self.url_budget.reserve(url):
            self.script_urls[url] = None

    def _read_attributes(self, tag: str, element: Element) -> None:
        """Add the images that the attributes of an element name."""
        words = ""
        for name, value in element.items():
            for address in attributes.find_images(tag, name, value, element):
                words = words or _get_description(element)
                self.add_image(address, _FOUND_IN.get(name, "lazy"), words)

    def build_document(self, root: Element) -> Document:
        """Return everything found on the page."""
        title = next((normalise_text("".join(node.itertext()), _TITLE_LENGTH) for node in root.iter("title")), "")
        return Document(
            images=tuple(
                document.FoundImage(
                    url, found_in, self._build_context(words, position), is_decorative=url in self.decorative_urls
                )
                for url, (found_in, words, position) in self.images.items()
            ),
            links=tuple(document.FoundLink(url, kind) for url, kind in self.links.items()),
            sheets=tuple(self.sheets),
            left_out=get_nonzero_counts({**self.left_out, OmittedItem.ADDRESSES: self.url_budget.refused_count}),
            title=title,
            published=self.published
            or (next(iter(self.json_ld_dates)) if len(self.json_ld_dates) == 1 else ""),  # several: a list
            language=normalise_text(
                root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "", 35
            ),
            text=document.compute_fingerprint(self.words),
            words=sum(len(text.split()) for text in self.words),
            robots=tuple(self.robots),
            tdm_reservation=self.tdm.get("tdm-reservation", ""),
            tdm_policy=self.tdm.get("tdm-policy", ""),
            scripts=self.script_count,
            script_urls=tuple(self.script_urls),
            has_image_scripts=self.has_image_scripts,
            characters=sum(map(len, self.words)),
            needs_scripts=self.needs_scripts,
        )

    def _build_context(self, words: list[str], position: int) -> str:
        texts_before = _select_nearest(self.words[max(0, position - 20) : position][::-1])
        texts_after = _select_nearest(self.words[position : position + 20])
        text_before = normalise_text(" ".join(reversed(texts_before)), 4 * document.CONTEXT_LENGTH)[-_CONTEXT_CHARS:]
        parts = [*dict.fromkeys(words), text_before, normalise_text(" ".join(texts_after), _CONTEXT_CHARS)]
        return normalise_text(" ".join(part for part in parts if part))


def _select_nearest(texts: list[str]) -> list[str]:
    """Return the first texts, up to the length of the context."""
    lengths = accumulate((len(text) for text in texts), initial=0)
    return [text for text, length_before in zip(texts, lengths, strict=False) if length_before <= _CONTEXT_CHARS]


def _get_description(element: Element) -> str:
    words = (element.get(name) or "" for name in ("alt", "title", "aria-label"))
    return normalise_text(" ".join(dict.fromkeys(word for word in words if word)))


def _is_decorative(address: str) -> bool:
    """Return True if an image is a logo, an icon or a placeholder by its file name."""
    return bool(_DECORATIVE_NAME.search(address.partition("?")[0].rpartition("/")[2]))


def _read_img(reader: _Reader, element: Element) -> None:
    words = _get_description(element)
    reader.add_image(element.get("src") or "", "img", words)
    reader.add_image(find_largest(element.get("srcset") or ""), "srcset", words)


def _read_source(reader: _Reader, element: Element) -> None:
    if not reader.picture_depth and not (element.get("type") or "").startswith("image/"):
        return
    words = _get_description(element)
    reader.add_image(find_largest(element.get("srcset") or ""), "picture", words)
    reader.add_image(element.get("src") or "", "picture", words)


def _read_anchor(reader: _Reader, element: Element) -> None:
    address = element.get("href") or ""
    if has_image_suffix(address):
        reader.add_image(address, "a", _get_description(element))
    else:
        reader.add_link(address, Kind.PAGE)


def _read_frame(reader: _Reader, element: Element) -> None:
    reader.read_frame(element.get("srcdoc") or "")
    reader.add_link(element.get("src") or "", Kind.PAGE)
    reader.add_link(element.get("data-src") or "", Kind.PAGE)


def _read_link(reader: _Reader, element: Element) -> None:
    address = element.get("href") or ""
    relations = (element.get("rel") or "").lower().split()
    if "image_src" in relations or ("preload" in relations and (element.get("as") or "").lower() == "image"):
        reader.add_image(address, "link")
        reader.add_image(find_largest(element.get("imagesrcset") or ""), "link")
    elif "stylesheet" in relations or ("preload" in relations and (element.get("as") or "").lower() == "style"):
        reader.add_sheet(address)
    elif "sitemap" in relations:
        reader.add_link(address, Kind.SITEMAP)
    elif "alternate" in relations and (element.get("type") or "").lower() in _FEED_TYPES:
        reader.add_link(address, Kind.FEED)
    elif {"next", "prev", "canonical"} & set(relations):
        reader.add_link(address, Kind.PAGE)


def _read_meta(reader: _Reader, element: Element) -> None:
    name = (element.get("property") or element.get("name") or element.get("itemprop") or "").strip().lower()
    content = element.get("content") or ""
    if name in _IMAGE_METAS:
        reader.add_image(content, _IMAGE_METAS[name])
    elif name and name.partition("/")[0] in ("robots", reader.token):
        reader.robots.append(normalise_text(content))
    elif name in ("tdm-reservation", "tdm-policy"):
        reader.tdm.setdefault(name, normalise_text(content))
    elif name == "article:published_time":
        reader.published = reader.published or normalise_stated_time(content)
    elif has_image_suffix(content) and scripts.is_url(content):
        reader.add_image(content, "meta")
    if (element.get("http-equiv") or "").strip().lower() == "refresh":
        reader.add_link(parse_refresh(content) or "", Kind.PAGE)


def _read_style(reader: _Reader, element: Element) -> None:
    images, imports = css.read_sheet(element.text or "")
    for address in images:
        reader.add_image(address, "style")
    for address in imports:
        reader.add_sheet(address)


def _read_input(reader: _Reader, element: Element) -> None:
    if (element.get("type") or "").lower() == "image":
        reader.add_image(element.get("src") or "", "input", _get_description(element))


def _read_object(reader: _Reader, element: Element) -> None:
    address = element.get("data") or element.get("src") or ""
    if (element.get("type") or "").lower().startswith("image/") or has_image_suffix(address):
        reader.add_image(address, "object", _get_description(element))


def _read_script(reader: _Reader, element: Element) -> None:
    kind = (element.get("type") or "").lower()
    if not any(word in kind for word in _DATA_SCRIPTS):
        reader.script_count += 1
        reader.add_script(element.get("src") or "")
        reader.has_image_scripts |= scripts.may_show_pictures(element.text or "")
    reader.needs_scripts |= bool(_IMAGE_MARKUP.search(element.text or ""))


def _read_noscript(reader: _Reader, element: Element) -> None:
    reader.needs_scripts |= bool(_SCRIPT_NOTICE.search("".join(element.itertext())))


def _read_app(reader: _Reader, element: Element) -> None:
    is_root = element.tag == "app-root" or (element.get("id") or "") in _APP_ROOTS
    if is_root:
        text = "".join(element.itertext()).strip()
        images_shown = (image.get("src") or "" for image in element.iter("img"))
        is_bare = all(address[:5].lower() == "data:" or _is_decorative(address) for address in images_shown)
        reader.needs_scripts |= is_bare and (
            not text or (len(text) <= _MAX_LOADING_CHARS and bool(_LOADING_TEXT.search(text)))
        )


def _read_svg_image(reader: _Reader, element: Element) -> None:
    reader.add_image(element.get("href") or element.get("xlink:href") or "", "svg", _get_description(element))
    reader.add_image(element.get("src") or "", "img", _get_description(element))  # parsers turn <image> into <img>


_FOUND_IN = {**{name: name for name in ("background", "poster", "itemprop")}, "property": "itemprop", "style": "css"}
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
