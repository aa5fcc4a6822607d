"""A web archive's answers on which captures it has: ``archive-answers.json``.

All of it is the archive's word: when a capture was made, and of what. Anybody can look up the URLs.
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
from exhibit.network.addresses import host_of, read_url
from exhibit.periods import capture_time
from exhibit.types import Count, SeenElsewhere, SeenKind

ANSWERS = "archive-answers"
"""Role of the file."""
ANSWERS_FORMAT = "exhibit-archive-answers/1"
_TITLES = {"web.archive.org": "Internet Archive"}
_WWW = re.compile(r"^www\d*\.")
_SESSION_PATH = re.compile(r";jsessionid=[0-9a-z]{32}$")
_SESSION_STEP = re.compile(r"/\((?:(?:[a-z]\([0-9a-z]{24}\))+|[0-9a-z]{24})\)(?=/)")
_SESSIONS = tuple(
    re.compile(name + r"\Z")
    for name in (
        "jsessionid=[0-9a-z]{32}",
        "phpsessid=[0-9a-z]{32}",
        "sid=[0-9a-z]{32}",
        "aspsessionid[a-z]{8}=[a-z]{24}",
    )
)
"""Query parameters with session ids, at the end of a parameter, in the order in which archives search for them."""
_PAIR = "cfid=", "cftoken="
_ESCAPES = 8
SUBJECTS = ("page", "picture")
"""Subjects that an archive is asked about."""
_LINE = re.compile(r"(?P<at>[0-9]{14}) (?P<url>\S+) \S+ \S+ (?P<digest>\S+)(?: \S+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ArchiveAnswer:
    """One request to the archive's index, and its answer."""

    of: str  # one of :data:`SUBJECTS`
    address: str  # URL whose captures were requested
    asked: str  # URL of the request
    at: datetime  # when the answer arrived, aware, UTC
    body: str  # lines of time, URL, media type, status and SHA-1 in Base32; empty without captures


@dataclass(frozen=True, slots=True)
class ArchivedCopy:
    """The bytes that the archive served as a capture of the picture."""

    address: str  # URL of the copy
    at: datetime  # time of the download, aware, UTC
    digest: Digest  # their SHA-256
    size: Count  # number of bytes


@dataclass(frozen=True, slots=True)
class ArchiveAnswers(Canonical):
    """The file: requests to an archive about one place, and its answers."""

    archive: str  # URL of the archive
    answers: tuple[ArchiveAnswer, ...]  # in the order of the requests
    copies: tuple[ArchivedCopy, ...] = ()  # pictures that it served
    format: str = ANSWERS_FORMAT  # :data:`ANSWERS_FORMAT`


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture, as stated by a line of the archive's index."""

    at: str  # 14 digits
    url: str  # captured URL
    address: str  # URL of the capture in the archive
    sha1: str  # of its bytes, in Base32


def parse_captures(archive: str, body: str) -> Iterator[Capture]:
    """Yield the captures that an answer lists, in its order; other lines are skipped."""
    for match in map(_LINE.fullmatch, map(str.strip, body.splitlines())):
        if match is not None and capture_time(match["at"]) is not None:
            address = f"{archive}/web/{match['at']}/{match['url']}"
            yield Capture(match["at"], match["url"], address, match["digest"])


def is_capture_of(capture: Capture, url: str) -> bool:
    """Return True if a capture is of the requested URL, as archive indexes compare URLs."""
    return to_surt(capture.url) == to_surt(url) != ""


def to_surt(url: str) -> str:
    """Return a URL as the key of a capture index: reversed host, without parts that archives ignore.

    Following https://github.com/internetarchive/surt and pywb, these are: scheme, user, ``www.`` with or without a
    number, the schemes' default ports, letter case, percent encoding, empty, ``.`` and ``..`` path segments, session
    ids (in a path only before ``.aspx``, or at its end), the order of query parameters, fragments. The result is empty
    if the URL cannot be read.
    """
    parsed = read_url(url if "://" in url else f"http://{url}")
    if parsed is None:
        return ""
    host = _WWW.sub("", parsed.hostname.lower().strip("[]").rstrip("."))
    port = "" if parsed.port in ("", "80", "443") else f":{parsed.port}"
    path, query = (_unescape(part).lower() for part in (parsed.pathname, parsed.search.removeprefix("?")))
    path, dot, behind = _SESSION_PATH.sub("", path).rpartition(".aspx")
    path = (_SESSION_STEP.sub("", path) if dot else path) + dot + behind
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    parameters = sorted(filter(None, _remove_sessions(query).split("&")))
    surt = f"{','.join(reversed(host.split('.')))}{port})/{'/'.join(steps)}"
    return f"{surt}{'?' if parameters else ''}{'&'.join(parameters)}"


