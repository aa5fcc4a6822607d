"""Whether a recorded visit is what an anonymous reader would get: its requests, the framing and age of its answers.

An honest visit requests page and image by GET, with the headers that the product or its browser sends of itself, and
with the cookies that the servers set during the visit. Everything else is a remark: what was served then may be what
only one visitor gets, or what the visitor itself had sent.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.formats.records import plain_url
from evidence.verify.checks.exchanges import Answer, Recording, Request, arrivals
from exhibit.network.addresses import host_of, is_public_suffix, is_within, origin_of, port_of, read_url

_RANGE = r"(?:(?:text|image|application|video|audio|font|\*)/[a-z0-9*.+-]{1,30}(?:;(?:q=[01](?:\.[0-9])?|v=b3))*)"
_BRANDS = r'(?:"[^"\\]{1,30}";v="[0-9.]{1,20}")'
OWN_HEADERS = {
    name: re.compile(value)
    for name, value in {
        "host": ".*",
        "user-agent": ".*",
        "cookie": ".*",
        "referer": ".*",
        "origin": ".*",
        "accept": rf"\*/\*|{_RANGE}(?:, ?{_RANGE}){{0,15}}",
        "accept-encoding": r"(?:identity|gzip|deflate|br|zstd)(?:, ?(?:identity|gzip|deflate|br|zstd))*",
        "accept-language": r"en-US(?:,en(?:;q=0\.[0-9])?)?",
        "connection": "keep-alive|close",
        "upgrade-insecure-requests": "1",
        "cache-control": "no-cache|max-age=0",
        "pragma": "no-cache",
        "priority": "u=[0-7](?:, ?i)?|i",
        "purpose": "prefetch",
        "sec-purpose": "prefetch(?:;prerender)?",
        "sec-fetch-dest": "document|image|empty|frame|iframe|object|embed",
        "sec-fetch-mode": "navigate|cors|no-cors|same-origin",
        "sec-fetch-site": "none|same-origin|same-site|cross-site",
        "sec-fetch-user": r"\?1",
        "sec-fetch-storage-access": "none|inactive|active",
        "sec-ch-ua": rf"{_BRANDS}(?:, ?{_BRANDS}){{0,7}}",
        "sec-ch-ua-full-version-list": rf"{_BRANDS}(?:, ?{_BRANDS}){{0,7}}",
        "sec-ch-ua-full-version": '"[0-9.]{1,20}"',
        "sec-ch-ua-mobile": r"\?[01]",
        "sec-ch-ua-wow64": r"\?[01]",
        "sec-ch-ua-platform": '"(?:Linux|macOS|Windows|Chrome OS|Android|Unknown)"',
        "sec-ch-ua-platform-version": '"[0-9.]{0,20}"',
        "sec-ch-ua-arch": '"(?:x86|arm|)"',
        "sec-ch-ua-bitness": '"(?:32|64|)"',
        "sec-ch-ua-model": '""',
        "sec-ch-ua-form-factors": '"Desktop"',
    }.items()
}
"""What the product sends of itself, with and without a browser, with the values that it sends.

A header that it sends with any value would carry a password as well as one that it doesn't send.
"""
OWN_AGENT = re.compile(
    r"(?:Mozilla/5\.0 \(X11; Linux x86_64\) AppleWebKit/537\.36 \(KHTML, like Gecko\) "
    r"Chrome/[0-9.]{1,20} Safari/537\.36 )?"
    r"ExhibitBot/[0-9A-Za-z.+-]{1,40}(?: \([^()\s;]{1,300}\))?"
)
"""How the product names itself: behind what its browser says, with the operator's contact in brackets."""
LOGINS = frozenset({"authorization", "proxy-authorization"})
OLD = timedelta(days=30)
"""Age of an answer from which on a reader is told of it."""
MAX_NAMED = 3  # headers or cookies that one remark names
PAGE_TYPES = frozenset(
    {"text/html", "application/xhtml+xml", "application/xml", "text/xml", "image/svg+xml", "multipart/x-mixed-replace"}
)
"""Media types that browsers show as a page; without any they look at the bytes."""
DEFAULT_PORTS = {"http": 80, "https": 443}
_DIGITS = re.compile(r"[0-9]{1,18}")


