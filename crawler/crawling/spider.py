"""Scrapy spider that opens visits, fetches images and writes lines until no URL or budget is left."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace

from scrapy import Request, Spider, signals
from scrapy.exceptions import DontCloseSpider
from twisted.python.failure import Failure

from crawler.crawling.captures import CAPTURE, CaptureFetcher
from crawler.crawling.detectors import (
    PAGE_ACCEPT,
    MissingPageDetector,
    VisitorParameterDetector,
    get_modified_dates,
    remove_visitor_parameters,
)
from crawler.fetching.documents import collect_facts, forbids_ai_use, forbids_following, read_document
from crawler.fetching.gate import STAYS_IN_SCOPE
from crawler.fetching.images import IMAGE, NO_AI, ImageFetcher
from crawler.fetching.responses import Crawler, Response, build_failure_refusal, build_status_refusal, send_request
from crawler.fetching.style_sheets import SHEET, StyleSheetFetcher
from crawler.formats.job import Kind, Link, Target
from crawler.formats.lines import PageLine, Refusal, RefusalLine
from crawler.reading.document import Document, FoundImage, is_visitable, resolve_url
from crawler.reading.limits import MAX_SITEMAP_BYTES
from crawler.reading.sniff import ContentKind, sniff
from crawler.rendering.renderer import PageRenderer
from crawler.state.crawl import Crawl, Frontier
from crawler.state.novelty import SKIP_REASON, get_target_pattern
from crawler.state.pace import RequestPacer
from crawler.state.visit import Visit
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import get_url_host
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Untyped

VISIT = "exhibit_visit"

_ACCEPT_HEADERS = {
    Kind.PAGE: PAGE_ACCEPT,
    Kind.SITEMAP: "application/xml,text/xml;q=0.9,text/plain;q=0.8,*/*;q=0.5",
    Kind.FEED: "application/rss+xml,application/atom+xml,application/feed+json,application/xml;q=0.9,*/*;q=0.5",
}
_NEAR_DUPLICATE = (
    Reason.NEAR_DUPLICATE,
    "The page has the same content as another page, so its links are not followed.",
)
_NOT_FOUND = (Reason.NOT_FOUND, "The site returns this page for missing pages, so its links are not followed.")
_TRUNCATED_LIST = (
    Reason.INCOMPLETE,
    Sentence("The sitemap or feed is truncated. Exhibit read everything before the point where it was cut off."),
)
_MAX_OPEN_VISITS = 16
_MAX_IMAGES_PER_LIST = 200


class CrawlSpider(Spider):
    """Runs one crawl inside Scrapy.

    Each URL of the job or the frontier results in exactly one line, a page line or a refusal line, unless the job ends
    before its turn.
    """

    name = "exhibit"

    def __init__(self, crawl: Crawl) -> None:
        super().__init__()
        self.crawl = crawl
        self.is_ending = False
        self._is_opening = False
        self._active_visits: set[Visit] = set()
        self._frontier = Frontier(per_host=crawl.job.politeness.concurrency_per_host)
        self._images = ImageFetcher(crawl, self._send)
        self._captures = CaptureFetcher(crawl, self._send)
        self._sheets = StyleSheetFetcher(crawl, self._images, self._send)
        self._rendering = PageRenderer(crawl, self._images, self._download, self.process_rendered)
        self._reported_sitemap_hosts: set[str] = set()
        self._missing_pages = MissingPageDetector(crawl, self._send)
        self._visitor_parameters = VisitorParameterDetector(crawl, self._send)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Untyped, **kwargs: Untyped) -> "CrawlSpider":
        """Create the spider, as Scrapy requires."""
        spider = cls(*args, **kwargs)
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.handle_opened, signal=signals.spider_opened)
        crawler.signals.connect(spider.handle_idle, signal=signals.spider_idle)
        crawler.signals.connect(spider.handle_error, signal=signals.spider_error)
        crawler.signals.connect(spider.handle_closed, signal=signals.spider_closed)
        return spider

    def handle_opened(self) -> None:
        """Create the request pacer, which requires Scrapy's downloader."""
        self.crawl.pacer = RequestPacer(self.crawl.job.politeness, self.crawler.engine.downloader)

    async def start(self) -> AsyncIterator[Request]:
        """Open the first visits."""
        for line in self.crawl.earlier_lines:
            self._frontier.skip(line.url)
        for line in self.crawl.earlier_lines:
            self._restore_line(line)
        self.crawl.earlier_lines = ()
        for target in self.crawl.job.list_targets():
            self._frontier.add(target)
        self._open_more_visits()
        no_requests: tuple[Request, ...] = ()
        for request in no_requests:
            yield request

    def _restore_line(self, line: PageLine | RefusalLine) -> None:
        """Restore the state from a line of an interrupted run of the same job; its contents are not requested again."""
        budget, novelty = self.crawl.budget, self.crawl.novelty
        if isinstance(line, RefusalLine):
            budget.count_refusal(line.reason)
            return
        budget.reserve("pages")
        budget.reserve_host(get_url_host(line.url))
        budget.count_page(line)
        novelty.remember_page(line, get_target_pattern(line))
        novelty.remove_reported(line)
        self._images.restore_results(line)
        if self.crawl.job.follow:
            for link in line.links:
                self._frontier.add(_to_target(link))

    def handle_idle(self) -> None:
        """Open more visits when no request is pending, or let Scrapy close."""
        self._open_more_visits()
        if self._active_visits:
            raise DontCloseSpider

    async def handle_closed(self) -> None:
        """Close the browser at the end."""
        await self._rendering.close()

    def abort(self, reason: str, sentence: str, *, keep_started_before: float) -> None:
        """End the crawl, and write the open visits that started by ``keep_started_before`` with their current results.

        Other open visits are omitted, so that a later slice visits them completely.
        """
        self.is_ending = True
        for visit in sorted(self._active_visits, key=lambda visit: visit.started):
            if visit.facts.status and visit.started <= keep_started_before:
                visit.abort(reason, sentence)
                self._write_page_line(visit)
            visit.is_over = True
        self._active_visits.clear()

    def _open_more_visits(self) -> None:
        """Open visits up to the limit. A visit that ends immediately calls this again; the outer loop continues."""
        if self._is_opening:
            return
        self._is_opening = True
        self._open_visits()
        self._is_opening = False

    def _open_visits(self) -> None:
        while not self.is_ending and len(self._active_visits) < _MAX_OPEN_VISITS and (target := self._frontier.pop()):
            if self._is_skipped(target):
                self._frontier.close(target)
                continue
            if not self.crawl.budget.reserve("pages"):
                self.is_ending = True
                return
            visit = Visit(target, self._finish_visit, self.crawl.budget.seconds)
            self._active_visits.add(visit)
            self._start_visit(visit)

    def _is_skipped(self, target: Target) -> bool:
        """Return True, and count a refusal, if the last pages of the target's pattern have shown nothing new."""
        if Kind.IMAGE not in self.crawl.job.kinds or not self.crawl.novelty.should_skip(get_target_pattern(target)):
            return False
        self.crawl.budget.count_refusal(SKIP_REASON)
        return True

    def _start_visit(self, visit: Visit) -> None:
        target = visit.target
        if target.captured:
            self._captures.request_capture(visit)
            visit.release()
            return
        if target.kind is Kind.IMAGE:
            found_in = target.found_in or ("list" if not target.page_url else "sitemap")
            page_url = target.page_url or target.url
            image = FoundImage(target.url, found_in, target.context, page_url, elsewhere=target.elsewhere)
            self._images.request_image(visit, image)
            visit.release()
            return
        if not self.crawl.budget.reserve_host(get_url_host(target.url)):
            self._refuse_visit(visit, Refusal(target.url, Reason.BUDGET, "The host limit of the job was reached."))
            return
        headers = self.crawl.build_headers(_ACCEPT_HEADERS[target.kind]) | self.crawl.build_conditional_headers(
            target.url
        )
        max_bytes = MAX_SITEMAP_BYTES if target.kind is Kind.SITEMAP else self.crawl.job.limits.max_page_bytes
        meta = {VISIT: visit, STAYS_IN_SCOPE: True, "download_maxsize": max_bytes}
        if refusal := send_request(
            self._send, target.url, self.handle_response, self.handle_failure, headers=headers, meta=meta
        ):
            self._refuse_visit(visit, refusal)

    def handle_response(self, response: Response) -> None:
        """Handle the response for a page, a sitemap or a feed."""
        visit: Visit = response.meta[VISIT]
        if visit.is_over:
            return
        target = visit.target
        if response.status == 304:
            visit.facts = collect_facts(response, Document(), None)
            visit.links = self._list_sitemap_links(visit, response.url)
            visit.release()
            return
        refusal = build_status_refusal(response, target.url)
        if refusal is None and sniff(response.body) is ContentKind.IMAGE:
            self._record_direct_image(visit, response)
            return
        if refusal is None and not self.crawl.budget.reserve("bytes", len(response.body)):
            refusal = Refusal(target.url, Reason.BUDGET, "A limit of the job was reached.")
        if refusal is None:
            try:
                self._read_response(visit, response)
            except RefusedError as error:
                refusal = Refusal(target.url, error.reason, error.message)
        if refusal is None:
            visit.release()
        else:
            self._refuse_visit(visit, refusal)

    def handle_failure(self, failure: Failure) -> None:
        """Handle a failed request for a page, a sitemap or a feed."""
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        visit: Visit = request.meta[VISIT]
        if not visit.is_over:
            self._refuse_visit(
                visit,
                build_failure_refusal(
                    failure.value, request.url, self.crawl.resolver_errors, shown_url=visit.target.url
                ),
            )

    def handle_error(self, failure: Failure, response: Response) -> None:
        """Report an error in a response handler and continue the crawl, unless the error ends the job."""
        if isinstance(failure.value, ExhibitError):
            return
        meta = response.meta if isinstance(response.meta, dict) else {}
        self.logger.error("%s: %s", response.url, failure.getTraceback())
        if CAPTURE in meta:
            self._captures.record_error(meta[CAPTURE])
        elif IMAGE in meta:
            self._images.record_error(meta[IMAGE])
        elif SHEET in meta:
            self._sheets.record_sheet(meta[SHEET])
        elif VISIT in meta and not meta[VISIT].is_over:
            visit: Visit = meta[VISIT]
            self._refuse_visit(
                visit, Refusal(visit.target.url, Reason.ERROR, "The crawler could not process the response.")
            )

    def _record_direct_image(self, visit: Visit, response: Response) -> None:
        """Record the image that was returned for a page URL."""
        visit.facts = collect_facts(response, Document(), None)
        image = FoundImage(visit.target.url, "page")
        visit.add_image(image)
        visit.record_result(image, self._images.store_image(response, visit.target.url))
        visit.release()

    def _read_response(self, visit: Visit, response: Response) -> None:
        job, target = self.crawl.job, visit.target
        kind, document = read_document(response, target.kind, job.limits.max_page_bytes, job.user_agent.token)
        if document.is_truncated:
            visit.record_refusal(Refusal(target.url, *_TRUNCATED_LIST))
        if self._process_document(visit, kind, document, response) and kind is Kind.PAGE:
            self._rendering.queue_page(visit, response, document)
            self._visitor_parameters.detect_parameters(visit)

    def process_rendered(self, visit: Visit, response: Response, document: Document) -> None:
        """Process a rendered page; its document contains the served and the rendered content."""
        try:
            self._process_document(visit, Kind.PAGE, document, response)
        except Exception as error:  # noqa: BLE001 - reported like an error in any other callback
            details = {"failure": Failure(error), "response": response, "spider": self}  # type: ignore[no-untyped-call]
            self.crawler.signals.send_catch_log(signals.spider_error, **details)

    def _process_document(self, visit: Visit, kind: Kind, document: Document, response: Response) -> bool:
        """Process the contents of a document; return False if the site reserves them (TDMRep, ``noai``)."""
        job, target = self.crawl.job, visit.target
        visit.document = document
        visit.facts = collect_facts(response, document, self.crawl.get_policy(response.url))
        if visit.facts.signals.tdm_reservation == "1" and job.politeness.obey_reservations:
            visit.record_refusal(
                Refusal(target.url, Reason.TDM_RESERVED, "The page reserves text and data mining rights.")
            )
            return False
        if job.politeness.obey_reservations and forbids_ai_use(visit.facts.signals, job.user_agent.token):
            visit.record_refusal(Refusal(target.url, Reason.NOAI, NO_AI))
            return False
        images = document.images if Kind.IMAGE in job.kinds else ()
        fetched_images = images if kind is Kind.PAGE else images[:_MAX_IMAGES_PER_LIST]
        new_links = self._collect_links(visit, kind, document, images[len(fetched_images) :], response)
        visit.links = tuple({link.url: link for link in (*new_links, *visit.links)}.values())
        visit.modified = get_modified_dates(document, visit.links)
        for image in fetched_images:
            self._images.request_image(visit, image)
        if Kind.IMAGE in job.kinds:
            self._sheets.request_sheets(visit, document.sheets)
        return True

    def _collect_links(
        self, visit: Visit, kind: Kind, document: Document, images: tuple[FoundImage, ...], response: Response
    ) -> tuple[Link, ...]:
        """Return the links to visit next: in scope, of an allowed kind, within the depth limit, deduplicated."""
        job, depth = self.crawl.job, visit.target.depth
        links: dict[str, Link] = {}
        if not (job.politeness.obey_robots and forbids_following(visit.facts.signals, job.user_agent.token)):
            for found_link in document.links:
                link_depth = depth if found_link.kind is Kind.SITEMAP and kind is Kind.SITEMAP else depth + 1
                url = remove_visitor_parameters(found_link.url)
                links.setdefault(url, Link(url=url, kind=found_link.kind, depth=link_depth))
        links_in_scope = [
            link
            for link in links.values()
            if link.depth <= job.limits.depth and link.kind in job.kinds and self.crawl.scope.contains(link.url)
        ]
        links_in_scope += [link for link in self._list_sitemap_links(visit, response.url) if link.url not in links]
        image_links = [
            Link(
                url=image.url,
                kind=Kind.IMAGE,
                depth=depth + 1,
                page_url=image.page_url,
                context=image.context,
                elsewhere=image.elsewhere,
            )
            for image in images
            if image.url[:5].lower() != "data:"
        ]
        return tuple(links_in_scope + image_links)

    def _list_sitemap_links(self, visit: Visit, url: str) -> tuple[Link, ...]:
        """Return links to the sitemaps that the robots.txt of a source's origin names, if the job follows them."""
        if Kind.SITEMAP not in self.crawl.job.kinds:
            return ()
        return tuple(
            Link(url=sitemap_url, kind=Kind.SITEMAP, depth=visit.target.depth)
            for sitemap_url in self._find_sitemaps(visit, url)
            if self.crawl.scope.contains(sitemap_url)
        )

    def _find_sitemaps(self, visit: Visit, url: str) -> tuple[str, ...]:
        """Return the sitemaps named in the robots.txt of a source's origin, once per host."""
        policy = self.crawl.get_policy(url)
        host = get_url_host(url)
        if (
            visit.target.depth
            or visit.target.kind is not Kind.PAGE
            or policy is None
            or host in self._reported_sitemap_hosts
        ):
            return ()
        self._reported_sitemap_hosts.add(host)
        return tuple(
            sitemap_url for sitemap in policy.sitemaps if is_visitable(sitemap_url := resolve_url(url, sitemap))
        )

    def _finish_visit(self, visit: Visit) -> None:
        """Write the line of a visit that has ended."""
        if visit.target.kind is Kind.IMAGE:
            self._write_image_line(visit)
        else:
            self._write_page_line(visit)
        self._close_visit(visit)

    def _write_image_line(self, visit: Visit) -> None:
        if sightings := visit.get_sightings():
            line = visit.build_image_line(sightings[0])
            self.crawl.budget.count_page(line)
            self.crawl.write(line)
        else:
            self._write_refusal(visit.get_refusals()[0], visit.target)

    def _write_page_line(self, visit: Visit) -> None:
        """Write the line of a page and follow its links. All its images have been processed before."""
        line, target, novelty = (
            self._visitor_parameters.clean_links(visit.build_line()),
            visit.target,
            self.crawl.novelty,
        )
        if target.depth and Kind.IMAGE in self.crawl.job.kinds and novelty.is_repeat(line):
            is_missing = not self.is_ending and self._missing_pages.is_missing_page(line)
            refusal = Refusal(target.url, *(_NOT_FOUND if is_missing else _NEAR_DUPLICATE))
            line = replace(line, links=(), refusals=(*line.refusals, refusal))
        line = novelty.remove_reported(line)
        novelty.remember_page(line, get_target_pattern(target))
        self.crawl.budget.count_page(line)
        self.crawl.write(line)
        if self.crawl.job.follow:
            for link in line.links:
                self._frontier.add(_to_target(link))

    def _refuse_visit(self, visit: Visit, refusal: Refusal) -> None:
        visit.is_over = True
        self.crawl.budget.release("pages")
        self._write_refusal(refusal, visit.target)
        self._close_visit(visit)

    def _write_refusal(self, refusal: Refusal, target: Target) -> None:
        self.crawl.budget.count_refusal(refusal.reason)
        self.crawl.write(
            RefusalLine(
                url=target.url,
                page_url=target.page_url,
                reason=refusal.reason,
                sentence=refusal.sentence,
                position=target.captured,
            )
        )

    def _close_visit(self, visit: Visit) -> None:
        self._active_visits.discard(visit)
        self._frontier.close(visit.target)
        self._open_more_visits()

    def _send(self, request: Request) -> None:
        self.crawler.engine.crawl(request)

    async def _download(self, request: Request) -> Response:
        return await self.crawler.engine.download_async(request)


def _to_target(link: Link) -> Target:
    return Target(**{field.name: getattr(link, field.name) for field in fields(Link)})