def _remove_sessions(query: str) -> str:
    """Return a lower-case query without session ids as those programs define them (their ``stripQuerySessionID``).

    Each of five kinds is removed once, at its last occurrence, with the following ``&``. Any text before the name
    stays, even if it is part of a longer name: ``oscsid`` leaves ``osc``. ``cfid`` is removed only if a ``cftoken``
    follows directly.
    """
    for ends in _SESSIONS:
        parts = query.split("&")
        for number in reversed(range(len(parts))):
            if match := ends.search(parts[number]):
                query = _join_without(parts, number, match.start(), number + 1)
                break
    parts = query.split("&")
    for number in reversed(range(len(parts) - 1)):
        begin = parts[number].rfind(_PAIR[0], 0, -1)
        if begin >= 0 and parts[number + 1].startswith(_PAIR[1]) and parts[number + 1] != _PAIR[1]:
            return _join_without(parts, number, begin, number + 2)
    return query


def _join_without(parts: Sequence[str], number: int, begin: int, behind: int) -> str:
    """Join the parts of a query without the text from ``begin`` in one part up to another part."""
    return "&".join((*parts[:number], parts[number][:begin])) + "&".join(parts[behind:])


def _unescape(text: str) -> str:
    """Remove percent encoding, including repeated encoding."""
    for _ in range(_ESCAPES):
        if (decoded := unquote(text, errors="surrogateescape")) == text:
            break
        text = decoded
    return text


def list_statements(archive_answers: ArchiveAnswers, picture: Digest, data: bytes | None) -> tuple[SeenElsewhere, ...]:
    """Return the archive's statements: each capture of page and picture, oldest first, or that there is none.

    Args:
        archive_answers: The archive's answers.
        picture: Digest of the found picture. Whether a capture has the same bytes follows from the bytes that the
            archive served, or from the digest that it states.
        data: Bytes of the found picture, if available.
    """
    sha1 = compute_sha1(data) if data is not None else ""
    copies = {copy.address.replace("id_/", "/", 1): copy.digest for copy in archive_answers.copies}
    statements: list[SeenElsewhere] = []
    for subject in SUBJECTS:
        answers = [item for item in archive_answers.answers if item.of == subject]
        captures = {
            item.address: item for answer in answers for item in parse_captures(archive_answers.archive, answer.body)
        }
        create_statement = partial(
            SeenElsewhere, kind=SeenKind.ARCHIVE_CAPTURED, by=get_archive_name(archive_answers.archive), of=subject
        )
        for item in sorted(captures.values(), key=lambda capture: capture.at):
            same = _is_same(item, copies, picture, sha1) if subject == "picture" else None
            statements.append(create_statement(stated=to_iso_time(item.at), where=item.address, same=same))
        if answers and not captures:
            statements.append(create_statement(where=f"{archive_answers.archive}/web/*/{answers[0].address}"))
    return tuple(statements)


def get_archive_name(archive: str) -> str:
    """Return the name of an archive if known, else its host."""
    return _TITLES.get(host_of(archive), host_of(archive))


def to_iso_time(stamp: str) -> str:
    """Convert an archive's 14-digit timestamp to ISO 8601."""
    at = capture_time(stamp)
    assert at is not None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def compute_sha1(data: bytes) -> str:
    """Return the SHA-1 in Base32, by which archive indexes identify bytes."""
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def find_earliest(archive: str, answers: Sequence[ArchiveAnswer], subject: str) -> Capture | None:
    """Return the earliest capture in the answers."""
    captures = (item for answer in answers if answer.of == subject for item in parse_captures(archive, answer.body))
    return min(captures, key=lambda capture: capture.at, default=None)


def _is_same(capture: Capture, copies: dict[str, Digest], picture: Digest, sha1: str) -> bool | None:
    if capture.address in copies:
        return copies[capture.address] == picture
    return capture.sha1.removeprefix("sha1:") == sha1 if sha1 else None
