"""Client for Common Crawl: one index per crawl, queried in sequence from the oldest; records are in WARC files.

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

from crawler.archives.cdx import Capture, CapturePage, CaptureQuery, is_file_name, parse_fields, parse_statement
from crawler.archives.index_client import IndexClient, StatusCodes
from exhibit.network.addresses import get_url_origin

NAME: Final = "common-crawl"
TITLE: Final = "Common Crawl"
REQUEST_INTERVAL_SECONDS = 2.0
"""Minimum time between two requests to the index, which many clients share."""
STATUSES: Final = StatusCodes(busy=(403, 429, 503), back_off=300.0)
"""403: the content network blocks clients that send too many requests; no domain is withheld."""
MAX_LINES = 100_000
"""Limit for the lines of one page of a response; five blocks of 3,000 are usual."""
_INDEX_NAME = re.compile(r"CC-MAIN-[0-9A-Za-z-]{1,40}")
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
        reserve_turn: Callable[[float], float] | None = None,
    ) -> None:
        self.seconds = REQUEST_INTERVAL_SECONDS if seconds is None else seconds
        self._url, self._data_url = url.rstrip("/"), data_url.rstrip("/")
        self._client = IndexClient(session, TITLE, self.seconds, STATUSES, reserve_turn)
        self._cached_indexes: tuple[Index, ...] = ()

    def _find_indexes(self, query: CaptureQuery) -> list[Index]:
        """Return the indexes whose period overlaps the query, oldest first."""
        if not self._cached_indexes:
            self._cached_indexes = tuple(sorted(self._fetch_indexes(), key=lambda index: index.begin))
        latest = query.until.ljust(14, "9") if query.until else "9" * 14
        return [index for index in self._cached_indexes if index.end >= query.since and index.begin <= latest]

    def fetch_captures(self, query: CaptureQuery, page: str = "") -> CapturePage:
        """Return one page of one index; if the index has no matches, an empty page that names the next index."""
        indexes = self._find_indexes(query)
        name, _, page_position = page.partition(" ")
        index_position = next((number for number, candidate in enumerate(indexes) if candidate.name == name), None)
        if not indexes:
            return CapturePage((), 0, "")
        if index_position is None:  # First request, or the index no longer exists.
            index_position, page_position = 0, ""
        index, next_index = (
            indexes[index_position],
            indexes[index_position + 1].name if index_position + 1 < len(indexes) else "",
        )
        number, _, count = page_position.partition(" ")
        if not count.isdecimal():
            pages = self._count_pages(index, query)
            return CapturePage((), 0, f"{index.name} 0 {pages}" if pages else next_index)
        captures, unread_lines = self._fetch_page(index, query, int(number))
        has_more = int(number) + 1 < int(count)
        return CapturePage(
            captures, unread_lines, f"{index.name} {int(number) + 1} {count}" if has_more else next_index
        )

    def count_indexes(self, query: CaptureQuery) -> int:
        """Return the number of crawls, each with an index, whose period overlaps the query."""
        return len(self._find_indexes(query))

    def _fetch_indexes(self) -> Iterator[Index]:
        status, body = self._client.get(f"{self._url}/collinfo.json", [])
        value = _parse_json(body) if status == 200 else None
        if not isinstance(value, list):
            raise self._client.make_format_error()
        for item in value:
            entry = item if isinstance(item, dict) else {}
            name = str(entry.get("id", ""))
            try:
                url = urljoin(f"{self._url}/", str(entry.get("cdx-api", "")))
            except ValueError:
                continue
            if not _INDEX_NAME.fullmatch(name) or get_url_origin(url) != get_url_origin(self._url):
                continue  # Requests go only to the host that the operator has configured.
            begin, end = ("".join(_DIGITS.findall(str(entry.get(field, ""))))[:14] for field in ("from", "to"))
            yield Index(name, url, begin.ljust(14, "0"), (end or "9").ljust(14, "9"))

    def _count_pages(self, index: Index, query: CaptureQuery) -> int:
        status, body = self._client.get(index.url, [*self._build_parameters(query), ("showNumPages", "true")])
        if status != 200:
            return 0
        value = _parse_json(body)
        pages = value.get("pages") if isinstance(value, dict) else value
        if not isinstance(pages, int) or isinstance(pages, bool) or not 0 <= pages <= 10**9:
            raise self._client.make_format_error()
        return pages

    def _fetch_page(self, index: Index, query: CaptureQuery, number: int) -> tuple[tuple[Capture, ...], int]:
        status, body = self._client.get(index.url, [*self._build_parameters(query), ("page", str(number))])
        if status != 200:  # 404: no captures; 400: the index has fewer pages by now
            return (), 0
        lines = [line for line in body.decode("utf-8", "replace").split("\n") if line.strip()]
        captures, is_cdx_response = [], False
        for line in lines:
            try:
                fields = parse_fields(line, ())
            except ValueError:
                continue
            is_cdx_response = is_cdx_response or bool(fields["url"] and fields["timestamp"])
            mime, statement = fields["mime"].lower(), parse_statement(NAME, fields)
            is_wanted = fields["status"] == "200" and (not query.only_pictures or mime.startswith("image/"))
            if statement is None or not statement.length or not is_wanted or not is_file_name(fields["filename"]):
                continue
            record_url = f"{self._data_url}/{fields['filename']}"
            captures.append(Capture(statement=statement, url=fields["url"], record_url=record_url, media_type=mime))
        if (lines and not is_cdx_response) or len(lines) > MAX_LINES:
            raise self._client.make_format_error()
        return tuple(captures), len(lines) - len(captures)

    @staticmethod
    def _build_parameters(query: CaptureQuery) -> list[tuple[str, str]]:
        parameters = [("url", f"*.{query.url}" if query.whole_domain else query.url), ("output", "json")]
        parameters += [("filter", "=status:200")]
        parameters += [("filter", "~mime:image/.*")] if query.only_pictures else []
        return parameters + [(name, value) for name, value in (("from", query.since), ("to", query.until)) if value]


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
