"""Fetch captures from web archives: the exact bytes come from the archive, never from the live URL.

A sighting records the exchange with the archive; its period is the capture time that the archive states, to the
minute, and its image URL is the captured one.
"""

import base64
import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from scrapy import Request
from twisted.python.failure import Failure

from crawler.archives import common_crawl, wayback
from crawler.archives.cdx import CaptureStatement, format_timestamp
from crawler.archives.index_client import StatusCodes
from crawler.crawling.archives import DIGEST_MISMATCH, OVERHEAD_BYTES, StoredResponse, get_record_url
from crawler.fetching.gate import IS_API_REQUEST, RAW_BODY, STATUSES
from crawler.fetching.images import IMAGE_ACCEPT
from crawler.fetching.responses import (
    Response,
    build_failure_refusal,
    build_status_refusal,
    get_header,
    get_media_type,
    send_request,
    to_fetched_picture,
)
from crawler.formats.lines import Refusal
from crawler.reading.archives import Record, read_records
from crawler.reading.document import FoundImage
from crawler.reading.sniff import check_picture
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.errors import RefusedError
from exhibit.network.addresses import compute_url_key, get_url_host
from exhibit.periods import parse_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import FetchedPicture

CAPTURE = "exhibit_capture"
RequestedPicture: TypeAlias = tuple[Visit, FoundImage, CaptureStatement]

_STATUSES = {wayback.NAME: wayback.STATUSES, common_crawl.NAME: common_crawl.STATUSES}
_PRIORITY = 10
_OTHER_CAPTURE = "The archive returned a different capture from the one that it listed."
_CAPTURE_EXCLUDED = "The archive lists this capture, but does not return it."
_ARCHIVE_BUSY = Sentence("The archive asked Exhibit to retry later.")
_RECORD_MISSING = "The archive does not contain this capture at the listed position."


