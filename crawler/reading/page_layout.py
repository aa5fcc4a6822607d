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

MAX_DISTANCE = 1_500
"""Maximum distance between a statement and its image, in characters."""
MAX_CAPTION_DISTANCE = 300
"""Maximum distance to another image, in characters: only the order relates words to images there."""
MAX_PARTS = 100_000
"""Maximum elements and images of a page that are examined."""
MAX_DEPTH = 100
"""Maximum elements around a statement that are examined."""
_MAX_URL_LENGTH = 2_000
_MAX_NAME = 100  # characters at the end of an image's name that are compared
_SUFFIX = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|jxl|heic)(?![\w-])", re.IGNORECASE)
_URL_DELIMITERS = " \t\n\r\f\v\"'<>(){},="
_LICENCE_BADGE = re.compile(r"creativecommons|88x31|(?<![a-z])cc[-_ ]?(?:by|0|zero)|publicdomain", re.IGNORECASE)
_BRACES = re.compile(r"[{}]")
_IMAGE_TAGS = frozenset(("img", "image", "source", "amp-img", "video", "picture"))
_PAGE_WIDE_TAGS = frozenset(["html", "head", "body", "main", "header", "footer", "nav", "aside"])
"""Elements whose words concern the whole page, even if they contain an image."""
_PAGE_WIDE_NAMES = ("footer", "header", "navbar", "contentinfo")
_NAME_ATTRIBUTES = ("class", "id", "role")
_MARKUP_TO_SPACES = str.maketrans("<>", "  ")


@dataclass(slots=True)
class _Part:
    """An element, or an object in a script."""

    begin: int
    end: int
    parent: "_Part | None"
    is_page_wide: bool = False  # its words concern the whole page
    is_figure: bool = False
    name: str = ""


