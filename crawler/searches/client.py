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

from crawler.reading.found import MAX_ADDRESS, absolute, is_visitable, plain
from crawler.searches.mapping import PLACEHOLDER, Results, Service
from exhibit.errors import RefusedError
from exhibit.network.addresses import origin_of
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_limited
from exhibit.periods import as_stated
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Json, SeenElsewhere, SeenKind, Untyped

MAX_BYTES = 8_000_000
REQUEST_SECONDS = 60.0
MAX_WAIT = 3_600.0
TOKEN_SECONDS = 300.0  # lifetime of a token that does not state when it expires
_EARLY = 60.0
_WORD = re.compile(r"\w+")
_PATH = re.compile(r"\{([^{}]+)\}")
_MAX_RESULTS = 5_000
_MAX_TOKEN = 4_000
_MAX_NAME = 100
_tokens: dict[bytes, tuple[str, float]] = {}
"""Access tokens of this process with their expiry, by a digest of the request that obtained them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A search result: URL of the image, URL of the page that shows it, and its title."""

    image: str  # empty if only a page is named
    page: str
    title: str
    elsewhere: tuple[SeenElsewhere, ...] = ()  # dates stated by the service


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

    places: tuple[Place, ...]  # where images are shown
    results: int  # number of results, usable or not
    next_page: str  # for `Asked.page`; empty at the end, and where offsets or pages are counted
    more: bool  # whether another page can be requested


class SearchRefusedError(RefusedError):
    """A failed search, with the reason ``key``, ``quota``, ``busy``, ``unsearchable`` or ``failed``.

    The message contains neither the key nor the requested URL. ``wait`` is the number of seconds before the next
    attempt,
    if the service states it.
    """

    def __init__(self, message: str, *, reason: str, wait: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.wait = wait


def ask(
    service: Service, key: str, asked: SearchRequest, guard: Guard, before: Callable[[], None] = lambda: None
) -> SearchResults:
    """Request one page of results. Redirects are not followed, so that the key is sent to no other host.

    An access token is cached until it expires; if the service rejects a cached token, a new one is requested once.

    Args:
        service: Mapping of the service.
        key: The member's key.
        asked: Query and page.
        guard: Network guard for all requests.
        before: Called before each request that may cost money. If it raises an error, nothing is sent.

    Returns:
        One page of results.

    Raises:
        SearchRefusedError: The search failed. The message never contains the key.
        RefusedError: The network guard blocks the endpoint.
    """
    session = guarded_session(guard, timeout=REQUEST_SECONDS)
    try:
        while True:
            token, token_name = _token(session, service, key)
            before()
            try:
                return _page(session, service, _values(service, key, token, asked), asked)
            except SearchRefusedError as error:
                if error.reason != "key" or _tokens.pop(token_name, None) is None:
                    raise
    finally:
        session.close()


def _page(session: requests.Session, service: Service, values: dict[str, str], request: SearchRequest) -> SearchResults:
    link = request.page if service.links else ""
    url = PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=""), service.request.url)
    response, body = _request(
        session,
        service,
        service.request.method,
        link or url,
        headers={name: _filled(text, values) for name, text in service.request.headers.items()},
        **_sent(service, values, request, linked=bool(link)),
    )
    value = _parsed(body)
    _check(service, response, value)
    following = response.links.get("next", {}).get("url", "") if service.answer.link_header else _next(service, value)
    page = _read_results(service, value, request, following)
    if any(part and part in unquote_plus(page.next_page) for part in (values["key"], values["secret"])):
        return replace(page, next_page="", more=False)  # It would be stored in a database row, where no key belongs.
    return page


def _request(
    session: requests.Session, service: Service, method: str, url: str, **sent: Untyped
) -> tuple[requests.Response, bytes]:
    try:
        response = session.request(method, url, allow_redirects=False, **sent)
        return response, read_limited(response, MAX_BYTES, REQUEST_SECONDS)
    except (requests.RequestException, UnicodeError, ValueError):  # whose message contains the URL with the key
        raise _failed(Sentence("%(name)s could not be reached.", name=service.name)) from None


