"""Asking an image search or a marketplace, by a mapping that says what its JSON interface looks like.

A mapping is a small TOML file; docs/searches.md explains it. One request gives one page of an answer: addresses of
pictures with the pages that show them. Nothing of them is fetched here.
"""

import base64
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from crawler.formats.strict import read
from crawler.reading.found import MAX_ADDRESS, absolute, is_visitable, plain
from exhibit.errors import RefusedError, WrongUseError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_limited

MAX_BYTES = 8_000_000
REQUEST_SECONDS = 60.0
MAX_WAIT = 3_600.0
_BODIES = ("query", "form", "json", "multipart")
_PLACEHOLDER = re.compile(r"\{(key|words|page|offset|size)\}")
_MAX_RESULTS = 5_000
_MAX_TOKEN = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to ask."""

    url: str  # the endpoint
    method: str = "GET"  # `GET` or `POST`
    body: str = "query"  # where the parameters go: `query`, `form`, `json` or `multipart`
    headers: Mapping[str, str] = field(default_factory=dict)  # with `{key}` where the member's key belongs
    parameters: Mapping[str, str] = field(default_factory=dict)
    """``{key}``, ``{words}``, ``{page}``, ``{offset}`` and ``{size}`` are filled in; one whose ``{page}`` is empty
    is left out."""
    picture: str = ""  # takes the picture: a file in `multipart`, Base64 elsewhere; empty where words are sent

    def __post_init__(self) -> None:
        if self.method not in ("GET", "POST"):
            raise WrongUseError("request.method must be GET or POST.")
        if self.body not in _BODIES or (self.method == "GET" and self.body != "query"):
            raise WrongUseError(f"request.body must be one of {', '.join(_BODIES)}; query with GET.")
        if not self.url.startswith(("http://", "https://")):
            raise WrongUseError("request.url must be an http or https address.")
        if self.picture and self.body == "query":
            raise WrongUseError("request.picture needs a request.body of form, json or multipart.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Where things lie in the answer. A path has names between dots; ``[]`` takes each element of a list."""

    results: str  # path of the results, such as `results.matches[].backlinks[]`
    image: str  # path of the picture's address in a result
    page: str  # path of the address of the page that shows it
    title: str = ""  # path of words about it, or empty
    total: str = ""  # path of how many results there are, for counting on by `{offset}`; or
    next: str = ""  # path of what `{page}` becomes for the next page
    code: str = ""  # path of a status in the answer that counts instead of the one of HTTP, or empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Which statuses mean what."""

    key: tuple[int, ...] = (401, 403)  # the key isn't accepted
    quota: tuple[int, ...] = (402,)  # the key's searches are used up
    busy: tuple[int, ...] = (429, 503)  # ask again later, after `Retry-After` where it is said
    unsearchable: tuple[int, ...] = (400, 413, 415, 422)  # this can't be searched for; other pictures and words can


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is asked."""

    size: int = 50  # results that a page has, as `{size}`
    pages: int = 1  # pages that are asked for of one picture or one set of words
    seconds: float = 1.0  # least time between two requests
    searches: int = 50  # pictures or sets of words that a run asks about, unless the watch says otherwise

    def __post_init__(self) -> None:
        if not (1 <= self.size <= 1_000 and 1 <= self.pages <= 100 and 1 <= self.searches <= 100_000):
            raise WrongUseError("pace.size, pace.pages and pace.searches must be at least 1, and not endless.")
        if not 0 <= self.seconds <= 60:
            raise WrongUseError("pace.seconds must be from 0 to 60.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A mapping: an image search or a marketplace as it is asked."""

    name: str  # what members call it
    request: Request  # how to ask
    answer: Answer  # where things lie in the answer
    about: str = ""  # a sentence for members: what it searches, and what it is sent
    about_in: Mapping[str, str] = field(default_factory=dict)  # the same by other languages' tags, such as `zh-hans`
    keys: str = ""  # a page where a key can be had, or empty
    errors: Errors = field(default_factory=Errors)  # which statuses mean what
    pace: Pace = field(default_factory=Pace)  # how much is asked

    @property
    def takes_pictures(self) -> bool:
        """Whether pictures are sent; else words are."""
        return bool(self.request.picture)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is shown, as a search says: the address of the picture, of the page, and words about it."""

    image: str
    page: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for: a picture's bytes or words, and which page of the answer."""

    picture: bytes = b""  # a JPEG, for a service that takes pictures
    words: str = ""  # for all others
    page: str = ""  # what the answer before named as the next page; empty for the first
    offset: int = 0  # results that came before


@dataclass(frozen=True, slots=True)
class Found:
    """One page of an answer."""

    places: tuple[Place, ...]  # where pictures are shown
    results: int  # how many results it had, usable or not
    next_page: str  # for `Asked.page`; empty at the end, and where offsets count
    more: bool  # whether another page may be asked for


