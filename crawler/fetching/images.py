"""Fetch images, each URL once per job whatever pages show it, and store their exact bytes in the spool."""

import asyncio
import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from urllib.parse import unquote_to_bytes

from scrapy import Request
from twisted.python.failure import Failure

from crawler.fetching.answers import (
    Response,
    ask,
    failure_refusal,
    fetched,
    header,
    header_fields,
    referer_of,
    status_refusal,
)
from crawler.fetching.documents import keeps_ai_out
from crawler.formats.lines import PageLine, Refusal, Signals
from crawler.reading.found import FoundImage
from crawler.reading.sniff import VECTOR_SENTENCE, has_vector_suffix, unfit
from crawler.state.crawl import Crawl
from crawler.state.novelty import PASSING
from crawler.state.visit import Facts, Visit
from exhibit.reasons import Reason
from exhibit.types import Fetched

ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8,*/*;q=0.5"
IMAGE = "exhibit_image"

NO_AI = "It is marked noai or noimageai."

_PRIORITY = 10
_MAX_RESULTS = 5_000
_DATA = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(?:;[^,;]*)*),", re.IGNORECASE)
_FACTS = fields(Fetched)
_SPENT = "The job had used up its budget."


class Images:
    """Fetches images for visits.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send
        self._waiting: dict[str, list[tuple[Visit, FoundImage]]] = {}
        self._results: OrderedDict[str, Fetched | Refusal] = OrderedDict()
        self._askers: dict[str, list[asyncio.Future[Fetched | Refusal]]] = {}

    def want(self, visit: Visit, image: FoundImage) -> None:
        """Request an image of a visit; its result is recorded now or later. A repeat on the same page has no effect."""
        if not visit.want(image):
            return
        url = image.url
        if url[:5].lower() == "data:":
            result = self._inlined(url, visit.facts)
            shown_url = "" if isinstance(result, Refusal) else f"data:{result.media_type};sha-256={result.digest.hex}"
            visit.settle(image, result, image_url=shown_url)
        elif url in self._results:
            visit.settle(image, self._results[url])
        elif url in self._waiting:
            self._waiting[url].append((visit, image))
        elif refusal := self._request(url, image.page_url or visit.facts.final_url):
            visit.settle(image, refusal)
        else:
            self._waiting[url] = [(visit, image)]

    async def fetched(self, url: str, page: str) -> Fetched | Refusal:
        """Fetch an image for a page that is being rendered; visits that need it later share the result."""
        if url in self._results:
            return self._results[url]
        if url not in self._waiting:
            if refusal := self._request(url, page):
                return refusal
            self._waiting[url] = []
        asker: asyncio.Future[Fetched | Refusal] = asyncio.get_running_loop().create_future()
        self._askers.setdefault(url, []).append(asker)
        return await asker

    def take(self, response: Response) -> None:
        """Store a response to a script's request if it is an image, for the visits that need it."""
        url = response.request.url
        if url not in self._results and url not in self._waiting and self._crawl.budget.take("images"):
            self._settle(url, self.keep(response, url))

    def take_back(self, line: PageLine) -> None:
        """Restore results from a line of the same job, so that its images are not requested again."""
        for sighting in line.sightings:
            if sighting.image_url not in self._results and sighting.image_url[:5] != "data:":
                self._crawl.budget.take("images")
                self._crawl.budget.take("bytes", sighting.size)
                self._results[sighting.image_url] = Fetched(**{it.name: getattr(sighting, it.name) for it in _FACTS})
        for refusal in line.refusals:
            if refusal.reason not in PASSING:
                self._results[refusal.url] = refusal

    def _request(self, url: str, page: str) -> Refusal | None:
        if has_vector_suffix(url):
            return Refusal(url, Reason.VECTOR_IMAGE, VECTOR_SENTENCE)
        if not self._crawl.budget.take("images"):
            return Refusal(url, Reason.BUDGET, _SPENT)
        headers = self._crawl.headers(ACCEPT) | {"Accept-Encoding": "identity"}
        if referer := referer_of(url, page):
            headers["Referer"] = referer
        if self._crawl.known_image(url) is not None:
            headers |= self._crawl.conditions(url)
        meta = {IMAGE: url, "download_maxsize": self._crawl.job.limits.max_picture_bytes}
        refusal = ask(self._send, url, self.arrived, self.failed, headers=headers, meta=meta, priority=_PRIORITY)
        if refusal is not None:
            self._crawl.budget.give_back("images")
        return refusal

    def arrived(self, response: Response) -> None:
        """Handle the response for an image."""
        url = response.meta[IMAGE]
        self._settle(url, self.keep(response, url))

    def failed(self, failure: Failure) -> None:
        """Handle a failed request for an image."""
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        url = request.meta[IMAGE]
        self._settle(url, failure_refusal(failure.value, request.url, self._crawl.refused, shown_url=url))

    def broken(self, url: str) -> None:
        """Record that the crawler failed to handle a response."""
        self._settle(url, Refusal(url, Reason.ERROR, "The crawler couldn't handle the answer."))

    def keep(self, response: Response, url: str) -> Fetched | Refusal:
        """Store the bytes of a response if they are an image within the limits."""
        crawl = self._crawl
        earlier = crawl.known_image(url)
        unchanged = earlier.digest if response.status == 304 and earlier is not None else None
        if unchanged is None and (refusal := status_refusal(response, url)):
            return refusal
        if crawl.job.politeness.obey_reservations and (refusal := self._reserved(response, url)):
            return refusal
        if unchanged is not None:
            return fetched(response, unchanged, size=0, not_modified=True)
        body = response.body
        if refusal := self._look(body, url):
            return refusal
        if not crawl.budget.take("bytes", len(body)):
            return Refusal(url, Reason.BUDGET, _SPENT)
        return fetched(response, crawl.spool.put(body), size=len(body))

    def _reserved(self, response: Response, url: str) -> Refusal | None:
        if header(response, "tdm-reservation").strip() == "1":
            return Refusal(url, Reason.TDM_RESERVED, "The server reserves text and data mining.")
        token = self._crawl.job.user_agent.token
        is_marked = keeps_ai_out(Signals(x_robots_tag=header_fields(response, "X-Robots-Tag")), token)
        return Refusal(url, Reason.NOAI, NO_AI) if is_marked else None

    def _look(self, body: bytes, url: str) -> Refusal | None:
        if not body:
            return Refusal(url, Reason.EMPTY, "The server sent no bytes.")
        refused = unfit(body, self._crawl.job.limits.max_picture_bytes)
        return Refusal(url, *refused) if refused else None

    def _settle(self, url: str, result: Fetched | Refusal) -> None:
        if isinstance(result, Refusal):
            self._crawl.budget.give_back("images")
        self._results[url] = result
        if len(self._results) > _MAX_RESULTS:
            self._results.popitem(last=False)
        for asker in self._askers.pop(url, ()):
            if not asker.done():
                asker.set_result(result)
        for visit, image in self._waiting.pop(url, ()):
            if not visit.is_over:
                visit.settle(image, result)

    def _inlined(self, url: str, facts: Facts) -> Fetched | Refusal:
        """Return the image that a ``data:`` URL contains (RFC 2397)."""
        shown_url, budget = url[:40], self._crawl.budget
        media_type, data = _decoded(url)
        if not media_type.startswith("image/"):
            return Refusal(shown_url, Reason.NOT_AN_IMAGE, "The data: address isn't an image.")
        if data is None:
            return Refusal(shown_url, Reason.BAD_ENCODING, "The data: address can't be decoded.")
        if refusal := self._look(data, shown_url):
            return refusal
        if not (budget.take("images") and budget.take("bytes", len(data))):
            return Refusal(shown_url, Reason.BUDGET, _SPENT)
        return self._crawl.stored(data, facts.final_url, media_type, facts.status)


def _decoded(url: str) -> tuple[str, bytes | None]:
    """Return the media type and bytes of a ``data:`` URL; the bytes are ``None`` if they cannot be decoded."""
    match = _DATA.match(url)
    if match is None:
        return "", None
    raw = unquote_to_bytes(url[match.end() :])
    media_type = (match["type"] or "text/plain").lower()
    if not match["parameters"].lower().rstrip().endswith(";base64"):
        return media_type, raw
    packed = raw.translate(None, b" \t\r\n\f").rstrip(b"=")
    try:
        return media_type, base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return media_type, None
