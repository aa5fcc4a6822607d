"""What web archives state of their captures: lines of CDX and CDXJ, and what they come to.

Formats: https://archive.org/web/researcher/cdx_legend.php and https://specs.webrecorder.net/cdxj/0.1.0/.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from exhibit.network.addresses import read_url
from exhibit.periods import capture_time
from exhibit.types import Untyped

LETTERS = {"a": "url", "b": "timestamp", "m": "mime", "s": "status", "k": "digest", "S": "length", "V": "offset",
           "g": "filename"}  # fmt: skip
"""What the letters of a CDX legend stand for, of those that are read."""
_JSON, _BLANK = re.compile(r"(?:^|(?<=[ \t]))\{"), re.compile(r"[ \t]")
_NUMBERS = ("timestamp", "status", "statuscode", "status_code", "length", "offset")
_NAMES = {
    "url": ("url", "original", "original_uri"),
    "mime": ("mime", "mime-detected", "mimetype", "mime_type"),
    "status": ("status", "statuscode", "status_code"),
}
"""What lines of CDXJ call their fields: pywb and Common Crawl, the Wayback Machine's server, ipwb."""
_SHA1 = re.compile(r"(?:sha1:)?([A-Z2-7]{32})")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_FILE = re.compile(r"[\w./=-]{1,1000}", re.ASCII)
_POSITION = re.compile(r"([a-z-]{1,20}) ([0-9]{14}) ([A-Z2-7]{32})(?: ([0-9]{1,18}) ([0-9]{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What an archive states of a capture, as a text of one line keeps it."""

    archive: str  # `wayback` or `common-crawl`
    at: datetime  # when it was made, UTC
    digest: str  # SHA-1 of the payload in Base32, as CDX has it
    offset: int = 0  # of its record in the file that holds it, where that is known
    length: int = 0  # of that record as it is packed, in bytes; 0 where it isn't known

    def __str__(self) -> str:
        place = f" {self.offset} {self.length}" if self.offset or self.length else ""
        return f"{self.archive} {stamp(self.at)} {self.digest}{place}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read such a text; ``None`` for any other."""
        if (match := _POSITION.fullmatch(text)) is None or (at := capture_time(match[2])) is None:
            return None
        return cls(archive=match[1], at=at, digest=match[3], offset=int(match[4] or 0), length=int(match[5] or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A capture that an archive names."""

    stated: Stated
    url: str  # the address that was captured
    record: str  # the address of the archive's own record
    media_type: str  # as the archive states it, in small letters; `-` where it doesn't

    @property
    def at(self) -> datetime:
        """When it was made, as the archive states it, UTC."""
        return self.stated.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an archive is asked for."""

    url: str  # an address, or the name of a domain
    whole_domain: bool = False  # whether all hosts below the name are meant
    pictures: bool = False  # whether only what the archive calls a picture is wanted
    since: str = ""  # the first moment, as 4 to 14 digits: `2019`, `201903`
    until: str = ""  # the last one, likewise
    most: int = 5_000  # captures of one page of the answer, where the archive lets that be said


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer."""

    captures: tuple[Capture, ...]
    unread: int  # lines that couldn't be read, or lack what is needed
    next_page: str  # what names the next page; empty at the end


class Archive(Protocol):
    """A web archive that can be asked."""

    name: str  # what sightings and rows call it
    title: str  # what members call it
    seconds: float  # least time between two requests

    def captures(self, asked: Asked, page: str = "") -> Page:
        """Ask for one page; raises :class:`crawler.searches.client.SearchRefusedError` and ``RefusedError``."""
        ...

    def indexes(self, asked: Asked) -> int:
        """How many indexes are asked for that, one after the other."""
        ...


def stamp(at: datetime) -> str:
    """A moment as archives write it: 14 digits, UTC."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def fields_of(text: str, legend: Sequence[str]) -> Mapping[str, str]:
    """The fields of a line by their names in :data:`LETTERS`; raises ``ValueError`` where its JSON can't be read.

    A line of CDXJ says itself what its fields are called, one of CDX by the letters of the legend.
    """
    begin = _JSON.search(text)
    if begin is None:
        named = dict(zip(legend, _BLANK.split(text), strict=False))
        return {name: named.get(letter, "") for letter, name in LETTERS.items()}
    try:
        told = json.loads(text[begin.start() :])
    except RecursionError as error:
        raise ValueError from error
    found = {name: _first(told, _NAMES.get(name, (name,))) for name in LETTERS.values()}
    found["mime"] = found["mime"] or "-"
    words = text[: begin.start()].split()
    return found if found["timestamp"] or len(words) < 2 else found | {"timestamp": words[1]}


def _first(told: Untyped, names: Sequence[str]) -> str:
    return next((one for name in names if (one := _text(told, name))), "")


def _text(told: Untyped, name: str) -> str:
    value = told.get(name) if isinstance(told, dict) else None
    is_number = name in _NUMBERS and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value if isinstance(value, str) else ""


def stated_of(archive: str, fields: Mapping[str, str]) -> Stated | None:
    """What a line states of a capture; ``None`` where its moment or its digest is missing, or it isn't of the web."""
    at, digest = capture_time(fields["timestamp"]), _SHA1.fullmatch(fields["digest"].strip())
    read = read_url(fields["url"])
    if at is None or digest is None or read is None or read.protocol not in ("http:", "https:"):
        return None
    offset, length = (_number(fields[name]) for name in ("offset", "length"))
    return Stated(archive=archive, at=at, digest=digest[1], offset=offset, length=length)


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file that an archive's records lie in, below its own address."""
    return bool(_FILE.fullmatch(text)) and ".." not in text and not text.startswith("/")


def earliest(captures: Iterable[Capture]) -> dict[str, Capture]:
    """Of each picture the earliest capture, by the digest that the archive states."""
    found: dict[str, Capture] = {}
    for one in captures:
        if one.stated.digest not in found or one.at < found[one.stated.digest].at:
            found[one.stated.digest] = one
    return found


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0
