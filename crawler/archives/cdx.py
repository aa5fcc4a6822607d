"""Capture records of web archives: CDX and CDXJ lines, and the types that they are parsed into.

Formats: https://archive.org/web/researcher/cdx_legend.php and https://specs.webrecorder.net/cdxj/0.1.0/.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from exhibit.network.addresses import parse_url
from exhibit.periods import parse_capture_time
from exhibit.types import Untyped

FIELD_NAMES_BY_LETTER = {"a": "url", "b": "timestamp", "m": "mime", "s": "status", "k": "digest", "S": "length",
    "V": "offset",
           "g": "filename"}  # fmt: skip
"""Field names for the letters of a CDX legend that Exhibit reads."""
_JSON_START, _COLUMN_SEPARATOR = re.compile(r"(?:^|(?<=[ \t]))\{"), re.compile(r"[ \t]")
_NUMBER_FIELDS = ("timestamp", "status", "statuscode", "status_code", "length", "offset")
_FIELD_NAMES = {
    "url": ("url", "original", "original_uri"),
    "mime": ("mime", "mime-detected", "mimetype", "mime_type"),
    "status": ("status", "statuscode", "status_code"),
}
"""Field names in CDXJ lines of pywb and Common Crawl, the Wayback Machine's server, and ipwb."""
_SHA1 = re.compile(r"(?:sha1:)?([A-Z2-7]{32})")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_FILE_NAME = re.compile(r"[\w./=-]{1,1000}", re.ASCII)
_STATEMENT = re.compile(r"([a-z-]{1,20}) ([0-9]{14}) ([A-Z2-7]{32})(?: ([0-9]{1,18}) ([0-9]{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureStatement:
    """An archive's statement about a capture, which can be stored as a single line of text."""

    archive: str  # `wayback` or `common-crawl`
    at: datetime  # capture time, UTC
    digest: str  # SHA-1 of the payload in Base32, as in CDX
    offset: int = 0  # offset of the record in its file, if known
    length: int = 0  # compressed length of the record in bytes; 0 if unknown

    def __str__(self) -> str:
        location = f" {self.offset} {self.length}" if self.offset or self.length else ""
        return f"{self.archive} {format_timestamp(self.at)} {self.digest}{location}"

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Parse the text form; return ``None`` if the text does not have that form."""
        if (match := _STATEMENT.fullmatch(text)) is None or (at := parse_capture_time(match[2])) is None:
            return None
        return cls(archive=match[1], at=at, digest=match[3], offset=int(match[4] or 0), length=int(match[5] or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A capture listed by an archive."""

    statement: CaptureStatement
    url: str  # the captured URL
    record_url: str  # URL of the archive's record
    media_type: str  # as stated by the archive, in lower case; `-` if not stated

    @property
    def at(self) -> datetime:
        """Capture time in UTC, as the archive states it."""
        return self.statement.at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureQuery:
    """Query to an archive."""

    url: str  # a URL or a domain name
    whole_domain: bool = False  # whether all hosts below the domain are included
    only_pictures: bool = False  # whether to return only captures that the archive lists as images
    since: str = ""  # earliest capture time, as 4 to 14 digits: `2019`, `201903`
    until: str = ""  # latest capture time, in the same format
    limit: int = 5_000  # captures per page of the response, where the archive supports a limit


@dataclass(frozen=True, slots=True)
class CapturePage:
    """One page of a response."""

    captures: tuple[Capture, ...]
    unread_lines: int  # lines that could not be parsed or lack required fields
    next_page: str  # identifies the next page; empty on the last page


class Archive(Protocol):
    """A web archive that can be queried."""

    name: str  # name in sightings and table rows
    title: str  # name shown to members
    seconds: float  # minimum time between two requests

    def fetch_captures(self, query: CaptureQuery, page: str = "") -> CapturePage:
        """Request one page of captures.

        Raises:
            crawler.searches.client.SearchRefusedError: The archive did not return a usable page.
            RefusedError: The network guard blocks the URL.
        """
        ...

    def count_indexes(self, query: CaptureQuery) -> int:
        """Return the number of indexes that this query searches, one after the other."""
        ...


def format_timestamp(at: datetime) -> str:
    """Format a time as archives do: 14 digits, UTC."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def parse_fields(text: str, legend: Sequence[str]) -> Mapping[str, str]:
    """Parse a line into fields, by their names in :data:`FIELD_NAMES_BY_LETTER`.

    A CDXJ line names its own fields; a CDX line is read by the letters of the legend.

    Raises:
        ValueError: The JSON of the line cannot be parsed.
    """
    json_start = _JSON_START.search(text)
    if json_start is None:
        columns = dict(zip(legend, _COLUMN_SEPARATOR.split(text), strict=False))
        return {name: columns.get(letter, "") for letter, name in FIELD_NAMES_BY_LETTER.items()}
    try:
        data = json.loads(text[json_start.start() :])
    except RecursionError as error:
        raise ValueError from error
    fields = {name: _get_first_text(data, _FIELD_NAMES.get(name, (name,))) for name in FIELD_NAMES_BY_LETTER.values()}
    fields["mime"] = fields["mime"] or "-"
    leading_columns = text[: json_start.start()].split()
    return fields if fields["timestamp"] or len(leading_columns) < 2 else fields | {"timestamp": leading_columns[1]}


def _get_first_text(values: Untyped, names: Sequence[str]) -> str:
    return next((text for name in names if (text := _get_text(values, name))), "")


def _get_text(values: Untyped, name: str) -> str:
    value = values.get(name) if isinstance(values, dict) else None
    is_number = name in _NUMBER_FIELDS and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value if isinstance(value, str) else ""


def parse_statement(archive: str, fields: Mapping[str, str]) -> CaptureStatement | None:
    """Build a capture statement from the fields of a line.

    ``None`` if the time or digest is missing, or the URL is not HTTP(S).
    """
    at, digest = parse_capture_time(fields["timestamp"]), _SHA1.fullmatch(fields["digest"].strip())
    parts = parse_url(fields["url"])
    if at is None or digest is None or parts is None or parts.protocol not in ("http:", "https:"):
        return None
    offset, length = (_parse_number(fields[name]) for name in ("offset", "length"))
    return CaptureStatement(archive=archive, at=at, digest=digest[1], offset=offset, length=length)


def is_file_name(text: str) -> bool:
    """Return True if the text is a safe relative name for an archive's record file."""
    return bool(_FILE_NAME.fullmatch(text)) and ".." not in text and not text.startswith("/")


def find_earliest_captures(captures: Iterable[Capture]) -> dict[str, Capture]:
    """Return the earliest capture of each image, by the digest that the archive states."""
    first: dict[str, Capture] = {}
    for capture in captures:
        if capture.statement.digest not in first or capture.at < first[capture.statement.digest].at:
            first[capture.statement.digest] = capture
    return first


def _parse_number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0
