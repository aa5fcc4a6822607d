"""Lines of a list, filters for them, and the reasons why lines are skipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from crawler.reading.document import MAX_URL_LENGTH
from exhibit.errors import RefusedError
from exhibit.network.addresses import get_url_host, get_url_path, list_parent_names
from exhibit.network.guard import Guard

MAX_LINE_BYTES = 1 << 20
"""Maximum bytes of a line of text; longer lines are skipped."""
IMAGE, PAGE = "image", "page"

SKIP_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "no-address": "The row has no URL.",
        "scheme": "The URL does not start with http:// or https://. Enter the full URL.",
        "bad-url": "The URL is not valid. Write a space as %20.",
        "too-long": f"The URL has more than {MAX_URL_LENGTH:,} characters.",
        "credentials": "The URL contains a user name or a password. Remove it.",
        "port": "The URL contains a port that is not allowed.",
        "private-address": "The URL is not on the public internet.",
        "encoding": "The row differs from the other rows in encoding. Convert the file: iconv -f LATIN1 -t UTF-8 FILE.",
        "line-too-long": f"The row has more than {MAX_LINE_BYTES:,} bytes. Check for a missing line break.",
        "not-text": "The row contains null bytes. Create the file again, or download it again.",
        "not-a-row": "The row cannot be parsed. Check for a missing closing quotation mark.",
        "fields": "The row and the first row differ in the number of fields. Quote fields that contain separators.",
        "damaged": "The file is damaged at this row. Download the file again for the missing rows.",
        "not-json": "The record is not JSON. Create the file again, or download it again.",
        "not-cdx": "The row is not a CDX row, or does not contain the full URL.",
        "status": "According to the status, the archive has no complete page or image for this URL.",
        "other-kind": "The URL is neither an image nor a page.",
        "only": "The kind of the URL is excluded by --only.",
        "host": "The host is not in --host.",
        "without-host": "The host is in --exclude-host.",
        "word": "Neither the caption nor the URL contains a word from --word.",
        "too-small": "According to the list, the picture is smaller than --min-width or --min-height.",
        "suffix": "The URL does not end with a suffix from --suffix.",
        "known": "The URL was already imported.",
    }
)
"""Reasons why a line is skipped, with the steps to take."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list; sizes are 0 if the list does not state them."""

    url: str
    kind: str = IMAGE
    page_url: str = ""  # for an image, the page that shows it
    context: str = ""  # its caption
    width: int = 0  # pixels
    height: int = 0  # pixels
    problem: str = ""  # one of :data:`SKIP_REASONS`, if the line cannot be used


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

    def get_skip_reason(self, line: Line, guard: Guard) -> str:
        """Return the key in :data:`SKIP_REASONS` for a skipped line, else an empty string. Sends no requests."""
        if line.problem:
            return line.problem
        if len(line.url) > MAX_URL_LENGTH:
            return "too-long"
        try:
            guard.check_url(line.url)
        except RefusedError as error:
            return error.reason
        return next((reason for reason, is_skipped in self._apply_filters(line) if is_skipped), "")

    def _apply_filters(self, line: Line) -> Iterator[tuple[str, bool]]:
        yield "only", self.only not in ("", line.kind)
        names = set(list_parent_names(get_url_host(line.url)) if self.hosts or self.without_hosts else ())
        yield "host", bool(self.hosts) and names.isdisjoint(self.hosts)
        yield "without-host", not names.isdisjoint(self.without_hosts)
        yield "too-small", 0 < line.width < self.min_width or 0 < line.height < self.min_height
        by_suffix = bool(self.suffixes) and line.kind == IMAGE
        yield "suffix", by_suffix and not get_url_path(line.url).lower().endswith(self.suffixes)
        text = f"{line.context} {line.url}".casefold() if self.words else ""
        yield "word", bool(self.words) and not any(word in text for word in self.words)