class Layout:
    """Elements and images of a page; the image in question is found by the end of its URL."""

    def __init__(self, html: str, picture_url: str) -> None:
        """Parse a page; raises ``RefusedError`` as :func:`crawler.reading.webpage.parse_html`."""
        self._name_pattern = _compile_name_pattern(picture_url)
        self._parts: list[_Part] = []
        self._image_spans: list[tuple[int, int, bool]] = []
        self._text_parts: list[str] = []
        self._length = 0
        self._root_part = _Part(0, 0, None, is_page_wide=True)
        for root in parse_html(html):
            self._read_tree(root)
        self.text = "".join(self._text_parts)
        """The text to which positions refer: markup, words and scripts, without comments and styles."""
        self._root_part.end = len(self.text)
        self._pictures = self._merge_own_spans(sorted(self._image_spans))
        self._begins = [part.begin for part in self._parts]
        self._picture_begins = [begin for begin, _end, _is_own in self._pictures]
        self._own_spans = [(begin, end) for begin, end, is_own in self._pictures if is_own]
        self._other_spans = [(begin, end) for begin, end, is_own in self._pictures if not is_own]

    def _read_tree(self, root: Element) -> None:
        """Write a tree as text, and record its elements and images."""
        stack = [self._root_part]
        for event, element in etree.iterwalk(root, events=("start", "end")):
            kind = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                stack.append(self._start_part(kind, element, stack[-1]))
            else:
                part = stack.pop()
                self._write(f"</{kind}>")
                part.end = self._length
                self._write((element.tail or "").translate(_MARKUP_TO_SPACES))

    def _start_part(self, kind: str, element: Element, parent: "_Part") -> "_Part":
        """Write the start tag of an element, and the text before its first child."""
        attributes = {name: value.translate(_MARKUP_TO_SPACES) for name, value in element.attrib.items()}
        attribute_text = "".join(f' {name}="{value}"' for name, value in attributes.items())
        labels = " ".join(attributes.get(name, "")[:_MAX_NAME] for name in _NAME_ATTRIBUTES).lower()
        is_page_wide = kind in _PAGE_WIDE_TAGS or any(name_part in labels for name_part in _PAGE_WIDE_NAMES)
        part = _Part(self._length, self._length, parent, is_page_wide, kind == "figure", kind)
        self._write(f"<{kind}{attribute_text}>")
        if len(self._parts) < MAX_PARTS:
            self._parts.append(part)
            is_shown = kind in _IMAGE_TAGS or _SUFFIX.search(attribute_text) is not None
            if is_shown and kind not in ("html", "body", "script") and not _LICENCE_BADGE.search(attribute_text):
                self._image_spans.append((part.begin, self._length, self._names_picture(attribute_text)))
        text = "" if kind == "style" else (element.text or "").translate(_MARKUP_TO_SPACES)
        if kind == "script":
            self._read_script(text, part)
        self._write(text)
        return part

    def _write(self, text: str) -> None:
        self._text_parts.append(text)
        self._length += len(text)

    def _read_script(self, text: str, parent: "_Part") -> None:
        """Record the objects of a script like elements, and the images that it names."""
        begin, stack = self._length, [parent]
        for brace in islice(_BRACES.finditer(text), MAX_PARTS):
            if brace[0] == "{" and len(self._parts) < MAX_PARTS:
                stack.append(_Part(begin + brace.start(), begin + len(text), stack[-1]))
                self._parts.append(stack[-1])
            elif brace[0] == "}" and len(stack) > 1:
                stack.pop().end = begin + brace.end()
        for start, end in islice(_find_image_urls(text), MAX_PARTS):
            self._image_spans.append((begin + start, begin + end, self._names_picture(text[start:end])))

    def _names_picture(self, text: str) -> bool:
        """Return True if an element's text names the image, also with a percent-encoded URL."""
        return self._name_pattern is not None and self._name_pattern.search(unquote(text)) is not None

    def _merge_own_spans(self, spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
        """Return image spans in page order; spans in the image's ``picture`` element or link count as the image."""
        frames = [(part.begin, part.end) for part in self._parts if part.name in ("picture", "a")]
        own_begins = [begin for begin, _end, is_own in spans if is_own]
        enclosing_frames = [(begin, end) for begin, end in frames if _has_start_within(own_begins, begin, end)]
        begins = [begin for begin, _end in enclosing_frames]
        merged = []
        for begin, end, is_own in spans:
            index = bisect_right(begins, begin) - 1
            merged.append((begin, end, is_own or (index >= 0 and begin < enclosing_frames[index][1])))
        return merged

    def is_near(self, position: int) -> bool | None:
        """Return True if the text at a position is about the image, ``None`` if it is about another one.

        Text in the URL or the description of an image is about that image, as is text in the same figure, or in the
        innermost element with only one image. Among several images, words belong to the preceding one, or to the first
        if none precedes them. Everything else is about the page (False).
        """
        if not self._own_spans:  # the position of the image is unknown
            return False
        if _is_within(self._own_spans, position) or _is_within(self._other_spans, position):
            return _is_within(self._own_spans, position) or None
        for part in islice(self._iterate_parts(position), MAX_DEPTH):
            is_own, is_other = (_contains_image(spans, part) for spans in (self._own_spans, self._other_spans))
            if is_own and is_other:
                return True if part.is_figure else self._is_near_among_images(position, part)
            if is_own:
                return self._compute_distance(position, self._own_spans) <= MAX_DISTANCE
            if part.is_page_wide:
                break
            if is_other:
                return None if self._compute_distance(position, self._other_spans) <= MAX_DISTANCE else False
        return False

    def _is_near_among_images(self, position: int, part: _Part) -> bool | None:
        """Return the result of :meth:`is_near` within an element that contains this image and others."""
        first, range_end = self._get_image_range(part)
        index = max(first, min(bisect_right(self._picture_begins, position), range_end) - 1)
        begin, end, is_own = self._pictures[index]
        distance = min(abs(position - begin), abs(position - end))
        if is_own:
            return distance <= MAX_DISTANCE
        row = next((candidate for candidate in self._iterate_parts(begin) if candidate.parent is part), part)
        row_first, row_end = self._get_image_range(row)
        is_single = row_end - row_first == 1  # words after a strip of images belong to none of them
        return None if is_single and distance <= MAX_CAPTION_DISTANCE else False

    def _get_image_range(self, part: _Part) -> tuple[int, int]:
        """Return the range of images that start in an element: the first, and the one after the last."""
        begins = self._picture_begins
        return bisect_left(begins, part.begin), bisect_left(begins, part.end)

    def _iterate_parts(self, position: int) -> Iterator[_Part]:
        """Yield the parts that contain a position, the innermost first."""
        index = bisect_right(self._begins, position) - 1
        part: _Part | None = self._parts[index] if index >= 0 else self._root_part
        while part is not None:
            if part.end > position:
                yield part
            part = part.parent

    def _compute_distance(self, position: int, spans: list[tuple[int, int]]) -> int:
        index = bisect_left(spans, (position, position))
        neighbours = spans[max(0, index - 1) : index + 1]
        return min(
            (min(abs(position - begin), abs(position - end)) for begin, end in neighbours), default=MAX_DISTANCE + 1
        )


def _compile_name_pattern(picture_url: str) -> re.Pattern[str] | None:
    """Return a pattern for an image's file name, or for its query if there is no file name; ``None`` if too short."""
    path, _, query = picture_url.partition("?")
    name = path.rpartition("/")[2]
    name = unquote(name if "." in name or not query else f"{name}?{query}").translate(_MARKUP_TO_SPACES)
    prefix = r"(?<![\w.-])" if len(name) <= _MAX_NAME else ""
    return re.compile(rf"{prefix}{re.escape(name[-_MAX_NAME:])}(?![\w-])") if len(name) > 4 else None


def _find_image_urls(text: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of image URLs in a script: each run of URL characters, up to its last image suffix."""
    begin = end = 0
    for suffix in _SUFFIX.finditer(text):
        delimiter_position = max(text.rfind(char, end, suffix.start()) for char in _URL_DELIMITERS)
        if delimiter_position >= 0 or end == 0:
            if end:
                yield begin, end
            begin = max(delimiter_position + 1, suffix.end() - _MAX_URL_LENGTH, 0)
        end = suffix.end()
    if end:
        yield begin, end


def _is_within(spans: list[tuple[int, int]], position: int) -> bool:
    index = bisect_right(spans, (position, 1 << 62)) - 1
    return index >= 0 and position < spans[index][1]


def _has_start_within(begins: list[int], begin: int, end: int) -> bool:
    index = bisect_left(begins, begin)
    return index < len(begins) and begins[index] < end


def _contains_image(spans: list[tuple[int, int]], part: _Part) -> bool:
    """Return True if an image starts in an element."""
    index = bisect_left(spans, (part.begin, 0))
    return index < len(spans) and spans[index][0] < part.end
