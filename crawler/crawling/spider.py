"""The crawl: opens visits, fetches their images and writes their lines until no URL or budget is left."""

from collections.abc import AsyncIterator
from dataclasses import fields, replace

from scrapy import Request, Spider, signals
from scrapy.exceptions import DontCloseSpider
from twisted.python.failure import Failure

from crawler.crawling.captures import CAPTURE, Captures
from crawler.crawling.visitors import PAGE, Missing, Visitors, for_anybody, modified
from crawler.fetching.answers import Crawler, Response, ask, failure_refusal, status_refusal
from crawler.fetching.documents import facts_of, forbids_following, keeps_ai_out, read_document
from crawler.fetching.gate import STAYS_IN_SCOPE
from crawler.fetching.images import IMAGE, NO_AI, Images
from crawler.fetching.style_sheets import SHEET, Sheets
from crawler.formats.job import Kind, Link, Target
from crawler.formats.lines import PageLine, Refusal, RefusalLine
from crawler.reading.found import Document, FoundImage, absolute, is_visitable
from crawler.reading.limits import SITEMAP_BYTES
from crawler.reading.sniff import Content, sniff
from crawler.rendering.renderer import Rendering
from crawler.state.crawl import Crawl, Frontier
from crawler.state.novelty import LEFT_OUT, pattern_of_target
from crawler.state.pace import Pace
from crawler.state.visit import Visit
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import host_of
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Untyped

VISIT = "exhibit_visit"

