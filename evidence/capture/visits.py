"""What came of asking for an address over HTTP: every redirect is a step of its own."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from evidence.capture.wire import Exchange
from exhibit.network.http import ConnectionFacts
from exhibit.sentences import Sentence

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
    """One request and its response."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]  # of the answer, in their order and letter case
    sent: datetime  # when the request was begun, aware, UTC
    answered: datetime  # when the answer's headers were there
    connection: ConnectionFacts
    size: int = 0  # bytes of the body after content encoding has been undone; 0 for a redirect

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Question:
    """How an address is asked."""

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
    """What came of asking for an address."""

    url: str  # what was asked for first
    steps: tuple[Step, ...] = ()
    body: bytes | None = None  # content encoding undone; ``None`` when it couldn't be read to its end
    failure: str = ""  # why there is no answer or no whole one, as a sentence
    reason: str = ""  # a short word for the failure
    failed_at: str = ""  # the address that was asked for when it failed, maybe after redirects
    exchanges: tuple[Exchange, ...] = ()  # requests and responses as they were on the wire, in their order

    @property
    def final_url(self) -> str:
        """Where it led: the last address that answered."""
        return self.steps[-1].url if self.steps else self.url

    @property
    def status(self) -> int:
        """The last answer's status, or 0."""
        return self.steps[-1].status if self.steps else 0

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


def _asks_for_login(url: str, first: str) -> bool:
    """Whether an address speaks of a login and the one that was asked for didn't."""
    shown, before = (f"{parts.netloc}{parts.path}" for parts in (urlsplit(url), urlsplit(first)))
    return bool(_LOGIN.search(shown)) and not _LOGIN.search(before)
