"""What comes out: lines of JSON. A page line is the unit: it is written once all images of its page are done with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from crawler.formats.job import Kind, Link
from crawler.formats.strict import parse, read, write
from exhibit.errors import WrongUseError
from exhibit.types import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An address that wasn't visited, or whose answer isn't kept.

    Attributes:
        url: as found, made absolute.
        reason: a short stable word, such as ``private-address``, ``robots``, ``denied-host``, ``too-large``,
            ``scheme``, ``port``, ``budget``, ``not-an-image``, ``timeout``, ``http-404``.
        sentence: what happened, for a reader.
    """

    url: str
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a page said to machines, as it was observed; nothing here is a judgement.

    Attributes:
        tdm_reservation: ``1`` or ``0`` where TDMRep was found, else empty.
        tdm_policy: the address of the policy, or empty.
        robots: contents of ``meta name=robots`` and of one for this crawler.
        x_robots_tag: values of the X-Robots-Tag header.
        ai: words about the training of models: ``noai``, ``noimageai``, Content-Usage and Content-Signal.
    """

    tdm_reservation: str = ""
    tdm_policy: str = ""
    robots: tuple[str, ...] = ()
    x_robots_tag: tuple[str, ...] = ()
    ai: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    """One address that was worked off with all its images.

    Attributes:
        url: as it was given or found.
        final_url: after redirects.
        kind: what it was visited for.
        depth: links followed since the source.
        status: of the HTTP response; 0 for a file.
        fetched_at: when the response had come.
        etag: for the next conditional request, or empty.
        last_modified: for the next conditional request, or empty.
        not_modified: whether the server said that nothing has changed; then nothing else was found.
        title: of the document.
        language: as the document declares it.
        links: what belongs to the scope and isn't deeper than the limit, each once.
        sightings: the images.
        refusals: the images that weren't kept.
        signals: what the page said to machines.
        position: how far a source that is a file has been read with this line; empty for all others.
    """

    url: str
    final_url: str
    kind: Kind
    depth: int
    status: int
    fetched_at: datetime
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False
    title: str = ""
    language: str = ""
    links: tuple[Link, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    signals: Signals = field(default_factory=Signals)
    position: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """An address of the job or its frontier that gave no page line.

    Attributes:
        url: as it was given or found.
        page_url: where it was found, or empty.
        reason: a short stable word.
        sentence: what happened, for a reader.
        position: as in a page line.
    """

    url: str
    page_url: str = ""
    reason: str
    sentence: str
    position: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a job did.

    Attributes:
        pages: page lines.
        images: sightings.
        bytes: read and kept, pages included.
        refused: refusals by reason, those of images included.
        seconds: wall time.
    """

    pages: int = 0
    images: int = 0
    bytes: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLine:
    """The last line of a job that ended by itself.

    Attributes:
        reason: ``finished``, ``budget-pages``, ``budget-images``, ``budget-bytes``, ``budget-seconds``, ``memory``,
            ``stopped`` or ``error``.
        counts: what was done.
        position: as in a page line.
    """

    reason: str
    counts: Counts
    position: str = ""


Line: TypeAlias = PageLine | RefusalLine | EndLine
_TYPES: dict[str, type[PageLine] | type[RefusalLine] | type[EndLine]] = {
    "page": PageLine,
    "refusal": RefusalLine,
    "end": EndLine,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def to_json(line: Line) -> bytes:
    """One line of UTF-8 JSON with its newline; what isn't a character becomes ``?``."""
    return f'{{"type":"{_NAMES[type(line)]}",{write(line)[1:]}\n'.encode("utf-8", "replace")


def from_json(text: str | bytes) -> Line:
    """Parse a line.

    Raises:
        WrongUseError: names the field that can't be read.
    """
    value = parse(text, "The line")
    if not isinstance(value, dict) or value.get("type") not in _TYPES:
        raise WrongUseError("A line must be an object whose type is page, refusal or end.")
    return read(_TYPES[value.pop("type")], value, "line")


def read_lines(stream: Iterable[bytes]) -> Iterator[Line]:
    """Parse a stream of lines; a last line without its newline was cut off by the end of its writer and is left out."""
    for text in stream:
        if text.endswith(b"\n"):
            yield from_json(text)
