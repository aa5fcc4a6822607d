"""Remarks on whether a recorded visit shows what an anonymous visitor would get.

An honest visit requests page and image by GET, with the headers that Exhibit or its browser sends by default, and with
cookies that the servers set during the visit. Anything else is a remark: the response may have been specific to one
visitor, or may depend on what the visitor sent. The framing and the age of responses are examined as well.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.formats.records import to_plain_url
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
"""Headers that Exhibit sends by default, with and without a browser, each with the values that it sends.

A default header with an arbitrary value could carry a password as well as an unknown header could.
"""
OWN_AGENT = re.compile(
    r"(?:Mozilla/5\.0 \(X11; Linux x86_64\) AppleWebKit/537\.36 \(KHTML, like Gecko\) "
    r"Chrome/[0-9.]{1,20} Safari/537\.36 )?"
    r"ExhibitBot/[0-9A-Za-z.+-]{1,40}(?: \([^()\s;]{1,300}\))?"
)
"""User agent of Exhibit: after that of its browser, if any, with the operator's contact in parentheses."""
LOGINS = frozenset({"authorization", "proxy-authorization"})
OLD = timedelta(days=30)
"""Age of a response from which it is remarked on."""
MAX_NAMED = 3  # headers or cookies that one remark names
PAGE_TYPES = frozenset(
    {"text/html", "application/xhtml+xml", "application/xml", "text/xml", "image/svg+xml", "multipart/x-mixed-replace"}
)
"""Media types that browsers show as a page; without a media type they look at the bytes."""
DEFAULT_PORTS = {"http": 80, "https": 443}
_DIGITS = re.compile(r"[0-9]{1,18}")


class Doubt(str):
    """A remark that is listed first: an anonymous visitor may get something else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Cookie:
    """A cookie that a response sets; it applies only to the response's host if it names no domain."""

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
    """Yield how the requests of a recording differ from those of an anonymous visitor.

    Args:
        recording: Exchanges for page and image.
        addresses: Normalized URLs of page and image.
        agent: User agent that the visit states.
        earlier: Other responses of the visit, which may have set cookies.
        has_scripts: True if a browser ran the page's scripts, which may set cookies too.
    """
    pages = {*addresses, *(answer.url for answer in recording.answers)}
    cookies = [(answer, cookie) for answer in (*recording.answers, *earlier) for cookie in _set_by(answer)]
    for request in recording.requests:
        what = part_of(request.url, recording.answers, addresses)
        if request.method != "GET":
            yield Doubt(f"the {what} was requested with {request.method} instead of GET")
        if request.has_body:
            yield Doubt(f"the request of the {what} had a body")
        if logins := _quote_names(name for name, _ in request.headers if name.lower() in LOGINS):
            yield Doubt(f"the {what} was requested with credentials: {logins}")
        sent = {pair for name, value in request.headers if name.lower() == "cookie" for pair in _pairs(value)}
        due_cookies = {
            (due_cookie.name, due_cookie.value)
            for answer, due_cookie in cookies
            if _is_due(answer, due_cookie, request)
        }
        if unknown := _quote_names(name for name, _ in sorted(sent - due_cookies)):
            message = f"the {what} was requested with cookies that no recorded response set"
            yield f"{message}, as page scripts may do: {unknown}" if has_scripts else Doubt(f"{message}: {unknown}")
        if other_headers := _quote_names(_list_other_headers(request, agent, pages)):
            yield Doubt(f"the {what} was requested with unusual headers: {other_headers}")


def answer_remarks(recording: Recording, addresses: tuple[str, str]) -> Iterator[str]:
    """Yield remarks on responses with ambiguous framing, missing bytes, a high age in a cache, or an unusual port."""
    for answer in recording.answers:
        what = part_of(answer.url, recording.answers, addresses)
        if framing := _framing(answer):
            yield Doubt(f"the response with the {what} {framing}")
        if missing := _missing(answer):
            yield f"the response with the {what} ends {missing:,} bytes before its Content-Length"
        if (age := _age(answer)) > OLD:
            yield f"the response with the {what} was {age.days:,} days old, as it states"
        if answer.url not in addresses and (port := _unusual_port(answer.url)):
            yield f"the {what} was redirected to a URL with port {port}"


def page_doubts(page: Answer) -> Iterator[Doubt]:
    """Yield the reasons, by headers of the page's response, why browsers show something other than a page."""
    kind = page.response.header("content-type").partition(";")[0].strip().lower()
    if kind and kind not in PAGE_TYPES:
        yield Doubt(f"the page was served as {kind[:40]!a}, which browsers do not display as a page")
    if page.response.header("content-disposition").strip().lower().startswith("attachment"):
        yield Doubt("the page was served as a download")
    if page.coding:
        yield Doubt(f"the page was served with the unsupported encoding {page.coding[:40]!a}")


def place_remarks(addresses: Sequence[str], page: Answer | None, image: Answer | None, peer: str) -> Iterator[str]:
    """Yield remarks on unusual ports of page and image, and on servers that differ from the crawl's.

    Args:
        addresses: Normalized URLs of page and image.
        page: The response with the page.
        image: The response with the image.
        peer: The server that the crawl recorded, maybe with its port; empty if it recorded none.
    """
    for what, url in zip(("page", "image"), addresses, strict=True):
        if port := _unusual_port(url):
            yield f"the URL of the {what} has port {port}"
    server = _server(peer)
    if image is not None and server and _server(image.record.peer) != server:
        servers = f"{image.record.peer[:60]!a}, not {server[:60]!a}"
        yield f"the image came from a different server than the crawl recorded ({servers})"
    if page is not None and _is_public(server) and not _is_public(_server(page.record.peer)):
        yield Doubt(f"the page came from a server without a public address ({page.record.peer[:60]!a})")


