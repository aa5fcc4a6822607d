"""What a web archive answered when it was asked since when it has captures: ``archive-answers.json``.

All of it is the archive's word: when a capture was made, and of what. The addresses in it let anybody look it up.
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
"""How what is asked ends where it names a session, in the order in which archives look for them."""
_PAIR = "cfid=", "cftoken="
_ESCAPES = 8
OF = ("page", "picture")
"""What an archive is asked for."""
_LINE = re.compile(r"(?P<at>[0-9]{14}) (?P<url>\S+) \S+ \S+ (?P<digest>\S+)(?: \S+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ArchiveAnswer:
    """One request to the archive's index, and what came."""

    of: str  # one of :data:`OF`
    address: str  # whose captures it was asked for
    asked: str  # the address of the request
    at: datetime  # when the answer had come, aware, UTC
    body: str  # the answer: lines of moment, address, media type, status, SHA-1 in Base32; none where it has none


@dataclass(frozen=True, slots=True)
class ArchivedCopy:
    """The bytes that the archive served as a capture of the picture."""

    address: str  # where it served them
    at: datetime  # when, aware, UTC
    digest: Digest  # their SHA-256
    size: Count  # how many there were


@dataclass(frozen=True, slots=True)
class ArchiveAnswers(Canonical):
    """The file: what an archive was asked about one place, and what it answered."""

    archive: str  # its address
    answers: tuple[ArchiveAnswer, ...]  # in the order of the requests
    copies: tuple[ArchivedCopy, ...] = ()  # pictures that it served
    format: str = ANSWERS_FORMAT  # :data:`ANSWERS_FORMAT`


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture, as a line of the archive's index states it."""

    at: str  # 14 digits
    url: str  # what was captured
    address: str  # where the archive shows it
    sha1: str  # of its bytes, in Base32


def captures_in(archive: str, body: str) -> Iterator[Capture]:
    """The captures that an answer lists, in its order; what isn't such a line is passed over."""
    for match in map(_LINE.fullmatch, map(str.strip, body.splitlines())):
        if match is not None and capture_time(match["at"]) is not None:
            address = f"{archive}/web/{match['at']}/{match['url']}"
            yield Capture(match["at"], match["url"], address, match["digest"])


def is_of(capture: Capture, asked: str) -> bool:
    """Whether a capture is of the address that was asked about, as indexes of archives tell addresses apart."""
    return surt(capture.url) == surt(asked) != ""


def surt(url: str) -> str:
    """An address as the key of an index of captures: host from its end, without what archives take for the same.

    That is, by https://github.com/internetarchive/surt and pywb: scheme, user, ``www.`` with a number or none, the
    schemes' own ports, letter case, percent signs, empty, ``.`` and ``..`` steps of a path, sessions (in a path only
    before ``.aspx``, or at its end), the order of what is asked, fragments. Empty when it can't be read.
    """
    read = read_url(url if "://" in url else f"http://{url}")
    if read is None:
        return ""
    host = _WWW.sub("", read.hostname.lower().strip("[]").rstrip("."))
    port = "" if read.port in ("", "80", "443") else f":{read.port}"
    path, query = (_unescaped(part).lower() for part in (read.pathname, read.search.removeprefix("?")))
    path, dot, behind = _SESSION_PATH.sub("", path).rpartition(".aspx")
    path = (_SESSION_STEP.sub("", path) if dot else path) + dot + behind
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    asked = sorted(filter(None, _without_sessions(query).split("&")))
    return f"{','.join(reversed(host.split('.')))}{port})/{'/'.join(steps)}{'?' if asked else ''}{'&'.join(asked)}"


def _without_sessions(query: str) -> str:
    """What is asked, in small letters, without sessions as those programs know them (there ``stripQuerySessionID``).

    Each of five kinds goes once, the last of it, with the ``&`` behind; whatever comes before the name stays, also of
    a longer name: ``oscsid`` leaves ``osc``. ``cfid`` goes only with a ``cftoken`` right behind.
    """
    for ends in _SESSIONS:
        parts = query.split("&")
        for number in reversed(range(len(parts))):
            if found := ends.search(parts[number]):
                query = _joined(parts, number, found.start(), number + 1)
                break
    parts = query.split("&")
    for number in reversed(range(len(parts) - 1)):
        begin = parts[number].rfind(_PAIR[0], 0, -1)
        if begin >= 0 and parts[number + 1].startswith(_PAIR[1]) and parts[number + 1] != _PAIR[1]:
            return _joined(parts, number, begin, number + 2)
    return query


def _joined(parts: Sequence[str], number: int, begin: int, behind: int) -> str:
    """The parts of a query without what begins in one of them and goes on to another."""
    return "&".join((*parts[:number], parts[number][:begin])) + "&".join(parts[behind:])


def _unescaped(text: str) -> str:
    """Without percent signs, however often it was escaped."""
    for _ in range(_ESCAPES):
        if (once := unquote(text, errors="surrogateescape")) == text:
            break
        text = once
    return text


def statements_in(told: ArchiveAnswers, picture: Digest, data: bytes | None) -> tuple[SeenElsewhere, ...]:
    """What the archive states: of page and picture each capture that it names, oldest first, or that it has none.

    ``picture`` and ``data`` are the picture that was seen here: of what the archive says to hold is told whether it is
    that, byte for byte, by the bytes that it served or the digest that it states.
    """
    sha1 = sha1_of(data) if data is not None else ""
    copies = {copy.address.replace("id_/", "/", 1): copy.digest for copy in told.copies}
    found: list[SeenElsewhere] = []
    for of in OF:
        answers = [one for one in told.answers if one.of == of]
        captures = {one.address: one for answer in answers for one in captures_in(told.archive, answer.body)}
        made = partial(SeenElsewhere, kind=SeenKind.ARCHIVE_CAPTURED, by=title_of(told.archive), of=of)
        for one in sorted(captures.values(), key=lambda capture: capture.at):
            same = _is_same(one, copies, picture, sha1) if of == "picture" else None
            found.append(made(stated=moment_of(one.at), where=one.address, same=same))
        if answers and not captures:
            found.append(made(where=f"{told.archive}/web/*/{answers[0].address}"))
    return tuple(found)


def title_of(archive: str) -> str:
    """What an archive at an address is called: by its name where it is known, else by its host."""
    return _TITLES.get(host_of(archive), host_of(archive))


def moment_of(stamp: str) -> str:
    """The 14 digits of an archive as ISO 8601."""
    at = capture_time(stamp)
    assert at is not None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def sha1_of(data: bytes) -> str:
    """SHA-1 in Base32, by which indexes of archives name bytes."""
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def earliest_of(archive: str, answers: Sequence[ArchiveAnswer], of: str) -> Capture | None:
    """The earliest capture that the answers name."""
    found = (one for answer in answers if answer.of == of for one in captures_in(archive, answer.body))
    return min(found, key=lambda capture: capture.at, default=None)


def _is_same(capture: Capture, copies: dict[str, Digest], picture: Digest, sha1: str) -> bool | None:
    if capture.address in copies:
        return copies[capture.address] == picture
    return capture.sha1.removeprefix("sha1:") == sha1 if sha1 else None
