"""Visits that are recorded as they are on the wire: one question, all of its redirects, and the bytes of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from requests.cookies import RequestsCookieJar

from evidence.capture.visits import GET, Question, Visit, nobody, visit
from evidence.capture.wire import Exchange, recording
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session


@dataclass(frozen=True, slots=True)
class Recorded:
    """A visit and its bytes.

    Attributes:
        visit: what came of it.
        exchanges: requests and responses as they were on the wire, in their order.
    """

    visit: Visit
    exchanges: tuple[Exchange, ...]


class Visitor:
    """Visits addresses through the guard, each in a recording of its own; may be used by several threads.

    Args:
        guard: says what may be reached.
        user_agent: the ``User-Agent`` header.
        ca_bundle: authorities (PEM) to check certificates against instead of certifi's.
        denied: says which hosts aren't asked; may be asked by several threads.
    """

    def __init__(
        self,
        guard: Guard,
        user_agent: str,
        ca_bundle: Path | None = None,
        denied: Callable[[str], bool] = nobody,
    ) -> None:
        self._guard = guard
        self._denied = denied
        self._ca_bundle = ca_bundle
        self.user_agent = user_agent

    def visit(
        self,
        url: str,
        headers: Mapping[str, str],
        most: int,
        seconds: Callable[[], float],
        question: Question = GET,
        cookies: RequestsCookieJar | None = None,
    ) -> Recorded:
        """Visit an address and record the exchange.

        Args:
            url: absolute.
            headers: besides ``User-Agent``.
            most: bytes of the body.
            seconds: says how much time is left.
            question: the method, and what is sent along.
            cookies: sent where they belong; what the servers set is added to them.

        Returns:
            What came of it; an address that can't or mustn't be reached is told, not raised.
        """
        with guarded_session(self._guard, user_agent=self.user_agent) as session, recording() as recorder:
            session.headers["Accept-Encoding"] = "identity"
            if cookies is not None:
                session.cookies = cookies
            if self._ca_bundle is not None:
                session.verify = str(self._ca_bundle)
            made = visit(session, url, headers, most, seconds, question, self._denied)
            # a request that never began leaves the answer before it whole
            if len(recorder.exchanges) > len(made.steps) or (made.steps and made.failed_at == made.steps[-1].url):
                recorder.give_up(made.reason)
        return Recorded(made, tuple(recorder.exchanges))
