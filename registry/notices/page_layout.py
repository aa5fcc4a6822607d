"""Which picture of a page its words are about, by where both stand in its HTML or in the JSON of its scripts."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import islice
from urllib.parse import unquote

NEAR = 1_500
"""Characters between a statement and the picture that it is about."""
CAPTION = 300
"""The same for another picture, where only their order tells which words are about which."""
MAX_PARTS = 100_000
"""Of a page: elements and pictures that are looked at."""
MAX_DEPTH = 100
"""Elements around a statement that are looked at."""
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]{0,40})([^<>]{0,20000})>")
_PICTURE = re.compile(
    r"""[^\s"'<>(){},=]{0,2000}\.(?:jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|jxl|heic)(?![\w-])""", re.IGNORECASE
)
_BADGE = re.compile(r"creativecommons|88x31|(?<![a-z])cc[-_ ]?(?:by|0|zero)|publicdomain", re.IGNORECASE)
_BRACES = re.compile(r"[{}]")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_CLOSES = frozenset(["p", "li", "td", "th", "tr", "dt", "dd", "option"])
"""Elements whose end may be left out before another of their kind."""
_SHOWS = frozenset(("img", "image", "source", "amp-img", "video", "picture"))
_WHOLE = frozenset(["html", "head", "body", "main", "header", "footer", "nav", "aside"])
"""Elements whose words are about the page rather than about a picture that stands in them, too."""
_WHOLE_NAMED = re.compile(
    r"""(?:class|id|role)\s{0,3}=\s{0,3}["']?[^"'<>]{0,100}(?:footer|header|navbar|contentinfo)""", re.IGNORECASE
)


@dataclass(slots=True)
class _Part:
    """An element, or an object in a script."""

    begin: int
    end: int
    above: "_Part | None"
    whole: bool = False  # what stands in it is about all of the page
    figure: bool = False
    name: str = ""


