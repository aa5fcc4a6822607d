"""Output format: JSON lines. A page line is written when all images of its page have been processed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from crawler.formats.job import Kind, Link, RenderingCounts, StyleSheet
from crawler.formats.strict import parse_json, read_as, write_json
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence, to_plain
from exhibit.types import Sighting, Untyped


@dataclass(frozen=True, slots=True)
class Refusal:
    """A URL that was not visited, or whose response was not stored."""

    url: str  # as found, made absolute
    reason: str
    """Short, stable identifier: a :class:`exhibit.reasons.Reason`, or one from a status, such as ``http-404``."""
    sentence: str  # message for readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Machine-readable signals of a page, as observed; none is interpreted."""

    tdm_reservation: str = ""  # `1` or `0` if TDMRep was found, else empty
    tdm_policy: str = ""  # URL of the policy, or empty
    robots: tuple[str, ...] = ()  # contents of `meta name=robots` and of one for this crawler
    x_robots_tag: tuple[str, ...] = ()  # values of the X-Robots-Tag header
    ai: tuple[str, ...] = ()  # signals on model training: `noai`, `noimageai`, Content-Usage and Content-Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    """A visited URL with all its images."""

    url: str  # as given or found
    final_url: str  # after redirects
    kind: Kind  # expected kind
    depth: int  # links followed since the source
    status: int  # status of the HTTP response; 0 for a file
    fetched_at: datetime | None  # time of the response; `null` if an archive states none
    etag: str = ""  # for the next conditional request, or empty
    last_modified: str = ""  # for the next conditional request, or empty
    fresh_seconds: int = 0  # seconds for which the response stays fresh (`Cache-Control`)
    not_modified: bool = False  # whether the server reported no change; the other results are then empty
    title: str = ""  # title of the document
    language: str = ""  # as declared in the document
    text: str = ""  # 64-bit fingerprint of its visible words, 16 hexadecimal digits; empty for under ten
    words: int = 0  # number of visible words
    links: tuple[Link, ...] = ()  # in scope, within the depth limit, and not in an earlier line
    modified: Mapping[str, datetime] = field(default_factory=dict)  # last changes of links, as a sitemap or feed states
    sightings: tuple[Sighting, ...] = ()  # the images
    refusals: tuple[Refusal, ...] = ()  # images not stored; each once per job, unless a retry may succeed
    sheets: tuple[StyleSheet, ...] = ()  # new or changed style sheets; each once per job
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Items omitted because of limits, and unreadable entries of lists; as in the counts."""
    signals: Signals = field(default_factory=Signals)  # machine-readable signals
    position: str = ""
    """Progress in a source that is a file, or the archive's statement about the requested capture; otherwise empty."""
    render_seconds: float = 0.0  # time that a browser took to render the page; 0 if it was not rendered
    scripts_not_run: bool = False  # whether it has scripts, which may add images, and no browser ran them


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """A URL of the job or its frontier that produced no page line."""

    url: str  # as given or found
    page_url: str = ""  # page on which it was found, or empty
    reason: str  # short, stable identifier
    sentence: str  # message for readers
    position: str = ""  # as in a page line


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of the results of a job."""

    pages: int = 0  # page lines
    images: int = 0  # sightings
    bytes: int = 0  # read and stored, pages included
    refused: Mapping[str, int] = field(default_factory=dict)  # refusals by reason, those of images included
    passed: Mapping[str, int] = field(default_factory=dict)
    """Refusals without their own line: records of archives that contain no image."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Items of pages omitted because of limits, and unreadable entries: ``addresses``, ``canvases``, ``elements``,
    ``entries``, ``frames``, ``page-ends``, ``scripts``, ``style-sheets``, ``unread-sheets``."""
    seconds: float = 0.0  # wall time
    rendered: int = 0  # pages rendered in a browser
    render_seconds: float = 0.0  # total time of these pages
    gained: int = 0  # image URLs found only by rendering
    rendered_of: Mapping[str, RenderingCounts] = field(
        default_factory=dict
    )  # results by host, for the next job's `rendered`
    unrendered: Mapping[str, int] = field(default_factory=dict)
    """Pages that should have been rendered but were not: ``no-browser``, ``budget``, ``browser-lost``, ``no-answer``,
    ``error``."""
    scripts_not_run: int = 0  # unrendered pages with scripts, which may add images
    waiting: Mapping[str, float] = field(default_factory=dict)
    """Hosts that a later job may try again, with the seconds to wait if they stated any, else 0: they requested a
    pause, or their robots.txt was unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLine:
    """The last line of a job that was not killed."""

    reason: str
    """``finished``, ``budget-pages``, ``budget-images``, ``budget-bytes``, ``budget-seconds``, ``memory``,
    ``stopped`` or ``error``."""
    counts: Counts  # counts of the results
    position: str = ""  # as in a page line


Line: TypeAlias = PageLine | RefusalLine | EndLine
_TYPES: dict[str, type[Line]] = {"page": PageLine, "refusal": RefusalLine, "end": EndLine}
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
_TYPE_NAMES = {cls: name for name, cls in _TYPES.items()}


def build_image_line(sighting: Sighting) -> PageLine:
    """Return the line of an image that was not fetched by a visit."""
    return PageLine(
        url=sighting.image_url,
        final_url=sighting.final_url,
        kind=Kind.IMAGE,
        depth=0,
        status=sighting.status,
        fetched_at=sighting.fetched_at,
        sightings=(sighting,),
    )


def to_json(line: Line) -> bytes:
    """Serialise a line as UTF-8 JSON with a newline; invalid characters become ``?``.

    A refusal has ``said`` beside its sentence: the template and values of the sentence.
    """
    sentence_parts = isinstance(line, RefusalLine) and isinstance(line.sentence, Sentence) and to_plain(line.sentence)
    sentence_json = f',"said":{write_json(sentence_parts)}' if sentence_parts else ""
    return f'{{"type":"{_TYPE_NAMES[type(line)]}",{write_json(line)[1:-1]}{sentence_json}}}\n'.encode(
        "utf-8", "replace"
    )


def from_json(text: str | bytes) -> Line:
    """Parse a line.

    Raises:
        InvalidRequestError: A field cannot be read; the message names it.
    """
    value = parse_json(text, "The line")
    if not isinstance(value, dict) or value.get("type") not in _TYPES:
        raise InvalidRequestError("A line must be an object whose type is page, refusal or end.")
    sentence_parts = value.pop("said", "")
    line = read_as(_TYPES[value.pop("type")], value, "line")
    return (
        replace(line, sentence=_restore_sentence(sentence_parts, line.sentence))
        if isinstance(line, RefusalLine)
        else line
    )


def _restore_sentence(sentence_parts: Untyped, sentence: str) -> str:
    """Return the sentence with its template and values, if these produce the same text."""
    template, values = (
        (sentence_parts.get("text"), sentence_parts.get("values")) if isinstance(sentence_parts, dict) else (None, None)
    )
    if not isinstance(template, str) or not isinstance(values, dict) or "%" in _PLACEHOLDER.sub("", template):
        return sentence
    try:
        result = Sentence(template, **{name: value for name, value in values.items() if isinstance(value, str | int)})
    except (LookupError, TypeError):  # a value is missing, or is not a number
        return sentence
    return result if result == sentence else sentence


def read_lines(stream: Iterable[bytes]) -> Iterator[Line]:
    """Parse a stream of lines; an incomplete last line, whose writer was interrupted, is omitted."""
    for text in stream:
        if text.endswith(b"\n"):
            yield from_json(text)