class Doubt(str):
    """A remark that stands before all others: an anonymous reader may get something else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Cookie:
    """A cookie that an answer sets; for its own host alone where it names no domain."""

    name: str
    value: str
    domain: str


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
    pages = {*addresses, *(answer.url for answer in recording.answers)}
    cookies = [(answer, cookie) for answer in (*recording.answers, *earlier) for cookie in _set_by(answer)]
    for request in recording.requests:
        what = part_of(request.url, recording.answers, addresses)
        if request.method != "GET":
            yield Doubt(f"the {what} was requested by {request.method}, not by GET")
        if request.has_body:
            yield Doubt(f"the request of the {what} had a body")
        if logins := _named(name for name, _ in request.headers if name.lower() in LOGINS):
            yield Doubt(f"the {what} was requested with a login: {logins}")
        sent = {pair for name, value in request.headers if name.lower() == "cookie" for pair in _pairs(value)}
        known = {(one.name, one.value) for answer, one in cookies if _is_due(answer, one, request)}
        if unknown := _named(name for name, _ in sorted(sent - known)):
            told = f"the {what} was requested with cookies that no recorded answer set"
            yield f"{told}, as scripts of a page may: {unknown}" if has_scripts else Doubt(f"{told}: {unknown}")
        if others := _named(_others(request, agent, pages)):
            yield Doubt(f"the {what} was requested with headers that no visit sends of itself: {others}")


def answer_remarks(recording: Recording, addresses: tuple[str, str]) -> Iterator[str]:
    """Which answers readers may end at different places, and which came from a cache long after they were made."""
    for answer in recording.answers:
        what = part_of(answer.url, recording.answers, addresses)
        if framing := _framing(answer):
            yield Doubt(f"the answer with the {what} {framing}")
        if missing := _missing(answer):
            yield f"the answer with the {what} ends {missing:,} bytes before its Content-Length"
        if (age := _age(answer)) > OLD:
            yield f"the answer with the {what} was {age.days:,} days old, as it says itself"
        if answer.url not in addresses and (port := _unusual_port(answer.url)):
            yield f"the {what} led to an address that names port {port}"


def page_doubts(page: Answer) -> Iterator[Doubt]:
    """Why browsers show something else than a page, by the headers of the answer that brought it."""
    kind = page.response.header("content-type").partition(";")[0].strip().lower()
    if kind and kind not in PAGE_TYPES:
        yield Doubt(f"the page was served as {kind[:40]!a}, which browsers don't show as a page")
    if page.response.header("content-disposition").strip().lower().startswith("attachment"):
        yield Doubt("the page was served as a download")
    if page.coding:
        yield Doubt(f"the page was served packed by {page.coding[:40]!a}, which isn't undone here")


def place_remarks(addresses: Sequence[str], page: Answer | None, image: Answer | None, peer: str) -> Iterator[str]:
    """At which unusual ports page and image lie, and whether another server than the crawl's answered.

    Args:
        addresses: The plain addresses of page and image.
        page: The answer that brought the page.
        image: The answer that brought the image.
        peer: The server that the crawl noted, maybe with its port; empty where it noted none.
    """
    for what, url in zip(("page", "image"), addresses, strict=True):
        if port := _unusual_port(url):
            yield f"the {what}'s address names port {port}"
    noted = _server(peer)
    if image is not None and noted and _server(image.record.peer) != noted:
        servers = f"{image.record.peer[:60]!a}, not {noted[:60]!a}"
        yield f"the image came from another server than the crawl noted ({servers})"
    if page is not None and _is_public(noted) and not _is_public(_server(page.record.peer)):
        yield Doubt(f"the page came from a server without a public address ({page.record.peer[:60]!a})")


def _is_public(server: str) -> bool:
    try:
        return ip_address(server).is_global
    except ValueError:
        return False


def _unusual_port(url: str) -> int:
    """The port that an address names; 0 where it is its scheme's own."""
    port, usual = port_of(url), DEFAULT_PORTS.get(url.partition(":")[0].lower())
    return port if usual is not None and port != usual else 0


def part_of(url: str, answers: Sequence[Answer], addresses: tuple[str, str]) -> str:
    """Of what an exchange with a plain address is: ``image`` or ``page``."""
    return "image" if url != addresses[0] and url in arrivals(answers, addresses[1:]) else "page"


def _others(request: Request, agent: str, pages: Collection[str]) -> Iterator[str]:
    """Headers that the product doesn't send, or not with such a value."""
    for name, value in request.headers:
        key = name.lower()
        if key in LOGINS:
            continue
        known = OWN_HEADERS.get(key)
        is_own = known is not None and known.fullmatch(value) is not None
        if key == "user-agent":
            is_own = (value == agent or agent.endswith(f" {value}")) and OWN_AGENT.fullmatch(value) is not None
        elif key in {"referer", "origin"}:
            is_own = value == "null" or _is_page(value, pages)
        if not is_own:
            yield name


def _is_page(value: str, pages: Collection[str]) -> bool:
    """Whether a header names a page of the visit, or the origin of one."""
    read = read_url(value)
    whole = read is not None and not (read.username or read.password or read.hash)
    return whole and (plain_url(value) in pages or plain_url(value) in {f"{origin_of(page)}/" for page in pages})


def _is_due(answer: Answer, cookie: "_Cookie", request: Request) -> bool:
    """Whether an answer had set a cookie before a request, for the host of the request."""
    if answer.record.date >= request.date:
        return False
    host, other = host_of(answer.url), host_of(request.url)
    both = is_within(host, cookie.domain) and is_within(other, cookie.domain)
    return host == other or (both and not is_public_suffix(cookie.domain))


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


def _missing(answer: Answer) -> int:
    """How many bytes of a body that was taken are missing, by its ``Content-Length``."""
    length = answer.response.header("content-length")
    whole = not answer.served or "chunked" in answer.response.header("transfer-encoding").lower()
    return 0 if whole or not _DIGITS.fullmatch(length) else max(int(length) - len(answer.response.packed), 0)


def _age(answer: Answer) -> timedelta:
    """How old an answer was when it came, by its ``Age`` or its ``Date``, whichever makes it older."""
    values = [value for name, value in answer.response.headers if name.lower() == "age"]
    ages = [int(number) for value in values for number in _DIGITS.findall(value)]
    stated = timedelta(seconds=min(max(ages, default=0), 10**12))
    try:
        made = parsedate_to_datetime(answer.response.header("date"))
        return max(stated, answer.record.date - (made if made.tzinfo else made.replace(tzinfo=UTC)))
    except (ValueError, TypeError, OverflowError):
        return stated


def _set_by(answer: Answer) -> Iterator["_Cookie"]:
    for name, value in answer.response.headers:
        if name.lower() == "set-cookie":
            pair, *attributes = value.split(";")
            domain = next((text for of, text in map(_pair, attributes) if of.lower() == "domain"), "")
            yield from (_Cookie(*one, domain.lstrip(".").lower()) for one in _pairs(pair))


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """The cookies in the value of a header."""
    for pair in filter(None, map(str.strip, text.split(";"))):
        yield _pair(pair)


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
