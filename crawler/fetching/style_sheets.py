"""Fetching linked style sheets: each once in a job, and the sheets that it imports one level deep."""

from collections.abc import Callable

from scrapy import Request
from twisted.python.failure import Failure

from crawler.fetching.answers import Response, ask, header
from crawler.fetching.images import Images
from crawler.reading.found import FoundImage, absolute, is_visitable
from crawler.reading.helper import sheet_of
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit

SHEET = "exhibit_sheet"
SHEETS_PER_PAGE = 8

_MAX_BYTES = 1024 * 1024
_PRIORITY = 20
_DEEPEST = 1


class Sheets:
    """Fetches style sheets for visits, and wants their images; ``send`` takes a request to Scrapy's engine.

    A sheet that can't be had is no loss worth a line: it is left out.
    """

    def __init__(self, crawl: Crawl, images: Images, send: Callable[[Request], None]) -> None:
        self._crawl, self._images, self._send = crawl, images, send
        self._waiting: dict[str, list[tuple[Visit, int]]] = {}
        self._sheets: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}  # images and imported sheets

    def want(self, visit: Visit, url: str, level: int = 0) -> None:
        """Await the images of a sheet."""
        if url in self._sheets:
            self._use(visit, url, level)
            return
        waiting = self._waiting.setdefault(url, [])
        visit.hold()
        waiting.append((visit, level))
        if len(waiting) > 1:
            return
        headers, meta = self._crawl.headers("text/css,*/*;q=0.1"), {SHEET: url, "download_maxsize": _MAX_BYTES}
        if ask(self._send, url, self.arrived, self.failed, headers=headers, meta=meta, priority=_PRIORITY):
            self.settle(url)

    def arrived(self, response: Response) -> None:
        """A sheet has come."""
        url, body = response.meta[SHEET], response.body
        if response.status != 200 or not self._crawl.budget.take("bytes", len(body)):
            self.settle(url)
            return
        named, called = sheet_of(body, header(response, "Content-Type"))
        found = (absolute(response.url, address) for address in named)
        imported = (absolute(response.url, address) for address in called)
        images = tuple(dict.fromkeys(address for address in found if address))
        imports = tuple(dict.fromkeys(address for address in imported if is_visitable(address)))[:SHEETS_PER_PAGE]
        self.settle(url, images, imports)

    def failed(self, failure: Failure) -> None:
        """A sheet hasn't come."""
        self.settle(failure.request.meta[SHEET])  # type: ignore[attr-defined] # Scrapy adds it

    def settle(self, url: str, images: tuple[str, ...] = (), imports: tuple[str, ...] = ()) -> None:
        """What is known of a sheet now."""
        self._sheets[url] = images, imports
        for visit, level in self._waiting.pop(url, ()):
            if not visit.is_over:
                self._use(visit, url, level)
                visit.release()

    def _use(self, visit: Visit, url: str, level: int) -> None:
        images, imports = self._sheets[url]
        for address in images:
            self._images.want(visit, FoundImage(address, "css"))
        if level < _DEEPEST:
            for address in imports:
                self.want(visit, address, level + 1)
