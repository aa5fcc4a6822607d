"""Requests and their results: facts of a response, or the reason and sentence of a failure."""

from collections.abc import Callable
from typing import Any, TypeAlias

from scrapy import Request, exceptions
from scrapy.exceptions import IgnoreRequest
from twisted.python.failure import Failure

from crawler.formats.lines import Refusal
from crawler.reading import bodies
from crawler.reading.document import is_visitable
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.network.addresses import (
    get_url_host,
    get_url_origin,
    get_url_port,
    have_same_domain,
    join_urls,
    parse_url,
    remove_fragment,
)
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import FetchedPicture, Headers, Untyped

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


class RequestRefusedError(IgnoreRequest):
    """A request that is not sent because a rule forbids it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def send_request(
    send: Send,
    url: str,
    on_response: Callable[[Response], None],
    on_failure: Callable[[Failure], None],
    **options: Untyped,
) -> Refusal | None:
    """Send a request without Scrapy's duplicate filter; return a refusal if the URL cannot be parsed."""
    try:
        request = Request(url, callback=on_response, errback=on_failure, dont_filter=True, **options)
    except ValueError:
        return Refusal(url, Reason.BAD_URL, Sentence("The URL is not valid."))
    send(request)
    return None


def to_fetched_picture(response: Response, digest: Digest, *, size: int, not_modified: bool = False) -> FetchedPicture:
    """Return the facts of a response whose bytes are stored or known, including the Host header that was sent."""
    return FetchedPicture(
        final_url=response.url,
        digest=digest,
        size=size,
        media_type=get_media_type(response),
        status=response.status,
        request_headers=_get_sent_headers(response),
        response_headers=response.request.meta.get(RAW_HEADERS) or to_header_pairs(response.headers),
        peer=get_peer(response),
        certificate=response.request.meta.get(CERTIFICATE, ""),
        fetched_at=now(),
        not_modified=not_modified,
    )


def _get_sent_headers(response: Response) -> Headers:
    """Return the sent headers; HTTP/2 uses ``:authority`` for the host, and lower case (RFC 9113, 8.2 and 8.3.1)."""
    host, headers = get_url_origin(response.url).partition("//")[2], to_header_pairs(response.request.headers)
    if response.protocol != "h2":
        return ("Host", host), *headers
    return (":authority", host), ("content-length", "0"), *((name.lower(), value) for name, value in headers)


def get_header(response: Response, name: str) -> str:
    """Return a header as text, empty if absent; several fields of one name are joined as RFC 9110, 5.3 allows."""
    return ", ".join(get_header_fields(response, name))


def get_header_fields(response: Response, name: str) -> tuple[str, ...]:
    """Return each field of a name as text."""
    return tuple(value.decode("latin-1").replace("\0", "") for value in response.headers.getlist(name))


def get_media_type(response: Response) -> str:
    """Return the declared media type without parameters, in lower case."""
    return get_header(response, "Content-Type").partition(";")[0].strip().lower()


def to_header_pairs(headers: Untyped) -> Headers:
    """Return headers as pairs of text; several fields of one name stay separate."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1").replace("\0", ""))
        for name, values in headers.items()
        for value in values
    )


def get_peer(response: Response) -> str:
    """Return the address and port of the server that responded, or an empty string."""
    if response.ip_address is None:
        return ""
    address, (_, port) = str(response.ip_address), get_server(response.url)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def get_server(url: str) -> Server:
    """Return the host name and port of a URL."""
    return get_url_host(url), get_url_port(url)


def compute_referer(url: str, page: str) -> str:
    """Return the Referer for an image request, which some servers require, or an empty string.

    The whole page URL is sent to the same origin, only the origin to another origin of the same site, and nothing to
    other sites or from https to http (Referrer Policy, 3.7 and 3.8).
    """
    if page == url or not have_same_domain(url, page) or (page.startswith("https:") and not url.startswith("https:")):
        return ""
    parts, origin = parse_url(page), get_url_origin(page)
    if parts is None or parts.username or parts.password:
        return ""
    return remove_fragment(page) if get_url_origin(url) == origin else f"{origin}/"


def build_status_refusal(response: Response, url: str) -> Refusal | None:
    """Return the refusal for an unsuccessful response, or ``None`` for a success."""
    status = response.status
    problem = bodies.check_status(status, get_header(response, "Content-Range"))
    if problem is None:
        return None
    if response.headers.get("cf-mitigated"):
        return Refusal(url, Reason.WALL, Sentence("The site requires visitors to pass a bot check (CAPTCHA)."))
    location = get_header(response, "Location")
    if 300 <= status < 400 and (target := join_urls(url, location)) and not is_visitable(target):
        return Refusal(url, Reason.SCHEME, "The server redirects to an address that is not a web URL.")
    return Refusal(url, *problem)


def build_failure_refusal(
    error: BaseException | None, url: str, resolver_errors: dict[str, RefusedError], *, shown_url: str = ""
) -> Refusal:
    """Return the refusal for a Scrapy error; ``shown_url`` is the URL as found, before redirects."""
    return Refusal(shown_url or url, *_explain_failure(error, get_url_host(url), resolver_errors))


def _explain_failure(
    error: BaseException | None, host: str, resolver_errors: dict[str, RefusedError]
) -> tuple[str, str]:
    if isinstance(error, exceptions.CannotResolveHostError):
        unresolvable = Sentence("No IP address was found for the host %(host)s.", host=host)
        error = resolver_errors.get(host) or RefusedError(unresolvable, reason=Reason.UNRESOLVABLE)
    if isinstance(error, RequestRefusedError | RefusedError):
        return error.reason, error.message
    for error_types, reason, sentence in _FAILURES:
        if isinstance(error, error_types):
            return reason, sentence
    if isinstance(error, IgnoreRequest):
        return _explain_ignored_request(str(error))
    return Reason.UNREACHABLE, "The server could not be reached, or closed the connection."


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    ((exceptions.DownloadTimeoutError,), Reason.TIMEOUT, "The server did not respond in time."),
    ((exceptions.DownloadCancelledError,), Reason.TOO_LARGE, "The response exceeds the size limit."),
    ((exceptions.ResponseDataLossError,), Reason.INCOMPLETE, "The response of the server is incomplete."),
)


def _explain_ignored_request(message: str) -> tuple[str, str]:
    """Return the reason and the sentence for errors that Scrapy's middlewares distinguish only by their text."""
    if "redirect" in message:
        return Reason.REDIRECTS, Sentence("The server redirects too many times.")
    return Reason.TOO_LARGE, "The decompressed response exceeds the size limit."
