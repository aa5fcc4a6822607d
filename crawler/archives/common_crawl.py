"""Common Crawl: one index per crawl, queried one after the other from the oldest; records are stored in WARC files.

https://index.commoncrawl.org lists the indexes in ``collinfo.json``. Each index is queried like pywb's CDX server
(https://pywb.readthedocs.io/en/latest/manual/cdxserver_api.html), page by page. A record is a separate gzip member and
can be fetched with a byte range request.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import requests

from crawler.archives.asking import Asking, Statuses
from crawler.archives.cdx import Capture, CaptureQuery, Page, fields_of, is_file_name, statement_of
from exhibit.network.addresses import origin_of

NAME: Final = "common-crawl"
TITLE: Final = "Common Crawl"
SECONDS = 2.0
"""Minimum time between two requests to the index, which many clients share."""
STATUSES: Final = Statuses(busy=(403, 429, 503), back_off=300.0)
"""403: the content network blocks clients that send too many requests; no domain is withheld."""
MAX_LINES = 100_000
"""Limit for the lines of one page of a response; five blocks of 3,000 are usual."""
_ID = re.compile(r"CC-MAIN-[0-9A-Za-z-]{1,40}")
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Index:
    """The index of one crawl."""

    name: str  # such as `CC-MAIN-2019-09`
    url: str  # URL that receives queries
    begin: str  # first and last capture time, as 14 digits
    end: str


class CommonCrawl:
    """Client for the indexes at one URL and the files at another. Implements ``crawler.archives.cdx.Archive``.

    A page is identified by its index, its page number, and the number of pages of that index: ``CC-MAIN-2019-09 0 2``.
    """

    name, title = NAME, TITLE

    def __init__(
        self,
        session: requests.Session,
        url: str,
        data_url: str,
        seconds: float | None = None,
        turn: Callable[[float], float] | None = None,
    ) -> None:
        self.seconds = SECONDS if seconds is None else seconds
        self._url, self._data = url.rstrip("/"), data_url.rstrip("/")
        self._asking = Asking(session, TITLE, self.seconds, STATUSES, turn)
        self._known: tuple[Index, ...] = ()

    def _of(self, query: CaptureQuery) -> list[Index]:
        """Return the indexes whose period overlaps the query, oldest first."""
        if not self._known:
            self._known = tuple(sorted(self._indexes(), key=lambda index: index.begin))
        until = query.until.ljust(14, "9") if query.until else "9" * 14
        return [index for index in self._known if index.end >= query.since and index.begin <= until]

    def captures(self, query: CaptureQuery, page: str = "") -> Page:
        """Return one page of one index; if the index has no matches, an empty page that names the next index."""
        indexes = self._of(query)
        name, _, where = page.partition(" ")
        place = next((number for number, candidate in enumerate(indexes) if candidate.name == name), None)
        if not indexes:
            return Page((), 0, "")
        if place is None:  # First request, or the index no longer exists.
            place, where = 0, ""
        index, following = indexes[place], indexes[place + 1].name if place + 1 < len(indexes) else ""
        number, _, count = where.partition(" ")
        if not count.isdecimal():
            pages = self._count(index, query)
            return Page((), 0, f"{index.name} 0 {pages}" if pages else following)
        captures, unread = self._page(index, query, int(number))
        goes_on = int(number) + 1 < int(count)
        return Page(captures, unread, f"{index.name} {int(number) + 1} {count}" if goes_on else following)

    def indexes(self, query: CaptureQuery) -> int:
        """Return the number of crawls, each with an index, whose period overlaps the query."""
        return len(self._of(query))

    def _indexes(self) -> Iterator[Index]:
        status, body = self._asking.get(f"{self._url}/collinfo.json", [])
        value = _json(body) if status == 200 else None
        if not isinstance(value, list):
            raise self._asking.unreadable()
        for one in value:
            entry = one if isinstance(one, dict) else {}
            name = str(entry.get("id", ""))
            try:
                url = urljoin(f"{self._url}/", str(entry.get("cdx-api", "")))
            except ValueError:
                continue
            if not _ID.fullmatch(name) or origin_of(url) != origin_of(self._url):
                continue  # Requests go only to the host that the operator has configured.
            begin, end = ("".join(_DIGITS.findall(str(entry.get(end, ""))))[:14] for end in ("from", "to"))
            yield Index(name, url, begin.ljust(14, "0"), (end or "9").ljust(14, "9"))

    def _count(self, index: Index, query: CaptureQuery) -> int:
        status, body = self._asking.get(index.url, [*self._parameters(query), ("showNumPages", "true")])
        if status != 200:
            return 0
        value = _json(body)
        pages = value.get("pages") if isinstance(value, dict) else value
        if not isinstance(pages, int) or isinstance(pages, bool) or not 0 <= pages <= 10**9:
            raise self._asking.unreadable()
        return pages

    def _page(self, index: Index, query: CaptureQuery, number: int) -> tuple[tuple[Capture, ...], int]:
        status, body = self._asking.get(index.url, [*self._parameters(query), ("page", str(number))])
        if status != 200:  # 404: no captures; 400: the index has fewer pages by now
            return (), 0
        lines = [line for line in body.decode("utf-8", "replace").split("\n") if line.strip()]
        captures, are_cdx = [], False
        for line in lines:
            try:
                fields = fields_of(line, ())
            except ValueError:
                continue
            are_cdx = are_cdx or bool(fields["url"] and fields["timestamp"])
            mime, statement = fields["mime"].lower(), statement_of(NAME, fields)
            is_wanted = fields["status"] == "200" and (not query.pictures or mime.startswith("image/"))
            if statement is None or not statement.length or not is_wanted or not is_file_name(fields["filename"]):
                continue
            record = f"{self._data}/{fields['filename']}"
            captures.append(Capture(statement=statement, url=fields["url"], record=record, media_type=mime))
        if (lines and not are_cdx) or len(lines) > MAX_LINES:
            raise self._asking.unreadable()
        return tuple(captures), len(lines) - len(captures)

    @staticmethod
    def _parameters(query: CaptureQuery) -> list[tuple[str, str]]:
        parameters = [("url", f"*.{query.url}" if query.whole_domain else query.url), ("output", "json")]
        parameters += [("filter", "=status:200")]
        parameters += [("filter", "~mime:image/.*")] if query.pictures else []
        return parameters + [(name, value) for name, value in (("from", query.since), ("to", query.until)) if value]


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
