"""Responses of a web archive that list its captures: ``archive-answers.json``.

The times and URLs of the captures are statements by the archive. Anybody can look up the URLs.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import unquote

from evidence.formats.codec import Canonical
from exhibit.digests import Digest
from exhibit.network.addresses import get_url_host, parse_url
from exhibit.periods import parse_capture_time
from exhibit.types import Count, SourceStatement, SourceStatementKind

ARCHIVE_RESPONSES_ROLE = "archive-answers"
"""Role of the file in a manifest."""
ARCHIVE_RESPONSES_FORMAT = "exhibit-archive-answers/1"
_ARCHIVE_NAMES = {"web.archive.org": "Internet Archive"}
_WWW = re.compile(r"^www\d*\.")
_SESSION_PATH = re.compile(r";jsessionid=[0-9a-z]{32}$")
_SESSION_SEGMENT = re.compile(r"/\((?:(?:[a-z]\([0-9a-z]{24}\))+|[0-9a-z]{24})\)(?=/)")
_SESSION_PARAMETERS = tuple(
    re.compile(name + r"\Z")
    for name in (
        "jsessionid=[0-9a-z]{32}",
        "phpsessid=[0-9a-z]{32}",
        "sid=[0-9a-z]{32}",
        "aspsessionid[a-z]{8}=[a-z]{24}",
    )
)
"""Query parameters with session ids, at the end of a parameter, in the order in which archives search for them."""
_SESSION_PAIR = "cfid=", "cftoken="
_MAX_DECODINGS = 8
SUBJECTS = ("page", "picture")
"""Subjects of requests to an archive."""
_LINE = re.compile(r"(?P<at>[0-9]{14}) (?P<url>\S+) \S+ \S+ (?P<digest>\S+)(?: \S+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ArchiveResponse:
    """One request to the archive's index, and the response."""

    of: str  # one of :data:`SUBJECTS`
    address: str  # URL whose captures were requested
    request_url: str  # URL of the request
    at: datetime  # when the response arrived, aware, UTC
    body: str  # lines of time, URL, media type, status and SHA-1 in Base32; empty without captures


@dataclass(frozen=True, slots=True)
class ArchivedCopy:
    """A capture of the picture, as downloaded from the archive."""

    address: str  # URL of the copy
    at: datetime  # time of the download, aware, UTC
    digest: Digest  # SHA-256 of the bytes
    size: Count  # number of bytes


@dataclass(frozen=True, slots=True)
class ArchiveResponses(Canonical):
    """Content of the file: requests to an archive about one page and picture, and the responses."""

    archive: str  # URL of the archive
    answers: tuple[ArchiveResponse, ...]  # in the order of the requests
    copies: tuple[ArchivedCopy, ...] = ()  # captures of the picture that were downloaded
    format: str = ARCHIVE_RESPONSES_FORMAT  # :data:`ARCHIVE_RESPONSES_FORMAT`


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture, as stated by a line of the archive's index."""

    at: str  # 14 digits
    url: str  # captured URL
    address: str  # URL of the capture in the archive
    sha1: str  # of its bytes, in Base32


def parse_captures(archive: str, body: str) -> Iterator[Capture]:
    """Yield the captures that a response lists, in its order; other lines are skipped."""
    for match in map(_LINE.fullmatch, map(str.strip, body.splitlines())):
        if match is not None and parse_capture_time(match["at"]) is not None:
            address = f"{archive}/web/{match['at']}/{match['url']}"
            yield Capture(match["at"], match["url"], address, match["digest"])


def is_capture_of(capture: Capture, url: str) -> bool:
    """Return True if a capture has the requested URL, compared in the way of archive indexes."""
    return to_surt(capture.url) == to_surt(url) != ""


def to_surt(url: str) -> str:
    """Convert a URL to the key of a capture index (SURT): reversed host, without parts that archives ignore.

    As in https://github.com/internetarchive/surt and pywb, the ignored parts are: scheme, user, ``www.`` with or
    without a number, default ports of the schemes, letter case, percent encoding, path segments that are empty, ``.``
    or ``..``, session ids (in a path only before ``.aspx``, or at its end), the order of query parameters, and
    fragments. The result is empty if the URL cannot be parsed.
    """
    parsed = parse_url(url if "://" in url else f"http://{url}")
    if parsed is None:
        return ""
    host = _WWW.sub("", parsed.hostname.lower().strip("[]").rstrip("."))
    port = "" if parsed.port in ("", "80", "443") else f":{parsed.port}"
    path, query = (_unescape(part).lower() for part in (parsed.pathname, parsed.search.removeprefix("?")))
    path, extension, suffix = _SESSION_PATH.sub("", path).rpartition(".aspx")
    path = (_SESSION_SEGMENT.sub("", path) if extension else path) + extension + suffix
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    parameters = sorted(filter(None, _remove_sessions(query).split("&")))
    surt = f"{','.join(reversed(host.split('.')))}{port})/{'/'.join(segments)}"
    return f"{surt}{'?' if parameters else ''}{'&'.join(parameters)}"


