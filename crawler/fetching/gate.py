"""Downloader middlewares that every request passes, including each redirect hop and each robots.txt."""

import asyncio

from scrapy import Request, signals
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import DownloadConnectionRefusedError

from crawler.fetching.responses import (
    RAW_HEADERS,
    Crawler,
    RequestRefusedError,
    Response,
    build_failure_refusal,
    compute_referer,
    get_header,
    to_header_pairs,
)
from crawler.reading import bodies
from crawler.reading.policy import ROBOTS_BYTES, SitePolicy, parse_reservations, parse_robots
from crawler.state.crawl import Crawl
from exhibit.errors import RefusedError
from exhibit.network.addresses import get_url_host, get_url_origin, join_urls
from exhibit.plain import repair_encoding
from exhibit.reasons import Reason

IS_POLICY_REQUEST = "exhibit_for_policy"
STAYS_IN_SCOPE = "exhibit_stays_in_scope"
IS_API_REQUEST = "exhibit_as_interface"
"""Marks a request to an API that the operator has configured: robots.txt is not requested, as for a search."""
STATUSES = "exhibit_statuses"
"""Meaning of the status codes of the requested service (:class:`crawler.archives.index_client.StatusCodes`)."""
RAW_BODY = "exhibit_raw_body"
_TRIES = "exhibit_tries"
_MAX_TRIES = 2
_MAX_SLICE_WAIT = 15.0
"""Seconds that a slice waits for a robots.txt; a job that follows links has no later slice and waits longer."""
_TEMPORARY_FAILURES = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.INCOMPLETE})
"""Failures of an existing server that may be temporary."""
_PRIORITY = 1_000


