"""Downloader middlewares that every request passes, including each redirect hop and each robots.txt."""

import asyncio

from scrapy import Request, signals
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import DownloadConnectionRefusedError

from crawler.fetching.answers import RAW_HEADERS, Crawler, Refused, Response, failure_refusal, header, pairs, referer_of
from crawler.reading import bodies
from crawler.reading.policy import ROBOTS_BYTES, SitePolicy, reservations_of, robots_policy
from crawler.state.crawl import Crawl
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, joined, origin_of
from exhibit.plain import mended
from exhibit.reasons import Reason

FOR_POLICY = "exhibit_for_policy"
STAYS_IN_SCOPE = "exhibit_stays_in_scope"
AS_INTERFACE = "exhibit_as_interface"
"""Marks a request to an API that the operator has configured: robots.txt is not requested, as for a search."""
STATUSES = "exhibit_statuses"
"""Meaning of the status codes of the requested service (:class:`crawler.archives.asking.Statuses`)."""
RAW_BODY = "exhibit_raw_body"
_TRIES = "exhibit_tries"
_MAX_TRIES = 2
_SLICE_WAIT = 15.0
"""Seconds that a slice waits for a robots.txt; a job that follows links has no later slice and waits longer."""
_BRIEF = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE, Reason.INCOMPLETE})
"""Failures of an existing server, which may be over a moment later."""
_PRIORITY = 1_000


