"""What comes out: lines of JSON. A page line is the unit: it is written once all images of its page are done with."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from crawler.formats.job import Kind, Link, Rendered
from crawler.formats.strict import parse, read, write
from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence, to_plain
from exhibit.types import Sighting, Untyped


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address that wasn't visited, or whose answer isn't kept."""

    url: str  # as found, made absolute
    reason: str
    """A short stable word: of :class:`exhibit.reasons.Reason`, or of a status, such as ``http-404``."""
    sentence: str  # what happened, for a reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a page said to machines, as it was observed; nothing here is a judgement."""

    tdm_reservation: str = ""  # `1` or `0` where TDMRep was found, else empty
    tdm_policy: str = ""  # the address of the policy, or empty
    robots: tuple[str, ...] = ()  # contents of `meta name=robots` and of one for this crawler
    x_robots_tag: tuple[str, ...] = ()  # values of the X-Robots-Tag header
    ai: tuple[str, ...] = ()  # on the training of models: `noai`, `noimageai`, Content-Usage and Content-Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    """One address that was worked off with all its images."""

    url: str  # as it was given or found
    final_url: str  # after redirects
    kind: Kind  # what it was visited for
    depth: int  # links followed since the source
    status: int  # of the HTTP response; 0 for a file
    fetched_at: datetime | None  # when the response had come; `null` where an archive states no moment
    etag: str = ""  # for the next conditional request, or empty
    last_modified: str = ""  # for the next conditional request, or empty
    fresh_seconds: int = 0  # for which the server says that the answer stays as it is (`Cache-Control`)
    not_modified: bool = False  # whether the server said that nothing has changed; then nothing else was found
    title: str = ""  # of the document
    language: str = ""  # as the document declares it
    text: str = ""  # 64-bit fingerprint of its visible words, 16 hexadecimal digits; empty when they are few
    words: int = 0  # how many these are
    links: tuple[Link, ...] = ()  # what belongs to the scope, isn't deeper than the limit, and no line before names
    modified: Mapping[str, datetime] = field(default_factory=dict)  # when links changed last, as a sitemap or feed says
    sightings: tuple[Sighting, ...] = ()  # the images
    refusals: tuple[Refusal, ...] = ()  # the images that weren't kept, each once in a job unless it may come yet
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What limits of the crawler left out, and entries of lists that couldn't be read; as in the counts."""
    signals: Signals = field(default_factory=Signals)  # what the page said to machines
    position: str = ""
    """How far a source that is a file has been read with this line, or what an archive states of the capture that was
    asked for; empty for all others."""
    render_seconds: float = 0.0  # that a browser took to render the page; 0 where none did
    scripts_not_run: bool = False  # whether it has scripts, which may add pictures, and no browser ran them


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """An address of the job or its frontier that gave no page line."""

    url: str  # as it was given or found
    page_url: str = ""  # where it was found, or empty
    reason: str  # a short stable word
    sentence: str  # what happened, for a reader
    position: str = ""  # as in a page line


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a job did."""

    pages: int = 0  # page lines
    images: int = 0  # sightings
    bytes: int = 0  # read and kept, pages included
    refused: Mapping[str, int] = field(default_factory=dict)  # refusals by reason, those of images included
    passed: Mapping[str, int] = field(default_factory=dict)
    """Those of them that have no line of their own: records of archives that hold no picture."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What limits of the crawler left out of pages, and entries that couldn't be read: ``addresses``, ``canvases``,
    ``elements``, ``entries``, ``frames``, ``page-ends``, ``scripts``, ``style-sheets``, ``unread-sheets``."""
    seconds: float = 0.0  # wall time
    rendered: int = 0  # pages that a browser rendered
    render_seconds: float = 0.0  # that these pages took, one added to the other
    gained: int = 0  # image addresses that renderings alone showed
    rendered_of: Mapping[str, Rendered] = field(default_factory=dict)  # by host; for the next job's `rendered`
    unrendered: Mapping[str, int] = field(default_factory=dict)
    """Pages that were to be rendered and weren't: ``no-browser``, ``budget``, ``browser-lost``, ``no-answer``,
    ``error``."""
    scripts_not_run: int = 0  # pages with scripts, which may add pictures, that no browser rendered
    waiting: Mapping[str, float] = field(default_factory=dict)
    """Hosts that another job may ask again, in so many seconds if they said so, else 0: they asked to be left alone, or
    their robots.txt couldn't be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLine:
    """The last line of a job that ended by itself."""

    reason: str
    """``finished``, ``budget-pages``, ``budget-images``, ``budget-bytes``, ``budget-seconds``, ``memory``,
    ``stopped`` or ``error``."""
    counts: Counts  # what was done
    position: str = ""  # as in a page line


Line: TypeAlias = PageLine | RefusalLine | EndLine
_TYPES: dict[str, type[Line]] = {"page": PageLine, "refusal": RefusalLine, "end": EndLine}
_VALUE = re.compile(r"%\(\w+\)[sd]")
_NAMES = {cls: name for name, cls in _TYPES.items()}


def image_line(seen: Sighting) -> PageLine:
    """The line of a picture that no visit of ours has brought."""
    return PageLine(
        url=seen.image_url,
        final_url=seen.final_url,
        kind=Kind.IMAGE,
        depth=0,
        status=seen.status,
        fetched_at=seen.fetched_at,
        sightings=(seen,),
    )


def to_json(line: Line) -> bytes:
    """One line of UTF-8 JSON with its newline; what isn't a character becomes ``?``.

    A refusal has ``said`` beside its sentence: of what that was made.
    """
    made = isinstance(line, RefusalLine) and isinstance(line.sentence, Sentence) and to_plain(line.sentence)
    said = f',"said":{write(made)}' if made else ""
    return f'{{"type":"{_NAMES[type(line)]}",{write(line)[1:-1]}{said}}}\n'.encode("utf-8", "replace")


def from_json(text: str | bytes) -> Line:
    """Parse a line; raises ``WrongUseError``, which names the field that can't be read."""
    value = parse(text, "The line")
    if not isinstance(value, dict) or value.get("type") not in _TYPES:
        raise WrongUseError("A line must be an object whose type is page, refusal or end.")
    said = value.pop("said", "")
    line = read(_TYPES[value.pop("type")], value, "line")
    return replace(line, sentence=_sentence(said, line.sentence)) if isinstance(line, RefusalLine) else line


def _sentence(said: Untyped, sentence: str) -> str:
    """The sentence with its template and values, where they are such that it is made of them."""
    template, values = (said.get("text"), said.get("values")) if isinstance(said, dict) else (None, None)
    if not isinstance(template, str) or not isinstance(values, dict) or "%" in _VALUE.sub("", template):
        return sentence
    try:
        made = Sentence(template, **{name: value for name, value in values.items() if isinstance(value, str | int)})
    except (LookupError, TypeError):  # a value is missing, or is no number
        return sentence
    return made if made == sentence else sentence


def read_lines(stream: Iterable[bytes]) -> Iterator[Line]:
    """Parse a stream of lines; a last line without its newline was cut off by the end of its writer and is left out."""
    for text in stream:
        if text.endswith(b"\n"):
            yield from_json(text)