def _token(session: requests.Session, service: Service, key: str) -> tuple[str, bytes]:
    """Return the value of ``{key}``, the key or its access token (RFC 6749, 4.4 and 2.3.1), and its cache key."""
    if service.token is None:
        return key, b""
    token_request, name = service.token, hashlib.sha256(f"{service.token} {key}".encode()).digest()
    cached, until = _tokens.get(name, ("", 0.0))
    if time.monotonic() < until:
        return cached, name
    ident, _colon, secret = key.partition(":")
    form = {"grant_type": "client_credentials"} | ({"scope": token_request.scope} if token_request.scope else {})
    login = (quote_plus(ident), quote_plus(secret))
    response, body = _request(session, service, "POST", token_request.url, data=form, auth=login)
    if response.status_code in (429, 503):
        raise busy(service.name, response)
    if 400 <= response.status_code < 500:
        raise SearchRefusedError(f"{service.name} gives no access token for the key.", reason="key")
    answer = _parsed(body)
    fields: Mapping[str, object] = answer if isinstance(answer, dict) else {}
    token, lives = fields.get("access_token"), fields.get("expires_in")
    if response.status_code != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise _failed(Sentence("%(name)s did not return a readable access token.", name=service.name))
    seconds = float(lives) if isinstance(lives, int | float) else TOKEN_SECONDS
    _tokens[name] = (token, time.monotonic() + seconds - _EARLY)
    return token, b""


