"""The requests of a rendered page: each is made by the crawl, through its gate, and the browser is given the answer.

Pictures, scripts, style sheets and what scripts fetch are asked for, with GET alone. Frames, other windows, fonts,
films, streams, beacons and whatever else sends something are refused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from playwright.async_api import Request as Asked, Route
from scrapy import Request

from crawler.fetching.answers import Response, pairs, referer_of
from crawler.fetching.images import Images
from crawler.formats.lines import Refusal
from crawler.reading.sniff import Content, sniff
from crawler.state.crawl import Crawl
from exhibit.browser.loading import PageTraffic
from exhibit.network.addresses import without_fragment
from exhibit.types import Headers

Download: TypeAlias = Callable[[Request], Awaitable[Any]]
"""Makes a request with Scrapy's downloader; raises what its middlewares raise."""

SCRIPTED = frozenset({"xhr", "fetch"})
LASTING = frozenset({"script", "stylesheet"})
"""What other pages of the job ask for again."""
_KEPT_BYTES = 32 << 20
_SMALLEST = 200
"""Bytes: what is smaller and only asked for, not shown, counts visitors."""
_MOVES = 5  # of those that a page tries
_PASSED_ON = frozenset({"content-type", "content-security-policy", "cross-origin-resource-policy"})
_ASKED_WITH = frozenset({"accept", "origin", "x-requested-with"})
_BLANK = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
"""A transparent picture of one pixel (GIF89a), where the bytes of a known one aren't here."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the browser is answered."""

    body: bytes
    headers: Mapping[str, str]
    status: int = 200


class Lasting:
    """Scripts and style sheets that the job has fetched: each is asked for once, until there are too many bytes."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Given | None]] = {}
        self._sizes: OrderedDict[str, int] = OrderedDict()

    async def get(self, url: str, fetch: Callable[[], Awaitable[Given | None]]) -> Given | None:
        """What an address gives; a page that goes away leaves the request to those that come."""
        task = self._tasks.get(url)
        if task is None:
            task = self._tasks[url] = asyncio.ensure_future(self._counted(url, fetch))
        return await asyncio.shield(task)

    async def _counted(self, url: str, fetch: Callable[[], Awaitable[Given | None]]) -> Given | None:
        given = await fetch()
        self._sizes[url] = len(given.body) if given else 0
        while sum(self._sizes.values()) > _KEPT_BYTES:
            del self._tasks[self._sizes.popitem(last=False)[0]]
        return given


@dataclass(eq=False, repr=False)
class Traffic(PageTraffic):
    """All requests of one page, whose own answer is there already. Nobody waits for its pictures."""

    crawl: Crawl
    images: Images
    download: Download
    lasting: Lasting
    document: Response | None  # the page's own answer, until it is asked for
    url: str
    pictures: dict[str, None] = field(default_factory=dict)  # addresses under which images were asked for
    moves: list[str] = field(default_factory=list)  # where the page wanted to go
    asked: int = 0  # requests

    def _is_awaited(self, request: Asked) -> bool:
        return request.resource_type != "image"

    async def _answer(self, route: Route) -> None:
        given = await self._given(route.request)
        if given is None or self._closed:
            await route.abort("blockedbyclient")
        else:
            await route.fulfill(status=given.status, headers=dict(given.headers), body=given.body)

    async def _given(self, asked: Asked) -> Given | None:
        """The answer to a request; ``None`` when it is refused."""
        kind, url = asked.resource_type, without_fragment(asked.url)
        if self._closed or asked.method != "GET" or not self._is_of_page(asked):
            return None
        if asked.is_navigation_request():
            return self._navigated(asked, url)
        if kind not in LASTING | SCRIPTED | {"image"} or self.asked >= self.crawl.job.limits.render_page_requests:
            return None
        self.asked += 1
        if kind == "image":
            return await self._picture(url)
        headers = {name: value for name, value in asked.headers.items() if name in _ASKED_WITH}
        if kind in LASTING:
            return await self.lasting.get(url, lambda: self._fetch(url, headers))
        given = await self._fetch(url, headers)
        if given is not None and given.status == 200 and sniff(given.body) is Content.IMAGE:
            self.pictures[url] = None
        return given

    def _navigated(self, asked: Asked, url: str) -> Given | None:
        if asked.frame.parent_frame is not None:
            return None
        document, self.document = self.document, None
        if document is None:
            self.moves = [*self.moves, url][:_MOVES]
            return None
        return Given(document.body, _passed_on(pairs(document.headers)), document.status)

    async def _picture(self, url: str) -> Given | None:
        self.pictures[url] = None
        result = await self.images.fetched(url, self.url)
        if isinstance(result, Refusal):
            self.pictures.pop(url, None)
            return None
        body = None if result.not_modified else self.crawl.spool.get(result.digest)
        if body is not None and len(body) < _SMALLEST:
            self.pictures.pop(url, None)
        return Given(body or _BLANK, _passed_on(result.response_headers) if body else {"content-type": "image/gif"})

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Given | None:
        return await fetched(self.crawl, self.images, self.download, url, self.url, headers)


async def fetched(
    crawl: Crawl, images: Images, download: Download, url: str, page: str, headers: Mapping[str, str]
) -> Given | None:
    """What an address gives that a page asks for; ``None`` where nothing comes, or no more bytes may be taken."""
    sent = crawl.headers(headers.get("accept", "*/*")) | {
        name.title(): value for name, value in headers.items() if name != "accept"
    }
    if referer := referer_of(url, page):
        sent["Referer"] = referer
    meta = {"download_maxsize": crawl.job.limits.max_page_bytes}
    try:
        response = await download(Request(url, headers=sent, meta=meta, dont_filter=True))
    except Exception:  # noqa: BLE001 - Scrapy raises what its handlers and middlewares raise; the page goes without
        return None
    if response.status == 200 and sniff(response.body) is Content.IMAGE:
        images.take(response)
    elif not crawl.budget.take("bytes", len(response.body)):
        return None
    return Given(response.body, _passed_on(pairs(response.headers)), response.status)


def _passed_on(headers: Headers) -> dict[str, str]:
    """What the browser has to know of an answer; cookies stay with the crawl."""
    lower = [(name.lower(), value) for name, value in headers]
    return {name: value for name, value in lower if name in _PASSED_ON or name.startswith("access-control-")}
