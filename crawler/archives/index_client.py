"""Rate-limited, sequential requests to the index of a web archive."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from crawler.searches.client import SearchRefusedError, make_busy_error
from exhibit.network.http import read_limited
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

REQUEST_SECONDS = 60.0
MAX_BYTES = 32_000_000
"""Limit for one page of a response, in bytes: five times the largest page expected."""


_MAX_SLEEP_SECONDS = 30.0
"""Longest wait before a request, in seconds. For longer waits the request is postponed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCodes:
    """Meaning of a service's HTTP status codes, for its index and its records."""

    withheld: tuple[int, ...] = ()  # the service withholds its captures of this domain or URL
    busy: tuple[int, ...] = (429, 503)  # the service asks clients to retry later
    back_off: float = 60.0  # pause of all clients in seconds if a response states no `Retry-After`


class IndexClient:
    """Sends requests to the index of one archive, with a minimum time between two requests.

    Args:
        session: HTTP session that sends the requests.
        title: Name of the archive for error messages.
        seconds: Minimum time between two requests.
        statuses: Meaning of the archive's status codes.
        reserve_turn: Reserves the next request if several clients share the archive; returns the seconds until then.
    """

    def __init__(
        self,
        session: requests.Session,
        title: str,
        seconds: float,
        statuses: StatusCodes,
        reserve_turn: Callable[[float], float] | None = None,
    ) -> None:
        self._session, self._title, self._min_interval, self._statuses = session, title, seconds, statuses
        self._reserve_turn, self._next_request_at = reserve_turn, 0.0

    def wait_for_turn(self) -> None:
        """Sleep until a request may be sent.

        Raises:
            SearchRefusedError: ``make_busy_error``, if the wait is longer than a worker should sleep.
        """
        delay = (
            self._reserve_turn(self._min_interval)
            if self._reserve_turn is not None
            else self._next_request_at - time.monotonic()
        )
        if delay > _MAX_SLEEP_SECONDS:
            raise self._make_busy_error(delay)
        if delay > 0:
            time.sleep(delay)

    def _make_busy_error(self, seconds: float) -> SearchRefusedError:
        sentence = Sentence("%(name)s asked Exhibit to retry later.", name=self._title)
        return SearchRefusedError(sentence, reason="busy", wait=seconds)

    def _back_off(self, response: requests.Response) -> SearchRefusedError:
        """Pause the requests of all clients for the time that the service requests, and return the error."""
        requested_seconds = make_busy_error(self._title, response).wait
        seconds = self._statuses.back_off if requested_seconds is None else requested_seconds
        self._next_request_at = time.monotonic() + seconds
        if self._reserve_turn is not None:
            self._reserve_turn(seconds)
        return self._make_busy_error(seconds)

    def get(self, url: str, parameters: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Send a GET request and return the status (200, 400 or 404) and body.

        The meaning of these statuses depends on the archive. Redirects are not followed.

        Raises:
            SearchRefusedError: The request failed, or the archive is busy or withholds its captures.
            RefusedError: The network guard blocks the URL.
        """
        self.wait_for_turn()
        try:
            response = self._session.get(url, params=parameters, allow_redirects=False)
            if response.status_code in self._statuses.busy:
                raise self._back_off(response)
            body = read_limited(response, MAX_BYTES, REQUEST_SECONDS)
        except (requests.RequestException, UnicodeError, ValueError):
            raise self.make_failed_error(Sentence("%(name)s could not be reached.", name=self._title)) from None
        finally:
            self._next_request_at = max(self._next_request_at, time.monotonic() + self._min_interval)
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
            raise self.make_failed_error(
                Sentence("%(name)s returned status %(status)s.", name=self._title, status=status)
            )
        return response.status_code, body

    def make_format_error(self) -> SearchRefusedError:
        """Return the error for a response that does not have the documented format."""
        return self.make_failed_error(Sentence("%(name)s did not return an archive index.", name=self._title))

    @staticmethod
    def make_failed_error(sentence: str) -> SearchRefusedError:
        """Return an error with the reason ``failed``, after which a retry may succeed."""
        return SearchRefusedError(sentence, reason="failed")
