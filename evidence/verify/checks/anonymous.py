"""Whether a recorded visit is what an anonymous reader would get: its requests, the framing and age of its answers.

An honest visit requests page and image by GET, with the headers that the product or its browser sends of itself, and
with the cookies that the servers set during the visit. Everything else is a remark: what was served then may be what
only one visitor gets, or what the visitor itself had sent.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.verify.checks.exchanges import Answer, Recording, Request, arrivals
from exhibit.network.addresses import origin_of, port_of

OWN_HEADERS = frozenset(
    {
        "host", "user-agent", "accept", "accept-encoding", "accept-language", "connection", "referer", "origin",
        "cookie", "upgrade-insecure-requests", "cache-control", "pragma", "priority", "sec-purpose",
    }
)  # fmt: skip
"""What the product sends of itself, with and without a browser; and all that begins with one of `OWN_PREFIXES`."""
OWN_PREFIXES = ("sec-fetch-", "sec-ch-ua")
LOGINS = frozenset({"authorization", "proxy-authorization"})
LANGUAGE = "en-US"
"""The language of the product's browser, whoever runs it."""
OLD = timedelta(days=30)
"""Age of an answer from which on a reader is told of it."""
MAX_NAMED = 3  # headers or cookies that one remark names
DEFAULT_PORTS = {"http": 80, "https": 443}
_DIGITS = re.compile(r"[0-9]{1,18}")


class Doubt(str):
    """A remark that stands before all others: an anonymous reader may get something else."""

    __slots__ = ()


def request_remarks(
    recording: Recording,
    addresses: tuple[str, str],
    agent: str,
    earlier: Iterable[Answer] = (),
    *,
    has_scripts: bool = False,
) -> Iterator[str]:
    """How the requests of a recording differ from those of an anonymous reader.

    Args:
        recording: The exchanges with page and image.
        addresses: The plain addresses of page and image.
        agent: What the visit says that it called itself.
        earlier: Other answers of the visit, which may have set cookies.
        has_scripts: Whether a browser ran the page's scripts, which may set cookies too.
    """
    origins = {origin_of(url) for url in (*addresses, *(answer.url for answer in recording.answers))}
    cookies = [(answer.record.date, pair) for answer in (*recording.answers, *earlier) for pair in _set_by(answer)]
    for request in recording.requests:
        what = part_of(request.url, recording.answers, addresses)
        if request.method != "GET":
            yield Doubt(f"the {what} was requested by {request.method}, not by GET")
        if request.has_body:
            yield Doubt(f"the request of the {what} had a body")
        if logins := _named(name for name, _ in request.headers if name.lower() in LOGINS):
            yield Doubt(f"the {what} was requested with a login: {logins}")
        sent = {pair for name, value in request.headers if name.lower() == "cookie" for pair in _pairs(value)}
        known = {pair for date, pair in cookies if date <= request.date}
        if unknown := _named(name for name, _ in sorted(sent - known)):
            told = f"the {what} was requested with cookies that no recorded answer set"
            yield f"{told}, as scripts of a page may: {unknown}" if has_scripts else Doubt(f"{told}: {unknown}")
        if others := _named(_others(request, agent, origins)):
            yield Doubt(f"the {what} was requested with headers that no visit sends of itself: {others}")


def answer_remarks(recording: Recording, addresses: tuple[str, str]) -> Iterator[str]:
    """Which answers readers may end at different places, and which came from a cache long after they were made."""
    for answer in recording.answers:
        what = part_of(answer.url, recording.answers, addresses)
        if framing := _framing(answer):
            yield Doubt(f"the answer with the {what} {framing}")
        if (age := _age(answer)) > OLD:
            yield f"the answer with the {what} was {age.days:,} days old, as it says itself"


def place_remarks(addresses: Sequence[str], image: Answer | None, peer: str) -> Iterator[str]:
    """At which unusual ports page and image lie, and whether another server than the crawl's answered.

    Args:
        addresses: The plain addresses of page and image.
        image: The answer that brought the image.
        peer: The server that the crawl noted, maybe with its port; empty where it noted none.
    """
    for what, url in zip(("page", "image"), addresses, strict=True):
        port, usual = port_of(url), DEFAULT_PORTS.get(url.partition(":")[0].lower())
        if usual is not None and port != usual:
            yield f"the {what}'s address names port {port}"
    noted = _server(peer)
    if image is not None and noted and _server(image.record.peer) != noted:
        servers = f"{image.record.peer[:60]!a}, not {noted[:60]!a}"
        yield f"the image came from another server than the crawl noted ({servers})"


def part_of(url: str, answers: Sequence[Answer], addresses: tuple[str, str]) -> str:
    """Of what an exchange with a plain address is: ``image`` or ``page``."""
    return "image" if url != addresses[0] and url in arrivals(answers, addresses[1:]) else "page"


def _others(request: Request, agent: str, origins: Collection[str]) -> Iterator[str]:
    """Headers that the product doesn't send, or not with such a value."""
    for name, value in request.headers:
        key = name.lower()
        if key in LOGINS:
            continue
        is_own = key in OWN_HEADERS or key.startswith(OWN_PREFIXES)
        if key == "user-agent":
            is_own = value == agent or agent.endswith(f" {value}")
        elif key == "accept-language":
            is_own = value.startswith(LANGUAGE)
        elif key in {"referer", "origin"}:
            is_own = value == "null" or origin_of(value) in origins
        if not is_own:
            yield name


def _framing(answer: Answer) -> str:
    """How an answer says in more than one way where it ends, in words; empty where it doesn't."""
    pairs = [(name.lower(), value) for name, value in answer.response.headers]
    lengths = [value for name, value in pairs if name == "content-length"]
    codings = [value.lower() for name, value in pairs if name == "transfer-encoding"]
    packed = len(answer.response.packed)
    if lengths and codings:
        return "states Content-Length and Transfer-Encoding, which contradict each other"
    if len(set(lengths)) > 1 or len(codings) > 1 or (codings and codings != ["chunked"]):
        return "states in several ways where it ends"
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        return "states a Content-Length that is no number"
    more = packed - int(lengths[0]) if lengths else 0
    return f"goes on for {more:,} bytes behind its Content-Length" if more > 0 else ""


def _age(answer: Answer) -> timedelta:
    """How old an answer was when it came, by its ``Age``, else by its ``Date``."""
    ages = [value for name, value in answer.response.headers if name.lower() == "age" and _DIGITS.fullmatch(value)]
    if ages:
        return timedelta(seconds=min(max(map(int, ages)), 10**12))
    try:
        made = parsedate_to_datetime(answer.response.header("date"))
        return answer.record.date - (made if made.tzinfo else made.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError):
        return timedelta()


def _set_by(answer: Answer) -> Iterator[tuple[str, str]]:
    for name, value in answer.response.headers:
        if name.lower() == "set-cookie":
            yield from _pairs(value.partition(";")[0])


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The cookies in the value of a header."""
    for pair in filter(None, map(str.strip, text.split(";"))):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip().strip('"')


def _named(names: Iterable[str]) -> str:
    """The first of some names, quoted, and how many more there are; empty without any."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else ""
    return ", ".join(f"{name[:40]!a}" for name in every[:MAX_NAMED]) + more


def _server(peer: str) -> str:
    """The IP address of a server, without its port; the text itself where it is none."""
    bracketed = re.match(r"\[([^\]]*)\]", peer)
    host = bracketed[1] if bracketed else peer.partition(":")[0] if peer.count(":") == 1 else peer
    try:
        return str(ip_address(host))
    except ValueError:
        return host
