"""What sites send, with status 200, for addresses that they don't have."""

import secrets
from collections.abc import Callable
from contextlib import suppress

from scrapy import Request

from crawler.fetching.answers import Response
from crawler.fetching.documents import read_document
from crawler.fetching.gate import STAYS_IN_SCOPE
from crawler.formats.job import Kind
from crawler.formats.lines import PageLine
from crawler.state.crawl import Crawl
from crawler.state.novelty import is_near
from exhibit.errors import RefusedError
from exhibit.network.urls import origin_of

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
_ORIGIN = "exhibit_missing"


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
        if not self._crawl.budget.has_visits:
            return False
        meta = {_ORIGIN: origin, STAYS_IN_SCOPE: True, "download_maxsize": self._crawl.job.limits.max_page_bytes}
        url, headers = f"{origin}/{secrets.token_hex(12)}", self._crawl.headers(PAGE)
        self._send(Request(url, self.arrived, headers=headers, meta=meta, dont_filter=True, errback=lambda _: None))
        return False

    def arrived(self, response: Response) -> None:
        """What a site sends for an address that can't exist has come."""
        job = self._crawl.job
        if response.status == 200 and self._crawl.budget.take("bytes", len(response.body)):
            with suppress(RefusedError):
                _, document = read_document(response, Kind.PAGE, job.limits.max_page_bytes, job.user_agent.token)
                self._texts[response.meta[_ORIGIN]] = document.text