def _remove_sessions(query: str) -> str:
    """Remove session ids from a lower-case query, as surt and pywb do (``stripQuerySessionID``).

    Each of the five kinds of session ids is removed once, at its last occurrence, with the following ``&``. Text before
    the name is kept, even if it is part of a longer name: ``oscsid`` leaves ``osc``. ``cfid`` is removed only if a
    ``cftoken`` follows directly.
    """
    for pattern in _SESSION_PARAMETERS:
        parts = query.split("&")
        for number in reversed(range(len(parts))):
            if match := pattern.search(parts[number]):
                query = _join_without(parts, number, match.start(), number + 1)
                break
    parts = query.split("&")
    for number in reversed(range(len(parts) - 1)):
        start = parts[number].rfind(_SESSION_PAIR[0], 0, -1)
        if start >= 0 and parts[number + 1].startswith(_SESSION_PAIR[1]) and parts[number + 1] != _SESSION_PAIR[1]:
            return _join_without(parts, number, start, number + 2)
    return query


def _join_without(parts: Sequence[str], number: int, start: int, stop: int) -> str:
    """Join the parts of a query without the text from ``start`` in part ``number`` up to part ``stop``."""
    return "&".join((*parts[:number], parts[number][:start])) + "&".join(parts[stop:])


def _unescape(text: str) -> str:
    """Remove percent encoding, including repeated encoding."""
    for _ in range(_MAX_DECODINGS):
        if (decoded := unquote(text, errors="surrogateescape")) == text:
            break
        text = decoded
    return text


def list_statements(
    archive_responses: ArchiveResponses, picture: Digest, data: bytes | None
) -> tuple[SourceStatement, ...]:
    """Return the archive's statements: one for each capture of page and picture, oldest first.

    A page or picture without captures gets one statement that there are none.

    Args:
        archive_responses: The archive's responses.
        picture: Digest of the found picture, compared with the downloaded capture or the digest in the response.
        data: Bytes of the found picture, if available.
    """
    sha1 = compute_sha1(data) if data is not None else ""
    copies = {copy.address.replace("id_/", "/", 1): copy.digest for copy in archive_responses.copies}
    statements: list[SourceStatement] = []
    for subject in SUBJECTS:
        answers = [item for item in archive_responses.answers if item.of == subject]
        captures = {
            item.address: item for answer in answers for item in parse_captures(archive_responses.archive, answer.body)
        }
        create_statement = partial(
            SourceStatement,
            kind=SourceStatementKind.ARCHIVE_CAPTURED,
            by=get_archive_name(archive_responses.archive),
            of=subject,
        )
        for item in sorted(captures.values(), key=lambda capture: capture.at):
            has_same_bytes = _has_same_bytes(item, copies, picture, sha1) if subject == "picture" else None
            statements.append(create_statement(stated=to_iso_time(item.at), where=item.address, same=has_same_bytes))
        if answers and not captures:
            statements.append(create_statement(where=f"{archive_responses.archive}/web/*/{answers[0].address}"))
    return tuple(statements)


def get_archive_name(archive: str) -> str:
    """Return the name of a known archive, or the host of an unknown archive."""
    return _ARCHIVE_NAMES.get(get_url_host(archive), get_url_host(archive))


def to_iso_time(digits: str) -> str:
    """Convert an archive's 14-digit timestamp to ISO 8601."""
    time = parse_capture_time(digits)
    assert time is not None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def compute_sha1(data: bytes) -> str:
    """Compute the SHA-1 in Base32, which archive indexes use to identify content."""
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def find_earliest(archive: str, answers: Sequence[ArchiveResponse], subject: str) -> Capture | None:
    """Return the earliest capture of a subject in the responses; ``None`` without captures."""
    captures = (item for answer in answers if answer.of == subject for item in parse_captures(archive, answer.body))
    return min(captures, key=lambda capture: capture.at, default=None)


def _has_same_bytes(capture: Capture, copies: dict[str, Digest], picture: Digest, sha1: str) -> bool | None:
    if capture.address in copies:
        return copies[capture.address] == picture
    return capture.sha1.removeprefix("sha1:") == sha1 if sha1 else None
