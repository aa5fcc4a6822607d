"""Recorded visits to a URL over HTTP, and their results: every redirect is a separate step."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import requests
from requests.cookies import RequestsCookieJar

from evidence.capture.wire import Exchange, record_exchanges
from evidence.facts.network import REMOVED_STATUSES
from exhibit.clock import now
from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, joined, without_fragment, without_scheme
from exhibit.network.guard import Guard
from exhibit.network.http import ConnectionFacts, connection_facts, guarded_session, read_limited
from exhibit.plain import mended
from exhibit.sentences import Sentence

MAX_STEPS = 6
REDIRECTS = frozenset({301, 302, 303, 307, 308})
Denied = Callable[[str], bool]  # returns True for hosts that must not be requested
SecondsLeft = Callable[[], float]  # returns the seconds left
deny_nobody: Denied = frozenset[str]().__contains__  # denies no host
OBSTACLES = {
    401: Sentence("requires a login"),
    403: Sentence("refuses this visit"),
    407: Sentence("requires a login"),
    429: Sentence("refuses frequent visits"),
    451: Sentence("refuses this visit for legal reasons"),
    503: Sentence("does not allow visits at the moment"),
}
_LOGIN = re.compile(r"(?<![a-z])(log[-_]?in|sign[-_]?in|passport|captcha|challenge)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its response."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]  # response headers in their order and letter case
    sent: datetime  # start of the request, aware, UTC
    responded_at: datetime  # when the response headers had arrived
    connection: ConnectionFacts
    size: int = 0  # size of the decoded body, bytes; 0 for a redirect

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Method and body of a request."""

    method: str = "GET"
    body: bytes | None = None

    def follow_redirect(self, status: int) -> "HttpRequest":
        """Return the request for the target of a redirect, as browsers do.

        Source: Fetch Standard, HTTP-redirect fetch, step 12.
        """
        if (status in {301, 302} and self.method == "POST") or (status == 303 and self.method not in {"GET", "HEAD"}):
            return GET
        return self


GET = HttpRequest()


@dataclass(frozen=True, slots=True)
class Visit:
    """Result of requesting a URL."""

    url: str  # the requested URL
    steps: tuple[Step, ...] = ()
    body: bytes | None = None  # decoded; ``None`` if it could not be read completely
    failure: str = ""  # why there is no complete response, as a sentence
    reason: str = ""  # short code for the failure
    failed_at: str = ""  # URL that failed, maybe after redirects
    exchanges: tuple[Exchange, ...] = ()  # requests and responses as on the wire, in order

    @property
    def final_url(self) -> str:
        """The last URL that responded."""
        return self.steps[-1].url if self.steps else self.url

    @property
    def status(self) -> int:
        """The last response's status, or 0."""
        return self.steps[-1].status if self.steps else 0

    @property
    def is_served(self) -> bool:
        """True if a complete body came with status 200 to 299."""
        return not self.failure and self.body is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """True if the server states that nothing exists here any more."""
        return not self.failure and self.status in REMOVED_STATUSES

    @property
    def obstacle(self) -> str:
        """Obstacle that kept this visit from seeing what others may see, in words after "the site".

        Empty if there was none.
        """
        if not self.steps or self.failure:
            return ""
        if self.steps[-1].header("cf-mitigated"):
            return Sentence("requires visitors to pass a robot check")
        if self.is_served and len(self.steps) > 1 and _is_login_redirect(self.steps[-1].url, self.url):
            return Sentence("redirects to a login page or a robot check")
        return OBSTACLES.get(self.status, "")


def _is_login_redirect(url: str, first: str) -> bool:
    """Return True if a URL mentions a login although the requested one did not."""
    final, before = (without_scheme(address).partition("?")[0] for address in (url, first))
    return bool(_LOGIN.search(final)) and not _LOGIN.search(before)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Visits URLs through the guard, each in its own recording; thread-safe."""

    guard: Guard
    user_agent: str
    ca_bundle: Path | None = None  # authorities (PEM) to check certificates against instead of certifi's
    denied: Denied = deny_nobody  # hosts that must not be requested, even after a redirect

    def visit(
        self,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        seconds: SecondsLeft,
        request: HttpRequest = GET,
        cookies: RequestsCookieJar | None = None,
    ) -> Visit:
        """Request a URL and record the exchange; unreachable or forbidden URLs are reported in the result, not raised.

        At most ``max_bytes`` bytes of the body are read; ``seconds`` returns the time left. Cookies are sent to their
        hosts, and those that servers set are added to them.
        """
        with guarded_session(self.guard, user_agent=self.user_agent) as session, record_exchanges() as recorder:
            session.headers["Accept-Encoding"] = "identity"
            if cookies is not None:
                session.cookies = cookies
            if self.ca_bundle is not None:
                session.verify = str(self.ca_bundle)
            session.headers.update(headers)
            result = self._follow_redirects(session, url, max_bytes, seconds, request)
            # If the last request never started, the preceding response is complete.
            if len(recorder.exchanges) > len(result.steps) or (
                result.steps and result.failed_at == result.steps[-1].url
            ):
                recorder.mark_truncated(result.reason)
        return replace(result, exchanges=tuple(recorder.exchanges))

    def _follow_redirects(
        self, session: requests.Session, url: str, max_bytes: int, seconds: SecondsLeft, request: HttpRequest
    ) -> Visit:
        steps: list[Step] = []
        target_url = url
        try:
            for _ in range(MAX_STEPS):
                target_url = without_fragment(target_url)
                step, response = self._request(session, target_url, seconds(), request)
                steps.append(step)
                target = response.headers.get("Location", "")
                if step.status not in REDIRECTS or not target:
                    body = read_limited(response, max_bytes, max(seconds(), 0.001))
                    return Visit(url, (*steps[:-1], replace(step, size=len(body))), body)
                response.close()
                request = request.follow_redirect(step.status)
                target_url = joined(target_url, mended(target)) or target
        except RefusedError as error:
            failure, reason = error.message, error.reason
        except requests.exceptions.SSLError:
            failure = Sentence("The server's certificate could not be verified, or the encrypted connection failed.")
            reason = "certificate"
        except (requests.RequestException, ValueError):
            failure, reason = Sentence("The server did not return a complete response."), "no-answer"
        else:
            failure, reason = Sentence("The server redirects too many times."), "too-many-redirects"
        return Visit(url, tuple(steps), None, failure, reason, target_url)

    def _request(
        self, session: requests.Session, url: str, seconds: float, request: HttpRequest
    ) -> tuple[Step, requests.Response]:
        host = host_of(url)
        if self.denied(host):
            raise RefusedError(
                Sentence("The operator's rules do not allow visits to %(host)s.", host=host), reason="denied-host"
            )
        if seconds <= 0:
            raise RefusedError(Sentence("The time limit for this visit was reached."), reason="too-slow")
        session.close()  # a connection that the server dropped meanwhile would look like a missing response
        sent = now()
        started = time.monotonic()
        response = session.request(
            request.method, url, data=request.body, allow_redirects=False, stream=True, timeout=min(seconds, 30)
        )
        responded_at = sent + timedelta(seconds=time.monotonic() - started)
        # requests reads the bytes of headers as Latin-1
        headers = tuple((str(name), mended(str(value))) for name, value in response.raw.headers.iteritems())
        return Step(url, response.status_code, headers, sent, responded_at, connection_facts(response)), response
