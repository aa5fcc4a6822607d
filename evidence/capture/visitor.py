"""Recorded visits to URLs over HTTP; every redirect is a separate step of the result."""

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
from exhibit.network.addresses import get_url_host, join_urls, remove_fragment, remove_scheme
from exhibit.network.guard import Guard
from exhibit.network.http import ConnectionFacts, create_guarded_session, get_connection_facts, read_limited
from exhibit.plain import repair_encoding
from exhibit.sentences import Sentence

MAX_VISIT_STEPS = 6
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
HostFilter = Callable[[str], bool]  # returns True for hosts that must not be visited
SecondsLeft = Callable[[], float]  # returns the seconds left
deny_no_host: HostFilter = frozenset[str]().__contains__  # allows all hosts
OBSTACLE_SENTENCES = {
    401: Sentence("requires a login"),
    403: Sentence("denied access"),
    407: Sentence("requires a login"),
    429: Sentence("denied access because of too many requests"),
    451: Sentence("denied access for legal reasons"),
    503: Sentence("was temporarily unavailable"),
}
_LOGIN_WORDS = re.compile(r"(?<![a-z])(log[-_]?in|sign[-_]?in|passport|captcha|challenge)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VisitStep:
    """One request and its response."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]  # response headers in their order and letter case
    sent_at: datetime  # start of the request, aware, UTC
    responded_at: datetime  # arrival of the response headers, aware, UTC
    connection: ConnectionFacts
    size: int = 0  # size of the decoded body, bytes; 0 for a redirect

    def get_header(self, name: str) -> str:
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
    steps: tuple[VisitStep, ...] = ()
    body: bytes | None = None  # decoded; ``None`` if it could not be read completely
    failure: str = ""  # reason why there is no complete response, as a sentence
    reason: str = ""  # short code for the failure
    failed_at: str = ""  # URL that failed, possibly after redirects
    exchanges: tuple[Exchange, ...] = ()  # exact requests and responses, in order

    @property
    def final_url(self) -> str:
        """Last URL that responded."""
        return self.steps[-1].url if self.steps else self.url

    @property
    def status(self) -> int:
        """Status of the last response, or 0."""
        return self.steps[-1].status if self.steps else 0

    @property
    def is_served(self) -> bool:
        """True if a complete body was received with status 200 to 299."""
        return not self.failure and self.body is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """True if the server states that the URL no longer exists."""
        return not self.failure and self.status in REMOVED_STATUSES

    @property
    def obstacle(self) -> str:
        """Obstacle that may not affect other visitors, such as a login, as a phrase that follows "the site".

        Empty if there was none.
        """
        if not self.steps or self.failure:
            return ""
        if self.steps[-1].get_header("cf-mitigated"):
            return Sentence("requires visitors to pass a bot check (CAPTCHA)")
        if self.is_served and len(self.steps) > 1 and _is_login_redirect(self.steps[-1].url, self.url):
            return Sentence("redirects to a login page or a bot check (CAPTCHA)")
        return OBSTACLE_SENTENCES.get(self.status, "")


def _is_login_redirect(url: str, requested_url: str) -> bool:
    """Return True if a URL contains a login word that the requested URL does not contain."""
    final_path, requested_path = (remove_scheme(checked_url).partition("?")[0] for checked_url in (url, requested_url))
    return bool(_LOGIN_WORDS.search(final_path)) and not _LOGIN_WORDS.search(requested_path)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Visits URLs through the network guard, with a separate recording for each; thread-safe."""

    guard: Guard
    user_agent: str
    ca_bundle: Path | None = None  # certificate authorities (PEM) that replace certifi's
    is_denied: HostFilter = deny_no_host  # hosts that must not be visited, even after a redirect

    def visit(
        self,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        seconds_left: SecondsLeft,
        request: HttpRequest = GET,
        cookies: RequestsCookieJar | None = None,
    ) -> Visit:
        """Request a URL and record the exchange; unreachable or forbidden URLs give a result with a failure.

        At most ``max_bytes`` bytes of the body are read; ``seconds_left`` returns the seconds left. Cookies are sent to
        their hosts, and cookies that servers set are added to ``cookies``.
        """
        with create_guarded_session(self.guard, user_agent=self.user_agent) as session, record_exchanges() as recorder:
            session.headers["Accept-Encoding"] = "identity"
            if cookies is not None:
                session.cookies = cookies
            if self.ca_bundle is not None:
                session.verify = str(self.ca_bundle)
            session.headers.update(headers)
            result = self._follow_redirects(session, url, max_bytes, seconds_left, request)
            # If the last request was not started, the preceding response is complete.
            if len(recorder.exchanges) > len(result.steps) or (
                result.steps and result.failed_at == result.steps[-1].url
            ):
                recorder.mark_truncated(result.reason)
        return replace(result, exchanges=tuple(recorder.exchanges))

    def _follow_redirects(
        self, session: requests.Session, url: str, max_bytes: int, seconds_left: SecondsLeft, request: HttpRequest
    ) -> Visit:
        steps: list[VisitStep] = []
        target_url = url
        try:
            for _ in range(MAX_VISIT_STEPS):
                target_url = remove_fragment(target_url)
                step, response = self._send_request(session, target_url, seconds_left(), request)
                steps.append(step)
                location = response.headers.get("Location", "")
                if step.status not in REDIRECT_STATUSES or not location:
                    body = read_limited(response, max_bytes, max(seconds_left(), 0.001))
                    return Visit(url, (*steps[:-1], replace(step, size=len(body))), body)
                response.close()
                request = request.follow_redirect(step.status)
                target_url = join_urls(target_url, repair_encoding(location)) or location
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

    def _send_request(
        self, session: requests.Session, url: str, seconds: float, request: HttpRequest
    ) -> tuple[VisitStep, requests.Response]:
        host = get_url_host(url)
        if self.is_denied(host):
            raise RefusedError(
                Sentence("The operator's rules do not allow visits to %(host)s.", host=host), reason="denied-host"
            )
        if seconds <= 0:
            raise RefusedError(Sentence("The time limit for this visit was reached."), reason="too-slow")
        session.close()  # an idle connection that the server has closed would look like a missing response
        sent_at = now()
        started = time.monotonic()
        response = session.request(
            request.method, url, data=request.body, allow_redirects=False, stream=True, timeout=min(seconds, 30)
        )
        responded_at = sent_at + timedelta(seconds=time.monotonic() - started)
        # requests decodes headers as Latin-1
        headers = tuple((str(name), repair_encoding(str(value))) for name, value in response.raw.headers.iteritems())
        return VisitStep(
            url, response.status_code, headers, sent_at, responded_at, get_connection_facts(response)
        ), response
