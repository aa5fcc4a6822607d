"""Mappings that describe the JSON interfaces of image searches and marketplaces.

A mapping is a small TOML file, documented in docs/reference/search-mappings.md and used by
:mod:`crawler.searches.client`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.formats.strict import read_as
from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import get_url_host
from exhibit.types import Json, Price

WORD_PLACEHOLDERS = ("words", "tag", "tags")
"""Placeholders for the search words: as entered, as one tag, or as tags separated by commas."""
PLACEHOLDERS = ("key", "id", "secret", *WORD_PLACEHOLDERS, "page", "offset", "size", "picture")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BRACE = re.compile(r"[{}]")
_PATH_WORDS = re.compile(r"(//[^/?#]*/[^?#]*?)\{(?:words|tag)\}")
_BODIES = ("query", "form", "json", "multipart")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMapping:
    """Description of the search request."""

    url: str  # the endpoint; its path can contain `{words}` or `{tag}`
    method: str = "GET"  # `GET` or `POST`
    body: str = "query"  # where the parameters go: `query`, `form`, `json` or `multipart`
    headers: Mapping[str, str] = field(default_factory=dict)  # HTTP headers; `{key}` stands for the member's key
    parameters: Mapping[str, str] = field(default_factory=dict)
    """:data:`PLACEHOLDERS` are filled in, except `{picture}`; a parameter with an empty `{page}` is omitted."""
    json: Mapping[str, Any] = field(default_factory=dict)
    """JSON body, nested as the service requires, whose texts are filled in; parameters are then sent in the URL. A text
    that is only the placeholder of a number becomes that number."""
    picture: str = ""  # field for the image: a file in `multipart`, Base64 elsewhere; empty where words are sent
    first_page: int | None = None  # number of the first page, if `{page}` counts pages; else `answer` names the next

    def __post_init__(self) -> None:
        if self.method not in ("GET", "POST"):
            raise InvalidRequestError("request.method must be GET or POST.")
        if self.body not in _BODIES or (self.method == "GET" and self.body != "query"):
            raise InvalidRequestError(f"request.body must be one of {', '.join(_BODIES)}; with GET, it must be query.")
        if not self.url.startswith(("http://", "https://")):
            raise InvalidRequestError("request.url must be an http or https URL.")
        if _BRACE.search(_PATH_WORDS.sub(r"\1", self.url)):
            raise InvalidRequestError("request.url may contain only the placeholders {words} and {tag}, in its path.")
        if self.json and (self.method != "POST" or self.body != "query" or self.picture):
            raise InvalidRequestError(
                "request.json requires request.method = POST, and excludes request.body and request.picture."
            )
        if self.picture and self.body == "query":
            raise InvalidRequestError("request.picture requires request.body = form, json or multipart.")
        for path, text in self._iterate_texts():
            for name in PLACEHOLDER.findall(text):
                if name not in PLACEHOLDERS or (name == "picture" and not path.startswith("json")):
                    names = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
                    hint = f"Use one of {names}; {{picture}} is allowed only in request.json."
                    raise InvalidRequestError(
                        f"request.{path} contains {{{name}}}, which is not a placeholder that is allowed here.",
                        hint=hint,
                    )

    @property
    def placeholders(self) -> set[str]:
        """Names of the placeholders that the request uses."""
        return {name for _where, text in self._iterate_texts() for name in PLACEHOLDER.findall(text)}

    def _iterate_texts(self) -> Iterator[tuple[str, str]]:
        return _iterate_json_texts(
            {"url": self.url, "headers": self.headers, "parameters": self.parameters, "json": self.json}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """Access token request for a key ``id:secret``: OAuth 2.0 client credentials with HTTP Basic authentication."""

    url: str  # the token endpoint
    scope: str = ""  # scope to request, or empty

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidRequestError("token.url must be an http or https URL.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPaths:
    """Paths of results in a response.

    A path consists of names separated by dots; ``[]`` selects each element of a list, a number selects one of them. A
    trailing ``/`` selects the part of a text after its last slash.
    """

    results: str  # path of the results, such as `results.matches[].backlinks[]`
    image: str = ""  # path of the image URLs in a result, or a URL with paths in braces; empty: none
    page: str = ""  # path of the page URL, or a URL with paths in braces; empty: the URL of the image
    title: str = ""  # path of the title, or empty
    seen: str = ""  # path of the date or time when the service saw the image there, or empty
    published: str = ""  # path of the date when the page or image was published, per the service, or empty

    def __post_init__(self) -> None:
        if not (self.image or self.page):
            raise InvalidRequestError("answer.image or answer.page must be the path of a URL in a result.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePaths(ResultPaths):
    """Paths in the response."""

    also: tuple[ResultPaths, ...] = ()  # more lists of results
    total: str = ""  # path of the number of results, if `{offset}` or `{page}` selects the next page
    next: str = ""  # alternatively, path of the value of `{page}` for the next page
    link: str = ""  # alternatively, path of the next page's URL, on the same host; it is requested unchanged
    link_header: bool = False  # alternatively, whether the `Link` header has that URL as `rel="next"` (RFC 8288)
    code: str = ""  # path of a status in the response that replaces the HTTP status, or empty


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorStatuses:
    """Meaning of HTTP status codes."""

    key: tuple[int, ...] = (401, 403)  # the key is not accepted
    quota: tuple[int, ...] = (402,)  # the key's quota is exhausted
    busy: tuple[int, ...] = (429, 503)  # retry later, after `Retry-After` if present
    unsearchable: tuple[int, ...] = (400, 413, 415, 422)  # this query is not supported; other queries may be


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Limits on requests to the service."""

    size: int = 50  # results per page, as `{size}`
    pages: int = 1  # pages requested for one image or one set of words
    seconds: float = 1.0  # minimum time between two requests
    searches: int = 50  # images or sets of words that a run searches for, unless the watch sets another number

    def __post_init__(self) -> None:
        if not (1 <= self.size <= 1_000 and 1 <= self.pages <= 100 and 1 <= self.searches <= 100_000):
            raise InvalidRequestError(
                "pace.size must be from 1 to 1,000, pace.pages from 1 to 100, and pace.searches from 1 to 100,000."
            )
        if not 0 <= self.seconds <= 60:
            raise InvalidRequestError("pace.seconds must be from 0 to 60.")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageConditions:
    """Conditions of using the service, in words for members."""

    costs: str = ""  # public price of the vendor, and when it was looked up
    sends: str = ""  # data that is sent to the service
    terms: str = ""  # URL of the terms of service


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchService:
    """Mapping of an image search or a marketplace."""

    name: str  # name shown to members
    request: RequestMapping  # the search request
    answer: ResponsePaths  # paths in the response
    about: str = ""  # sentence for members: what the service searches, and what it receives
    about_in: Mapping[str, str] = field(default_factory=dict)  # the same in other languages, by tag such as `zh-hans`
    keys: str = ""  # URL of a page that provides keys, or empty
    token: TokenRequest | None = None  # how to get an access token, if one is needed
    conditions: UsageConditions = field(default_factory=UsageConditions)  # conditions of use
    conditions_in: Mapping[str, UsageConditions] = field(default_factory=dict)  # the same in other languages, by tag
    price: Price | None = None  # public price, if one was found
    errors: ErrorStatuses = field(default_factory=ErrorStatuses)  # meaning of status codes
    pace: RequestLimits = field(default_factory=RequestLimits)  # limits on requests

    def __post_init__(self) -> None:
        paging_options = (
            self.request.first_page is not None,
            self.answer.next,
            self.answer.link,
            self.answer.link_header,
        )
        if sum(map(bool, paging_options)) > 1:
            fields = "request.first_page, answer.next, answer.link, answer.link_header"
            raise InvalidRequestError(f"{fields}: set only one of these.")

    @property
    def query_kind(self) -> str:
        """Kind of query: ``pictures``, ``words``, or ``nothing`` if the service lists everything."""
        if self.request.picture or "picture" in self.request.placeholders:
            return "pictures"
        return "words" if self.request.placeholders & {*WORD_PLACEHOLDERS} else "nothing"

    @property
    def takes_pictures(self) -> bool:
        """True if the service searches by image."""
        return self.query_kind == "pictures"

    @property
    def key_form(self) -> str:
        """Form of the key: ``key``, ``id:secret``, or empty if no key is needed."""
        if self.token is not None or self.request.placeholders & {"id", "secret"}:
            return "id:secret"
        return "key" if "key" in self.request.placeholders else ""

    @property
    def host(self) -> str:
        """Host of the endpoint."""
        return get_url_host(self.request.url)

    @property
    def has_next_links(self) -> bool:
        """True if a response contains the URL of the next page."""
        return bool(self.answer.link) or self.answer.link_header


def read_service(text: str) -> SearchService:
    """Parse a mapping.

    Raises:
        InvalidRequestError: A field cannot be used; the message names it.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequestError(f"The mapping is not valid TOML: {error}.") from error
    return read_as(SearchService, value, "mapping")


def _iterate_json_texts(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a value with its path.

    Raises:
        InvalidRequestError: The value contains a type that JSON does not have.
    """
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _iterate_json_texts(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _iterate_json_texts(item, f"{path}[{index}]")
    elif not isinstance(value, int | float):
        raise InvalidRequestError(f"request.{path} must be a text, a number, true or false, a list or a table.")
