"""Second requests to a site, which detect visitor-specific URL parameters and pages sent for missing content."""

import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from scrapy import Request
from twisted.python.failure import Failure

from crawler.fetching.answers import Response, ask
from crawler.fetching.documents import read_document
from crawler.fetching.gate import STAYS_IN_SCOPE
from crawler.formats.job import Kind, Link
from crawler.formats.lines import PageLine
from crawler.reading.found import Document
from crawler.state.crawl import Crawl
from crawler.state.novelty import is_near
from crawler.state.visit import Visit
from exhibit.clock import parse_rfc3339
from exhibit.errors import RefusedError
from exhibit.network.addresses import origin_of, query_of, read_url

_CAMPAIGN = re.compile(
    r"(?:utm_\w+|hsa_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|oly_(?:anon|enc)_id|mc_[ce]id|vero_id|mkt_tok|"
    r"fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igsh(?:id)?|srsltid|_ga|_gl|_hsenc|_hsmi)",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"(?:php|j|asp\.net_|ci_|laravel_|my|user_?)?sess(?:ion)?_?(?:id|key)?|(?:os|zen|xtc|phpbb3?_)?c?sid|zenid|"
    r"cf(?:id|token)|aspsessionid\w+",
    re.IGNORECASE,
)
_ID = re.compile(r"(?=\D*\d)[0-9a-z,]{16,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""Form of a session id: long, with a digit; ``sid=4711``, by contrast, may identify an article."""
_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?#;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE)
_MARK = re.compile(r"(?=\D*\d)[\w,.~-]{6,128}", re.ASCII)
"""Form that a visitor mark may have under an unspecific name; a second response shows whether it is one."""
_MIN_MARKED = 4
_MAX_VALUES = 2  # a page assembled from cached parts may have the marks of two visitors; more are no marks
_LOOKS = 3
_MAX_LINKS, _MAX_FIELDS = 500, 20  # per page, and per link

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
_ORIGIN = "exhibit_origin"


@dataclass(slots=True)
class _Look:
    """A page that is requested once more, as its links contain possible visitor marks."""

    marks: Mapping[str, tuple[str, set[str]]]  # by name: the value, and the links with it, without the mark
    visits: list[Visit] = field(default_factory=list)  # visits that wait for the result


class Visitors:
    """Learns the names of URL parameters by which a site marks visitors.

    A name is a mark if several links of one page have it with the same value, which is not in the page's own URL, and a
    second response for the same URL has the same links with another value, or without it. A page with possible marks is
    therefore requested twice, and no link of its site is followed before the second response.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl = crawl
        self._send = send
        self._is_mark: defaultdict[str, dict[str, bool]] = defaultdict(dict)  # by origin and name
        self._looks: dict[str, _Look] = {}  # in progress, by origin
        self._asked: Counter[str] = Counter()  # by origin

    def consider(self, visit: Visit) -> None:
        """Hold the links of a page until it is known which of their parameters are visitor marks."""
        url = visit.facts.final_url
        origin = origin_of(url)
        fields = _fields([link.url for link in visit.links if link.kind is Kind.PAGE], origin)
        is_mark = self._is_mark[origin]
        is_mark |= {name: False for name in is_mark if len(fields[name]) > _MAX_VALUES}
        if look := self._looks.get(origin):
            visit.hold()
            look.visits.append(visit)
            return
        marks = {
            name: (value, bare)
            for name, values in fields.items()
            for value, urls in values.items()
            if len(values) == 1
            and name not in is_mark
            and _MARK.fullmatch(value)
            and value not in url
            and len(bare := _without(name, urls)) >= _MIN_MARKED
        }
        if marks and self._asked[origin] < _LOOKS and self._crawl.budget.has_visits:
            self._asked[origin] += 1
            visit.hold()
            self._looks[origin] = _Look(marks, [visit])
            _ask_again(self._crawl, self._send, url, self._arrived, self._failed)

    def without_marks(self, line: PageLine) -> PageLine:
        """Return the line with its links stripped of all known visitor marks."""
        cleaned = {link.url: for_anybody(link.url, self._marks_of(link.url)) for link in line.links}
        links: dict[str, Link] = {}
        for link in line.links:
            links.setdefault(cleaned[link.url], replace(link, url=cleaned[link.url]))
        modified = {cleaned.get(url, url): at for url, at in line.modified.items()}
        return replace(line, links=tuple(links.values()), modified=modified)

    def _marks_of(self, url: str) -> list[str]:
        is_mark = self._is_mark.get(origin_of(url), {})
        return [name for name in is_mark if is_mark[name]]

    def _arrived(self, response: Response) -> None:
        origin = response.meta[_ORIGIN]
        look = self._looks.pop(origin)
        try:
            if document := _answer(self._crawl, response):
                self._is_mark[origin] |= _signals_of(look, document, origin)
        finally:
            _release(look)

    def _failed(self, failure: Failure) -> None:
        _release(self._looks.pop(failure.request.meta[_ORIGIN]))  # type: ignore[attr-defined] # Scrapy adds it


class Missing:
    """Requests a URL that cannot exist from each site, once, to learn its page for missing content.

    The status is not sufficient: many sites send 200 (Bar-Yossef et al., "Sic transit gloria telae", WWW 2004).

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send
        self._texts: dict[str, str] = {}  # fingerprint by origin; empty while unknown, or if there is none

    def sends(self, line: PageLine) -> bool:
        """Return True if a page that repeats another resembles the site's page for missing content.

        The first such page triggers the request; sites without repeated pages get none.
        """
        origin = origin_of(line.final_url)
        if origin in self._texts:
            text = self._texts[origin]
            return bool(text) and is_near(int(text, 16), int(line.text, 16))
        self._texts[origin] = ""
        if self._crawl.budget.has_visits:
            url = f"{origin}/{secrets.token_hex(12)}"
            _ask_again(self._crawl, self._send, url, self.arrived, lambda _: None)
        return False

    def arrived(self, response: Response) -> None:
        """Store the page that a site sends for a URL that cannot exist."""
        if document := _answer(self._crawl, response):
            self._texts[response.meta[_ORIGIN]] = document.text


def _ask_again(
    crawl: Crawl,
    send: Callable[[Request], None],
    url: str,
    arrived: Callable[[Response], None],
    failed: Callable[[Failure], None],
) -> None:
    meta = {_ORIGIN: origin_of(url), STAYS_IN_SCOPE: True, "download_maxsize": crawl.job.limits.max_page_bytes}
    ask(send, url, arrived, failed, headers=crawl.headers(PAGE), meta=meta)


def _answer(crawl: Crawl, response: Response) -> Document | None:
    """Parse the page in a response; ``None`` if it is not a page, or the budget is exhausted."""
    job = crawl.job
    if response.status == 200 and crawl.budget.take("bytes", len(response.body)):
        with suppress(RefusedError):
            return read_document(response, Kind.PAGE, job.limits.max_page_bytes, job.user_agent.token)[1]
    return None


def _signals_of(look: _Look, document: Document, origin: str) -> dict[str, bool]:
    """Return whether each name is a visitor mark: a second response has the same links except for that field."""
    urls = {link.url for link in document.links if link.kind is Kind.PAGE}
    fields = _fields(urls, origin)
    return {
        name: 2 * len(bare & _without(name, urls)) >= len(bare) and value not in fields[name]
        for name, (value, bare) in look.marks.items()
    }


def for_anybody(url: str, marks: Collection[str] = ()) -> str:
    """Remove visitor parameters, and those named in ``marks``, from a URL; everything else keeps its order."""
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    parts = read_url(url)
    if parts is None:
        return url
    path, query_before = _IN_PATH.sub("", parts.pathname), parts.search[1:]
    fields = [
        parameter
        for parameter in query_before.split("&")
        if not (_is_of_a_visitor(parameter) or parameter.partition("=")[0] in marks)
    ]
    query = "&".join(fields)
    if (path, query) == (parts.pathname, query_before):
        return url
    parts.pathname, parts.search = path, query
    return parts.href


def modified(document: Document, links: Iterable[Link]) -> dict[str, datetime]:
    """Return when links last changed, for links whose date the document states."""
    dates = {for_anybody(link.url): link.modified for link in document.links if link.modified}
    return {link.url: parse_rfc3339(dates[link.url]) for link in links if link.url in dates}


def _is_of_a_visitor(field: str) -> bool:
    name, _, value = field.partition("=")
    return bool(_CAMPAIGN.fullmatch(name) or (_SESSION.fullmatch(name) and _ID.fullmatch(value)))


def _release(look: _Look) -> None:
    for visit in look.visits:
        visit.release()


def _without(name: str, urls: Iterable[str]) -> set[str]:
    return {for_anybody(url, [name]) for url in urls}


def _fields(urls: Iterable[str], origin: str) -> defaultdict[str, dict[str, set[str]]]:
    """Group the query parameters of a site's own links by name and value; of many links, only the first are used."""
    fields: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for url in islice((url for url in urls if "?" in url and url.startswith(f"{origin}/")), _MAX_LINKS):
        for text in query_of(url).split("&", _MAX_FIELDS)[:_MAX_FIELDS]:
            name, _, value = text.partition("=")
            fields[name][value].add(url)
    return fields
