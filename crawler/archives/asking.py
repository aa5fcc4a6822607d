"""Rate-limited, sequential requests to the index of a web archive."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from crawler.searches.client import SearchRefusedError, busy
from exhibit.network.http import read_limited
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

REQUEST_SECONDS = 60.0
MAX_BYTES = 32_000_000
"""Limit for one page of a response, in bytes: five times the largest page expected."""


_LONGEST_SLEEP = 30.0
"""Longest wait for a turn, in seconds. For longer waits the request is postponed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """Meaning of a service's HTTP status codes, for its index and its records."""

    withheld: tuple[int, ...] = ()  # the service withholds its captures of this domain or URL
    busy: tuple[int, ...] = (429, 503)  # the service asks clients to retry later
    back_off: float = 60.0  # seconds for which all clients pause then, if the service names no time


class Asking:
    """Sends requests to the index of one archive, with a minimum time between two requests.

    Args:
        session: HTTP session that sends the requests.
        title: Name of the archive for error messages.
        seconds: Minimum time between two requests.
        statuses: Meaning of the archive's status codes.
        turn: Reserves the next turn where several clients share the archive; returns the seconds until that turn.
    """

    def __init__(
        self,
        session: requests.Session,
        title: str,
        seconds: float,
        statuses: Statuses,
        turn: Callable[[float], float] | None = None,
    ) -> None:
        self._session, self._title, self._seconds, self._statuses = session, title, seconds, statuses
        self._turn, self._free_at = turn, 0.0

    def wait(self) -> None:
        """Sleep until a request may be sent.

        Raises:
            SearchRefusedError: ``busy``, if the wait is longer than a worker should sleep.
        """
        rest = self._turn(self._seconds) if self._turn is not None else self._free_at - time.monotonic()
        if rest > _LONGEST_SLEEP:
            raise self._busy(rest)
        if rest > 0:
            time.sleep(rest)

    def _busy(self, seconds: float) -> SearchRefusedError:
        sentence = Sentence("%(name)s asked Exhibit to retry later.", name=self._title)
        return SearchRefusedError(sentence, reason="busy", wait=seconds)

    def _back_off(self, response: requests.Response) -> SearchRefusedError:
        """Pause requests from all clients for as long as the service requests."""
        wait = busy(self._title, response).wait
        seconds = self._statuses.back_off if wait is None else wait
        self._free_at = time.monotonic() + seconds
        if self._turn is not None:
            self._turn(seconds)
        return self._busy(seconds)

    def get(self, url: str, parameters: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Send a GET request and return the status (200, 400 or 404) and body.

        The meaning of these statuses depends on the archive. Redirects are not followed.

        Raises:
            SearchRefusedError: The request failed, or the archive is busy or withholds its captures.
            RefusedError: The network guard blocks the URL.
        """
        self.wait()
        try:
            response = self._session.get(url, params=parameters, allow_redirects=False)
            if response.status_code in self._statuses.busy:
                raise self._back_off(response)
            body = read_limited(response, MAX_BYTES, REQUEST_SECONDS)
        except (requests.RequestException, UnicodeError, ValueError):
            raise self.failed(Sentence("%(name)s could not be reached.", name=self._title)) from None
        finally:
            self._free_at = max(self._free_at, time.monotonic() + self._seconds)
        if response.status_code in self._statuses.withheld:
            status = response.status_code
            sentence = Sentence(
                "%(name)s does not provide its records of this domain (status %(status)s).",
                name=self._title,
                status=status,
            )
            raise SearchRefusedError(sentence, reason=Reason.UNSEARCHABLE)
        if response.status_code not in (200, 400, 404):
            status = response.status_code
            raise self.failed(Sentence("%(name)s returned status %(status)s.", name=self._title, status=status))
        return response.status_code, body

    def unreadable(self) -> SearchRefusedError:
        """Return the error for a response that does not have the documented format."""
        return self.failed(Sentence("%(name)s did not return an archive index.", name=self._title))

    @staticmethod
    def failed(sentence: str) -> SearchRefusedError:
        """Return an error with the reason ``failed``, after which a retry may succeed."""
        return SearchRefusedError(sentence, reason="failed")
