"""Remarks on recorded visits that may differ from the visit of an anonymous user.

An ordinary visit requests page and image by GET, with the default headers of Exhibit or its browser, and with cookies
that the servers set during the visit. Every deviation is a remark: the response may have been specific to one visitor,
or may depend on the data that the visitor sent. The framing and the age of responses are examined as well.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.formats.records import to_plain_url
from evidence.verify.checks.exchanges import RecordedResponse, Recording, Request, follow_redirects
from exhibit.network.addresses import (
    get_url_host,
    get_url_origin,
    get_url_port,
    is_public_suffix,
    is_within_domain,
    parse_url,
)

_RANGE = r"(?:(?:text|image|application|video|audio|font|\*)/[a-z0-9*.+-]{1,30}(?:;(?:q=[01](?:\.[0-9])?|v=b3))*)"
_BRANDS = r'(?:"[^"\\]{1,30}";v="[0-9.]{1,20}")'
DEFAULT_HEADERS = {
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
"""Headers that Exhibit sends by default, with and without a browser, with the allowed values.

Values are checked because a default header with an arbitrary value could carry a password.
"""
USER_AGENT = re.compile(
    r"(?:Mozilla/5\.0 \(X11; Linux x86_64\) AppleWebKit/537\.36 \(KHTML, like Gecko\) "
    r"Chrome/[0-9.]{1,20} Safari/537\.36 )?"
    r"ExhibitBot/[0-9A-Za-z.+-]{1,40}(?: \([^()\s;]{1,300}\))?"
)
"""User agent of Exhibit: preceded by that of the browser, if any, with the operator's contact in parentheses."""
CREDENTIAL_HEADERS = frozenset({"authorization", "proxy-authorization"})
MAX_AGE = timedelta(days=30)
"""Age above which a response gets a remark."""
MAX_QUOTED_NAMES = 3  # maximum number of headers or cookies that one remark names
PAGE_TYPES = frozenset(
    {"text/html", "application/xhtml+xml", "application/xml", "text/xml", "image/svg+xml", "multipart/x-mixed-replace"}
)
"""Media types that browsers display as a page; without a media type, browsers inspect the bytes."""
DEFAULT_PORTS = {"http": 80, "https": 443}
_DIGITS = re.compile(r"[0-9]{1,18}")


