"""How an image search or a marketplace is asked: a mapping that says what its JSON interface looks like.

A mapping is a small TOML file; docs/searches.md explains it, and :mod:`crawler.searches.client` asks by it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.formats.strict import read
from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of
from exhibit.types import Json, Price

WORDS = ("words", "tag", "tags")
"""What stands for what is searched for: as it was written, as one tag, or as tags with commas between."""
PLACEHOLDERS = ("key", "id", "secret", *WORDS, "page", "offset", "size", "picture")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_HOLE = re.compile(r"[{}]")
_PATH_WORDS = re.compile(r"(//[^/?#]*/[^?#]*?)\{(?:words|tag)\}")
_BODIES = ("query", "form", "json", "multipart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How to ask."""

    url: str  # the endpoint; its path may hold `{words}` or `{tag}`
    method: str = "GET"  # `GET` or `POST`
    body: str = "query"  # where the parameters go: `query`, `form`, `json` or `multipart`
    headers: Mapping[str, str] = field(default_factory=dict)  # with `{key}` where the member's key belongs
    parameters: Mapping[str, str] = field(default_factory=dict)
    """:data:`PLACEHOLDERS` are filled in, except `{picture}`; one whose `{page}` is empty is left out."""
    json: Mapping[str, Any] = field(default_factory=dict)
    """The body in JSON, nested as the service wants it, whose texts are filled in; parameters then go to the address.
    A text that is nothing but a number's placeholder becomes that number."""
    picture: str = ""  # takes the picture: a file in `multipart`, Base64 elsewhere; empty where words are sent
    first_page: int | None = None  # the first page's number, where `{page}` counts pages; else `answer` names the next

    def __post_init__(self) -> None:
        if self.method not in ("GET", "POST"):
            raise WrongUseError("request.method must be GET or POST.")
        if self.body not in _BODIES or (self.method == "GET" and self.body != "query"):
            raise WrongUseError(f"request.body must be one of {', '.join(_BODIES)}; query with GET.")
        if not self.url.startswith(("http://", "https://")):
            raise WrongUseError("request.url must be an http or https address.")
        if _HOLE.search(_PATH_WORDS.sub(r"\1", self.url)):
            raise WrongUseError("request.url may hold {words} or {tag} in its path, and no other placeholder.")
        if self.json and (self.method != "POST" or self.body != "query" or self.picture):
            raise WrongUseError("request.json needs a request.method of POST, and neither body nor picture beside it.")
        if self.picture and self.body == "query":
            raise WrongUseError("request.picture needs a request.body of form, json or multipart.")
        for where, text in self._texts():
            for name in PLACEHOLDER.findall(text):
                if name not in PLACEHOLDERS or (name == "picture" and not where.startswith("json")):
                    known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                    hint = f"Write one of {known}; {{picture}} in request.json alone."
                    raise WrongUseError(f"request.{where} has {{{name}}}, which nothing is filled in for.", hint=hint)

    @property
    def placeholders(self) -> set[str]:
        """What is filled in."""
        return {name for _where, text in self._texts() for name in PLACEHOLDER.findall(text)}

    def _texts(self) -> Iterator[tuple[str, str]]:
        return _texts({"url": self.url, "headers": self.headers, "parameters": self.parameters, "json": self.json})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """How an access token is had for a key ``id:secret``: client credentials of OAuth 2.0, by HTTP Basic."""

    url: str  # the token endpoint
    scope: str = ""  # what the token is asked for, or empty

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise WrongUseError("token.url must be an http or https address.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Where results lie. A path has names between dots; ``[]`` takes each element of a list, a number one of them.

    A path that ends with ``/`` takes what stands behind the last slash of a text there.
    """

    results: str  # path of the results, such as `results.matches[].backlinks[]`
    image: str = ""  # path of the pictures' addresses in a result, or an address with paths in braces; empty: none
    page: str = ""  # path of the page's address, or one with paths in braces; empty: the picture's own
    title: str = ""  # path of words about it, or empty
    seen: str = ""  # path of when the service saw the picture there, a date or a time, or empty
    published: str = ""  # path of when what shows the picture was published, as the service says, or empty

    def __post_init__(self) -> None:
        if not (self.image or self.page):
            raise WrongUseError("answer.image or answer.page must be the path of an address in a result.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Results):
    """Where things lie in the answer."""

    also: tuple[Results, ...] = ()  # more lists of results
    total: str = ""  # path of how many results there are, for counting on by `{offset}` or `{page}`; or
    next: str = ""  # path of what `{page}` becomes for the next page; or
    link: str = ""  # path of the next page's address, of the same host, which is asked as it is; or
    link_header: bool = False  # whether the header `Link` names that address as `rel="next"` (RFC 8288)
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
class Conditions:
    """What asking it means, in words for members."""

    costs: str = ""  # the vendor's public price, and when it was looked up
    sends: str = ""  # what leaves the house
    terms: str = ""  # the address of the terms that bind


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A mapping: an image search or a marketplace as it is asked."""

    name: str  # what members call it
    request: Request  # how to ask
    answer: Answer  # where things lie in the answer
    about: str = ""  # a sentence for members: what it searches, and what it is sent
    about_in: Mapping[str, str] = field(default_factory=dict)  # the same by other languages' tags, such as `zh-hans`
    keys: str = ""  # a page where a key can be had, or empty
    token: Token | None = None  # how a token is had for the key, where one is needed
    conditions: Conditions = field(default_factory=Conditions)  # what asking it means
    conditions_in: Mapping[str, Conditions] = field(default_factory=dict)  # the same by other languages' tags
    price: Price | None = None  # the public one, where one was found
    errors: Errors = field(default_factory=Errors)  # which statuses mean what
    pace: Pace = field(default_factory=Pace)  # how much is asked

    def __post_init__(self) -> None:
        ways = (self.request.first_page is not None, self.answer.next, self.answer.link, self.answer.link_header)
        if sum(map(bool, ways)) > 1:
            named = "request.first_page, answer.next, answer.link, answer.link_header"
            raise WrongUseError(f"{named}: say the one by which the pages go on.")

    @property
    def takes(self) -> str:
        """What it is asked for: ``pictures``, ``words``, or ``nothing`` where it lists all that it has."""
        if self.request.picture or "picture" in self.request.placeholders:
            return "pictures"
        return "words" if self.request.placeholders & {*WORDS} else "nothing"

    @property
    def takes_pictures(self) -> bool:
        """Whether pictures are sent."""
        return self.takes == "pictures"

    @property
    def key_form(self) -> str:
        """What a key for it is: ``key``, ``id:secret``, or empty where none is needed."""
        if self.token is not None or self.request.placeholders & {"id", "secret"}:
            return "id:secret"
        return "key" if "key" in self.request.placeholders else ""

    @property
    def host(self) -> str:
        """The host that is asked."""
        return host_of(self.request.url)

    @property
    def links(self) -> bool:
        """Whether an answer names the address of the next page."""
        return bool(self.answer.link) or self.answer.link_header


def read_service(text: str) -> Service:
    """Read a mapping; raises ``WrongUseError``, which names the field that can't be used."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongUseError(f"The mapping isn't TOML: {error}.") from error
    return read(Service, value, "mapping")


def _texts(value: Json, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a value, and where it stands; raises ``WrongUseError`` for what JSON doesn't have."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{place}]")
    elif not isinstance(value, int | float):
        raise WrongUseError(f"request.{where} must be a text, a number, true or false, a list or a table.")
