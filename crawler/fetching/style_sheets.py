"""Fetch linked and imported style sheets, each once per job, and conditionally if an earlier job fetched them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from scrapy import Request
from twisted.python.failure import Failure

from crawler.fetching.images import ImageFetcher
from crawler.fetching.responses import Response, get_header, send_request
from crawler.formats.job import StyleSheet
from crawler.reading.document import FoundImage, is_visitable, resolve_url
from crawler.reading.helper import parse_sheet
from crawler.reading.limits import MAX_IMPORTED_SHEETS, MAX_STYLE_SHEET_BYTES, MAX_STYLE_SHEETS, OmittedItem
from crawler.state.crawl import Crawl, build_conditional_headers
from crawler.state.visit import Visit
from exhibit.errors import RefusedError
from exhibit.network.addresses import get_registrable_domain, get_url_host

SHEET = "exhibit_sheet"

_GONE_STATUSES = (404, 410)
"""Statuses of missing sheets, which have no images for any visitor."""
_PRIORITY = 20
MAX_REPORTED_LENGTH = 64 * 1024
"""Maximum total length of the URLs in a sheet that the next job requests conditionally."""


class StyleSheetFetcher:
    """Fetches style sheets for visits, and requests their images.

    Sheets beyond the limits and unreadable sheets are counted for the first visit that names them.

    Args:
        crawl: The running crawl.
        images: Fetches the images.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, images: ImageFetcher, send: Callable[[Request], None]) -> None:
        self._crawl, self._images, self._send = crawl, images, send
        self._pending_visits: dict[str, list[Visit]] = {}
        self._sheets: dict[str, StyleSheet | None] = {}  # by URL; None if it could not be read
        self._omitted_urls: set[str] = set()

    def request_sheets(self, visit: Visit, urls: Iterable[str]) -> None:
        """Request the images in the sheets linked by a page: first sheets on its own host, then those of its site."""
        page_host = get_url_host(visit.facts.final_url)
        site = get_registrable_domain(page_host)
        new_urls = sorted(
            (url for url in dict.fromkeys(urls) if url not in visit.sheets),
            key=lambda url: (get_url_host(url) != page_host, get_registrable_domain(get_url_host(url)) != site),
        )
        sheets_left = max(0, MAX_STYLE_SHEETS - len(visit.sheets) + visit.imported_sheets)
        for url in new_urls[:sheets_left]:
            self._request_sheet(visit, url)
        self._count_omitted(visit, new_urls[sheets_left:], OmittedItem.STYLE_SHEETS)

    def _request_sheet(self, visit: Visit, url: str) -> None:
        visit.sheets.add(url)
        if url in self._sheets:
            self._apply_sheet(visit, url)
            return
        pending_visits = self._pending_visits.setdefault(url, [])
        visit.hold()
        pending_visits.append(visit)
        if len(pending_visits) > 1:
            return
        self._send_request(url, self._crawl.known_sheets.get(url))

    def _send_request(self, url: str, known_sheet: StyleSheet | None) -> None:
        headers = self._crawl.build_headers("text/css,*/*;q=0.1")
        if known_sheet is not None:
            headers |= build_conditional_headers(known_sheet)
        meta = {SHEET: url, "download_maxsize": MAX_STYLE_SHEET_BYTES}
        if send_request(
            self._send, url, self.handle_response, self.handle_failure, headers=headers, meta=meta, priority=_PRIORITY
        ):
            self.record_sheet(url)

    def handle_response(self, response: Response) -> None:
        """Handle the response for a sheet."""
        url, body = response.meta[SHEET], response.body
        known_sheet = self._crawl.known_sheets.get(url)
        if response.status == 304 and known_sheet is not None:
            if _is_redirected(response):  # the validators belong to another URL
                self._send_request(url, None)
            else:
                self.record_sheet(url, known_sheet)
            return
        if response.status != 200 or not self._crawl.budget.reserve("bytes", len(body)):
            self.record_sheet(url, StyleSheet(url=url) if response.status in _GONE_STATUSES else None)
            return
        try:
            image_addresses, import_addresses = parse_sheet(body, get_header(response, "Content-Type"))
        except RefusedError:
            self.record_sheet(url)
            return
        image_urls = (resolve_url(response.url, address) for address in image_addresses)
        import_urls = (resolve_url(response.url, address) for address in import_addresses)
        images = tuple(dict.fromkeys(address for address in image_urls if address))
        imports = tuple(dict.fromkeys(address for address in import_urls if is_visitable(address)))
        sheet = StyleSheet(
            url=url,
            etag=get_header(response, "ETag"),
            last_modified=get_header(response, "Last-Modified"),
            images=images,
            imports=imports,
        )
        self._report_sheet(sheet, is_redirected=_is_redirected(response))
        self.record_sheet(url, sheet)

    def _report_sheet(self, sheet: StyleSheet, *, is_redirected: bool) -> None:
        """Report a sheet in the line of a page that names it, for a conditional request by the next job.

        A known sheet that can no longer be requested conditionally is reported without validators. Bytes of images
        (``data:`` URLs) are not reported, because they would escape the deletion of pictures; SVG is never stored.
        """
        images = tuple(image for image in sheet.images if not image.lower().startswith("data:image/svg"))
        is_reportable = (
            bool(sheet.etag or sheet.last_modified)
            and not is_redirected
            and not any(image[:5].lower() == "data:" for image in images)
            and sum(map(len, (*images, *sheet.imports))) <= MAX_REPORTED_LENGTH
        )
        visit = next((visit for visit in self._pending_visits.get(sheet.url, ()) if not visit.is_over), None)
        if visit is None:
            return
        if is_reportable:
            visit.fetched_sheets.append(replace(sheet, images=images))
        elif sheet.url in self._crawl.known_sheets:
            visit.fetched_sheets.append(StyleSheet(url=sheet.url))

    def handle_failure(self, failure: Failure) -> None:
        """Handle a failed request for a sheet."""
        self.record_sheet(failure.request.meta[SHEET])  # type: ignore[attr-defined] # Scrapy adds it

    def record_sheet(self, url: str, sheet: StyleSheet | None = None) -> None:
        """Record the contents of a sheet; by default, that it could not be read."""
        self._sheets[url] = sheet
        for visit in self._pending_visits.pop(url, ()):
            if not visit.is_over:
                self._apply_sheet(visit, url)
                visit.release()

    def _apply_sheet(self, visit: Visit, url: str) -> None:
        sheet = self._sheets[url]
        if sheet is None:
            self._count_omitted(visit, [url], OmittedItem.UNREAD_SHEETS)
            return
        for address in sheet.images:
            self._images.request_image(visit, FoundImage(address, "css"))
        for address in sheet.imports:
            if address in visit.sheets:
                continue
            if visit.imported_sheets >= MAX_IMPORTED_SHEETS:
                self._count_omitted(visit, [address], OmittedItem.STYLE_SHEETS)
            else:
                visit.imported_sheets += 1
                self._request_sheet(visit, address)

    def _count_omitted(self, visit: Visit, urls: Iterable[str], item: OmittedItem) -> None:
        """Count omitted sheets, each once per job, even if several pages name them."""
        new_urls = set(urls) - self._omitted_urls
        self._omitted_urls |= new_urls
        visit.count_omitted({item: len(new_urls)})


def _is_redirected(response: Response) -> bool:
    return bool(response.meta.get("redirect_times"))