class Layout:
    """A page's elements and pictures, one of which is looked for by the end of its address."""

    def __init__(self, text: str, picture_url: str) -> None:
        self._name = _named(picture_url)
        self._parts: list[_Part] = []
        shown: list[tuple[int, int, bool]] = []
        top = _Part(0, len(text), None, whole=True)
        stack, script = [top], 0
        for tag in islice(_TAG.finditer(text), MAX_PARTS):
            if tag.start() < script:  # what looks like a tag is a script's own text
                continue
            closing, kind, attributes = tag[1], tag[2].lower(), tag[3]
            if closing:
                if kind in (part.name for part in stack[:0:-1][:50]):
                    while (part := stack.pop()).name != kind:
                        part.end = tag.end()
                    part.end = tag.end()
                continue
            if kind in _CLOSES and stack[-1].name == kind:
                stack.pop().end = tag.start()
            whole = kind in _WHOLE or _WHOLE_NAMED.search(attributes) is not None
            part = _Part(tag.start(), len(text), stack[-1], whole, kind == "figure", kind)
            self._parts.append(part)
            if kind in _VOID or attributes.endswith("/"):
                part.end = tag.end()
            else:
                stack.append(part)
            is_shown = kind in _SHOWS or _PICTURE.search(attributes) is not None
            if is_shown and kind not in ("html", "body", "script") and not _BADGE.search(attributes):
                shown.append((tag.start(), tag.end(), self._is_ours(attributes)))
            if kind == "script":
                script = text.find("</script", tag.end())
                script = len(text) if script < 0 else script
                shown += self._read_script(text, tag.end(), script, part)
        self._parts.sort(key=lambda part: part.begin)
        self._begins = [part.begin for part in self._parts]
        self._pictures = self._as_one(sorted(shown))
        self._ours = [(begin, end) for begin, end, ours in self._pictures if ours]
        self._others = [(begin, end) for begin, end, ours in self._pictures if not ours]
        self._top = top

    def _read_script(self, text: str, begin: int, end: int, above: _Part) -> Iterator[tuple[int, int, bool]]:
        """Objects of a script, as elements, and the pictures that it names."""
        stack = [above]
        for brace in islice(_BRACES.finditer(text, begin, end), MAX_PARTS):
            if brace[0] == "{":
                stack.append(_Part(brace.start(), end, stack[-1]))
                self._parts.append(stack[-1])
            elif len(stack) > 1:
                stack.pop().end = brace.end()
        for named in islice(_PICTURE.finditer(text, begin, end), MAX_PARTS):
            yield named.start(), named.end(), self._is_ours(named[0])

    def _is_ours(self, words: str) -> bool:
        """Whether an element's words name the picture, however they write its address."""
        return self._name is not None and self._name.search(unquote(unescape(words))) is not None

    def _as_one(self, shown: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
        """Pictures in the order of the page, where what stands in one ``picture`` element or one link is one."""
        frames = [(part.begin, part.end) for part in self._parts if part.name in ("picture", "a")]
        mine = [begin for begin, _end, own in shown if own]
        around = [(begin, end) for begin, end in frames if _any_within(mine, begin, end)]
        begins = [begin for begin, _end in around]
        made = []
        for begin, end, own in shown:
            at = bisect_right(begins, begin) - 1
            made.append((begin, end, own or (at >= 0 and begin < around[at][1])))
        return made

    def is_near(self, at: int) -> bool | None:
        """Whether what stands at a place of the text is about the picture; ``None`` where it is about another one.

        What stands in the address or the description of a picture is about that one, as is what stands in the same
        figure, or in the innermost element with one picture only. Among several, words are about the one before them,
        or the first, if none is before. Everything else is about the page.
        """
        if not self._ours:  # it isn't told where it stands
            return False
        if _within(self._ours, at) or _within(self._others, at):
            return _within(self._ours, at) or None
        for part in islice(self._above(at), MAX_DEPTH):
            ours, others = (_holds(spans, part) for spans in (self._ours, self._others))
            if ours and others:
                return True if part.figure else self._among(at, part)
            if ours:
                return self._distance(at, self._ours) <= NEAR
            if part.whole:
                break
            if others:
                return None if self._distance(at, self._others) <= NEAR else False
        return False

    def _among(self, at: int, part: _Part) -> bool | None:
        """The same within an element that has this picture and others, and none of them with the words alone."""
        here = [each for each in self._pictures if part.begin <= each[0] < part.end]
        before = [each for each in here if each[1] <= at]
        begin, end, ours = before[-1] if before else here[0]
        distance = min(abs(at - begin), abs(at - end))
        if ours:
            return distance <= NEAR
        row = next((each for each in self._above(begin) if each.above is part), part)
        alone = (
            sum(row.begin <= each[0] < row.end for each in here) == 1
        )  # words behind a strip are none of its pictures'
        return None if alone and distance <= CAPTION else False

    def _above(self, at: int) -> Iterator[_Part]:
        """The parts in which a place stands, the innermost first."""
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


def _named(picture_url: str) -> re.Pattern[str] | None:
    """What an element that shows the picture has in it: the name of its file, or what is asked of one that has none."""
    path, _, query = picture_url.partition("?")
    name = path.rpartition("/")[2]
    name = unquote(name if "." in name or not query else f"{name}?{query}")
    return re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])") if len(name) > 4 else None


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    place = bisect_right(spans, (at, 1 << 62)) - 1
    return place >= 0 and at < spans[place][1]


def _any_within(begins: list[int], begin: int, end: int) -> bool:
    place = bisect_left(begins, begin)
    return place < len(begins) and begins[place] < end


def _holds(spans: list[tuple[int, int]], part: _Part) -> bool:
    """Whether a picture begins in an element."""
    place = bisect_left(spans, (part.begin, 0))
    return place < len(spans) and spans[place][0] < part.end