def _is_public(server: str) -> bool:
    try:
        return ip_address(server).is_global
    except ValueError:
        return False


def _unusual_port(url: str) -> int:
    """Return the port in a URL, or 0 if it is the default of its scheme."""
    port, usual = port_of(url), DEFAULT_PORTS.get(url.partition(":")[0].lower())
    return port if usual is not None and port != usual else 0


def part_of(url: str, answers: Sequence[Answer], addresses: tuple[str, str]) -> str:
    """Return the part of the visit that an exchange with a normalized URL belongs to: ``image`` or ``page``."""
    return "image" if url != addresses[0] and url in arrivals(answers, addresses[1:]) else "page"


def _list_other_headers(request: Request, agent: str, pages: Collection[str]) -> Iterator[str]:
    """Yield the names of headers that Exhibit does not send, or not with such a value."""
    for name, value in request.headers:
        key = name.lower()
        if key in LOGINS:
            continue
        pattern = OWN_HEADERS.get(key)
        is_own = pattern is not None and pattern.fullmatch(value) is not None
        if key == "user-agent":
            is_own = (value == agent or agent.endswith(f" {value}")) and OWN_AGENT.fullmatch(value) is not None
        elif key in {"referer", "origin"}:
            is_own = value == "null" or _is_page(value, pages)
        if not is_own:
            yield name


def _is_page(value: str, pages: Collection[str]) -> bool:
    """Return True if a header value is a page of the visit, or the origin of one."""
    url = read_url(value)
    whole = url is not None and not (url.username or url.password or url.hash)
    return whole and (to_plain_url(value) in pages or to_plain_url(value) in {f"{origin_of(page)}/" for page in pages})


def _is_due(answer: Answer, cookie: "_Cookie", request: Request) -> bool:
    """Return True if a response had set a cookie before a request, for the host of that request."""
    if answer.record.date >= request.date:
        return False
    host, other = host_of(answer.url), host_of(request.url)
    both = is_within(host, cookie.domain) and is_within(other, cookie.domain)
    return host == other or (both and not is_public_suffix(cookie.domain))


def _framing(answer: Answer) -> str:
    """Return how a response contradicts itself on where its body ends; empty if it does not."""
    pairs = [(name.lower(), value) for name, value in answer.response.headers]
    lengths = [value for name, value in pairs if name == "content-length"]
    codings = [value.lower() for name, value in pairs if name == "transfer-encoding"]
    packed = len(answer.response.packed)
    if lengths and codings:
        return "states both Content-Length and Transfer-Encoding, which contradict each other"
    if len(set(lengths)) > 1 or len(codings) > 1 or (codings and codings != ["chunked"]):
        return "states its length in several ways"
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        return "states a Content-Length that is not a number"
    more = packed - int(lengths[0]) if lengths else 0
    return f"continues for {more:,} bytes after its Content-Length" if more > 0 else ""


def _missing(answer: Answer) -> int:
    """Return the number of bytes that a saved body lacks according to its ``Content-Length``."""
    length = answer.response.header("content-length")
    whole = not answer.served or "chunked" in answer.response.header("transfer-encoding").lower()
    return 0 if whole or not _DIGITS.fullmatch(length) else max(int(length) - len(answer.response.packed), 0)


def _age(answer: Answer) -> timedelta:
    """Return the age of a response on arrival by its ``Age`` or ``Date`` header, whichever gives the higher age."""
    values = [value for name, value in answer.response.headers if name.lower() == "age"]
    ages = [int(number) for value in values for number in _DIGITS.findall(value)]
    age = timedelta(seconds=min(max(ages, default=0), 10**12))
    try:
        created = parsedate_to_datetime(answer.response.header("date"))
        return max(age, answer.record.date - (created if created.tzinfo else created.replace(tzinfo=UTC)))
    except (ValueError, TypeError, OverflowError):
        return age


def _set_by(answer: Answer) -> Iterator["_Cookie"]:
    for name, value in answer.response.headers:
        if name.lower() == "set-cookie":
            pair, *attributes = value.split(";")
            domain = next((text for of, text in map(_pair, attributes) if of.lower() == "domain"), "")
            yield from (_Cookie(*parts, domain.lstrip(".").lower()) for parts in _pairs(pair))


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the cookies in a header value."""
    for pair in filter(None, map(str.strip, text.split(";"))):
        yield _pair(pair)


def _quote_names(names: Iterable[str]) -> str:
    """Return the first few names, quoted, and the number of the others; empty without names."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else ""
    return ", ".join(f"{name[:40]!a}" for name in every[:MAX_NAMED]) + more


def _server(peer: str) -> str:
    """Return the IP address of a server without its port, or the text itself if it is not an address."""
    bracketed = re.match(r"\[([^\]]*)\]", peer)
    host = bracketed[1] if bracketed else peer.partition(":")[0] if peer.count(":") == 1 else peer
    try:
        return str(ip_address(host))
    except ValueError:
        return host
