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
from crawler.archives.asking import Statuses
from crawler.archives.cdx import CaptureStatement, stamp
from crawler.crawling.archives import ROOM, WRONG, Answer, address_of
from crawler.fetching.answers import Response, ask, failure_refusal, fetched, header, media_type, status_refusal
from crawler.fetching.gate import AS_INTERFACE, RAW_BODY, STATUSES
from crawler.fetching.images import ACCEPT
from crawler.formats.lines import Refusal
from crawler.reading.archives import Record, records
from crawler.reading.found import FoundImage
from crawler.reading.sniff import unfit
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, url_key
from exhibit.periods import stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Fetched

CAPTURE = "exhibit_capture"
RequestedPicture: TypeAlias = tuple[Visit, FoundImage, CaptureStatement]

_STATUSES = {wayback.NAME: wayback.STATUSES, common_crawl.NAME: common_crawl.STATUSES}
_PRIORITY = 10
_OTHER = "The archive gives another capture than the one that it named."
_EXCLUDED = "The archive names this capture and doesn't give it out."
_BUSY = Sentence("The archive asked Exhibit to retry later.")
_NO_RECORD = "The archive doesn't hold this capture where it says so."


class Captures:
    """Fetches captures for visits.

    Args:
        crawl: The running crawl.
        send: Passes a request to Scrapy's engine.
    """

    def __init__(self, crawl: Crawl, send: Callable[[Request], None]) -> None:
        self._crawl, self._send = crawl, send

    def want(self, visit: Visit) -> None:
        """Request the single image of a visit; its result is recorded now or later."""
        target, statement = visit.target, CaptureStatement.read(visit.target.captured)
        name = "" if statement is None else statement.archive
        image = FoundImage(target.page_url, name, "", target.page_url, elsewhere=target.elsewhere)
        visit.want(image)
        refusal = self._refusal(target.page_url, statement)
        if refusal is None and statement is not None:
            headers = self._crawl.headers(ACCEPT) | {"Accept-Encoding": "identity"}
            most = self._crawl.job.limits.max_picture_bytes
            if _is_range(statement):
                headers["Range"] = f"bytes={statement.offset}-{statement.offset + statement.length - 1}"
                most = statement.length
            meta = {
                CAPTURE: (visit, image, statement),
                AS_INTERFACE: True,
                STATUSES: _statuses_of(statement),
                "dont_redirect": True,
                "download_maxsize": most,
            }
            refusal = ask(
                self._send, target.url, self._arrived, self._failed, headers=headers, meta=meta, priority=_PRIORITY
            )
        if refusal is not None:
            visit.settle(image, refusal)

    def _refusal(self, url: str, statement: CaptureStatement | None) -> Refusal | None:
        """Return a refusal if a capture must not be requested."""
        crawl = self._crawl
        if statement is None:
            return Refusal(url, Reason.BAD_URL, Sentence("The URL is not valid."))
        if denied := crawl.denied(host_of(url)):
            return Refusal(url, Reason.DENIED_HOST, f"The host {host_of(url)} isn't visited: {denied}.")
        if _is_range(statement) and statement.length > crawl.job.limits.max_picture_bytes + ROOM:
            return Refusal(url, Reason.TOO_LARGE, Sentence("The content exceeds the size limit."))
        if not crawl.budget.take("images"):
            return Refusal(url, Reason.BUDGET, "The job had used up its budget.")
        return None

    def _arrived(self, response: Response) -> None:
        requested: RequestedPicture = response.meta[CAPTURE]
        try:
            result: Fetched | Refusal = self._read_response(response, requested)
        except RefusedError as error:
            result = Refusal(requested[1].url, error.reason, error.message)
        self._settle(requested, result)

    def _failed(self, failure: Failure) -> None:
        request = failure.request  # type: ignore[attr-defined] # Scrapy adds it
        requested: RequestedPicture = request.meta[CAPTURE]
        refusal = failure_refusal(failure.value, request.url, self._crawl.refused, shown_url=requested[1].url)
        self._settle(requested, refusal)

    def broken(self, requested: RequestedPicture) -> None:
        """Record that the crawler failed to handle a response."""
        self._settle(requested, Refusal(requested[1].url, Reason.ERROR, "The crawler couldn't handle the answer."))

    def _settle(self, requested: RequestedPicture, result: Fetched | Refusal) -> None:
        visit, image, _ = requested
        if isinstance(result, Refusal):
            self._crawl.budget.give_back("images")
        if not visit.is_over:
            visit.settle(image, result)

    def _read_response(self, response: Response, requested: RequestedPicture) -> Fetched:
        """Return the image in a response.

        Raises:
            RefusedError: The response is not the capture that the archive named.
        """
        url, statement, crawl = requested[1].url, requested[2], self._crawl
        if 300 <= response.status < 400:
            raise RefusedError(_OTHER, reason=Reason.OTHER_CAPTURE)
        statuses = _statuses_of(statement)
        if response.status in statuses.busy:
            raise RefusedError(_BUSY, reason=Reason.RETRY_AFTER)
        if response.status == 404 or response.status in statuses.withheld:
            raise RefusedError(_EXCLUDED, reason=Reason.EXCLUDED)
        reader = self._packed if _is_range(statement) else _replayed
        body, content_type, status = reader(response, url, statement)
        if not body:
            raise RefusedError("The server sent no bytes.", reason=Reason.EMPTY)
        if refused := unfit(body, crawl.job.limits.max_picture_bytes):
            raise RefusedError(refused[1], reason=refused[0])
        if not crawl.budget.take("bytes", len(body)):
            raise RefusedError("The job had used up its budget.", reason=Reason.BUDGET)
        facts = fetched(response, crawl.spool.put(body), size=len(body))
        stands = f"{statement.at:%Y-%m-%dT%H:%MZ}"  # the capture time; Exhibit did not observe the image at that time
        return replace(facts, media_type=content_type, status=status, fetched_at=None, period=stands)

    def _packed(self, response: Response, url: str, statement: CaptureStatement) -> tuple[bytes, str, int]:
        """Return body, media type and status from a WARC record in a gzip member."""
        content_range = header(response, "Content-Range").lower()
        if response.status != 206 or not content_range.startswith(f"bytes {statement.offset}-"):
            if refusal := None if response.status == 206 else status_refusal(response, url):
                raise RefusedError(refusal.sentence, reason=refusal.reason)
            raise RefusedError(_NO_RECORD, reason=Reason.OTHER_CAPTURE)
        first, most = next(iter(records(io.BytesIO(response.body))), None), self._crawl.job.limits.max_picture_bytes
        if not isinstance(first, Record):
            raise RefusedError(_NO_RECORD, reason=Reason.UNREADABLE_RECORD)
        moment, _ = stated_time(first.header("WARC-Date"))
        is_it = (
            url_key(address_of(first)) == url_key(url) and moment is not None and stamp(moment) == stamp(statement.at)
        )
        if first.header("WARC-Type").lower() != "response" or not is_it:
            raise RefusedError(_OTHER, reason=Reason.OTHER_CAPTURE)
        answer = Answer(first, url, first.read(most + ROOM), most)
        body = answer.body()
        if not answer.has(("sha1", base64.b32decode(statement.digest)), body):
            raise RefusedError(WRONG, reason=Reason.WRONG_DIGEST)
        return body, answer.media_type, answer.status


def _replayed(response: Response, url: str, statement: CaptureStatement) -> tuple[bytes, str, int]:
    """Return body, media type and status from a response with the original bytes of a capture."""
    if refusal := status_refusal(response, url):
        raise RefusedError(refusal.sentence, reason=refusal.reason)
    moment = header(response, "Memento-Datetime")
    with suppress(ValueError):
        if moment and stamp(parsedate_to_datetime(moment)) != stamp(statement.at):
            raise RefusedError(_OTHER, reason=Reason.OTHER_CAPTURE)
    sent = response.body, response.meta.get(RAW_BODY, b"")
    if not any(_sha1(data) == statement.digest for data in sent):
        raise RefusedError(WRONG, reason=Reason.WRONG_DIGEST)
    return response.body, media_type(response), response.status


def _statuses_of(statement: CaptureStatement) -> Statuses:
    return _STATUSES.get(statement.archive, Statuses())


def _is_range(statement: CaptureStatement) -> bool:
    return statement.archive == common_crawl.NAME


def _sha1(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii")