class Doubt(str):
    """Remark that is listed first, because an anonymous visitor may receive different content."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Cookie:
    """A cookie set by a response; without a domain, it applies only to the host of the response."""

    name: str
    value: str
    domain: str


def find_request_remarks(
    recording: Recording,
    addresses: tuple[str, str],
    agent: str,
    other_responses: Iterable[RecordedResponse] = (),
    *,
    has_scripts: bool = False,
) -> Iterator[str]:
    """Yield the differences between the requests of a recording and those of an anonymous visitor.

    Args:
        recording: Exchanges for page and image.
        addresses: Normalized URLs of page and image.
        agent: User agent that the visit states.
        other_responses: Other responses of the visit, which may have set cookies.
        has_scripts: True if a browser ran the page's scripts, which may set cookies too.
    """
    pages = {*addresses, *(response.url for response in recording.responses)}
    cookies = [
        (response, cookie)
        for response in (*recording.responses, *other_responses)
        for cookie in _list_set_cookies(response)
    ]
    for request in recording.requests:
        part = find_visit_part(request.url, recording.responses, addresses)
        if request.method != "GET":
            yield Doubt(f"the {part} was requested with {request.method} instead of GET")
        if request.has_body:
            yield Doubt(f"the request of the {part} had a body")
        if credential_names := _quote_names(name for name, _ in request.headers if name.lower() in CREDENTIAL_HEADERS):
            yield Doubt(f"the {part} was requested with credentials: {credential_names}")
        sent_cookies = {
            pair for name, value in request.headers if name.lower() == "cookie" for pair in _parse_cookies(value)
        }
        due_cookies = {
            (due_cookie.name, due_cookie.value)
            for response, due_cookie in cookies
            if _is_cookie_expected(response, due_cookie, request)
        }
        if unknown_names := _quote_names(name for name, _ in sorted(sent_cookies - due_cookies)):
            message = f"the {part} was requested with cookies that no recorded response had set"
            yield (
                f"{message}, unless scripts did: {unknown_names}"
                if has_scripts
                else Doubt(f"{message}: {unknown_names}")
            )
        if other_headers := _quote_names(_list_other_headers(request, agent, pages)):
            yield Doubt(f"the {part} was requested with unusual headers: {other_headers}")


def find_response_remarks(recording: Recording, addresses: tuple[str, str]) -> Iterator[str]:
    """Yield remarks on responses with ambiguous framing, missing bytes, a high age, or an unusual port."""
    for response in recording.responses:
        part = find_visit_part(response.url, recording.responses, addresses)
        if framing := _find_framing_fault(response):
            yield Doubt(f"the response with the {part} {framing}")
        if missing := _count_missing_bytes(response):
            yield f"the response with the {part} ends {missing:,} bytes before its Content-Length"
        if (age := _compute_age(response)) > MAX_AGE:
            yield f"the response with the {part} was {age.days:,} days old according to its headers"
        if response.url not in addresses and (port := _get_unusual_port(response.url)):
            yield f"the {part} was redirected to a URL with port {port}"


def find_page_doubts(page: RecordedResponse) -> Iterator[Doubt]:
    """Yield the reasons why browsers do not display the response as a page, according to its headers."""
    media_type = page.message.get_header("content-type").partition(";")[0].strip().lower()
    if media_type and media_type not in PAGE_TYPES:
        yield Doubt(f"the page was served as {media_type[:40]!a}, which browsers do not display as a page")
    if page.message.get_header("content-disposition").strip().lower().startswith("attachment"):
        yield Doubt("the page was served as a download")
    if page.unsupported_encoding:
        yield Doubt(f"the page was served with the unsupported encoding {page.unsupported_encoding[:40]!a}")


def find_server_remarks(
    addresses: Sequence[str], page: RecordedResponse | None, image: RecordedResponse | None, peer: str
) -> Iterator[str]:
    """Yield remarks on unusual ports of page and image, and on servers other than those that the crawl recorded.

    Args:
        addresses: Normalized URLs of page and image.
        page: The response with the page.
        image: The response with the image.
        peer: The server that the crawl recorded, with or without a port; empty if it recorded none.
    """
    for part, url in zip(("page", "image"), addresses, strict=True):
        if port := _get_unusual_port(url):
            yield f"the URL of the {part} has port {port}"
    server = _get_server_address(peer)
    if image is not None and server and _get_server_address(image.record.peer) != server:
        servers = f"{image.record.peer[:60]!a}, not {server[:60]!a}"
        yield f"the image came from a different server than the crawl recorded ({servers})"
    if page is not None and _is_public(server) and not _is_public(_get_server_address(page.record.peer)):
        yield Doubt(f"the page came from a server without a public address ({page.record.peer[:60]!a})")


def _is_public(server: str) -> bool:
    try:
        return ip_address(server).is_global
    except ValueError:
        return False


def _get_unusual_port(url: str) -> int:
    """Return the port in a URL, or 0 if it is the default of its scheme."""
    port, default_port = get_url_port(url), DEFAULT_PORTS.get(url.partition(":")[0].lower())
    return port if default_port is not None and port != default_port else 0


def find_visit_part(url: str, responses: Sequence[RecordedResponse], addresses: tuple[str, str]) -> str:
    """Return the part of the visit to which an exchange with a normalized URL belongs: ``image`` or ``page``."""
    return "image" if url != addresses[0] and url in follow_redirects(responses, addresses[1:]) else "page"


def _list_other_headers(request: Request, agent: str, pages: Collection[str]) -> Iterator[str]:
    """Yield the names of headers that Exhibit does not send, or sends with other values."""
    for name, value in request.headers:
        key = name.lower()
        if key in CREDENTIAL_HEADERS:
            continue
        pattern = DEFAULT_HEADERS.get(key)
        is_default = pattern is not None and pattern.fullmatch(value) is not None
        if key == "user-agent":
            is_default = (value == agent or agent.endswith(f" {value}")) and USER_AGENT.fullmatch(value) is not None
        elif key in {"referer", "origin"}:
            is_default = value == "null" or _is_page(value, pages)
        if not is_default:
            yield name


def _is_page(value: str, pages: Collection[str]) -> bool:
    """Return True if a header value is a page of the visit, or the origin of one."""
    url = parse_url(value)
    has_no_extras = url is not None and not (url.username or url.password or url.hash)
    return has_no_extras and (
        to_plain_url(value) in pages or to_plain_url(value) in {f"{get_url_origin(page)}/" for page in pages}
    )


def _is_cookie_expected(response: RecordedResponse, cookie: "_Cookie", request: Request) -> bool:
    """Return True if a response set the cookie before the request, and for the host of the request."""
    if response.record.date >= request.date:
        return False
    host, request_host = get_url_host(response.url), get_url_host(request.url)
    are_within_domain = is_within_domain(host, cookie.domain) and is_within_domain(request_host, cookie.domain)
    return host == request_host or (are_within_domain and not is_public_suffix(cookie.domain))


def _find_framing_fault(response: RecordedResponse) -> str:
    """Describe a contradiction in the stated length of a response body; empty if there is none."""
    pairs = [(name.lower(), value) for name, value in response.message.headers]
    lengths = [value for name, value in pairs if name == "content-length"]
    codings = [value.lower() for name, value in pairs if name == "transfer-encoding"]
    body_size = len(response.message.wire_body)
    if lengths and codings:
        return "has both Content-Length and Transfer-Encoding, which contradict each other"
    if len(set(lengths)) > 1 or len(codings) > 1 or (codings and codings != ["chunked"]):
        return "has contradictory Content-Length headers, or several or unsupported transfer encodings"
    if lengths and not _DIGITS.fullmatch(lengths[0]):
        return "has a Content-Length that is not a number"
    excess = body_size - int(lengths[0]) if lengths else 0
    return f"continues for {excess:,} bytes after its Content-Length" if excess > 0 else ""


def _count_missing_bytes(response: RecordedResponse) -> int:
    """Return the number of bytes missing from a saved body according to its ``Content-Length``."""
    length = response.message.get_header("content-length")
    is_exempt = not response.is_served or "chunked" in response.message.get_header("transfer-encoding").lower()
    return 0 if is_exempt or not _DIGITS.fullmatch(length) else max(int(length) - len(response.message.wire_body), 0)


def _compute_age(response: RecordedResponse) -> timedelta:
    """Return the age of a response on arrival: the higher of the ages in its ``Age`` and ``Date`` headers."""
    values = [value for name, value in response.message.headers if name.lower() == "age"]
    ages = [int(number) for value in values for number in _DIGITS.findall(value)]
    age = timedelta(seconds=min(max(ages, default=0), 10**12))
    try:
        created = parsedate_to_datetime(response.message.get_header("date"))
        return max(age, response.record.date - (created if created.tzinfo else created.replace(tzinfo=UTC)))
    except (ValueError, TypeError, OverflowError):
        return age


def _list_set_cookies(response: RecordedResponse) -> Iterator["_Cookie"]:
    for name, value in response.message.headers:
        if name.lower() == "set-cookie":
            pair, *attributes = value.split(";")
            domain = next(
                (text for attribute, text in map(_parse_pair, attributes) if attribute.lower() == "domain"), ""
            )
            yield from (_Cookie(*parts, domain.lstrip(".").lower()) for parts in _parse_cookies(pair))


def _parse_pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def _parse_cookies(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each cookie in a header value."""
    for pair in filter(None, map(str.strip, text.split(";"))):
        yield _parse_pair(pair)


def _quote_names(names: Iterable[str]) -> str:
    """Return the first few names, quoted, with the number of further names; empty without names."""
    distinct_names = list(dict.fromkeys(names))
    rest = f" and {len(distinct_names) - MAX_QUOTED_NAMES} more" if len(distinct_names) > MAX_QUOTED_NAMES else ""
    return ", ".join(f"{name[:40]!a}" for name in distinct_names[:MAX_QUOTED_NAMES]) + rest


def _get_server_address(peer: str) -> str:
    """Return the IP address of a server without its port, or the unchanged text if it is not an address."""
    bracketed = re.match(r"\[([^\]]*)\]", peer)
    host = bracketed[1] if bracketed else peer.partition(":")[0] if peer.count(":") == 1 else peer
    try:
        return str(ip_address(host))
    except ValueError:
        return host
