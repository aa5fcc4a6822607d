"""Visiting one address over HTTP: every redirect is a step of its own, and what answered is written down."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urldefrag, urljoin, urlsplit

import requests

from exhibit.clock import now
from exhibit.errors import RefusedError
from exhibit.network.http import ConnectionFacts, connection_facts, read_limited
from exhibit.network.urls import host_of
from exhibit.sentences import Sentence

MAX_STEPS = 6
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({404, 410})
WALLS = {
    401: Sentence("asks for a login"),
    403: Sentence("refuses this visit"),
    407: Sentence("asks for a login"),
    429: Sentence("refuses so many visits"),
    451: Sentence("refuses this visit for legal reasons"),
    503: Sentence("doesn't serve this visit now"),
}
_LOGIN = re.compile(r"(?<![a-z])(log[-_]?in|sign[-_]?in|passport|captcha|challenge)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its response.

    Attributes:
        url: what was asked for.
        status: of the answer.
        headers: of the answer, in their order and letter case.
        sent: when the request was begun, aware, UTC.
        answered: when the answer's headers were there.
        connection: who answered, by address and certificates.
        size: bytes of the body after content encoding has been undone; 0 for a redirect.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    sent: datetime
    answered: datetime
    connection: ConnectionFacts
    size: int = 0

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Question:
    """How an address is asked.

    Attributes:
        method: of HTTP.
        body: sent along, or ``None``.
    """

    method: str = "GET"
    body: bytes | None = None

    def after(self, status: int) -> "Question":
        """How the target of a redirect is asked, as browsers do it (Fetch Standard, HTTP-redirect fetch, step 12)."""
        if (status in {301, 302} and self.method == "POST") or (status == 303 and self.method not in {"GET", "HEAD"}):
            return GET
        return self


GET = Question()


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of asking for an address.

    Attributes:
        url: what was asked for first.
        steps: all that was answered, the last one last.
        body: of the last answer, content encoding undone; ``None`` when it couldn't be read to its end.
        failure: why there is no answer or no whole one, as a sentence; empty otherwise.
        reason: a short word for the failure; empty otherwise.
        failed_at: the address that was asked for when it failed, maybe after redirects; empty otherwise.
    """

    url: str
    steps: tuple[Step, ...] = ()
    body: bytes | None = None
    failure: str = ""
    reason: str = ""
    failed_at: str = ""

    @property
    def status(self) -> int:
        """The last answer's status, or 0."""
        return self.steps[-1].status if self.steps else 0

    @property
    def media_type(self) -> str:
        """What the last answer calls itself, without parameters, in lower case; maybe empty."""
        return self.steps[-1].header("content-type").partition(";")[0].strip().lower() if self.steps else ""

    @property
    def served(self) -> bool:
        """Whether something came, whole and with status 200 to 299."""
        return not self.failure and self.body is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the server says that there is nothing here any more."""
        return not self.failure and self.status in GONE

    @property
    def obstacle(self) -> str:
        """What kept this visit from seeing what others may see, in words after "the site"; empty when nothing did."""
        if not self.steps or self.failure:
            return ""
        if self.steps[-1].header("cf-mitigated"):
            return Sentence("asks visitors to show that they aren't programs")
        if self.served and len(self.steps) > 1 and _asks_for_login(self.steps[-1].url, self.url):
            return Sentence("leads to a login or a check of visitors")
        return WALLS.get(self.status, "")


def nobody(host: str) -> bool:  # noqa: ARG001 - as a list of denied hosts that is empty
    """Deny no host."""
    return False


def visit(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    max_bytes: int,
    seconds: Callable[[], float],
    question: Question = GET,
    denied: Callable[[str], bool] = nobody,
) -> Visit:
    """Ask for an address, following redirects one by one.

    Args:
        session: a guarded session.
        url: absolute.
        headers: besides the session's own.
        max_bytes: of the body.
        seconds: says how much time is left.
        question: the method, and what is sent along.
        denied: says which hosts aren't asked, also behind a redirect.

    Returns:
        What came of it; an address that can't or mustn't be reached is told, not raised.
    """
    steps: list[Step] = []
    asked = url
    try:
        for _ in range(MAX_STEPS):
            asked = urldefrag(asked).url
            _check(host_of(asked), denied)
            step, response = _ask(session, asked, headers, seconds(), question)
            steps.append(step)
            target = response.headers.get("Location", "")
            if step.status not in REDIRECTS or not target:
                body = read_limited(response, max_bytes, max(seconds(), 0.001))
                return Visit(url, (*steps[:-1], replace(step, size=len(body))), body)
            response.close()
            question = question.after(step.status)
            asked = urljoin(asked, _readable(target))
    except RefusedError as error:
        failure, reason = error.message, error.reason
    except requests.exceptions.SSLError:
        failure, reason = (
            Sentence("The server's certificate couldn't be verified, or the encrypted connection failed."),
            "certificate",
        )
    except (requests.RequestException, ValueError):
        failure, reason = Sentence("The server gave no whole answer."), "no-answer"
    else:
        failure, reason = Sentence("The server redirects too often."), "too-many-redirects"
    return Visit(url, tuple(steps), None, failure, reason, asked)


def _check(host: str, denied: Callable[[str], bool]) -> None:
    if denied(host):
        raise RefusedError(Sentence("The operator's rules name %(host)s.", host=host), reason="denied-host")


def _ask(
    session: requests.Session, url: str, headers: Mapping[str, str], seconds: float, question: Question
) -> tuple[Step, requests.Response]:
    if seconds <= 0:
        raise RefusedError(Sentence("The time for this visit was over."), reason="too-slow")
    session.close()  # a connection for each request: one that the server dropped meanwhile would look like no answer
    sent = now()
    began = time.monotonic()
    response = session.request(
        question.method,
        url,
        data=question.body,
        headers=dict(headers),
        allow_redirects=False,
        stream=True,
        timeout=min(seconds, 30),
    )
    answered = sent + timedelta(seconds=time.monotonic() - began)
    received = tuple((str(name), _readable(str(value))) for name, value in response.raw.headers.iteritems())
    return Step(url, response.status_code, received, sent, answered, connection_facts(response)), response


def _readable(value: str) -> str:
    """A header's value as text: UTF-8 where its bytes are such (``requests`` reads them as Latin-1)."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _asks_for_login(url: str, first: str) -> bool:
    """Whether an address speaks of a login and the one that was asked for didn't."""
    shown, before = (f"{parts.netloc}{parts.path}" for parts in (urlsplit(url), urlsplit(first)))
    return bool(_LOGIN.search(shown)) and not _LOGIN.search(before)
