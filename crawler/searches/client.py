"""Client for image searches and marketplaces, configured by a mapping (:mod:`crawler.searches.mapping`).

One request returns one page of results: URLs of images and of the pages that show them. These are not fetched here.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import requests

from crawler.reading.document import MAX_URL_LENGTH, is_visitable, normalise_text, resolve_url
from crawler.searches.mapping import PLACEHOLDER, ResultPaths, SearchService
from exhibit.errors import RefusedError
from exhibit.network.addresses import get_url_origin
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_limited
from exhibit.periods import normalise_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Json, SourceStatement, SourceStatementKind, Untyped

MAX_BYTES = 8_000_000
REQUEST_SECONDS = 60.0
MAX_WAIT = 3_600.0
TOKEN_SECONDS = 300.0  # lifetime of a token that does not state when it expires
_EXPIRY_MARGIN_SECONDS = 60.0
_WORD = re.compile(r"\w+")
_PATH = re.compile(r"\{([^{}]+)\}")
_MAX_RESULTS = 5_000
_MAX_PAGE_TOKEN_LENGTH = 4_000
_MAX_NAME_LENGTH = 100
_tokens: dict[bytes, tuple[str, float]] = {}
"""Access tokens of this process with their expiry, by a digest of the request that obtained them."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A search result: URL of the image, URL of the page that shows it, and its title."""

    image: str  # empty if only a page is named
    page: str
    title: str
    elsewhere: tuple[SourceStatement, ...] = ()  # dates stated by the service


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A query: the bytes of an image, or words, and a page number."""

    picture: bytes = b""  # a JPEG, for a service that searches by image
    words: str = ""  # for all other services
    page: str = ""  # next page or its URL, from the previous response; empty for the first
    offset: int = 0  # number of earlier results


@dataclass(frozen=True, slots=True)
class SearchResults:
    """One page of results."""

    hits: tuple[SearchHit, ...]  # images and the pages that show them
    result_count: int  # number of results, usable or not
    next_page: str  # for `SearchRequest.page`; empty at the end, and if offsets or page numbers are used
    has_more: bool  # whether another page can be requested


class SearchRefusedError(RefusedError):
    """A failed search, with the reason ``key``, ``quota``, ``busy``, ``unsearchable`` or ``failed``.

    The message contains neither the key nor the requested URL. ``wait`` is the number of seconds before the next
    attempt, if the service states it.
    """

    def __init__(self, message: str, *, reason: str, wait: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.wait = wait


def request_results(
    service: SearchService,
    key: str,
    request: SearchRequest,
    guard: Guard,
    before_request: Callable[[], None] = lambda: None,
) -> SearchResults:
    """Request one page of results. Redirects are not followed, so that the key is sent to no other host.

    An access token is cached until it expires; if the service rejects a cached token, a new one is requested once.

    Args:
        service: Mapping of the service.
        key: The member's key.
        request: Query and page.
        guard: Network guard for all requests.
        before_request: Called before each request that may cost money. If it raises an error, nothing is sent.

    Returns:
        One page of results.

    Raises:
        SearchRefusedError: The search failed. The message never contains the key.
        RefusedError: The network guard blocks the endpoint.
    """
    session = create_guarded_session(guard, timeout=REQUEST_SECONDS)
    try:
        while True:
            token, cache_key = _get_access_token(session, service, key)
            before_request()
            try:
                return _fetch_page(session, service, _build_values(service, key, token, request), request)
            except SearchRefusedError as error:
                if error.reason != "key" or _tokens.pop(cache_key, None) is None:
                    raise
    finally:
        session.close()


def _fetch_page(
    session: requests.Session, service: SearchService, values: dict[str, str], request: SearchRequest
) -> SearchResults:
    next_url = request.page if service.has_next_links else ""
    url = PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=""), service.request.url)
    response, body = _send_request(
        session,
        service,
        service.request.method,
        next_url or url,
        headers={name: _fill_text(text, values) for name, text in service.request.headers.items()},
        **_build_arguments(service, values, request, is_next_url=bool(next_url)),
    )
    value = _parse_json(body)
    _check_status(service, response, value)
    next_page = (
        response.links.get("next", {}).get("url", "") if service.answer.link_header else _find_next_page(service, value)
    )
    page = _read_results(service, value, request, next_page)
    if any(part and part in unquote_plus(page.next_page) for part in (values["key"], values["secret"])):
        return replace(page, next_page="", has_more=False)  # The database must not contain keys.
    return page


def _send_request(
    session: requests.Session, service: SearchService, method: str, url: str, **arguments: Untyped
) -> tuple[requests.Response, bytes]:
    try:
        response = session.request(method, url, allow_redirects=False, **arguments)
        return response, read_limited(response, MAX_BYTES, REQUEST_SECONDS)
    except (requests.RequestException, UnicodeError, ValueError):  # the error's message contains the URL with the key
        raise _make_failed_error(Sentence("%(name)s could not be reached.", name=service.name)) from None


def _get_access_token(session: requests.Session, service: SearchService, key: str) -> tuple[str, bytes]:
    """Return the value of ``{key}``, the key or its access token (RFC 6749, 4.4 and 2.3.1), and its cache key."""
    if service.token is None:
        return key, b""
    token_request, cache_key = service.token, hashlib.sha256(f"{service.token} {key}".encode()).digest()
    cached_token, expires_at = _tokens.get(cache_key, ("", 0.0))
    if time.monotonic() < expires_at:
        return cached_token, cache_key
    client_id, _colon, secret = key.partition(":")
    form = {"grant_type": "client_credentials"} | ({"scope": token_request.scope} if token_request.scope else {})
    login = (quote_plus(client_id), quote_plus(secret))
    response, body = _send_request(session, service, "POST", token_request.url, data=form, auth=login)
    if response.status_code in (429, 503):
        raise make_busy_error(service.name, response)
    if 400 <= response.status_code < 500:
        raise SearchRefusedError(f"{service.name} returned no access token for the key.", reason="key")
    token_response = _parse_json(body)
    fields: Mapping[str, object] = token_response if isinstance(token_response, dict) else {}
    token, lifetime = fields.get("access_token"), fields.get("expires_in")
    if response.status_code != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise _make_failed_error(Sentence("%(name)s did not return a readable access token.", name=service.name))
    seconds = float(lifetime) if isinstance(lifetime, int | float) else TOKEN_SECONDS
    _tokens[cache_key] = (token, time.monotonic() + seconds - _EXPIRY_MARGIN_SECONDS)
    return token, b""


def _build_values(service: SearchService, key: str, token: str, request: SearchRequest) -> dict[str, str]:
    """Return the values of all placeholders."""
    first_page, size = service.request.first_page, service.pace.size
    client_id, _colon, secret = key.partition(":")
    return {
        "key": token,
        "id": client_id,
        "secret": secret,
        "words": request.words,
        "tag": "".join(_WORD.findall(request.words)),
        "tags": ",".join(_split_tags(request.words)),
        "page": request.page if first_page is None else str(first_page + request.offset // size),
        "offset": str(request.offset),
        "size": str(size),
        "picture": base64.b64encode(request.picture).decode("ascii"),
    }


def _split_tags(words: str) -> list[str]:
    """Split words into tags: at commas if there are any, otherwise at white space."""
    return [tag for tag in map(str.strip, words.split(",") if "," in words else words.split()) if tag]


def _build_arguments(
    service: SearchService, values: dict[str, str], search_request: SearchRequest, *, is_next_url: bool
) -> dict[str, Any]:
    """Return the request arguments besides headers; the URL of a next page already contains its parameters."""
    request = service.request
    parameters = {name: _fill_text(text, values) for name, text in request.parameters.items() if _is_sent(text, values)}
    if request.body == "multipart":
        file = ("picture.jpg", search_request.picture, "image/jpeg")
        return {"data": parameters, "files": {request.picture: file} if request.picture else {}}
    if request.picture:
        parameters[request.picture] = values["picture"]
    if request.body != "query":
        return {{"form": "data", "json": "json"}[request.body]: parameters}
    body = {"json": _fill_json(service, request.json, values)} if request.json else {}
    return body | ({} if is_next_url else {"params": parameters})


def _is_sent(text: Json, values: dict[str, str]) -> bool:
    return bool(values["page"]) or not isinstance(text, str) or "{page}" not in text


def _fill_text(text: str, values: dict[str, str]) -> str:
    """Fill the placeholders of a text; inserted values are never treated as placeholders."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _fill_json(service: SearchService, value: Json, values: dict[str, str]) -> Json:
    """Fill the placeholders of a JSON body; a text that is only the placeholder of a number becomes that number."""
    if isinstance(value, str):
        placeholder = PLACEHOLDER.fullmatch(value)
        numbers = ("offset", "size") if service.request.first_page is None else ("offset", "size", "page")
        filled = _fill_text(value, values)
        return int(filled) if placeholder is not None and placeholder[1] in numbers else filled
    if isinstance(value, Mapping):
        fields = {name: item for name, item in value.items() if _is_sent(item, values)}
        return {name: _fill_json(service, item, values) for name, item in fields.items()}
    return [_fill_json(service, item, values) for item in value] if isinstance(value, list) else value


