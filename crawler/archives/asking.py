"""One request after the other to an archive's index, at the pace that it bears."""

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
"""Bytes of one page of an answer: five times what the largest one has that is asked for."""


_LONGEST_SLEEP = 30.0
"""Seconds that a worker waits for its turn; for longer ones the question is put off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """What the statuses of one service mean, for its index and for its records alike."""

    withheld: tuple[int, ...] = ()  # it doesn't give out what it has of this domain or address
    busy: tuple[int, ...] = (429, 503)  # it asks to be asked later
    back_off: float = 60.0  # seconds that it is left alone then, by all who ask it, where it doesn't say how many


class Asking:
    """Asks the index of one archive; two requests lie at least so many seconds apart.

    Where others ask it too, ``turn`` takes the next turn to ask and says how many seconds that is ahead.
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
        """Wait until a request may be made.

        Raises:
            SearchRefusedError: ``busy``, if that takes longer than a worker should sleep.
        """
        rest = self._turn(self._seconds) if self._turn is not None else self._free_at - time.monotonic()
        if rest > _LONGEST_SLEEP:
            raise self._busy(rest)
        if rest > 0:
            time.sleep(rest)

    def _busy(self, seconds: float) -> SearchRefusedError:
        sentence = Sentence("%(name)s asks to be asked later.", name=self._title)
        return SearchRefusedError(sentence, reason="busy", wait=seconds)

    def _back_off(self, response: requests.Response) -> SearchRefusedError:
        """Leave the service alone for as long as it says, whoever asks it."""
        stated = busy(self._title, response).wait
        seconds = self._statuses.back_off if stated is None else stated
        self._free_at = time.monotonic() + seconds
        if self._turn is not None:
            self._turn(seconds)
        return self._busy(seconds)

    def get(self, url: str, parameters: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Ask; returns status and body of 200, 400 and 404, which mean something else to each archive.

        Redirects aren't followed. Raises ``SearchRefusedError``, and ``RefusedError`` when the guard forbids it.
        """
        self.wait()
        try:
            response = self._session.get(url, params=parameters, allow_redirects=False)
            if response.status_code in self._statuses.busy:
                raise self._back_off(response)
            body = read_limited(response, MAX_BYTES, REQUEST_SECONDS)
        except (requests.RequestException, UnicodeError, ValueError):
            raise self.failed(Sentence("%(name)s couldn't be reached.", name=self._title)) from None
        finally:
            self._free_at = max(self._free_at, time.monotonic() + self._seconds)
        if response.status_code in self._statuses.withheld:
            status = response.status_code
            said = Sentence(
                "%(name)s does not give out what it has of this domain (%(status)s).", name=self._title, status=status
            )
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
