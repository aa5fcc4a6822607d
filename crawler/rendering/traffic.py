"""Requests of a rendered page: the crawl sends each one under its own rules and passes the response to the browser.

Images, scripts, style sheets and requests of scripts are allowed, with GET only. Frames, other windows, fonts, videos,
streams, beacons and everything that sends data are refused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from playwright.async_api import Request as BrowserRequest, Route
from scrapy import Request

from crawler.fetching.images import ImageFetcher
from crawler.fetching.responses import Response, compute_referer, to_header_pairs
from crawler.formats.lines import Refusal
from crawler.reading.sniff import ContentKind, sniff
from crawler.state.crawl import Crawl
from exhibit.browser.loading import PageTraffic
from exhibit.network.addresses import remove_fragment
from exhibit.types import Headers

Download: TypeAlias = Callable[[Request], Awaitable[Any]]
"""Sends a request with Scrapy's downloader; raises the errors of its middlewares."""

SCRIPT_REQUEST_TYPES = frozenset({"xhr", "fetch"})
CACHED_TYPES = frozenset({"script", "stylesheet"})
"""Resource types that other pages of the job request again."""
_MAX_CACHE_BYTES = 32 << 20
_MIN_PICTURE_BYTES = 200
"""Minimum size in bytes: a smaller image that is requested but not shown is a tracking pixel."""
_MAX_NAVIGATION_TARGETS = 5  # stored navigation attempts of a page
_RESPONSE_HEADERS = frozenset({"content-type", "content-security-policy", "cross-origin-resource-policy"})
_REQUEST_HEADERS = frozenset({"accept", "origin", "x-requested-with"})
_BLANK_GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
"""A transparent one-pixel image (GIF89a), used if the bytes of a known image are not available."""


@dataclass(frozen=True, slots=True)
class BrowserResponse:
    """Response passed to the browser."""

    body: bytes
    headers: Mapping[str, str]
    status: int = 200


class AssetCache:
    """Cache of scripts and style sheets: each is requested once per job, up to a limit in bytes."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[BrowserResponse | None]] = {}
        self._sizes: OrderedDict[str, int] = OrderedDict()

    async def get(self, url: str, fetch: Callable[[], Awaitable[BrowserResponse | None]]) -> BrowserResponse | None:
        """Return the response for a URL; if the requesting page closes, the request continues for later pages."""
        task = self._tasks.get(url)
        if task is None:
            task = self._tasks[url] = asyncio.ensure_future(self._fetch_and_count(url, fetch))
        return await asyncio.shield(task)

    async def _fetch_and_count(
        self, url: str, fetch: Callable[[], Awaitable[BrowserResponse | None]]
    ) -> BrowserResponse | None:
        result = await fetch()
        self._sizes[url] = len(result.body) if result else 0
        while sum(self._sizes.values()) > _MAX_CACHE_BYTES:
            del self._tasks[self._sizes.popitem(last=False)[0]]
        return result


@dataclass(eq=False, repr=False)
class Traffic(PageTraffic):
    """All requests of one page, whose own response is already available. The page does not wait for its images."""

    crawl: Crawl
    images: ImageFetcher
    download: Download
    asset_cache: AssetCache
    document: Response | None  # the page's own response, until requested
    url: str
    pictures: dict[str, None] = field(default_factory=dict)  # URLs of requested images
    navigation_targets: list[str] = field(default_factory=list)  # URLs to which the page tried to navigate
    request_count: int = 0  # number of requests

    def _is_awaited(self, request: BrowserRequest) -> bool:
        return request.resource_type != "image"

    async def _respond(self, route: Route) -> None:
        result = await self._get_response(route.request)
        if result is None or self._closed:
            await route.abort("blockedbyclient")
        else:
            await route.fulfill(status=result.status, headers=dict(result.headers), body=result.body)

    async def _get_response(self, request: BrowserRequest) -> BrowserResponse | None:
        """Return the response for a request; ``None`` to refuse it."""
        kind, url = request.resource_type, remove_fragment(request.url)
        if self._closed or request.method != "GET" or not self._is_from_page(request):
            return None
        if request.is_navigation_request():
            return self._handle_navigation(request, url)
        if (
            kind not in CACHED_TYPES | SCRIPT_REQUEST_TYPES | {"image"}
            or self.request_count >= self.crawl.job.limits.render_page_requests
        ):
            return None
        self.request_count += 1
        if kind == "image":
            return await self._fetch_picture(url)
        headers = {name: value for name, value in request.headers.items() if name in _REQUEST_HEADERS}
        if kind in CACHED_TYPES:
            return await self.asset_cache.get(url, lambda: self._fetch(url, headers))
        result = await self._fetch(url, headers)
        if result is not None and result.status == 200 and sniff(result.body) is ContentKind.IMAGE:
            self.pictures[url] = None
        return result

    def _handle_navigation(self, request: BrowserRequest, url: str) -> BrowserResponse | None:
        if request.frame.parent_frame is not None:
            return None
        document, self.document = self.document, None
        if document is None:
            self.navigation_targets = [*self.navigation_targets, url][:_MAX_NAVIGATION_TARGETS]
            return None
        return BrowserResponse(document.body, _filter_headers(to_header_pairs(document.headers)), document.status)

    async def _fetch_picture(self, url: str) -> BrowserResponse | None:
        self.pictures[url] = None
        result = await self.images.fetch_for_page(url, self.url)
        if isinstance(result, Refusal):
            self.pictures.pop(url, None)
            return None
        body = None if result.not_modified else self.crawl.spool.get(result.digest)
        if body is not None and len(body) < _MIN_PICTURE_BYTES:
            self.pictures.pop(url, None)
        return BrowserResponse(
            body or _BLANK_GIF, _filter_headers(result.response_headers) if body else {"content-type": "image/gif"}
        )

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> BrowserResponse | None:
        return await fetch_resource(self.crawl, self.images, self.download, url, self.url, headers)


async def fetch_resource(
    crawl: Crawl, images: ImageFetcher, download: Download, url: str, page_url: str, headers: Mapping[str, str]
) -> BrowserResponse | None:
    """Fetch a URL that a page requests; ``None`` if there is no response or the budget is exhausted."""
    request_headers = crawl.build_headers(headers.get("accept", "*/*")) | {
        name.title(): value for name, value in headers.items() if name != "accept"
    }
    if referer := compute_referer(url, page_url):
        request_headers["Referer"] = referer
    meta = {"download_maxsize": crawl.job.limits.max_page_bytes}
    try:
        response = await download(Request(url, headers=request_headers, meta=meta, dont_filter=True))
    except Exception:  # noqa: BLE001 - Scrapy raises the errors of its handlers and middlewares; the page goes without
        return None
    if response.status == 200 and sniff(response.body) is ContentKind.IMAGE:
        images.store_if_image(response)
    elif not crawl.budget.reserve("bytes", len(response.body)):
        return None
    return BrowserResponse(response.body, _filter_headers(to_header_pairs(response.headers)), response.status)


def _filter_headers(headers: Headers) -> dict[str, str]:
    """Return the headers that the browser needs; cookies stay in the crawl."""
    lower_headers = [(name.lower(), value) for name, value in headers]
    return {
        name: value for name, value in lower_headers if name in _RESPONSE_HEADERS or name.startswith("access-control-")
    }
