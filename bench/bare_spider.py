"""Minimal Scrapy spider that saves all images of a site, for comparison: ``python -m bench.bare_spider``."""

import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response, TextResponse


class BareSpider(scrapy.Spider):
    """Follows links, fetches images and saves them by digest, without network guard, records and contexts."""

    name = "bare"

    def __init__(self, start: str, out: str) -> None:
        super().__init__()
        self._start, self._out = start, Path(out)

    async def start(self) -> AsyncIterator[Any]:
        """Request the first page."""
        yield scrapy.Request(self._start)

    def parse(self, response: Response, **_: object) -> Iterator[Any]:
        """Request the images of a page, and follow its links."""
        assert isinstance(response, TextResponse)
        for image in response.css("img::attr(src)"):
            yield response.follow(image, self.save_image, priority=1)
        for link in response.css("a::attr(href)"):
            yield response.follow(link, self.parse)

    def save_image(self, response: Response) -> None:
        """Save an image."""
        (self._out / hashlib.sha256(response.body).hexdigest()).write_bytes(response.body)


def main() -> None:
    """Crawl with the concurrency that the benchmark uses for both crawlers."""
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": 32,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "DOWNLOAD_DELAY": 0,
            "LOG_LEVEL": "ERROR",
            "ROBOTSTXT_OBEY": True,
            "TELNETCONSOLE_ENABLED": False,
            "COOKIES_ENABLED": False,
        }
    )
    process.crawl(BareSpider, start=sys.argv[1], out=sys.argv[2])
    process.start()


if __name__ == "__main__":
    main()
