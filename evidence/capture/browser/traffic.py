"""Requests of a page: the guarded recorder fetches each resource and passes the response to the browser.

The browser has no network access. Requests that cannot be passed on (web sockets, event streams, videos) are refused
and recorded. Redirects are followed here, because Playwright does not support them. For a redirected document, the
browser gets a page that navigates to the target, so that relative links and origin are correct.
"""

import asyncio
import html
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import Cookie
from http.cookies import CookieError, SimpleCookie
from typing import Any

from playwright.async_api import Error, Request, Route
from requests.cookies import RequestsCookieJar

from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.visitor import GET, HttpRequest, Visit, Visitor, VisitStep
from exhibit.browser.loading import PageTraffic
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from exhibit.network.addresses import get_url_host, remove_fragment
from exhibit.sentences import Sentence
from exhibit.types import Untyped

ALLOWED_METHODS = frozenset({"GET", "HEAD", "POST"})
REFUSED_RESOURCE_TYPES = frozenset({"media", "eventsource", "websocket", "ping", "cspviolationreport"})
CONNECTION_HEADERS = {"connection", "keep-alive", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
DROPPED_HEADERS = CONNECTION_HEADERS | {"alt-svc", "content-encoding", "content-length", "strict-transport-security"}
"""Headers of the connection; the last one would redirect later requests inside the browser, past the recorder."""
TOO_SLOW_SENTENCE = "The server did not return a complete response in time."
PAGE_NOT_REQUESTED = Sentence("The page could not be requested.")
MAX_NAVIGATIONS = 5  # maximum number of successive documents in the page's main frame


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that the page requested."""

    kind: str  # Chromium's resource type, such as ``image`` or ``script``
    visit: Visit
    is_page: bool = False  # true for the page itself


@dataclass(eq=False, repr=False)
class Traffic(PageTraffic):
    """All requests of one capture."""

    visitor: Visitor
    limits: BrowserLimits
    pool: Executor
    get_seconds_left: Callable[[], float]  # returns the seconds left for the capture
    machine_error: ServiceMissingError | None = None  # fault of this machine, which makes the capture invalid
    resources: list[Resource] = field(default_factory=list)
    documents: list[Visit] = field(default_factory=list)
    refusals: list[dict[str, str]] = field(default_factory=list)  # refused requests: url, kind, reason

    def __post_init__(self) -> None:
        super().__post_init__()
        self._prefetched_visits: dict[str, Visit] = {}
        self._request_count = self._bytes = 0
        self._count_lock = threading.Lock()
        self._has_requested_page = False

    def refuse(self, url: str, kind: str, reason: str) -> None:
        """Record a refused request."""
        if len(self.refusals) < self.limits.requests:
            self.refusals.append({"url": url[:2000], "kind": kind, "reason": reason})

    async def _respond(self, route: Route) -> None:
        try:
            await self._forward_request(route, route.request)
        except ServiceMissingError as error:
            self.machine_error = error
            await route.abort()

    async def _forward_request(self, route: Route, request: Request) -> None:
        if not self._is_from_page(request):
            self.refuse(request.url, "popup", "popup")
            await route.abort("blockedbyclient")
            return
        reason = self._get_block_reason(request)
        if reason:
            self.refuse(request.url, request.resource_type, reason)
            await route.abort("aborted" if _is_page(request) and self.documents else "blockedbyclient")
            return
        url = remove_fragment(request.url)
        visit = self._prefetched_visits.pop(url, None) or await self._fetch(request, url)
        if visit is None:
            self.refuse(request.url, request.resource_type, "too-many-bytes")
            await route.abort("blockedbyclient")
            return
        if self._closed:
            await route.abort("timedout")
            return
        if visit.body is None:
            # "aborted" keeps the current page; other errors would replace it by an error page.
            await route.abort("aborted" if _is_page(request) and self.documents else "failed")
        elif request.is_navigation_request() and len(visit.steps) > 1:
            await self._redirect_frame(route, visit)
        else:
            if _is_page(request):
                self.documents.append(visit)
            await route.fulfill(status=visit.status, headers=_list_response_headers(visit), body=visit.body)

    def _get_block_reason(self, request: Request) -> str:
        """Return the reason for refusing a request as a short code, or an empty string."""
        reasons = {
            "too-slow": self._closed or self.get_seconds_left() <= 0,
            request.resource_type: request.resource_type in REFUSED_RESOURCE_TYPES,
            "method": request.method not in ALLOWED_METHODS,
            "too-many-requests": self._request_count >= self.limits.requests,
            "too-many-bytes": self._bytes >= self.limits.all_bytes,
            "too-many-moves": _is_page(request) and len(self.documents) >= MAX_NAVIGATIONS,
        }
        return next((reason for reason, applies in reasons.items() if applies), "")

    async def _fetch(self, request: Request, url: str) -> Visit | None:
        """Fetch a resource in a thread; return ``None`` if the byte limit was reached before the request started."""
        self._request_count += 1
        self._has_requested_page |= _is_page(request)
        headers = await request.all_headers()
        cookies = _build_cookie_jar(url, headers.pop("cookie", ""))
        earlier_cookies: list[Cookie] = [*iter(cookies)]
        http_request = GET if request.method == "GET" else HttpRequest(request.method, request.post_data_buffer)
        deadline = time.monotonic() + self.limits.resource_seconds

        def seconds_left() -> float:
            return 0.0 if self._closed else min(self.get_seconds_left(), deadline - time.monotonic())

        def visit_url() -> Visit | None:
            max_bytes = min(self.limits.resource_bytes, self.limits.all_bytes - self._bytes)
            if max_bytes <= 0:
                return None
            visit = self.visitor.visit(
                url, _restore_header_case(headers), max_bytes, seconds_left, http_request, cookies
            )
            with self._count_lock:
                # Incomplete responses are counted too. A decoded body may be larger.
                self._bytes += max(sum(len(exchange.response) for exchange in visit.exchanges), len(visit.body or b""))
            return visit

        visit = await asyncio.get_running_loop().run_in_executor(self.pool, visit_url)
        if visit is None or self._closed:
            return visit
        self.resources.append(Resource(request.resource_type, visit, _is_page(request)))
        if len(visit.steps) > 1:
            for cookie in cookies:
                if cookie not in earlier_cookies:
                    with suppress(Error):  # a cookie that the browser rejects
                        await request.frame.page.context.add_cookies([_to_browser_cookie(cookie)])
        return visit

    async def _redirect_frame(self, route: Route, visit: Visit) -> None:
        """Navigate a frame to the target of the redirects, and store the response there for its next request."""
        target = visit.final_url
        self._prefetched_visits[target] = replace(visit, steps=visit.steps[-1:])
        if _is_page(route.request):
            self.documents.append(replace(visit, steps=visit.steps[:-1], body=None))
        script_url = json.dumps(target).replace("<", "\\u003c")
        body = (
            f'<!doctype html><meta charset="utf-8"><script>location.replace({script_url})</script>'
            f'<noscript><meta http-equiv="refresh" content="0;url={html.escape(target)}"></noscript>'
        )
        await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=body)

    def find_urls(self, digest: Digest) -> list[str]:
        """Find the URLs that served bytes with this digest to the browser."""
        visits = [resource.visit for resource in self.resources]
        return [
            visit.url for visit in visits if visit.is_served and visit.body and Digest.from_bytes(visit.body) == digest
        ]

    def build_page_visit(self, page_url: str) -> Visit:
        """Combine all documents that the main frame requested into one visit, with the body of the last one."""
        steps: list[VisitStep] = [step for document in self.documents for step in document.steps]
        failed_visit = next((resource.visit for resource in reversed(self.resources) if resource.is_page), None)
        if self.documents and self.documents[-1].body is not None:
            return Visit(page_url, tuple(steps), self.documents[-1].body)
        if failed_visit is not None:
            return replace(failed_visit, url=page_url)
        if self._has_requested_page:
            return Visit(page_url, failure=TOO_SLOW_SENTENCE, reason="too-slow", failed_at=page_url)
        return Visit(page_url, failure=PAGE_NOT_REQUESTED, reason="not-requested", failed_at=page_url)


def _is_page(request: Request) -> bool:
    """Return True if the request is for the page itself, not for a frame in it."""
    return request.is_navigation_request() and request.frame.parent_frame is None


def _restore_header_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Restore the letter case of the browser's headers for HTTP/1.1, and remove headers set elsewhere."""
    dropped_names = {"host", "content-length", "accept-encoding", "user-agent", "connection"}
    forwarded_headers = {
        name: value for name, value in headers.items() if not name.startswith(":") and name not in dropped_names
    }
    return {name if name.startswith("sec-") else name.title(): value for name, value in forwarded_headers.items()}


def _list_response_headers(visit: Visit) -> dict[str, str]:
    """List the response headers for the browser, without connection headers, which are handled here."""
    headers: dict[str, str] = {}
    for name, value in visit.steps[-1].headers:
        key = name.lower()
        if key in DROPPED_HEADERS or (key == "set-cookie" and len(visit.steps) > 1):
            continue
        separator = "\n" if key == "set-cookie" else ", "
        headers[key] = f"{headers[key]}{separator}{value}" if key in headers else value
    return headers


def _build_cookie_jar(url: str, header: str) -> RequestsCookieJar:
    """Build a cookie jar from the browser's cookies for the requested host only, not for redirect targets."""
    cookie_jar = RequestsCookieJar()
    try:
        pairs = SimpleCookie(header)
    except CookieError:
        return cookie_jar
    for name, morsel in pairs.items():
        cookie_jar.set(name, morsel.coded_value, domain=get_url_host(url), path="/")
    return cookie_jar


def _to_browser_cookie(cookie: Cookie) -> Untyped:
    """Convert a cookie set in a redirect, which the browser has not received, to Playwright's form."""
    fields: dict[str, Any] = {name: getattr(cookie, name) for name in ("name", "domain", "path")}
    fields["value"] = cookie.value or ""
    fields["secure"] = cookie.secure or cookie.name.startswith(("__Host-", "__Secure-"))
    fields["httpOnly"] = any(cookie.has_nonstandard_attr(name) for name in ("HttpOnly", "httponly", "HTTPOnly"))
    same_site = (cookie.get_nonstandard_attr("SameSite") or cookie.get_nonstandard_attr("samesite") or "").title()
    if same_site in {"Strict", "Lax", "None"}:
        fields["sameSite"] = same_site
    if cookie.expires is not None:
        fields["expires"] = cookie.expires
    return fields