class AccessMiddleware:
    """Refuses requests that a rule forbids: the network guard, the deny list, the scope, robots.txt, TDMRep.

    Raises ``RequestRefusedError`` into Scrapy, so that the errback of the request receives a reason.
    """

    def __init__(self, crawler: Crawler, crawl: Crawl) -> None:
        self._crawler, self._crawl = crawler, crawl
        self._policy_tasks: dict[str, asyncio.Task[SitePolicy]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "AccessMiddleware":
        """Create the middleware, as Scrapy requires."""
        return cls(crawler, crawler.spider.crawl)

    async def process_request(self, request: Request) -> None:
        """Allow a request.

        Raises:
            RequestRefusedError: A rule forbids it.
        """
        url, crawl = request.url, self._crawl
        try:
            crawl.guard.check_url(url)
        except RefusedError as error:
            raise RequestRefusedError(error.reason, error.message) from error
        host = get_url_host(url)
        if denial_reason := crawl.get_denial_reason(host):
            raise RequestRefusedError(Reason.DENIED_HOST, f"The host {host} is not visited: {denial_reason}.")
        if request.meta.get(STAYS_IN_SCOPE) and "redirect_times" in request.meta and not crawl.scope.contains(url):
            raise RequestRefusedError(
                Reason.OUT_OF_SCOPE, f"The server redirects to {host}, outside the scope of this job."
            )
        if crawl.pacer.is_paused(host):
            raise _make_retry_error(host)
        if crawl.needs_policies and not {IS_POLICY_REQUEST, IS_API_REQUEST} & request.meta.keys():
            await self._check_policy(url, host)

    async def _check_policy(self, url: str, host: str) -> None:
        origin = get_url_origin(url)
        policy = self._crawl.policies.get(origin) or await self._get_policy(origin, host)
        if policy.refusal is not None:
            raise RequestRefusedError(*policy.refusal)
        if not policy.allows(url):
            raise RequestRefusedError(Reason.ROBOTS, f"The robots.txt of {host} forbids visits to this URL.")
        if (reservation := policy.find_reservation(url)) and reservation.is_reserved:
            raise RequestRefusedError(
                Reason.TDM_RESERVED, f"The tdmrep.json of {host} reserves text and data mining rights."
            )

    async def _get_policy(self, origin: str, host: str) -> SitePolicy:
        """Return the policy of an origin, requested once."""
        if origin not in self._policy_tasks:
            self._policy_tasks[origin] = asyncio.ensure_future(self._load_policy(origin, host))
        policy = await asyncio.shield(self._policy_tasks[origin])
        self._crawl.policies[origin] = policy
        return policy

    async def _load_policy(self, origin: str, host: str) -> SitePolicy:
        politeness, token = self._crawl.job.politeness, self._crawl.job.user_agent.token
        policy = SitePolicy(token=token)
        if politeness.obey_robots:
            policy = await self._load_robots(f"{origin}/robots.txt", host, token)
        if politeness.obey_reservations and policy.refusal is None:
            response = await self._fetch_file(f"{origin}/.well-known/tdmrep.json", tries=_MAX_TRIES)
            if not isinstance(response, Exception) and response.status == 200:
                policy = policy.with_reservations(parse_reservations(response.body))
        return policy

    async def _load_robots(self, url: str, host: str, token: str) -> SitePolicy:
        response = await self._fetch_file(url)
        if isinstance(response, Exception):
            refusal = build_failure_refusal(response, url, self._crawl.resolver_errors)
            if refusal.reason == Reason.REDIRECTS:  # RFC 9309, 2.3.1.2: no rules apply
                return SitePolicy(token=token)
            if refusal.reason in _TEMPORARY_FAILURES and not isinstance(response, DownloadConnectionRefusedError):
                return self._postpone_host(host, refusal.sentence, token)
            return SitePolicy(refusal=(refusal.reason, f"robots.txt is not available: {refusal.sentence}"), token=token)
        policy = parse_robots(response.status, response.body, token)
        if policy.disallows_all:
            return self._postpone_host(host, f"The server returned the status {response.status}.", token)
        delay = policy.crawl_delay
        if delay > self._crawl.job.politeness.max_crawl_delay:
            sentence = f"The robots.txt of {host} asks for {delay:g} s between requests, longer than this job waits."
            return SitePolicy(refusal=(Reason.CRAWL_DELAY, sentence), token=token)
        self._crawl.pacer.set_crawl_delay(host, delay)
        return policy

    def _postpone_host(self, host: str, detail: str, token: str) -> SitePolicy:
        """Refuse all visits to a host whose rules are temporarily unavailable (RFC 9309, 2.3.1.4)."""
        self._crawl.pacer.postpone_host(host)
        sentence = f"The robots.txt of {host} is not available, and Exhibit visits no URL without it. {detail}"
        return SitePolicy(refusal=(Reason.ROBOTS_UNAVAILABLE, sentence), token=token)

    async def _fetch_file(self, url: str, *, tries: int = 0) -> Response | Exception:
        meta = {IS_POLICY_REQUEST: True, _TRIES: tries, "download_maxsize": 10 * ROBOTS_BYTES}
        request = Request(
            url, priority=_PRIORITY, meta=meta, headers=self._crawl.build_headers("text/plain, */*;q=0.1")
        )
        try:
            return await self._crawler.engine.download_async(request)
        except Exception as error:  # noqa: BLE001 - Scrapy raises its handlers' and middlewares' errors; they are the result
            return error


def _make_retry_error(host: str) -> RequestRefusedError:
    return RequestRefusedError(Reason.RETRY_AFTER, f"The host {host} requested a longer pause.")


class DecodingMiddleware:
    """Decodes content encodings, and keeps the original headers for the record.

    Images are requested with ``identity``. A response that is encoded nevertheless is decoded, as browsers would do to
    show the image; its Content-Encoding stays in the recorded headers.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "DecodingMiddleware":
        """Create the middleware, as Scrapy requires."""
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        """Offer the supported encodings."""
        request.headers.setdefault("Accept-Encoding", ", ".join(bodies.CODINGS))

    def process_response(self, request: Request, response: Response) -> Response:
        """Decode the body."""
        codings = bodies.parse_codings(get_header(response, "Content-Encoding"))
        if not codings:
            return response
        request.meta[RAW_HEADERS] = to_header_pairs(response.headers)
        if IS_API_REQUEST in request.meta:
            request.meta[RAW_BODY] = response.body  # an archive's digest may be that of the encoded body
        try:
            body = bodies.decode_codings(response.body, codings, request.meta.get("download_maxsize", self._max_bytes))
        except RefusedError as error:
            if bodies.check_status(response.status, "") is None:
                raise RequestRefusedError(error.reason, error.message) from error
            body = b""  # the status alone causes the refusal
        headers = response.headers.copy()
        del headers["Content-Encoding"]
        return response.replace(headers=headers, body=body)


class RedirectPolicyMiddleware(RedirectMiddleware):
    """Follows redirects; the page that shows an image is disclosed only to its own site."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Parse the target of a redirect as browsers do, before Scrapy does."""
        location = (response.headers.get("Location") or b"").decode("latin-1")
        if location and 300 <= response.status < 400 and (target := join_urls(request.url, repair_encoding(location))):
            response.headers["Location"] = target
        return super().process_response(request, response)

    def handle_referer(self, request: Request, response: Response) -> None:  # noqa: ARG002 - Scrapy's call
        """Send the new URL only the Referer that a direct request to it would contain."""
        page = (request.headers.pop("Referer", None) or [b""])[0].decode("latin-1")
        if page and (referer := compute_referer(request.url, page)):
            request.headers["Referer"] = referer


class RetryAfterMiddleware:
    """Waits after 429 or 503, for robots.txt requests too, and reports every response to the request pacer."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RetryAfterMiddleware":
        """Create the middleware, as Scrapy requires."""
        middleware = cls(crawler.spider.crawl)
        crawler.signals.connect(middleware.record_latency, signal=signals.response_downloaded)
        return middleware

    def record_latency(self, response: Response, request: Request) -> None:
        """Adapt the pace to the latency of a host."""
        host, latency = request.meta.get("download_slot"), request.meta.get("download_latency")
        if host is not None and latency is not None:
            self._crawl.pacer.adapt_delay(host, latency, success=response.status == 200)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Retry a request after the time that the server states.

        Raises:
            RequestRefusedError: The wait is too long for this job.
        """
        statuses = request.meta.get(STATUSES)
        if response.status not in (statuses.busy if statuses else (429, 503)):
            return response
        retry_after = get_header(response, "Retry-After") or (f"{statuses.back_off:.0f}" if statuses else "")
        tries = request.meta.get(_TRIES, 0)
        host = get_url_host(request.url)
        seconds_left = self._crawl.budget.seconds_left
        if IS_POLICY_REQUEST in request.meta and not self._crawl.job.follow:
            # All requests to the host wait for it, and a later slice may retry
            seconds_left = min(seconds_left, _MAX_SLICE_WAIT)
        if tries >= _MAX_TRIES:
            return response
        if not self._crawl.pacer.pause(host, retry_after, tries, seconds_left):
            if IS_POLICY_REQUEST in request.meta:
                return response
            raise _make_retry_error(host)
        retry_request = request.replace(dont_filter=True)
        retry_request.meta[_TRIES] = tries + 1
        return retry_request
