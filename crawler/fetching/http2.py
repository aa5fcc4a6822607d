"""HTTP/2 (RFC 9113), as Scrapy speaks it, for servers that offer it; Scrapy alone would choose it for all or for none.

The first answers of a server come by HTTP/1.1. Whether it offers HTTP/2 is learnt from the handshake in which its
certificate is checked (ALPN, RFC 7301). Where its HTTP/2 fails, HTTP/1.1 is spoken again until the crawl ends.
"""

from importlib.util import find_spec
from typing import Any

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError

from crawler.fetching.answers import Crawler, Response, server_of

PROTOCOLS = [b"h2", b"http/1.1"] if find_spec("h2") and find_spec("priority") else [b"http/1.1"]
"""What is offered in a handshake: HTTP/2 where the optional part ``http2`` is installed."""


class Https(HTTP11DownloadHandler):
    """Scrapy's download handler of ``https``, by either protocol."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._servers: set[tuple[str, int]] = crawler.spider.crawl.http2
        self._http2: Any = None

    async def download_request(self, request: Request) -> Response:
        """Answer a request; raises what Scrapy's handlers raise."""
        server = server_of(request.url)
        if server in self._servers:
            try:
                return await self._by_http2(request)
            except (DownloadCancelledError, DownloadTimeoutError):
                raise  # too large, or too slow: HTTP/1.1 would bring no other bytes
            except Exception:  # noqa: BLE001 - whatever a stranger's frames bring about
                self._servers.discard(server)
        return await super().download_request(request)

    async def _by_http2(self, request: Request) -> Response:
        if self._http2 is None:
            from scrapy.core.downloader.handlers.http2 import H2DownloadHandler  # noqa: PLC0415 - an optional part

            self._http2 = H2DownloadHandler(self.crawler)
        return await self._http2.download_request(request)

    async def close(self) -> None:
        """Close all connections."""
        if self._http2 is not None:
            await self._http2.close()
        await super().close()
