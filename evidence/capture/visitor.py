"""Visiting an address over HTTP: each redirect is a step, and its bytes are recorded as they are on the wire."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import requests
from requests.cookies import RequestsCookieJar

from evidence.capture.visits import GET, Question, Step, Visit
from evidence.capture.wire import recording
from exhibit.clock import now
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from exhibit.network.http import connection_facts, guarded_session, read_limited
from exhibit.network.urls import host_of
from exhibit.plain import mended
from exhibit.sentences import Sentence

MAX_STEPS = 6
REDIRECTS = frozenset({301, 302, 303, 307, 308})
Denied = Callable[[str], bool]  # says which hosts aren't asked
Left = Callable[[], float]  # says how many seconds are left
nobody: Denied = frozenset[str]().__contains__  # says of every host that it isn't denied


@dataclass(frozen=True, slots=True)
class Visitor:
    """Visits addresses through the guard, each in a recording of its own; may be used by several threads."""

    guard: Guard
    user_agent: str
    ca_bundle: Path | None = None  # authorities (PEM) to check certificates against instead of certifi's
    denied: Denied = nobody  # says which hosts aren't asked, also behind a redirect

    def visit(
        self,
        url: str,
        headers: Mapping[str, str],
        most: int,
        seconds: Left,
        question: Question = GET,
        cookies: RequestsCookieJar | None = None,
    ) -> Visit:
        """Ask for an address and record the exchange; what can't or mustn't be reached is told, not raised.

        At most ``most`` bytes of the body are taken; ``seconds`` says how much time is left. Cookies are sent where
        they belong, and what the servers set is added to them.
        """
        with guarded_session(self.guard, user_agent=self.user_agent) as session, recording() as recorder:
            session.headers["Accept-Encoding"] = "identity"
            if cookies is not None:
                session.cookies = cookies
            if self.ca_bundle is not None:
                session.verify = str(self.ca_bundle)
            session.headers.update(headers)
            made = self._followed(session, url, most, seconds, question)
            # a request that never began leaves the answer before it whole
            if len(recorder.exchanges) > len(made.steps) or (made.steps and made.failed_at == made.steps[-1].url):
                recorder.give_up(made.reason)
        return replace(made, exchanges=tuple(recorder.exchanges))

    def _followed(self, session: requests.Session, url: str, most: int, seconds: Left, question: Question) -> Visit:
        steps: list[Step] = []
        asked = url
        try:
            for _ in range(MAX_STEPS):
                asked = urldefrag(asked).url
                step, response = self._ask(session, asked, seconds(), question)
                steps.append(step)
                target = response.headers.get("Location", "")
                if step.status not in REDIRECTS or not target:
                    body = read_limited(response, most, max(seconds(), 0.001))
                    return Visit(url, (*steps[:-1], replace(step, size=len(body))), body)
                response.close()
                question = question.after(step.status)
                asked = urljoin(asked, mended(target))
        except RefusedError as error:
            failure, reason = error.message, error.reason
        except requests.exceptions.SSLError:
            failure = Sentence("The server's certificate couldn't be verified, or the encrypted connection failed.")
            reason = "certificate"
        except (requests.RequestException, ValueError):
            failure, reason = Sentence("The server gave no whole answer."), "no-answer"
        else:
            failure, reason = Sentence("The server redirects too often."), "too-many-redirects"
        return Visit(url, tuple(steps), None, failure, reason, asked)

    def _ask(
        self, session: requests.Session, url: str, seconds: float, question: Question
    ) -> tuple[Step, requests.Response]:
        host = host_of(url)
        if self.denied(host):
            raise RefusedError(Sentence("The operator's rules name %(host)s.", host=host), reason="denied-host")
        if seconds <= 0:
            raise RefusedError(Sentence("The time for this visit was over."), reason="too-slow")
        session.close()  # one that the server dropped meanwhile would look like no answer
        sent = now()
        began = time.monotonic()
        response = session.request(
            question.method, url, data=question.body, allow_redirects=False, stream=True, timeout=min(seconds, 30)
        )
        answered = sent + timedelta(seconds=time.monotonic() - began)
        # requests reads the bytes of headers as Latin-1
        received = tuple((str(name), mended(str(value))) for name, value in response.raw.headers.iteritems())
        return Step(url, response.status_code, received, sent, answered, connection_facts(response)), response
