"""Fetch images and store their exact bytes in the spool. Each URL is requested once per job."""

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

from crawler.fetching.documents import forbids_ai_use
from crawler.fetching.responses import (
    Response,
    build_failure_refusal,
    build_status_refusal,
    compute_referer,
    get_header,
    get_header_fields,
    send_request,
    to_fetched_picture,
)
from crawler.formats.lines import PageLine, Refusal, Signals
from crawler.reading.document import FoundImage
from crawler.reading.sniff import VECTOR_SENTENCE, check_picture, has_vector_suffix
from crawler.state.crawl import Crawl
from crawler.state.novelty import TEMPORARY_REASONS
from crawler.state.visit import ResponseFacts, Visit
from exhibit.reasons import Reason
from exhibit.types import FetchedPicture

IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8,*/*;q=0.5"
IMAGE = "exhibit_image"

NO_AI = "The picture is marked noai or noimageai."

_PRIORITY = 10
_MAX_RESULTS = 5_000
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(?:;[^,;]*)*),", re.IGNORECASE)
_FETCHED_FIELDS = fields(FetchedPicture)
_BUDGET_EXHAUSTED = "A limit of the job was reached."


class ImageFetcher:
    """Fetches images for visits.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send
        self._pending_visits: dict[str, list[tuple[Visit, FoundImage]]] = {}
        self._results: OrderedDict[str, FetchedPicture | Refusal] = OrderedDict()
        self._futures: dict[str, list[asyncio.Future[FetchedPicture | Refusal]]] = {}

    def request_image(self, visit: Visit, image: FoundImage) -> None:
        """Request an image of a visit; its result is recorded when available. Repeats on a page have no effect."""
        if not visit.add_image(image):
            return
        url = image.url
        if url[:5].lower() == "data:":
            result = self._read_data_url(url, visit.facts)
            shown_url = "" if isinstance(result, Refusal) else f"data:{result.media_type};sha-256={result.digest.hex}"
            visit.record_result(image, result, image_url=shown_url)
        elif url in self._results:
            visit.record_result(image, self._results[url])
        elif url in self._pending_visits:
            self._pending_visits[url].append((visit, image))
        elif refusal := self._send_request(url, image.page_url or visit.facts.final_url):
            visit.record_result(image, refusal)
        else:
            self._pending_visits[url] = [(visit, image)]

    async def fetch_for_page(self, url: str, page: str) -> FetchedPicture | Refusal:
        """Fetch an image for a page that is being rendered; visits that need it later share the result."""
        if url in self._results:
            return self._results[url]
        if url not in self._pending_visits:
            if refusal := self._send_request(url, page):
                return refusal
            self._pending_visits[url] = []
        future: asyncio.Future[FetchedPicture | Refusal] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(url, []).append(future)
        return await future

    def store_if_image(self, response: Response) -> None:
        """Store a response to a script's request if it is an image, for the visits that need it."""
        url = response.request.url
        if url not in self._results and url not in self._pending_visits and self._crawl.budget.reserve("images"):
            self._record_result(url, self.store_image(response, url))

    def restore_results(self, line: PageLine) -> None:
        """Restore results from a line of the same job, so that its images are not requested again."""
        for sighting in line.sightings:
            if sighting.image_url not in self._results and sighting.image_url[:5] != "data:":
                self._crawl.budget.reserve("images")
                self._crawl.budget.reserve("bytes", sighting.size)
                self._results[sighting.image_url] = FetchedPicture(
                    **{fact.name: getattr(sighting, fact.name) for fact in _FETCHED_FIELDS}
                )
        for refusal in line.refusals:
            if refusal.reason not in TEMPORARY_REASONS:
                self._results[refusal.url] = refusal

    def _send_request(self, url: str, page: str) -> Refusal | None:
        if has_vector_suffix(url):
            return Refusal(url, Reason.VECTOR_IMAGE, VECTOR_SENTENCE)
        if not self._crawl.budget.reserve("images"):
            return Refusal(url, Reason.BUDGET, _BUDGET_EXHAUSTED)
        headers = self._crawl.build_headers(IMAGE_ACCEPT) | {"Accept-Encoding": "identity"}
        if referer := compute_referer(url, page):
            headers["Referer"] = referer
        if self._crawl.get_known_image(url) is not None:
            headers |= self._crawl.build_conditional_headers(url)
        meta = {IMAGE: url, "download_maxsize": self._crawl.job.limits.max_picture_bytes}
        refusal = send_request(
            self._send, url, self.handle_response, self.handle_failure, headers=headers, meta=meta, priority=_PRIORITY
        )
        if refusal is not None:
            self._crawl.budget.release("images")
        return refusal

    def handle_response(self, response: Response) -> None:
        """Handle the response for an image."""
        url = response.meta[IMAGE]
        self._record_result(url, self.store_image(response, url))

    def handle_failure(self, failure: Failure) -> None:
        """Handle a failed request for an image."""
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        url = request.meta[IMAGE]
        self._record_result(
            url, build_failure_refusal(failure.value, request.url, self._crawl.resolver_errors, shown_url=url)
        )

    def record_error(self, url: str) -> None:
        """Record that the crawler failed to handle a response."""
        self._record_result(url, Refusal(url, Reason.ERROR, "The crawler could not process the response."))

    def store_image(self, response: Response, url: str) -> FetchedPicture | Refusal:
        """Store the bytes of a response if they are an image within the limits."""
        crawl = self._crawl
        earlier_visit = crawl.get_known_image(url)
        unchanged_digest = earlier_visit.digest if response.status == 304 and earlier_visit is not None else None
        if unchanged_digest is None and (refusal := build_status_refusal(response, url)):
            return refusal
        if crawl.job.politeness.obey_reservations and (refusal := self._check_reservations(response, url)):
            return refusal
        if unchanged_digest is not None:
            return to_fetched_picture(response, unchanged_digest, size=0, not_modified=True)
        body = response.body
        if refusal := self._check_body(body, url):
            return refusal
        if not crawl.budget.reserve("bytes", len(body)):
            return Refusal(url, Reason.BUDGET, _BUDGET_EXHAUSTED)
        return to_fetched_picture(response, crawl.spool.put(body), size=len(body))

    def _check_reservations(self, response: Response, url: str) -> Refusal | None:
        if get_header(response, "tdm-reservation").strip() == "1":
            return Refusal(url, Reason.TDM_RESERVED, "The server reserves text and data mining rights.")
        token = self._crawl.job.user_agent.token
        is_marked = forbids_ai_use(Signals(x_robots_tag=get_header_fields(response, "X-Robots-Tag")), token)
        return Refusal(url, Reason.NOAI, NO_AI) if is_marked else None

    def _check_body(self, body: bytes, url: str) -> Refusal | None:
        if not body:
            return Refusal(url, Reason.EMPTY, "The server sent no bytes.")
        problem = check_picture(body, self._crawl.job.limits.max_picture_bytes)
        return Refusal(url, *problem) if problem else None

    def _record_result(self, url: str, result: FetchedPicture | Refusal) -> None:
        if isinstance(result, Refusal):
            self._crawl.budget.release("images")
        self._results[url] = result
        if len(self._results) > _MAX_RESULTS:
            self._results.popitem(last=False)
        for future in self._futures.pop(url, ()):
            if not future.done():
                future.set_result(result)
        for visit, image in self._pending_visits.pop(url, ()):
            if not visit.is_over:
                visit.record_result(image, result)

    def _read_data_url(self, url: str, facts: ResponseFacts) -> FetchedPicture | Refusal:
        """Return the image that a ``data:`` URL contains (RFC 2397)."""
        shown_url, budget = url[:40], self._crawl.budget
        media_type, data = _decode_data_url(url)
        if not media_type.startswith("image/"):
            return Refusal(shown_url, Reason.NOT_AN_IMAGE, "The data: URL is not an image.")
        if data is None:
            return Refusal(shown_url, Reason.BAD_ENCODING, "The data: URL cannot be decoded.")
        if refusal := self._check_body(data, shown_url):
            return refusal
        if not (budget.reserve("images") and budget.reserve("bytes", len(data))):
            return Refusal(shown_url, Reason.BUDGET, _BUDGET_EXHAUSTED)
        return self._crawl.store_picture(data, facts.final_url, media_type, facts.status)


def _decode_data_url(url: str) -> tuple[str, bytes | None]:
    """Return the media type and bytes of a ``data:`` URL; the bytes are ``None`` if they cannot be decoded."""
    match = _DATA_URL.match(url)
    if match is None:
        return "", None
    raw = unquote_to_bytes(url[match.end() :])
    media_type = (match["type"] or "text/plain").lower()
    if not match["parameters"].lower().rstrip().endswith(";base64"):
        return media_type, raw
    encoded = raw.translate(None, b" \t\r\n\f").rstrip(b"=")
    try:
        return media_type, base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return media_type, None
