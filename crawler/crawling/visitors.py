"""What a second question tells of a site: what tells its visitors apart, and what it sends for what it doesn't have."""

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
"""What a session's value looks like: as long as nobody types it, with a digit; ``sid=4711`` names an article."""
_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?#;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE)
_MARK = re.compile(r"(?=\D*\d)[\w,.~-]{6,128}", re.ASCII)
"""What a mark of a visitor may look like under a name that says nothing; whether it is one, a second answer tells."""
_MIN_MARKED = 4
_MAX_VALUES = 2  # a page that was put together of kept parts holds the marks of two visitors; more tell things apart
_LOOKS = 3
_MAX_LINKS, _MAX_FIELDS = 500, 20  # of a page, and of each link

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
_ORIGIN = "exhibit_origin"


@dataclass(slots=True)
class _Look:
    """A page whose links carry what may be marks of a visitor is asked for once more."""

    marks: Mapping[str, tuple[str, set[str]]]  # by name the value, and the links that carry it, without it
    visits: list[Visit] = field(default_factory=list)  # those that wait for what it tells


class Visitors:
    """Learns by which names a site tells its visitors apart; ``send`` takes a request to Scrapy's engine.

    A name is such a mark when several links of one page carry it with one value that isn't in the address of the page
    itself, and a second answer to the same address has the same links with another value, or without any: so a page of
    which that is thought is asked for twice, and nothing of its site is followed before the second answer.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl = crawl
        self._send = send
        self._is_mark: defaultdict[str, dict[str, bool]] = defaultdict(dict)  # by origin and name
        self._looks: dict[str, _Look] = {}  # under way, by origin
        self._asked: Counter[str] = Counter()  # by origin

    def consider(self, visit: Visit) -> None:
        """A page's links are there: they wait while it isn't known which of their fields are marks."""
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
        """The line with its links as any visitor has them, as far as the marks of their sites are known."""
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
                self._is_mark[origin] |= _told(look, document, origin)
        finally:
            _release(look)

    def _failed(self, failure: Failure) -> None:
        _release(self._looks.pop(failure.request.meta[_ORIGIN]))  # type: ignore[attr-defined] # Scrapy adds it


class Missing:
    """Asks each site once for an address that nobody has; ``send`` takes a request to Scrapy's engine.

    A status says nothing: many send 200 (Bar-Yossef et al., "Sic transit gloria telae", WWW 2004).
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send
        self._texts: dict[str, str] = {}  # fingerprint by origin; empty while it isn't known, or there is none

    def sends(self, line: PageLine) -> bool:
        """Whether a page that repeats another is like what its site sends for what it doesn't have.

        The first such page lets the site be asked, so that a site without any isn't asked.
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
        """What a site sends for an address that can't exist has come."""
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
    """The page that was answered, or ``None`` where it isn't one, or no more bytes may be taken."""
    job = crawl.job
    if response.status == 200 and crawl.budget.take("bytes", len(response.body)):
        with suppress(RefusedError):
            return read_document(response, Kind.PAGE, job.limits.max_page_bytes, job.user_agent.token)[1]
    return None


def _told(look: _Look, document: Document, origin: str) -> dict[str, bool]:
    """What a second answer tells of each name: whether its links are the same, but for that field."""
    urls = {found.url for found in document.links if found.kind is Kind.PAGE}
    fields = _fields(urls, origin)
    return {
        name: 2 * len(bare & _without(name, urls)) >= len(bare) and value not in fields[name]
        for name, (value, bare) in look.marks.items()
    }


def for_anybody(url: str, marks: Collection[str] = ()) -> str:
    """The address of a page as any visitor has it, also without fields of these names; all else stays in its order."""
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    read = read_url(url)
    if read is None:
        return url
    path, asked = _IN_PATH.sub("", read.pathname), read.search[1:]
    kept = [one for one in asked.split("&") if not (_is_of_a_visitor(one) or one.partition("=")[0] in marks)]
    query = "&".join(kept)
    if (path, query) == (read.pathname, asked):
        return url
    read.pathname, read.search = path, query
    return read.href


def modified(document: Document, links: Iterable[Link]) -> dict[str, datetime]:
    """When links changed last, of which the document says so."""
    told = {for_anybody(found.url): found.modified for found in document.links if found.modified}
    return {link.url: parse_rfc3339(told[link.url]) for link in links if link.url in told}


def _is_of_a_visitor(field: str) -> bool:
    name, _, value = field.partition("=")
    return bool(_CAMPAIGN.fullmatch(name) or (_SESSION.fullmatch(name) and _ID.fullmatch(value)))


def _release(look: _Look) -> None:
    for visit in look.visits:
        visit.release()


def _without(name: str, urls: Iterable[str]) -> set[str]:
    return {for_anybody(url, [name]) for url in urls}


def _fields(urls: Iterable[str], origin: str) -> defaultdict[str, dict[str, set[str]]]:
    """The fields in queries of a site's own pages, by name and value the addresses; of many links the first ones."""
    found: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for url in islice((url for url in urls if "?" in url and url.startswith(f"{origin}/")), _MAX_LINKS):
        for text in query_of(url).split("&", _MAX_FIELDS)[:_MAX_FIELDS]:
            name, _, value = text.partition("=")
            found[name][value].add(url)
    return found
