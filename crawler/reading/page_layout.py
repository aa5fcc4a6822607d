"""Associates a page's statements with its images, by their positions in the HTML or in the JSON of scripts.

lxml parses the page and writes it out again, element by element. All positions refer to that text: it has no comments,
no styles and no broken tags, and each part is examined once.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from lxml import etree

from crawler.reading.webpage import Element, parse_html

NEAR = 1_500
"""Maximum distance between a statement and its image, in characters."""
CAPTION = 300
"""The same for another image, where only the order shows which words belong to which image."""
MAX_PARTS = 100_000
"""Elements and images of a page that are examined."""
MAX_DEPTH = 100
"""Elements around a statement that are examined."""
_MAX_ADDRESS = 2_000
_MAX_NAME = 100  # characters of an image's name that are compared: its end
_SUFFIX = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|jxl|heic)(?![\w-])", re.IGNORECASE)
_ENDS_ADDRESS = " \t\n\r\f\v\"'<>(){},="
_BADGE = re.compile(r"creativecommons|88x31|(?<![a-z])cc[-_ ]?(?:by|0|zero)|publicdomain", re.IGNORECASE)
_BRACES = re.compile(r"[{}]")
_SHOWS = frozenset(("img", "image", "source", "amp-img", "video", "picture"))
_WHOLE = frozenset(["html", "head", "body", "main", "header", "footer", "nav", "aside"])
"""Elements whose words concern the whole page, even if they contain an image."""
_WHOLE_NAMES = ("footer", "header", "navbar", "contentinfo")
_NAMING = ("class", "id", "role")
_NO_MARKUP = str.maketrans("<>", "  ")


@dataclass(slots=True)
class _Part:
    """An element, or an object in a script."""

    begin: int
    end: int
    above: "_Part | None"
    whole: bool = False  # its words concern the whole page
    figure: bool = False
    name: str = ""


class Layout:
    """Elements and images of a page; the image in question is found by the end of its URL."""

    def __init__(self, html: str, picture_url: str) -> None:
        """Parse a page; raises ``RefusedError`` as :func:`crawler.reading.webpage.parse_html`."""
        self._name = _pattern_of_name(picture_url)
        self._parts: list[_Part] = []
        self._shown: list[tuple[int, int, bool]] = []
        self._written: list[str] = []
        self._length = 0
        self._top = _Part(0, 0, None, whole=True)
        for root in parse_html(html):
            self._read_tree(root)
        self.text = "".join(self._written)
        """The text to which positions refer: markup, words and scripts, without comments and styles."""
        self._top.end = len(self.text)
        self._pictures = self._as_one(sorted(self._shown))
        self._begins = [part.begin for part in self._parts]
        self._picture_begins = [begin for begin, _end, _ours in self._pictures]
        self._ours = [(begin, end) for begin, end, ours in self._pictures if ours]
        self._others = [(begin, end) for begin, end, ours in self._pictures if not ours]

    def _read_tree(self, root: Element) -> None:
        """Write a tree as text, and record its elements and images."""
        stack = [self._top]
        for event, element in etree.iterwalk(root, events=("start", "end")):
            kind = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                stack.append(self._begin(kind, element, stack[-1]))
            else:
                part = stack.pop()
                self._write(f"</{kind}>")
                part.end = self._length
                self._write((element.tail or "").translate(_NO_MARKUP))

    def _begin(self, kind: str, element: Element, above: "_Part") -> "_Part":
        """Write the start tag of an element, and the text before its first child."""
        attributes = {name: value.translate(_NO_MARKUP) for name, value in element.attrib.items()}
        words = "".join(f' {name}="{value}"' for name, value in attributes.items())
        labels = " ".join(attributes.get(name, "")[:_MAX_NAME] for name in _NAMING).lower()
        whole = kind in _WHOLE or any(word in labels for word in _WHOLE_NAMES)
        part = _Part(self._length, self._length, above, whole, kind == "figure", kind)
        self._write(f"<{kind}{words}>")
        if len(self._parts) < MAX_PARTS:
            self._parts.append(part)
            is_shown = kind in _SHOWS or _SUFFIX.search(words) is not None
            if is_shown and kind not in ("html", "body", "script") and not _BADGE.search(words):
                self._shown.append((part.begin, self._length, self._is_ours(words)))
        text = "" if kind == "style" else (element.text or "").translate(_NO_MARKUP)
        if kind == "script":
            self._read_script(text, part)
        self._write(text)
        return part

    def _write(self, text: str) -> None:
        self._written.append(text)
        self._length += len(text)

    def _read_script(self, text: str, above: "_Part") -> None:
        """Record the objects of a script like elements, and the images that it names."""
        begin, stack = self._length, [above]
        for brace in islice(_BRACES.finditer(text), MAX_PARTS):
            if brace[0] == "{" and len(self._parts) < MAX_PARTS:
                stack.append(_Part(begin + brace.start(), begin + len(text), stack[-1]))
                self._parts.append(stack[-1])
            elif brace[0] == "}" and len(stack) > 1:
                stack.pop().end = begin + brace.end()
        for at, end in islice(_addresses(text), MAX_PARTS):
            self._shown.append((begin + at, begin + end, self._is_ours(text[at:end])))

    def _is_ours(self, words: str) -> bool:
        """Return True if an element's text names the image, however its URL is written."""
        return self._name is not None and self._name.search(unquote(words)) is not None

    def _as_one(self, spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
        """Return images in page order; those in the image's own ``picture`` element or link count as the image."""
        frames = [(part.begin, part.end) for part in self._parts if part.name in ("picture", "a")]
        own_begins = [begin for begin, _end, own in spans if own]
        around = [(begin, end) for begin, end in frames if _any_within(own_begins, begin, end)]
        begins = [begin for begin, _end in around]
        merged = []
        for begin, end, own in spans:
            at = bisect_right(begins, begin) - 1
            merged.append((begin, end, own or (at >= 0 and begin < around[at][1])))
        return merged

    def is_near(self, at: int) -> bool | None:
        """Return True if the text at a position is about the image, ``None`` if it is about another one.

        Text in the URL or the description of an image is about that image, as is text in the same figure, or in the
        innermost
        element with only one image. Among several images, words belong to the one before them, or to the first if none
        is
        before. Everything else is about the page (False).
        """
        if not self._ours:  # the position of the image is unknown
            return False
        if _within(self._ours, at) or _within(self._others, at):
            return _within(self._ours, at) or None
        for part in islice(self._above(at), MAX_DEPTH):
            is_own, is_other = (_holds(spans, part) for spans in (self._ours, self._others))
            if is_own and is_other:
                return True if part.figure else self._among(at, part)
            if is_own:
                return self._distance(at, self._ours) <= NEAR
            if part.whole:
                break
            if is_other:
                return None if self._distance(at, self._others) <= NEAR else False
        return False

    def _among(self, at: int, part: _Part) -> bool | None:
        """Decide as :meth:`is_near` within an element that contains this image and others."""
        first, after = self._within(part)
        place = max(first, min(bisect_right(self._picture_begins, at), after) - 1)
        begin, end, is_own = self._pictures[place]
        distance = min(abs(at - begin), abs(at - end))
        if is_own:
            return distance <= NEAR
        row = next((each for each in self._above(begin) if each.above is part), part)
        row_first, row_after = self._within(row)
        alone = row_after - row_first == 1  # words after a strip of images belong to none of them
        return None if alone and distance <= CAPTION else False

    def _within(self, part: _Part) -> tuple[int, int]:
        """Return the range of images that start in an element: the first, and the one after the last."""
        begins = self._picture_begins
        return bisect_left(begins, part.begin), bisect_left(begins, part.end)

    def _above(self, at: int) -> Iterator[_Part]:
        """Yield the parts that contain a position, the innermost first."""
        place = bisect_right(self._begins, at) - 1
        part: _Part | None = self._parts[place] if place >= 0 else self._top
        while part is not None:
            if part.end > at:
                yield part
            part = part.above

    def _distance(self, at: int, spans: list[tuple[int, int]]) -> int:
        place = bisect_left(spans, (at, at))
        beside = spans[max(0, place - 1) : place + 1]
        return min((min(abs(at - begin), abs(at - end)) for begin, end in beside), default=NEAR + 1)


def _pattern_of_name(picture_url: str) -> re.Pattern[str] | None:
    """Return a pattern for an image's file name, or for its query if it has none; ``None`` if it is too short."""
    path, _, query = picture_url.partition("?")
    name = path.rpartition("/")[2]
    name = unquote(name if "." in name or not query else f"{name}?{query}").translate(_NO_MARKUP)
    begins = r"(?<![\w.-])" if len(name) <= _MAX_NAME else ""
    return re.compile(rf"{begins}{re.escape(name[-_MAX_NAME:])}(?![\w-])") if len(name) > 4 else None


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of image URLs in a script: each run of URL characters, up to its last image suffix."""
    begin = end = 0
    for suffix in _SUFFIX.finditer(text):
        gap = max(text.rfind(sign, end, suffix.start()) for sign in _ENDS_ADDRESS)
        if gap >= 0 or end == 0:
            if end:
                yield begin, end
            begin = max(gap + 1, suffix.end() - _MAX_ADDRESS, 0)
        end = suffix.end()
    if end:
        yield begin, end


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    place = bisect_right(spans, (at, 1 << 62)) - 1
    return place >= 0 and at < spans[place][1]


def _any_within(begins: list[int], begin: int, end: int) -> bool:
    place = bisect_left(begins, begin)
    return place < len(begins) and begins[place] < end


def _holds(spans: list[tuple[int, int]], part: _Part) -> bool:
    """Return True if an image starts in an element."""
    place = bisect_left(spans, (part.begin, 0))
    return place < len(spans) and spans[place][0] < part.end
