"""Additional requests to a site that detect visitor-specific URL parameters and pages sent for missing content."""

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

from crawler.fetching.documents import read_document
from crawler.fetching.gate import STAYS_IN_SCOPE
from crawler.fetching.responses import Response, send_request
from crawler.formats.job import Kind, Link
from crawler.formats.lines import PageLine
from crawler.reading.document import Document
from crawler.state.crawl import Crawl
from crawler.state.novelty import is_near_duplicate
from crawler.state.visit import Visit
from exhibit.clock import parse_rfc3339
from exhibit.errors import RefusedError
from exhibit.network.addresses import get_url_origin, get_url_query, parse_url

_CAMPAIGN_PARAMETER = re.compile(
    r"(?:utm_\w+|hsa_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|oly_(?:anon|enc)_id|mc_[ce]id|vero_id|mkt_tok|"
    r"fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igsh(?:id)?|srsltid|_ga|_gl|_hsenc|_hsmi)",
    re.IGNORECASE,
)
_SESSION_PARAMETER = re.compile(
    r"(?:php|j|asp\.net_|ci_|laravel_|my|user_?)?sess(?:ion)?_?(?:id|key)?|(?:os|zen|xtc|phpbb3?_)?c?sid|zenid|"
    r"cf(?:id|token)|aspsessionid\w+",
    re.IGNORECASE,
)
_SESSION_ID = re.compile(r"(?=\D*\d)[0-9a-z,]{16,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""Form of a session id: long, with a digit; ``sid=4711``, by contrast, may identify an article."""
_SESSION_IN_PATH = re.compile(
    r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?#;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE
)
_VISITOR_VALUE = re.compile(r"(?=\D*\d)[\w,.~-]{6,128}", re.ASCII)
"""Form of a possible visitor id in a parameter with an unspecific name; a second response is needed to confirm it."""
_MIN_LINKS = 4
_MAX_VALUES = 2  # a page assembled from cached parts may contain the values of two visitors, but not of more
_MAX_REPEATS = 3
_MAX_LINKS, _MAX_FIELDS = 500, 20  # per page, and per link

PAGE_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
_ORIGIN = "exhibit_origin"


@dataclass(slots=True)
class _RepeatedPage:
    """A page that is requested again because its links contain possible visitor parameters."""

    candidates: Mapping[str, tuple[str, set[str]]]
    """By name: its value, and the links that contain the parameter, after its removal."""
    visits: list[Visit] = field(default_factory=list)  # visits that need the result


class VisitorParameterDetector:
    """Detects URL parameters that identify the visitor, such as session ids.

    A parameter identifies the visitor if several links of one page have it with the same value, which is not in the
    page's own URL, and a second response for the same URL has the same links with another value or without the
    parameter. A page with possible visitor parameters is therefore requested twice, and no link of its site is followed
    before the second response.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl = crawl
        self._send = send
        self._is_visitor_parameter: defaultdict[str, dict[str, bool]] = defaultdict(dict)  # by origin and name
        self._repeated_pages: dict[str, _RepeatedPage] = {}  # in progress, by origin
        self._repeat_counts: Counter[str] = Counter()  # by origin

    def detect_parameters(self, visit: Visit) -> None:
        """Hold the links of a page until it is known which of their parameters identify the visitor."""
        url = visit.facts.final_url
        origin = get_url_origin(url)
        fields = _group_parameters([link.url for link in visit.links if link.kind is Kind.PAGE], origin)
        known_parameters = self._is_visitor_parameter[origin]
        known_parameters |= {name: False for name in known_parameters if len(fields[name]) > _MAX_VALUES}
        if repeated_page := self._repeated_pages.get(origin):
            visit.hold()
            repeated_page.visits.append(visit)
            return
        candidates = {
            name: (value, bare_urls)
            for name, values in fields.items()
            for value, urls in values.items()
            if len(values) == 1
            and name not in known_parameters
            and _VISITOR_VALUE.fullmatch(value)
            and value not in url
            and len(bare_urls := _remove_parameter(name, urls)) >= _MIN_LINKS
        }
        if candidates and self._repeat_counts[origin] < _MAX_REPEATS and self._crawl.budget.has_pages_left:
            self._repeat_counts[origin] += 1
            visit.hold()
            self._repeated_pages[origin] = _RepeatedPage(candidates, [visit])
            _send_request(self._crawl, self._send, url, self._handle_response, self._handle_failure)

    def clean_links(self, line: PageLine) -> PageLine:
        """Return the line with all known visitor parameters removed from its links."""
        cleaned_urls = {
            link.url: remove_visitor_parameters(link.url, self._get_parameters(link.url)) for link in line.links
        }
        links: dict[str, Link] = {}
        for link in line.links:
            links.setdefault(cleaned_urls[link.url], replace(link, url=cleaned_urls[link.url]))
        modified = {cleaned_urls.get(url, url): modified_at for url, modified_at in line.modified.items()}
        return replace(line, links=tuple(links.values()), modified=modified)

    def _get_parameters(self, url: str) -> list[str]:
        known_parameters = self._is_visitor_parameter.get(get_url_origin(url), {})
        return [name for name in known_parameters if known_parameters[name]]

    def _handle_response(self, response: Response) -> None:
        origin = response.meta[_ORIGIN]
        repeated_page = self._repeated_pages.pop(origin)
        try:
            if document := _parse_response(self._crawl, response):
                self._is_visitor_parameter[origin] |= _compare_links(repeated_page, document, origin)
        finally:
            _release_visits(repeated_page)

    def _handle_failure(self, failure: Failure) -> None:
        _release_visits(self._repeated_pages.pop(failure.request.meta[_ORIGIN]))  # type: ignore[attr-defined] # Scrapy adds it


class MissingPageDetector:
    """Requests a URL that cannot exist from each site, once, to learn its page for missing content.

    The status is not sufficient: many sites send 200 (Bar-Yossef et al., "Sic transit gloria telae", WWW 2004).

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send
        self._texts: dict[str, str] = {}  # fingerprint by origin; empty while unknown, or if there is none

    def is_missing_page(self, line: PageLine) -> bool:
        """Return True if a page that repeats another one is the site's page for missing content.

        The first repeated page triggers the request; sites without repeated pages receive none.
        """
        origin = get_url_origin(line.final_url)
        if origin in self._texts:
            text = self._texts[origin]
            return bool(text) and is_near_duplicate(int(text, 16), int(line.text, 16))
        self._texts[origin] = ""
        if self._crawl.budget.has_pages_left:
            url = f"{origin}/{secrets.token_hex(12)}"
            _send_request(self._crawl, self._send, url, self.handle_response, lambda _: None)
        return False

    def handle_response(self, response: Response) -> None:
        """Store the page that a site sends for a URL that cannot exist."""
        if document := _parse_response(self._crawl, response):
            self._texts[response.meta[_ORIGIN]] = document.text


def _send_request(
    crawl: Crawl,
    send: Callable[[Request], None],
    url: str,
    on_response: Callable[[Response], None],
    on_failure: Callable[[Failure], None],
) -> None:
    meta = {_ORIGIN: get_url_origin(url), STAYS_IN_SCOPE: True, "download_maxsize": crawl.job.limits.max_page_bytes}
    send_request(send, url, on_response, on_failure, headers=crawl.build_headers(PAGE_ACCEPT), meta=meta)


def _parse_response(crawl: Crawl, response: Response) -> Document | None:
    """Parse the page in a response; ``None`` if it is not a page, or the budget is exhausted."""
    job = crawl.job
    if response.status == 200 and crawl.budget.reserve("bytes", len(response.body)):
        with suppress(RefusedError):
            return read_document(response, Kind.PAGE, job.limits.max_page_bytes, job.user_agent.token)[1]
    return None


def _compare_links(repeated_page: _RepeatedPage, document: Document, origin: str) -> dict[str, bool]:
    """Map each parameter name to True if it identifies the visitor.

    In that case, the second response has the same links except for the parameter's value.
    """
    urls = {link.url for link in document.links if link.kind is Kind.PAGE}
    fields = _group_parameters(urls, origin)
    return {
        name: 2 * len(bare_urls & _remove_parameter(name, urls)) >= len(bare_urls) and value not in fields[name]
        for name, (value, bare_urls) in repeated_page.candidates.items()
    }


def remove_visitor_parameters(url: str, parameter_names: Collection[str] = ()) -> str:
    """Remove visitor parameters, and those in ``parameter_names``, from a URL; the others keep their order."""
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    parts = parse_url(url)
    if parts is None:
        return url
    path, original_query = _SESSION_IN_PATH.sub("", parts.pathname), parts.search[1:]
    fields = [
        parameter
        for parameter in original_query.split("&")
        if not (_names_visitor(parameter) or parameter.partition("=")[0] in parameter_names)
    ]
    query = "&".join(fields)
    if (path, query) == (parts.pathname, original_query):
        return url
    parts.pathname, parts.search = path, query
    return parts.href


def get_modified_dates(document: Document, links: Iterable[Link]) -> dict[str, datetime]:
    """Return the modification times of links, for links whose date the document states."""
    dates = {remove_visitor_parameters(link.url): link.modified for link in document.links if link.modified}
    return {link.url: parse_rfc3339(dates[link.url]) for link in links if link.url in dates}


def _names_visitor(field: str) -> bool:
    name, _, value = field.partition("=")
    return bool(
        _CAMPAIGN_PARAMETER.fullmatch(name) or (_SESSION_PARAMETER.fullmatch(name) and _SESSION_ID.fullmatch(value))
    )


def _release_visits(repeated_page: _RepeatedPage) -> None:
    for visit in repeated_page.visits:
        visit.release()


def _remove_parameter(name: str, urls: Iterable[str]) -> set[str]:
    return {remove_visitor_parameters(url, [name]) for url in urls}


def _group_parameters(urls: Iterable[str], origin: str) -> defaultdict[str, dict[str, set[str]]]:
    """Group a site's own links by the names and values of their query parameters, up to a limit of links."""
    fields: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for url in islice((url for url in urls if "?" in url and url.startswith(f"{origin}/")), _MAX_LINKS):
        for text in get_url_query(url).split("&", _MAX_FIELDS)[:_MAX_FIELDS]:
            name, _, value = text.partition("=")
            fields[name][value].add(url)
    return fields