class SearchRefusedError(RefusedError):
    """A search gave no answer; its reason is ``key``, ``quota``, ``busy``, ``unsearchable`` or ``failed``.

    The message tells neither the key nor the address that was asked. ``wait`` has the seconds after which it may be
    asked again, where the service says so.
    """

    def __init__(self, message: str, *, reason: str, wait: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.wait = wait


def read_service(text: str) -> Service:
    """Read a mapping; raises ``WrongUseError``, which names the field that can't be used."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongUseError(f"The mapping isn't TOML: {error}.") from error
    return read(Service, value, "mapping")


def ask(service: Service, key: str, asked: Asked, guard: Guard) -> Found:
    """Ask for one page. Redirects aren't followed: the key goes nowhere else.

    Raises ``SearchRefusedError``, which never tells the key, and ``RefusedError`` when the guard forbids the endpoint.
    """
    request = service.request
    session = guarded_session(guard, timeout=REQUEST_SECONDS)
    try:
        response = session.request(
            request.method,
            request.url,
            headers={name: _filled(value, service, key, asked) for name, value in request.headers.items()},
            allow_redirects=False,
            **_sent(service, key, asked),
        )
        body = read_limited(response, MAX_BYTES, REQUEST_SECONDS)
    except (requests.RequestException, UnicodeError, ValueError):
        raise _failed(service, "couldn't be reached") from None  # the original names the address with the key
    finally:
        session.close()
    value = _parsed(body)
    _check(service, response, value)
    return _found(service, value, asked)


def _sent(service: Service, key: str, asked: Asked) -> dict[str, Any]:
    request = service.request
    parameters = {
        name: _filled(value, service, key, asked)
        for name, value in request.parameters.items()
        if "{page}" not in value or asked.page
    }
    if request.body == "multipart":
        file = ("picture.jpg", asked.picture, "image/jpeg")
        return {"data": parameters, "files": {request.picture: file} if request.picture else {}}
    if request.picture:
        parameters[request.picture] = base64.b64encode(asked.picture).decode("ascii")
    return {{"query": "params", "form": "data", "json": "json"}[request.body]: parameters}


def _filled(text: str, service: Service, key: str, asked: Asked) -> str:
    """A value with what belongs in its placeholders; what was filled in is never taken for a placeholder itself."""
    values = {
        "key": key,
        "words": asked.words,
        "page": asked.page,
        "offset": str(asked.offset),
        "size": str(service.pace.size),
    }
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _parsed(body: bytes) -> object:
    """The answer as JSON; ``None`` when it isn't any."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _check(service: Service, response: requests.Response, value: object) -> None:
    status, errors = response.status_code, service.errors
    if service.answer.code:
        told = next(iter(_at(value, service.answer.code)), None)
        status = told if isinstance(told, int) and not isinstance(told, bool) else status
    if status in errors.key:
        raise SearchRefusedError(f"{service.name} doesn't accept the key.", reason="key")
    if status in errors.quota:
        raise SearchRefusedError(f"{service.name} says that the searches of this key are used up.", reason="quota")
    if status in errors.busy:
        wait = response.headers.get("Retry-After", "")
        seconds = min(float(wait), MAX_WAIT) if wait.isascii() and wait.isdecimal() else None
        raise SearchRefusedError(f"{service.name} asks to be asked later.", reason="busy", wait=seconds)
    if status in errors.unsearchable:
        raise SearchRefusedError(f"{service.name} can't search for this.", reason="unsearchable")
    if not 200 <= status < 300:
        raise _failed(service, f"answered with status {status}")
    if not isinstance(value, dict | list):
        raise _failed(service, "answered with something that isn't JSON")


def _found(service: Service, value: object, asked: Asked) -> Found:
    answer, base = service.answer, service.request.url
    results = list(_at(value, answer.results))[:_MAX_RESULTS]
    places = tuple(dict.fromkeys(place for result in results if (place := _place(answer, result, base)) is not None))
    following = next(iter(_at(value, answer.next)), "") if answer.next else ""
    next_page = str(following) if isinstance(following, str | int) and not isinstance(following, bool) else ""
    total = next(iter(_at(value, answer.total)), 0) if answer.total else 0
    seen = asked.offset + service.pace.size
    more = bool(next_page) or (isinstance(total, int) and seen < total and bool(results))
    return Found(places, len(results), next_page[:_MAX_TOKEN], more)


def _place(answer: Answer, result: object, base: str) -> Place | None:
    """Where a result shows the picture; none when it names no address that could be visited."""
    image, page, title = (_text(result, path) for path in (answer.image, answer.page, answer.title))
    image, page = absolute(base, image), absolute(base, page)
    if not is_visitable(image) or len(image) > MAX_ADDRESS:
        return None
    return Place(image, page if is_visitable(page) else image, plain(title))


def _text(value: object, path: str) -> str:
    found = next(iter(_at(value, path)), "") if path else ""
    return found if isinstance(found, str) else ""


def _at(value: object, path: str) -> Iterator[object]:
    """What lies at a path: names between dots, ``[]`` for each element of a list, a number for one of them."""
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


def _failed(service: Service, what: str) -> SearchRefusedError:
    return SearchRefusedError(f"{service.name} {what}.", reason="failed")