def _parse_json(body: bytes) -> object:
    """Parse the response as JSON; return ``None`` if it is not valid."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _check_status(service: SearchService, response: requests.Response, value: object) -> None:
    status, errors = response.status_code, service.errors
    if service.answer.code:
        code = next(iter(_get_values(value, service.answer.code)), None)
        status = code if isinstance(code, int) and not isinstance(code, bool) else status
    if status in errors.key and service.key_form:
        raise SearchRefusedError(f"{service.name} does not accept the key.", reason="key")
    if status in errors.quota:
        raise SearchRefusedError(f"{service.name} reports that the quota of this key is used up.", reason="quota")
    if status in errors.busy:
        raise make_busy_error(service.name, response)
    if status in errors.unsearchable:
        raise SearchRefusedError(f"{service.name} does not support this search.", reason=Reason.UNSEARCHABLE)
    if not 200 <= status < 300:
        raise _make_failed_error(Sentence("%(name)s returned status %(status)s.", name=service.name, status=status))
    if not isinstance(value, dict | list):
        raise _make_failed_error(Sentence("%(name)s returned a response that is not JSON.", name=service.name))


def _find_next_page(service: SearchService, value: object) -> str:
    """Return the next page, or its URL, that the response names; empty if there is none."""
    path = service.answer.next or service.answer.link
    page = next(iter(_get_values(value, path)), "") if path else ""
    return str(page) if isinstance(page, str | int) and not isinstance(page, bool) else ""


def _read_results(service: SearchService, value: object, request: SearchRequest, next_page: str) -> SearchResults:
    answer, base = service.answer, service.request.url
    lists = [(paths, list(islice(_get_values(value, paths.results), _MAX_RESULTS))) for paths in (answer, *answer.also)]
    hits = (hit for paths, results in lists for result in results for hit in _read_hits(service, paths, result))
    results = len(lists[0][1])
    if service.has_next_links:
        next_page = resolve_url(base, next_page)
        # Scheme and host: the key goes to the service alone
        is_same_origin = get_url_origin(next_page) == get_url_origin(base)
        next_page = next_page if is_same_origin and len(next_page) <= _MAX_PAGE_TOKEN_LENGTH else ""
    total = next(iter(_get_values(value, answer.total)), None) if answer.total else None
    is_counted = isinstance(total, int) and request.offset + service.pace.size < total and results > 0
    is_full_page = service.request.first_page is not None and not answer.total and results >= service.pace.size
    unique_hits = tuple(dict.fromkeys(islice(hits, _MAX_RESULTS)))
    return SearchResults(
        unique_hits, results, next_page[:_MAX_PAGE_TOKEN_LENGTH], bool(next_page) or is_counted or is_full_page
    )


def _read_hits(service: SearchService, paths: ResultPaths, result: object) -> Iterator[SearchHit]:
    """Yield the images of a result with their page, or the page alone; skips URLs that cannot be visited."""
    base = service.request.url
    page, title = resolve_url(base, _get_text(result, paths.page)), normalise_text(_get_text(result, paths.title))
    page = page if is_visitable(page) and len(page) <= MAX_URL_LENGTH else ""
    if not paths.image and page:
        yield SearchHit("", page, title)
    images = [_get_text(result, paths.image)] if "{" in paths.image else _get_values(result, paths.image)
    for address in images if paths.image else ():
        image = resolve_url(base, address) if isinstance(address, str) else ""
        if is_visitable(image) and len(image) <= MAX_URL_LENGTH:
            yield SearchHit(image, page or image, title, _read_dates(service, paths, result))


def _read_dates(service: SearchService, paths: ResultPaths, result: object) -> tuple[SourceStatement, ...]:
    """Return the dates on which an image was seen or published, as stated by the result."""
    dates = []
    for kind, path in (
        (SourceStatementKind.SEARCH_SAW, paths.seen),
        (SourceStatementKind.SEARCH_PUBLISHED, paths.published),
    ):
        if stated_time := normalise_stated_time(next(iter(_get_values(result, path)), None)) if path else "":
            origin = get_url_origin(service.request.url)
            dates.append(
                SourceStatement(kind=kind, by=service.name[:_MAX_NAME_LENGTH], stated=stated_time, where=origin)
            )
    return tuple(dates)


def _get_text(value: object, path: str) -> str:
    """Return the text at a path, or a template with the texts of paths in braces; empty if one of them is missing."""
    if "{" in path:
        values = [next(iter(_get_values(value, path_part)), None) for path_part in _PATH.findall(path)]
        texts = iter([quote(str(part), safe="") if isinstance(part, str | int) else "" for part in values])
        return _PATH.sub(lambda _match: next(texts), path) if all(values) else ""
    text = next(iter(_get_values(value, path)), "") if path else ""
    return text if isinstance(text, str) else ""


def _get_values(value: object, path: str) -> Iterator[object]:
    """Yield the values at a path: names separated by dots, ``[]`` for each list element, a number for one element.

    A trailing ``/`` returns the part of a text after its last slash.
    """
    if path.endswith("/"):
        yield from (name.rpartition("/")[2] for name in _get_values(value, path[:-1]) if isinstance(name, str))
        return
    name, _dot, remaining_path = path.partition(".")
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if isinstance(value, dict):
        child = value.get(name) if name else value
    elif isinstance(value, list):
        child = value[int(name)] if name.isdecimal() and int(name) < len(value) else (None if name else value)
    else:
        child = None
    if child is None:
        return
    for element in child if is_list and isinstance(child, list) else [child]:
        if remaining_path:
            yield from _get_values(element, remaining_path)
        else:
            yield element


def make_busy_error(name: str, response: requests.Response) -> SearchRefusedError:
    """Return the error for a service that asks to retry later, and close the response unread."""
    response.close()
    retry_after = response.headers.get("Retry-After", "")
    seconds = min(float(retry_after), MAX_WAIT) if retry_after.isascii() and retry_after.isdecimal() else None
    sentence = Sentence("%(name)s asked Exhibit to retry later.", name=name)
    return SearchRefusedError(sentence, reason="busy", wait=seconds)


def _make_failed_error(sentence: Sentence) -> SearchRefusedError:
    return SearchRefusedError(sentence, reason="failed")