_ACCEPT = {
    Kind.PAGE: PAGE,
    Kind.SITEMAP: "application/xml,text/xml;q=0.9,text/plain;q=0.8,*/*;q=0.5",
    Kind.FEED: "application/rss+xml,application/atom+xml,application/feed+json,application/xml;q=0.9,*/*;q=0.5",
}
_NEAR = (Reason.NEAR_DUPLICATE, "The page shows what another one does; its links aren't followed.")
_NOT_FOUND = (Reason.NOT_FOUND, "The site sends this page for what it doesn't have; its links aren't followed.")
_CUT = (Reason.INCOMPLETE, Sentence("The sitemap or feed is truncated. Everything before the break was read."))
_OPEN_VISITS = 16
_IMAGES_PER_LIST = 200


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
        self._is_feeding = False
        self._open: set[Visit] = set()
        self._frontier = Frontier(per_host=crawl.job.politeness.concurrency_per_host)
        self._images = Images(crawl, self._send)
        self._captures = Captures(crawl, self._send)
        self._sheets = Sheets(crawl, self._images, self._send)
        self._rendering = Rendering(crawl, self._images, self._download, self.rendered)
        self._sitemaps_told: set[str] = set()
        self._missing = Missing(crawl, self._send)
        self._visitors = Visitors(crawl, self._send)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Untyped, **kwargs: Untyped) -> "CrawlSpider":
        """Create the spider, as Scrapy requires."""
        spider = cls(*args, **kwargs)
        spider._set_crawler(crawler)
        crawler.signals.connect(spider.opened, signal=signals.spider_opened)
        crawler.signals.connect(spider.idle, signal=signals.spider_idle)
        crawler.signals.connect(spider.broken, signal=signals.spider_error)
        crawler.signals.connect(spider.closing, signal=signals.spider_closed)
        return spider

    def opened(self) -> None:
        """Create the pace now that the downloader exists."""
        self.crawl.pace = Pace(self.crawl.job.politeness, self.crawler.engine.downloader)

    async def start(self) -> AsyncIterator[Request]:
        """Open the first visits."""
        for line in self.crawl.earlier:
            self._frontier.skip(line.url)
        for line in self.crawl.earlier:
            self._take_back(line)
        self.crawl.earlier = ()
        for target in self.crawl.job.targets():
            self._frontier.add(target)
        self._feed()
        no_requests: tuple[Request, ...] = ()
        for request in no_requests:
            yield request

    def _take_back(self, line: PageLine | RefusalLine) -> None:
        """Continue from a line of an interrupted run of the same job; its contents are not requested again."""
        budget, novelty = self.crawl.budget, self.crawl.novelty
        if isinstance(line, RefusalLine):
            budget.refuse(line.reason)
            return
        budget.take("pages")
        budget.take_host(host_of(line.url))
        budget.line(line)
        novelty.take(line, pattern_of_target(line))
        novelty.untold(line)
        self._images.take_back(line)
        if self.crawl.job.follow:
            for link in line.links:
                self._frontier.add(_target(link))

    def idle(self) -> None:
        """Open more visits when no request is pending, or let Scrapy close."""
        self._feed()
        if self._open:
            raise DontCloseSpider

    async def closing(self) -> None:
        """Close the browser at the end."""
        await self._rendering.close()

    def give_up(self, reason: str, sentence: str, *, keep_begun_before: float) -> None:
        """End now, and write the open visits that started before ``keep_begun_before`` with their results so far.

        The others are omitted, so that a later slice visits them completely.
        """
        self.is_ending = True
        for visit in sorted(self._open, key=lambda visit: visit.begun):
            if visit.facts.status and visit.begun <= keep_begun_before:
                visit.give_up(reason, sentence)
                self._write(visit)
            visit.is_over = True
        self._open.clear()

    def _feed(self) -> None:
        """Open visits while there is room. A visit that ends at once calls this again; the outer loop then goes on."""
        if self._is_feeding:
            return
        self._is_feeding = True
        self._open_visits()
        self._is_feeding = False

    def _open_visits(self) -> None:
        while not self.is_ending and len(self._open) < _OPEN_VISITS and (target := self._frontier.pop()):
            if self._is_left_out(target):
                self._frontier.close(target)
                continue
            if not self.crawl.budget.take("pages"):
                self.is_ending = True
                return
            visit = Visit(target, self._done, self.crawl.budget.seconds)
            self._open.add(visit)
            self._begin(visit)

    def _is_left_out(self, target: Target) -> bool:
        """Return True if other pages of the target's pattern have shown nothing new for long."""
        if Kind.IMAGE not in self.crawl.job.kinds or not self.crawl.novelty.leaves_out(pattern_of_target(target)):
            return False
        self.crawl.budget.refuse(LEFT_OUT)
        return True

    def _begin(self, visit: Visit) -> None:
        target = visit.target
        if target.captured:
            self._captures.want(visit)
            visit.release()
            return
        if target.kind is Kind.IMAGE:
            found_in = target.found_in or ("list" if not target.page_url else "sitemap")
            page = target.page_url or target.url
            image = FoundImage(target.url, found_in, target.context, page, elsewhere=target.elsewhere)
            self._images.want(visit, image)
            visit.release()
            return
        if not self.crawl.budget.take_host(host_of(target.url)):
            self._refuse(visit, Refusal(target.url, Reason.BUDGET, "The job visits no more hosts."))
            return
        headers = self.crawl.headers(_ACCEPT[target.kind]) | self.crawl.conditions(target.url)
        most = SITEMAP_BYTES if target.kind is Kind.SITEMAP else self.crawl.job.limits.max_page_bytes
        meta = {VISIT: visit, STAYS_IN_SCOPE: True, "download_maxsize": most}
        if refusal := ask(self._send, target.url, self.arrived, self.failed, headers=headers, meta=meta):
            self._refuse(visit, refusal)

    def arrived(self, response: Response) -> None:
        """Handle the response for a page, a sitemap or a feed."""
        visit: Visit = response.meta[VISIT]
        if visit.is_over:
            return
        target = visit.target
        if response.status == 304:
            visit.facts = facts_of(response, Document(), None)
            visit.release()
            return
        refusal = status_refusal(response, target.url)
        if refusal is None and sniff(response.body) is Content.IMAGE:
            self._image_behind_page(visit, response)
            return
        if refusal is None and not self.crawl.budget.take("bytes", len(response.body)):
            refusal = Refusal(target.url, Reason.BUDGET, "The job had used up its budget.")
        if refusal is None:
            try:
                self._read_response(visit, response)
            except RefusedError as error:
                refusal = Refusal(target.url, error.reason, error.message)
        if refusal is None:
            visit.release()
        else:
            self._refuse(visit, refusal)

    def failed(self, failure: Failure) -> None:
        """Handle a failed request for a page, a sitemap or a feed."""
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        visit: Visit = request.meta[VISIT]
        if not visit.is_over:
            self._refuse(
                visit, failure_refusal(failure.value, request.url, self.crawl.refused, shown_url=visit.target.url)
            )

    def broken(self, failure: Failure, response: Response) -> None:
        """Report an error in a response handler and go on with the crawl, unless the error ends the job."""
        if isinstance(failure.value, ExhibitError):
            return
        meta = response.meta if isinstance(response.meta, dict) else {}
        self.logger.error("%s: %s", response.url, failure.getTraceback())
        if CAPTURE in meta:
            self._captures.broken(meta[CAPTURE])
        elif IMAGE in meta:
            self._images.broken(meta[IMAGE])
        elif SHEET in meta:
            self._sheets.settle(meta[SHEET])
        elif VISIT in meta and not meta[VISIT].is_over:
            visit: Visit = meta[VISIT]
            self._refuse(visit, Refusal(visit.target.url, Reason.ERROR, "The crawler couldn't handle the answer."))

    def _image_behind_page(self, visit: Visit, response: Response) -> None:
        """Record the image that was returned for a page URL."""
        visit.facts = facts_of(response, Document(), None)
        image = FoundImage(visit.target.url, "page")
        visit.want(image)
        visit.settle(image, self._images.keep(response, visit.target.url))
        visit.release()

    def _read_response(self, visit: Visit, response: Response) -> None:
        job, target = self.crawl.job, visit.target
        kind, document = read_document(response, target.kind, job.limits.max_page_bytes, job.user_agent.token)
        if document.is_cut:
            visit.refuse(Refusal(target.url, *_CUT))
        if self._take(visit, kind, document, response) and kind is Kind.PAGE:
            self._rendering.consider(visit, response, document)
            self._visitors.consider(visit)

    def rendered(self, visit: Visit, response: Response, document: Document) -> None:
        """Process a rendered page; its document contains the served and the rendered content."""
        try:
            self._take(visit, Kind.PAGE, document, response)
        except Exception as error:  # noqa: BLE001 - reported like an error in any other callback
            details = {"failure": Failure(error), "response": response, "spider": self}  # type: ignore[no-untyped-call]
            self.crawler.signals.send_catch_log(signals.spider_error, **details)

    def _take(self, visit: Visit, kind: Kind, document: Document, response: Response) -> bool:
        """Process the contents of a document; return False if the document reserves them."""
        job, target = self.crawl.job, visit.target
        visit.document = document
        visit.facts = facts_of(response, document, self.crawl.policy_of(response.url))
        if visit.facts.signals.tdm_reservation == "1" and job.politeness.obey_reservations:
            visit.refuse(Refusal(target.url, Reason.TDM_RESERVED, "The page reserves text and data mining."))
            return False
        if job.politeness.obey_reservations and keeps_ai_out(visit.facts.signals, job.user_agent.token):
            visit.refuse(Refusal(target.url, Reason.NOAI, NO_AI))
            return False
        images = document.images if Kind.IMAGE in job.kinds else ()
        fetched_here = images if kind is Kind.PAGE else images[:_IMAGES_PER_LIST]
        found_now = self._links(visit, kind, document, images[len(fetched_here) :], response)
        visit.links = tuple({link.url: link for link in (*found_now, *visit.links)}.values())
        visit.modified = modified(document, visit.links)
        for image in fetched_here:
            self._images.want(visit, image)
        if Kind.IMAGE in job.kinds:
            self._sheets.want(visit, document.sheets)
        return True

    def _links(
        self, visit: Visit, kind: Kind, document: Document, images: tuple[FoundImage, ...], response: Response
    ) -> tuple[Link, ...]:
        """Return the links to visit next: in scope, of an allowed kind, within the depth limit, deduplicated."""
        job, depth = self.crawl.job, visit.target.depth
        links: dict[str, Link] = {}
        if not (job.politeness.obey_robots and forbids_following(visit.facts.signals, job.user_agent.token)):
            for found in document.links:
                deeper = depth if found.kind is Kind.SITEMAP and kind is Kind.SITEMAP else depth + 1
                url = for_anybody(found.url)
                links.setdefault(url, Link(url=url, kind=found.kind, depth=deeper))
        for url in self._sitemaps(visit, response.url):
            links.setdefault(url, Link(url=url, kind=Kind.SITEMAP, depth=depth))
        inside = [
            link
            for link in links.values()
            if link.depth <= job.limits.depth and link.kind in job.kinds and self.crawl.scope.contains(link.url)
        ]
        more = [
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
        return tuple(inside + more)

    def _sitemaps(self, visit: Visit, url: str) -> tuple[str, ...]:
        """Return the sitemaps named in the robots.txt of a source's origin, once per host."""
        policy = self.crawl.policy_of(url)
        host = host_of(url)
        if visit.target.depth or visit.target.kind is not Kind.PAGE or policy is None or host in self._sitemaps_told:
            return ()
        self._sitemaps_told.add(host)
        return tuple(address for sitemap in policy.sitemaps if is_visitable(address := absolute(url, sitemap)))

    def _done(self, visit: Visit) -> None:
        """Write the line of a visit that has ended."""
        if visit.target.kind is Kind.IMAGE:
            self._done_image(visit)
        else:
            self._write(visit)
        self._close(visit)

    def _done_image(self, visit: Visit) -> None:
        if sightings := visit.sightings():
            line = visit.image_line(sightings[0])
            self.crawl.budget.line(line)
            self.crawl.write(line)
        else:
            self._write_refusal(visit.refusals()[0], visit.target)

    def _write(self, visit: Visit) -> None:
        """Write the line of a page and follow its links. Its images are done, so they never wait for other pages."""
        line, target, novelty = self._visitors.without_marks(visit.line()), visit.target, self.crawl.novelty
        if target.depth and Kind.IMAGE in self.crawl.job.kinds and novelty.repeats(line):
            is_missing = not self.is_ending and self._missing.sends(line)
            refusal = Refusal(target.url, *(_NOT_FOUND if is_missing else _NEAR))
            line = replace(line, links=(), refusals=(*line.refusals, refusal))
        line = novelty.untold(line)
        novelty.take(line, pattern_of_target(target))
        self.crawl.budget.line(line)
        self.crawl.write(line)
        if self.crawl.job.follow:
            for link in line.links:
                self._frontier.add(_target(link))

    def _refuse(self, visit: Visit, refusal: Refusal) -> None:
        visit.is_over = True
        self.crawl.budget.give_back("pages")
        self._write_refusal(refusal, visit.target)
        self._close(visit)

    def _write_refusal(self, refusal: Refusal, target: Target) -> None:
        self.crawl.budget.refuse(refusal.reason)
        self.crawl.write(
            RefusalLine(
                url=target.url,
                page_url=target.page_url,
                reason=refusal.reason,
                sentence=refusal.sentence,
                position=target.captured,
            )
        )

    def _close(self, visit: Visit) -> None:
        self._open.discard(visit)
        self._frontier.close(visit.target)
        self._feed()

    def _send(self, request: Request) -> None:
        self.crawler.engine.crawl(request)

    async def _download(self, request: Request) -> Response:
        return await self.crawler.engine.download_async(request)


def _target(link: Link) -> Target:
    return Target(**{field.name: getattr(link, field.name) for field in fields(Link)})
