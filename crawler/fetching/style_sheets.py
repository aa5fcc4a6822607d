"""Fetch linked and imported style sheets, each once per job."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scrapy import Request
from twisted.python.failure import Failure

from crawler.fetching.answers import Response, ask, header
from crawler.fetching.images import Images
from crawler.reading.found import FoundImage, absolute, is_visitable
from crawler.reading.helper import sheet_of
from crawler.reading.limits import IMPORTED_SHEETS, STYLE_SHEET_BYTES, STYLE_SHEETS, LeftOut
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, registrable_domain

SHEET = "exhibit_sheet"

_GONE_STATUSES = (404, 410)
"""Statuses of missing sheets, which have no images for any visitor."""
_PRIORITY = 20


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Images and imports of a style sheet, as far as it could be read."""

    images: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    is_unread: bool = False


_UNREAD = _Sheet(is_unread=True)


class Sheets:
    """Fetches style sheets for visits, and requests their images.

    Sheets beyond the limits and unreadable sheets are counted for the first visit that names them.

    Args:
        crawl: The running crawl.
        images: Fetches the images.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, images: Images, send: Callable[[Request], None]) -> None:
        self._crawl, self._images, self._send = crawl, images, send
        self._waiting: dict[str, list[Visit]] = {}
        self._sheets: dict[str, _Sheet] = {}
        self._left_out: set[str] = set()

    def want(self, visit: Visit, urls: Iterable[str]) -> None:
        """Request the images of the sheets that a page links, first those on its own host, then those of its site."""
        own = host_of(visit.facts.final_url)
        site = registrable_domain(own)
        new = sorted(
            (url for url in dict.fromkeys(urls) if url not in visit.sheets),
            key=lambda url: (host_of(url) != own, registrable_domain(host_of(url)) != site),
        )
        room = max(0, STYLE_SHEETS - len(visit.sheets) + visit.imported_sheets)
        for url in new[:room]:
            self._want(visit, url)
        self._leave_out(visit, new[room:], LeftOut.STYLE_SHEETS)

    def _want(self, visit: Visit, url: str) -> None:
        visit.sheets.add(url)
        if url in self._sheets:
            self._use(visit, url)
            return
        callbacks = self._waiting.setdefault(url, [])
        visit.hold()
        callbacks.append(visit)
        if len(callbacks) > 1:
            return
        headers, meta = self._crawl.headers("text/css,*/*;q=0.1"), {SHEET: url, "download_maxsize": STYLE_SHEET_BYTES}
        if ask(self._send, url, self.arrived, self.failed, headers=headers, meta=meta, priority=_PRIORITY):
            self.settle(url)

    def arrived(self, response: Response) -> None:
        """Handle the response for a sheet."""
        url, body = response.meta[SHEET], response.body
        if response.status != 200 or not self._crawl.budget.take("bytes", len(body)):
            self.settle(url, _Sheet() if response.status in _GONE_STATUSES else _UNREAD)
            return
        try:
            image_addresses, import_addresses = sheet_of(body, header(response, "Content-Type"))
        except RefusedError:
            self.settle(url)
            return
        image_urls = (absolute(response.url, address) for address in image_addresses)
        import_urls = (absolute(response.url, address) for address in import_addresses)
        images = tuple(dict.fromkeys(address for address in image_urls if address))
        imports = tuple(dict.fromkeys(address for address in import_urls if is_visitable(address)))
        self.settle(url, _Sheet(images, imports))

    def failed(self, failure: Failure) -> None:
        """Handle a failed request for a sheet."""
        self.settle(failure.request.meta[SHEET])  # type: ignore[attr-defined] # Scrapy adds it

    def settle(self, url: str, sheet: _Sheet = _UNREAD) -> None:
        """Record the contents of a sheet; by default, that it could not be read."""
        self._sheets[url] = sheet
        for visit in self._waiting.pop(url, ()):
            if not visit.is_over:
                self._use(visit, url)
                visit.release()

    def _use(self, visit: Visit, url: str) -> None:
        sheet = self._sheets[url]
        if sheet.is_unread:
            self._leave_out(visit, [url], LeftOut.UNREAD_SHEETS)
        for address in sheet.images:
            self._images.want(visit, FoundImage(address, "css"))
        for address in sheet.imports:
            if address in visit.sheets:
                continue
            if visit.imported_sheets >= IMPORTED_SHEETS:
                self._leave_out(visit, [address], LeftOut.STYLE_SHEETS)
            else:
                visit.imported_sheets += 1
                self._want(visit, address)

    def _leave_out(self, visit: Visit, urls: Iterable[str], what: LeftOut) -> None:
        """Count omitted sheets, each once per job, however many pages name them."""
        new = set(urls) - self._left_out
        self._left_out |= new
        visit.leave_out({what: len(new)})
