"""Requests and their results: facts of a response, or the reason and sentence of a failure."""

from collections.abc import Callable
from typing import Any, TypeAlias

from scrapy import Request, exceptions
from scrapy.exceptions import IgnoreRequest
from twisted.python.failure import Failure

from crawler.formats.lines import Refusal
from crawler.reading import bodies
from crawler.reading.found import is_visitable
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, joined, origin_of, port_of, read_url, same_domain, without_fragment
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Fetched, Headers, Untyped

Response: TypeAlias = Any
"""A Scrapy response; Scrapy's types are not complete enough to be checked."""
Crawler: TypeAlias = Any
"""Scrapy's crawler object."""
Server: TypeAlias = tuple[str, int]
"""Name and port."""
Send: TypeAlias = Callable[[Request], None]
"""Passes a request to Scrapy's engine."""

RAW_HEADERS = "exhibit_raw_headers"
CERTIFICATE = "exhibit_certificate"


class Refused(IgnoreRequest):
    """A request that is not made, as a rule forbids it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def ask(
    send: Send, url: str, arrived: Callable[[Response], None], failed: Callable[[Failure], None], **how: Untyped
) -> Refusal | None:
    """Send a request without Scrapy's duplicate filter; return a refusal if the URL cannot be parsed."""
    try:
        request = Request(url, callback=arrived, errback=failed, dont_filter=True, **how)
    except ValueError:
        return Refusal(url, Reason.BAD_URL, Sentence("The URL is not valid."))
    send(request)
    return None


def fetched(response: Response, digest: Digest, *, size: int, not_modified: bool = False) -> Fetched:
    """Return the facts of a response whose bytes are stored or known, including the Host header that was sent."""
    return Fetched(
        final_url=response.url,
        digest=digest,
        size=size,
        media_type=media_type(response),
        status=response.status,
        request_headers=_sent(response),
        response_headers=response.request.meta.get(RAW_HEADERS) or pairs(response.headers),
        peer=peer(response),
        certificate=response.request.meta.get(CERTIFICATE, ""),
        fetched_at=now(),
        not_modified=not_modified,
    )


def _sent(response: Response) -> Headers:
    """Return the sent headers; HTTP/2 uses ``:authority`` for the host, and lower case (RFC 9113, 8.2 and 8.3.1)."""
    host, headers = origin_of(response.url).partition("//")[2], pairs(response.request.headers)
    if response.protocol != "h2":
        return ("Host", host), *headers
    return (":authority", host), ("content-length", "0"), *((name.lower(), value) for name, value in headers)


def header(response: Response, name: str) -> str:
    """Return a header as text, empty if absent; several fields of one name are joined as RFC 9110, 5.3 allows."""
    return ", ".join(header_fields(response, name))


def header_fields(response: Response, name: str) -> tuple[str, ...]:
    """Return each field of a name as text."""
    return tuple(value.decode("latin-1").replace("\0", "") for value in response.headers.getlist(name))


def media_type(response: Response) -> str:
    """Return the declared media type without parameters, in lower case."""
    return header(response, "Content-Type").partition(";")[0].strip().lower()


def pairs(headers: Untyped) -> Headers:
    """Return headers as pairs of text; several fields of one name stay separate."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1").replace("\0", ""))
        for name, values in headers.items()
        for value in values
    )


def peer(response: Response) -> str:
    """Return the address and port of the server that responded, or an empty string."""
    if response.ip_address is None:
        return ""
    address, (_, port) = str(response.ip_address), server_of(response.url)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def server_of(url: str) -> Server:
    """Return the host name and port of a URL."""
    return host_of(url), port_of(url)


def referer_of(url: str, page: str) -> str:
    """Return the Referer for an image request, which some servers require, or an empty string.

    The whole page URL is sent to the same origin, only the origin to another origin of the same site, and nothing to
    other
    sites or from https to http (Referrer Policy, 3.7 and 3.8).
    """
    if page == url or not same_domain(url, page) or (page.startswith("https:") and not url.startswith("https:")):
        return ""
    parts, origin = read_url(page), origin_of(page)
    if parts is None or parts.username or parts.password:
        return ""
    return without_fragment(page) if origin_of(url) == origin else f"{origin}/"


def status_refusal(response: Response, url: str) -> Refusal | None:
    """Return the refusal that a status means, or ``None`` for a success."""
    status = response.status
    problem = bodies.status_problem(status, header(response, "Content-Range"))
    if problem is None:
        return None
    if response.headers.get("cf-mitigated"):
        return Refusal(url, Reason.WALL, Sentence("The site requires visitors to pass a robot check."))
    location = header(response, "Location")
    if 300 <= status < 400 and (target := joined(url, location)) and not is_visitable(target):
        return Refusal(url, Reason.SCHEME, "The server points to an address that isn't of the web.")
    return Refusal(url, *problem)


def failure_refusal(
    error: BaseException | None, url: str, refused: dict[str, RefusedError], *, shown_url: str = ""
) -> Refusal:
    """Return the refusal for an error of Scrapy; ``shown_url`` is the URL as found, before redirects."""
    return Refusal(shown_url or url, *_failure(error, host_of(url), refused))


def _failure(error: BaseException | None, host: str, refused: dict[str, RefusedError]) -> tuple[str, str]:
    if isinstance(error, exceptions.CannotResolveHostError):
        unresolvable = Sentence("No IP address was found for the host %(host)s.", host=host)
        error = refused.get(host) or RefusedError(unresolvable, reason=Reason.UNRESOLVABLE)
    if isinstance(error, Refused | RefusedError):
        return error.reason, error.message
    for kinds, reason, sentence in _FAILURES:
        if isinstance(error, kinds):
            return reason, sentence
    if isinstance(error, IgnoreRequest):
        return _ignored(str(error))
    return Reason.UNREACHABLE, "The server couldn't be reached, or broke off."


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    ((exceptions.DownloadTimeoutError,), Reason.TIMEOUT, "The server took too long."),
    ((exceptions.DownloadCancelledError,), Reason.TOO_LARGE, "The server sent more bytes than are taken."),
    ((exceptions.ResponseDataLossError,), Reason.INCOMPLETE, "The server broke off before all bytes had come."),
)


def _ignored(message: str) -> tuple[str, str]:
    """Return reason and sentence of errors that Scrapy's middlewares distinguish only by their text."""
    if "redirect" in message:
        return Reason.REDIRECTS, Sentence("The server redirects too many times.")
    return Reason.TOO_LARGE, "The server sent more bytes than are taken once unpacked."
