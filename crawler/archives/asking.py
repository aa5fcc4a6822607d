"""One request after the other to an archive's index, at the pace that it bears."""

import time
from collections.abc import Callable

import requests

from crawler.searches.client import SearchRefusedError, busy
from exhibit.network.http import read_limited
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

REQUEST_SECONDS = 60.0
MAX_BYTES = 32_000_000
"""Bytes of one page of an answer: five times what the largest one has that is asked for."""


class Asking:
    """Asks the index of one archive; two requests lie at least so many seconds apart.

    Where others ask it too, ``turn`` says how many seconds it is until a request of this one may be made.
    """

    def __init__(
        self, session: requests.Session, title: str, seconds: float, turn: Callable[[float], float] | None = None
    ) -> None:
        self._session, self._title, self._seconds = session, title, seconds
        self._turn, self._last = turn, 0.0

    def wait(self) -> None:
        """Wait until a request may be made."""
        if self._turn is not None:
            rest = self._turn(self._seconds)
        else:
            rest = self._last and self._seconds - (time.monotonic() - self._last)
        if rest > 0:
            time.sleep(rest)

    def get(self, url: str, parameters: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Ask; returns status and body of 200, 400 and 404, which mean something else to each archive.

        Redirects aren't followed. Raises ``SearchRefusedError``, and ``RefusedError`` when the guard forbids it.
        """
        self.wait()
        try:
            response = self._session.get(url, params=parameters, allow_redirects=False)
            if response.status_code in (429, 503):
                raise busy(self._title, response)
            body = read_limited(response, MAX_BYTES, REQUEST_SECONDS)
        except (requests.RequestException, UnicodeError, ValueError):
            raise self.failed(Sentence("%(name)s couldn't be reached.", name=self._title)) from None
        finally:
            self._last = time.monotonic()
        if response.status_code == 403:
            said = Sentence("%(name)s doesn't give out what it has of this domain (403).", name=self._title)
            raise SearchRefusedError(said, reason=Reason.UNSEARCHABLE)
        if response.status_code not in (200, 400, 404):
            status = response.status_code
            raise self.failed(Sentence("%(name)s answered with status %(status)s.", name=self._title, status=status))
        return response.status_code, body

    def unreadable(self) -> SearchRefusedError:
        """What is raised for an answer that isn't of the documented form."""
        return self.failed(
            Sentence("%(name)s answered with something that isn't an archive's index.", name=self._title)
        )

    @staticmethod
    def failed(sentence: str) -> SearchRefusedError:
        """What is raised where another attempt may bring more."""
        return SearchRefusedError(sentence, reason="failed")