class CaptureFetcher:
    """Fetches captures for visits.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send

    def request_capture(self, visit: Visit) -> None:
        """Request the single image of a visit; the result is recorded when it is available."""
        target, statement = visit.target, CaptureStatement.from_text(visit.target.captured)
        name = "" if statement is None else statement.archive
        image = FoundImage(target.page_url, name, "", target.page_url, elsewhere=target.elsewhere)
        visit.add_image(image)
        refusal = self._check_request(target.page_url, statement)
        if refusal is None and statement is not None:
            headers = self._crawl.build_headers(IMAGE_ACCEPT) | {"Accept-Encoding": "identity"}
            max_bytes = self._crawl.job.limits.max_picture_bytes
            if _is_range_request(statement):
                headers["Range"] = f"bytes={statement.offset}-{statement.offset + statement.length - 1}"
                max_bytes = statement.length
            meta = {
                CAPTURE: (visit, image, statement),
                IS_API_REQUEST: True,
                STATUSES: _get_status_codes(statement),
                "dont_redirect": True,
                "download_maxsize": max_bytes,
            }
            refusal = send_request(
                self._send,
                target.url,
                self._handle_response,
                self._handle_failure,
                headers=headers,
                meta=meta,
                priority=_PRIORITY,
            )
        if refusal is not None:
            visit.record_result(image, refusal)

    def _check_request(self, url: str, statement: CaptureStatement | None) -> Refusal | None:
        """Return a refusal if the capture must not be requested, else ``None``."""
        crawl = self._crawl
        if statement is None:
            return Refusal(url, Reason.BAD_URL, Sentence("The URL is not valid."))
        if denial_reason := crawl.get_denial_reason(get_url_host(url)):
            return Refusal(url, Reason.DENIED_HOST, f"The host {get_url_host(url)} is not visited: {denial_reason}.")
        if _is_range_request(statement) and statement.length > crawl.job.limits.max_picture_bytes + OVERHEAD_BYTES:
            return Refusal(url, Reason.TOO_LARGE, Sentence("The content exceeds the size limit."))
        if not crawl.budget.reserve("images"):
            return Refusal(url, Reason.BUDGET, "The job had used up its budget.")
        return None

    def _handle_response(self, response: Response) -> None:
        requested: RequestedPicture = response.meta[CAPTURE]
        try:
            result: FetchedPicture | Refusal = self._read_response(response, requested)
        except RefusedError as error:
            result = Refusal(requested[1].url, error.reason, error.message)
        self._record_result(requested, result)

    def _handle_failure(self, failure: Failure) -> None:
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        requested: RequestedPicture = request.meta[CAPTURE]
        refusal = build_failure_refusal(
            failure.value, request.url, self._crawl.resolver_errors, shown_url=requested[1].url
        )
        self._record_result(requested, refusal)

    def record_error(self, requested: RequestedPicture) -> None:
        """Record that the crawler failed to handle a response."""
        self._record_result(
            requested, Refusal(requested[1].url, Reason.ERROR, "The crawler could not process the response.")
        )

    def _record_result(self, requested: RequestedPicture, result: FetchedPicture | Refusal) -> None:
        visit, image, _ = requested
        if isinstance(result, Refusal):
            self._crawl.budget.release("images")
        if not visit.is_over:
            visit.record_result(image, result)

    def _read_response(self, response: Response, requested: RequestedPicture) -> FetchedPicture:
        """Return the image in a response.

        Raises:
            RefusedError: The response is not the capture that the archive named.
        """
        url, statement, crawl = requested[1].url, requested[2], self._crawl
        if 300 <= response.status < 400:
            raise RefusedError(_OTHER_CAPTURE, reason=Reason.OTHER_CAPTURE)
        statuses = _get_status_codes(statement)
        if response.status in statuses.busy:
            raise RefusedError(_ARCHIVE_BUSY, reason=Reason.RETRY_AFTER)
        if response.status == 404 or response.status in statuses.withheld:
            raise RefusedError(_CAPTURE_EXCLUDED, reason=Reason.EXCLUDED)
        reader = self._read_packed_record if _is_range_request(statement) else _read_replayed_response
        body, content_type, status = reader(response, url, statement)
        if not body:
            raise RefusedError("The server sent no bytes.", reason=Reason.EMPTY)
        if problem := check_picture(body, crawl.job.limits.max_picture_bytes):
            raise RefusedError(problem[1], reason=problem[0])
        if not crawl.budget.reserve("bytes", len(body)):
            raise RefusedError("The job had used up its budget.", reason=Reason.BUDGET)
        facts = to_fetched_picture(response, crawl.spool.put(body), size=len(body))
        period = f"{statement.at:%Y-%m-%dT%H:%MZ}"  # the capture time; Exhibit did not observe the image at that time
        return replace(facts, media_type=content_type, status=status, fetched_at=None, period=period)

    def _read_packed_record(self, response: Response, url: str, statement: CaptureStatement) -> tuple[bytes, str, int]:
        """Return body, media type and status from a WARC record in a gzip member."""
        content_range = get_header(response, "Content-Range").lower()
        if response.status != 206 or not content_range.startswith(f"bytes {statement.offset}-"):
            if refusal := None if response.status == 206 else build_status_refusal(response, url):
                raise RefusedError(refusal.sentence, reason=refusal.reason)
            raise RefusedError(_RECORD_MISSING, reason=Reason.OTHER_CAPTURE)
        record, max_bytes = (
            next(iter(read_records(io.BytesIO(response.body))), None),
            self._crawl.job.limits.max_picture_bytes,
        )
        if not isinstance(record, Record):
            raise RefusedError(_RECORD_MISSING, reason=Reason.UNREADABLE_RECORD)
        recorded_at, _ = parse_stated_time(record.get_header("WARC-Date"))
        is_requested_capture = (
            compute_url_key(get_record_url(record)) == compute_url_key(url)
            and recorded_at is not None
            and format_timestamp(recorded_at) == format_timestamp(statement.at)
        )
        if record.get_header("WARC-Type").lower() != "response" or not is_requested_capture:
            raise RefusedError(_OTHER_CAPTURE, reason=Reason.OTHER_CAPTURE)
        stored_response = StoredResponse(record, url, record.read(max_bytes + OVERHEAD_BYTES), max_bytes)
        body = stored_response.read_body()
        if not stored_response.has_digest(("sha1", base64.b32decode(statement.digest)), body):
            raise RefusedError(DIGEST_MISMATCH, reason=Reason.WRONG_DIGEST)
        return body, stored_response.media_type, stored_response.status


def _read_replayed_response(response: Response, url: str, statement: CaptureStatement) -> tuple[bytes, str, int]:
    """Return body, media type and status from a response with the original bytes of a capture."""
    if refusal := build_status_refusal(response, url):
        raise RefusedError(refusal.sentence, reason=refusal.reason)
    memento_time = get_header(response, "Memento-Datetime")
    with suppress(ValueError):
        if memento_time and format_timestamp(parsedate_to_datetime(memento_time)) != format_timestamp(statement.at):
            raise RefusedError(_OTHER_CAPTURE, reason=Reason.OTHER_CAPTURE)
    payloads = response.body, response.meta.get(RAW_BODY, b"")
    if not any(_compute_sha1(data) == statement.digest for data in payloads):
        raise RefusedError(DIGEST_MISMATCH, reason=Reason.WRONG_DIGEST)
    return response.body, get_media_type(response), response.status


def _get_status_codes(statement: CaptureStatement) -> StatusCodes:
    return _STATUSES.get(statement.archive, StatusCodes())


def _is_range_request(statement: CaptureStatement) -> bool:
    return statement.archive == common_crawl.NAME


def _compute_sha1(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii")
