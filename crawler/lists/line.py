"""Lines of a list, filters for them, and the reasons why lines are skipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from crawler.reading.found import MAX_ADDRESS
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, names_of, path_of
from exhibit.network.guard import Guard

MAX_LINE = 1 << 20
"""Maximum bytes of a line of text; longer lines are skipped."""
IMAGE, PAGE = "image", "page"

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "no-address": "The line has no address.",
        "scheme": "The address doesn't begin with http:// or https://; write it in full.",
        "bad-url": "The address can't be read; a space in it is written %20.",
        "too-long": f"The address has more than {MAX_ADDRESS:,} characters.",
        "credentials": "The address carries a user name or a password; take them out.",
        "port": "The address names a port that isn't visited.",
        "private-address": "The address isn't on the public internet.",
        "encoding": "The line isn't in the encoding of the others; convert the file: iconv -f LATIN1 -t UTF-8 FILE.",
        "line-too-long": f"The line has more than {MAX_LINE:,} bytes; look for a missing line break.",
        "not-text": "The line has zero bytes, which no text has; make the file anew, or fetch it again.",
        "not-a-row": "The line can't be read as a row; look for a quotation mark that isn't closed.",
        "fields": "The line has more or fewer fields than the first one; quote fields that hold what parts them.",
        "damaged": "The file is damaged there; fetch it again for what is missing.",
        "not-json": "The record isn't JSON; make the file anew, or fetch it again.",
        "not-cdx": "The line isn't one of a CDX file, or doesn't name the address in full.",
        "status": "The archive got no whole page or image there, as the status says.",
        "other-kind": "It is neither an image nor a page.",
        "only": "It is of the kind that --only leaves out.",
        "host": "Its host isn't one of --host.",
        "without-host": "Its host is one of --exclude-host.",
        "word": "Neither its caption nor its address has a word of --word.",
        "too-small": "The list says that it is smaller than --min-width or --min-height.",
        "suffix": "Its address doesn't end as --suffix says.",
        "known": "The address is in already.",
    }
)
"""Reasons why a line is skipped, with the steps to take."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list; sizes are 0 if the list does not state them."""

    url: str
    kind: str = IMAGE
    page_url: str = ""  # of an image, the page that shows it
    context: str = ""  # its caption
    width: int = 0  # pixels
    height: int = 0  # pixels
    problem: str = ""  # one of :data:`REASONS`, if the line cannot be used


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Filters for lines. Empty values and 0 skip nothing."""

    hosts: tuple[str, ...] = ()  # only these hosts, with all hosts below
    without_hosts: tuple[str, ...] = ()  # none of these hosts, nor any below
    words: tuple[str, ...] = ()  # one of them is in the caption or the URL; case-folded
    min_width: int = 0  # pixels, of images whose size the list states
    min_height: int = 0
    suffixes: tuple[str, ...] = ()  # suffixes of an image's path, in lower case
    only: str = ""  # ``image`` or ``page``

    def refusal(self, line: Line, guard: Guard) -> str:
        """Return why a line is skipped, from :data:`REASONS`, or an empty string. Nothing is resolved or fetched."""
        if line.problem:
            return line.problem
        if len(line.url) > MAX_ADDRESS:
            return "too-long"
        try:
            guard.check_url(line.url)
        except RefusedError as error:
            return error.reason
        return next((reason for reason, leaves_out in self._filters(line) if leaves_out), "")

    def _filters(self, line: Line) -> Iterator[tuple[str, bool]]:
        yield "only", self.only not in ("", line.kind)
        names = set(names_of(host_of(line.url)) if self.hosts or self.without_hosts else ())
        yield "host", bool(self.hosts) and names.isdisjoint(self.hosts)
        yield "without-host", not names.isdisjoint(self.without_hosts)
        yield "too-small", 0 < line.width < self.min_width or 0 < line.height < self.min_height
        by_suffix = bool(self.suffixes) and line.kind == IMAGE
        yield "suffix", by_suffix and not path_of(line.url).lower().endswith(self.suffixes)
        text = f"{line.context} {line.url}".casefold() if self.words else ""
        yield "word", bool(self.words) and not any(word in text for word in self.words)