def _values(service: Service, key: str, token: str, request: SearchRequest) -> dict[str, str]:
    """Return the values of all placeholders."""
    first, size = service.request.first_page, service.pace.size
    ident, _colon, secret = key.partition(":")
    return {
        "key": token,
        "id": ident,
        "secret": secret,
        "words": request.words,
        "tag": "".join(_WORD.findall(request.words)),
        "tags": ",".join(_tags(request.words)),
        "page": request.page if first is None else str(first + request.offset // size),
        "offset": str(request.offset),
        "size": str(size),
        "picture": base64.b64encode(request.picture).decode("ascii"),
    }


def _tags(words: str) -> list[str]:
    """Split words into tags: at commas if there are any, otherwise at white space."""
    return [tag for tag in map(str.strip, words.split(",") if "," in words else words.split()) if tag]


def _sent(service: Service, values: dict[str, str], asked: SearchRequest, *, linked: bool) -> dict[str, Any]:
    """Return the request arguments besides headers; the URL of a next page already contains its parameters."""
    request = service.request
    parameters = {name: _filled(text, values) for name, text in request.parameters.items() if _is_said(text, values)}
    if request.body == "multipart":
        file = ("picture.jpg", asked.picture, "image/jpeg")
        return {"data": parameters, "files": {request.picture: file} if request.picture else {}}
    if request.picture:
        parameters[request.picture] = values["picture"]
    if request.body != "query":
        return {{"form": "data", "json": "json"}[request.body]: parameters}
    body = {"json": _filled_json(service, request.json, values)} if request.json else {}
    return body | ({} if linked else {"params": parameters})


def _is_said(text: Json, values: dict[str, str]) -> bool:
    return bool(values["page"]) or not isinstance(text, str) or "{page}" not in text


def _filled(text: str, values: dict[str, str]) -> str:
    """Fill the placeholders of a text; inserted values are never treated as placeholders."""
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _filled_json(service: Service, value: Json, values: dict[str, str]) -> Json:
    """Fill the placeholders of a JSON body; a text that is only the placeholder of a number becomes that number."""
    if isinstance(value, str):
        only = PLACEHOLDER.fullmatch(value)
        numbers = ("offset", "size") if service.request.first_page is None else ("offset", "size", "page")
        filled = _filled(value, values)
        return int(filled) if only is not None and only[1] in numbers else filled
    if isinstance(value, Mapping):
        fields = {name: inner for name, inner in value.items() if _is_said(inner, values)}
        return {name: _filled_json(service, inner, values) for name, inner in fields.items()}
    return [_filled_json(service, inner, values) for inner in value] if isinstance(value, list) else value


def _parsed(body: bytes) -> object:
    """Parse the response as JSON; return ``None`` if it is not valid."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _check(service: Service, response: requests.Response, value: object) -> None:
    status, errors = response.status_code, service.errors
    if service.answer.code:
        code = next(iter(_at(value, service.answer.code)), None)
        status = code if isinstance(code, int) and not isinstance(code, bool) else status
    if status in errors.key and service.key_form:
        raise SearchRefusedError(f"{service.name} doesn't accept the key.", reason="key")
    if status in errors.quota:
        raise SearchRefusedError(f"{service.name} says that the searches of this key are used up.", reason="quota")
    if status in errors.busy:
        raise busy(service.name, response)
    if status in errors.unsearchable:
        raise SearchRefusedError(f"{service.name} can't search for this.", reason=Reason.UNSEARCHABLE)
    if not 200 <= status < 300:
        raise _failed(Sentence("%(name)s returned status %(status)s.", name=service.name, status=status))
    if not isinstance(value, dict | list):
        raise _failed(Sentence("%(name)s returned a response that is not JSON.", name=service.name))


def _next(service: Service, value: object) -> str:
    """Return the next page, or its URL, that the response names; empty if there is none."""
    path = service.answer.next or service.answer.link
    page = next(iter(_at(value, path)), "") if path else ""
    return str(page) if isinstance(page, str | int) and not isinstance(page, bool) else ""


def _read_results(service: Service, value: object, request: SearchRequest, next_page: str) -> SearchResults:
    answer, base = service.answer, service.request.url
    lists = [
        (answer_part, list(islice(_at(value, answer_part.results), _MAX_RESULTS)))
        for answer_part in (answer, *answer.also)
    ]
    places = (
        place for answer_part, results in lists for result in results for place in _places(service, answer_part, result)
    )
    results = len(lists[0][1])
    if service.links:
        next_page = absolute(base, next_page)
        same = origin_of(next_page) == origin_of(base)  # scheme and host: the key goes to the service alone
        next_page = next_page if same and len(next_page) <= _MAX_TOKEN else ""
    total = next(iter(_at(value, answer.total)), None) if answer.total else None
    is_counted = isinstance(total, int) and request.offset + service.pace.size < total and results > 0
    full = service.request.first_page is not None and not answer.total and results >= service.pace.size
    unique = tuple(dict.fromkeys(islice(places, _MAX_RESULTS)))
    return SearchResults(unique, results, next_page[:_MAX_TOKEN], bool(next_page) or is_counted or full)


def _places(service: Service, shape: Results, result: object) -> Iterator[Place]:
    """Yield the images of a result with their page, or the page alone; skips URLs that cannot be visited."""
    base = service.request.url
    page, title = absolute(base, _text(result, shape.page)), plain(_text(result, shape.title))
    page = page if is_visitable(page) and len(page) <= MAX_ADDRESS else ""
    if not shape.image and page:
        yield Place("", page, title)
    images = [_text(result, shape.image)] if "{" in shape.image else _at(result, shape.image)
    for address in images if shape.image else ():
        image = absolute(base, address) if isinstance(address, str) else ""
        if is_visitable(image) and len(image) <= MAX_ADDRESS:
            yield Place(image, page or image, title, _elsewhere(service, shape, result))


def _elsewhere(service: Service, shape: Results, result: object) -> tuple[SeenElsewhere, ...]:
    """Return when an image was seen or published, if the result states it."""
    dates = []
    for kind, path in ((SeenKind.SEARCH_SAW, shape.seen), (SeenKind.SEARCH_PUBLISHED, shape.published)):
        if stated_time := as_stated(next(iter(_at(result, path)), None)) if path else "":
            where = origin_of(service.request.url)
            dates.append(SeenElsewhere(kind=kind, by=service.name[:_MAX_NAME], stated=stated_time, where=where))
    return tuple(dates)


def _text(value: object, path: str) -> str:
    """Return the text at a path, or a template with the texts of paths in braces; empty if one of them is missing."""
    if "{" in path:
        inner = [next(iter(_at(value, path_part)), None) for path_part in _PATH.findall(path)]
        texts = iter(
            [quote(str(path_part), safe="") if isinstance(path_part, str | int) else "" for path_part in inner]
        )
        return _PATH.sub(lambda _match: next(texts), path) if all(inner) else ""
    text = next(iter(_at(value, path)), "") if path else ""
    return text if isinstance(text, str) else ""


def _at(value: object, path: str) -> Iterator[object]:
    """Yield the values at a path: names separated by dots, ``[]`` for each list element, a number for one element.

    A trailing ``/`` returns the part of a text after its last slash.
    """
    if path.endswith("/"):
        yield from (name.rpartition("/")[2] for name in _at(value, path[:-1]) if isinstance(name, str))
        return
    name, _dot, rest = path.partition(".")
    each = name.endswith("[]")
    name = name.removesuffix("[]")
    if isinstance(value, dict):
        inner = value.get(name) if name else value
    elif isinstance(value, list):
        inner = value[int(name)] if name.isdecimal() and int(name) < len(value) else (None if name else value)
    else:
        inner = None
    if inner is None:
        return
    for element in inner if each and isinstance(inner, list) else [inner]:
        if rest:
            yield from _at(element, rest)
        else:
            yield element


def busy(name: str, response: requests.Response) -> SearchRefusedError:
    """Return the error for a service that asks to retry later, and close the response unread."""
    response.close()
    wait = response.headers.get("Retry-After", "")
    seconds = min(float(wait), MAX_WAIT) if wait.isascii() and wait.isdecimal() else None
    sentence = Sentence("%(name)s asked Exhibit to retry later.", name=name)
    return SearchRefusedError(sentence, reason="busy", wait=seconds)


def _failed(why: Sentence) -> SearchRefusedError:
    return SearchRefusedError(why, reason="failed")