class Gate:
    """Refuses requests that a rule forbids: the network guard, the deny list, the scope, robots.txt, TDMRep.

    Raises ``Refused`` into Scrapy, so that the request ends in its errback with a reason.
    """

    def __init__(self, crawler: Crawler, crawl: Crawl) -> None:
        self._crawler, self._crawl = crawler, crawl
        self._loading: dict[str, asyncio.Task[SitePolicy]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Gate":
        """Create the middleware, as Scrapy requires."""
        return cls(crawler, crawler.spider.crawl)

    async def process_request(self, request: Request) -> None:
        """Allow a request.

        Raises:
            Refused: A rule forbids it.
        """
        url, crawl = request.url, self._crawl
        try:
            crawl.guard.check_url(url)
        except RefusedError as error:
            raise Refused(error.reason, error.message) from error
        host = host_of(url)
        if denied := crawl.denied(host):
            raise Refused(Reason.DENIED_HOST, f"The host {host} isn't visited: {denied}.")
        if request.meta.get(STAYS_IN_SCOPE) and "redirect_times" in request.meta and not crawl.scope.contains(url):
            raise Refused(Reason.OUT_OF_SCOPE, f"The server points to {host}, outside the scope of this job.")
        if crawl.pace.is_resting(host):
            raise _later(host)
        if crawl.asks_policies and not {FOR_POLICY, AS_INTERFACE} & request.meta.keys():
            await self._ask_policy(url, host)

    async def _ask_policy(self, url: str, host: str) -> None:
        origin = origin_of(url)
        policy = self._crawl.policies.get(origin) or await self._policy(origin, host)
        if policy.refusal is not None:
            raise Refused(*policy.refusal)
        if not policy.allows(url):
            raise Refused(Reason.ROBOTS, f"The robots.txt of {host} forbids it.")
        if (reservation := policy.reservation(url)) and reservation.reserved:
            raise Refused(Reason.TDM_RESERVED, f"The tdmrep.json of {host} reserves text and data mining.")

    async def _policy(self, origin: str, host: str) -> SitePolicy:
        """Return the policy of an origin, requested once."""
        if origin not in self._loading:
            self._loading[origin] = asyncio.ensure_future(self._load(origin, host))
        policy = await asyncio.shield(self._loading[origin])
        self._crawl.policies[origin] = policy
        return policy

    async def _load(self, origin: str, host: str) -> SitePolicy:
        politeness, token = self._crawl.job.politeness, self._crawl.job.user_agent.token
        policy = SitePolicy(token=token)
        if politeness.obey_robots:
            policy = await self._load_robots(f"{origin}/robots.txt", host, token)
        if politeness.obey_reservations and policy.refusal is None:
            response = await self._fetch(f"{origin}/.well-known/tdmrep.json", tries=_MAX_TRIES)
            if not isinstance(response, Exception) and response.status == 200:
                policy = policy.with_reservations(reservations_of(response.body))
        return policy

    async def _load_robots(self, url: str, host: str, token: str) -> SitePolicy:
        answer = await self._fetch(url)
        if isinstance(answer, Exception):
            refusal = failure_refusal(answer, url, self._crawl.refused)
            if refusal.reason == Reason.REDIRECTS:  # RFC 9309, 2.3.1.2: as if there were none
                return SitePolicy(token=token)
            if refusal.reason in _BRIEF and not isinstance(answer, DownloadConnectionRefusedError):
                return self._unavailable(host, refusal.sentence, token)
            return SitePolicy(refusal=(refusal.reason, f"robots.txt can't be had: {refusal.sentence}"), token=token)
        policy = robots_policy(answer.status, answer.body, token)
        if policy.disallows_all:
            return self._unavailable(host, f"The server answered with status {answer.status}.", token)
        delay = policy.crawl_delay
        if delay > self._crawl.job.politeness.max_crawl_delay:
            sentence = f"The robots.txt of {host} asks for {delay:g} s between requests, longer than this job waits."
            return SitePolicy(refusal=(Reason.CRAWL_DELAY, sentence), token=token)
        self._crawl.pace.obey(host, delay)
        return policy

    def _unavailable(self, host: str, why: str, token: str) -> SitePolicy:
        """Refuse all visits to a host whose rules are temporarily unavailable (RFC 9309, 2.3.1.4)."""
        self._crawl.pace.put_off(host)
        sentence = f"The robots.txt of {host} can't be had now, and nothing is visited without it. {why}"
        return SitePolicy(refusal=(Reason.ROBOTS_UNAVAILABLE, sentence), token=token)

    async def _fetch(self, url: str, *, tries: int = 0) -> Response | Exception:
        meta = {FOR_POLICY: True, _TRIES: tries, "download_maxsize": 10 * ROBOTS_BYTES}
        request = Request(url, priority=_PRIORITY, meta=meta, headers=self._crawl.headers("text/plain, */*;q=0.1"))
        try:
            return await self._crawler.engine.download_async(request)
        except Exception as error:  # noqa: BLE001 - Scrapy raises its handlers' and middlewares' errors; they are the result
            return error


def _later(host: str) -> Refused:
    return Refused(Reason.RETRY_AFTER, f"The host {host} asked to be left alone for a longer time.")


class Encodings:
    """Decodes content encodings, and keeps the original headers for the record.

    Images are requested with ``identity``. A response that is encoded nevertheless is decoded, as browsers would do to
    show
    the image; its Content-Encoding stays in the recorded headers.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Encodings":
        """Create the middleware, as Scrapy requires."""
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        """Offer the supported encodings."""
        request.headers.setdefault("Accept-Encoding", ", ".join(bodies.CODINGS))

    def process_response(self, request: Request, response: Response) -> Response:
        """Decode the body."""
        codings = bodies.codings_of(header(response, "Content-Encoding"))
        if not codings:
            return response
        request.meta[RAW_HEADERS] = pairs(response.headers)
        if AS_INTERFACE in request.meta:
            request.meta[RAW_BODY] = response.body  # a digest may be of the encoded body
        try:
            body = bodies.undone(response.body, codings, request.meta.get("download_maxsize", self._most))
        except RefusedError as error:
            if bodies.status_problem(response.status, "") is None:
                raise Refused(error.reason, error.message) from error
            body = b""  # the status is sufficient
        headers = response.headers.copy()
        del headers["Content-Encoding"]
        return response.replace(headers=headers, body=body)


class Redirects(RedirectMiddleware):
    """Follows redirects; the page that shows an image is disclosed only to its own site."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Parse the target of a redirect as browsers do, before Scrapy does."""
        location = (response.headers.get("Location") or b"").decode("latin-1")
        if location and 300 <= response.status < 400 and (target := joined(request.url, mended(location))):
            response.headers["Location"] = target
        return super().process_response(request, response)

    def handle_referer(self, request: Request, response: Response) -> None:  # noqa: ARG002 - Scrapy's call
        """Send the new URL only the Referer that a direct request to it would contain."""
        page = (request.headers.pop("Referer", None) or [b""])[0].decode("latin-1")
        if page and (referer := referer_of(request.url, page)):
            request.headers["Referer"] = referer


class Patience:
    """Waits after 429 or 503, for robots.txt requests too, and reports every response to the pace."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "Patience":
        """Create the middleware, as Scrapy requires."""
        patience = cls(crawler.spider.crawl)
        crawler.signals.connect(patience.answered, signal=signals.response_downloaded)
        return patience

    def answered(self, response: Response, request: Request) -> None:
        """Adapt the pace to the latency of a host."""
        host, latency = request.meta.get("download_slot"), request.meta.get("download_latency")
        if host is not None and latency is not None:
            self._crawl.pace.answered(host, latency, success=response.status == 200)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Retry a request after the time that the server states.

        Raises:
            Refused: The wait is too long for this job.
        """
        statuses = request.meta.get(STATUSES)
        if response.status not in (statuses.busy if statuses else (429, 503)):
            return response
        after = header(response, "Retry-After") or (f"{statuses.back_off:.0f}" if statuses else "")
        tries = request.meta.get(_TRIES, 0)
        host = host_of(request.url)
        seconds_left = self._crawl.budget.seconds_left
        if FOR_POLICY in request.meta and not self._crawl.job.follow:
            seconds_left = min(
                seconds_left, _SLICE_WAIT
            )  # all requests to the host wait for it, and a later slice may retry
        if tries >= _MAX_TRIES:
            return response
        if not self._crawl.pace.pause(host, after, tries, seconds_left):
            if FOR_POLICY in request.meta:
                return response
            raise _later(host)
        again = request.replace(dont_filter=True)
        again.meta[_TRIES] = tries + 1
        return again
