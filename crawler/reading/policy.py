"""Rules of a site for crawlers, as observed: robots.txt (RFC 9309) and TDMRep (a W3C community report)."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from protego import Protego

from crawler.reading.markup import marked_encoding
from exhibit.network.addresses import path_of, query_of

ROBOTS_BYTES = 500 * 1024
"""RFC 9309, 2.5: a crawler must read at least this much."""

_CONTENT_SIGNAL = re.compile(r"(?im)^[ \t]*content-signal[ \t]*:[ \t]*([^#\r\n]{1,300})")
_MAX_RULES = 10_000
_LINE_END = re.compile(r"\r\n|\r|\n")
_AGENT = re.compile(r"user[- ]?agent(?:[ \t]*:|[ \t])(.*)", re.IGNORECASE)
_RULE = re.compile(r"(?:allow|d[a-z]{1,4}al{1,2}[oa]w)(?:[ \t]*:|[ \t])", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:site-?maps?|host)(?:[ \t]*:|[ \t])", re.IGNORECASE)
_OTHER_AGENT = "0"
"""Stands for every other crawler: no product token contains a digit, so it never matches one."""
_NO_RULE = "Disallow:"
"""Ends a list of user agents and forbids nothing."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A rule of ``/.well-known/tdmrep.json``; in ``location``, ``*`` matches anything and a final ``$`` the end."""

    location: str
    reserved: bool
    policy: str

    def covers(self, path: str) -> bool:
        """Return True if the rule applies to this path; takes linear time for any rule."""
        first, *rest = self.location.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        place = len(first)
        for part in rest:
            position = path.find(part, place)
            if position < 0:
                return False
            place = position + len(part)
        if not self.location.endswith("$"):
            return True
        return path.endswith(rest[-1]) if rest else place == len(path)


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """Crawling rules of one origin."""

    rules: Protego | None = None  # the parsed robots.txt, or `None`
    disallows_all: bool = False  # robots.txt is unavailable because of a server error (RFC 9309, 2.3.1.4)
    refusal: tuple[str, str] | None = None  # reason and sentence, if the origin is unreachable
    token: str = ""  # product token whose rules apply
    reservations: tuple[Reservation, ...] = ()  # from TDMRep, in the order of the file
    ai: tuple[str, ...] = ()  # Content-Signal lines of robots.txt

    def allows(self, url: str) -> bool:
        """Return True if robots.txt allows a URL: the longest match counts, Allow wins a tie."""
        if self.rules is None:
            return not self.disallows_all
        return bool(self.rules.can_fetch(url, self.token))

    @property
    def crawl_delay(self) -> float:
        """Seconds between two requests that robots.txt requests; 0 if it does not say."""
        delay = self.rules.crawl_delay(self.token) if self.rules is not None else None
        return float(delay or 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """URLs of sitemaps that robots.txt names."""
        return tuple(dict.fromkeys(self.rules.sitemaps)) if self.rules is not None else ()

    def with_reservations(self, reservations: tuple[Reservation, ...]) -> "SitePolicy":
        """Return a copy with the rules of TDMRep."""
        return replace(self, reservations=reservations)

    def reservation(self, url: str) -> Reservation | None:
        """Return the first TDMRep rule that applies to a URL (TDM Reservation Protocol, 6.3)."""
        if not self.reservations:
            return None
        query = query_of(url)
        path = path_of(url) + (f"?{query}" if query else "")
        return next((rule for rule in self.reservations if rule.covers(path)), None)


def robots_policy(status: int, body: bytes, token: str) -> SitePolicy:
    """Return the rules that follow from a response for ``/robots.txt`` (RFC 9309, 2.3.1).

    A 2xx body is read, up to 500 KiB and a whole line; 429 and 5xx disallow everything, all else allows everything.
    """
    if status == 429 or status >= 500:
        return SitePolicy(disallows_all=True, token=token)
    if not 200 <= status < 300:
        return SitePolicy(token=token)
    if len(body) > ROBOTS_BYTES:
        body = body[: max(body.rfind(end, 0, ROBOTS_BYTES) for end in (b"\n", b"\r")) + 1]
    text = body.decode(marked_encoding(body) or "utf-8", "ignore").lstrip("\ufeff")
    lines = _LINE_END.split(text)
    signals = tuple(dict.fromkeys(match[1].strip() for match in _CONTENT_SIGNAL.finditer("\n".join(lines))))
    return SitePolicy(rules=Protego.parse("\n".join(_regrouped(lines, token))), token=token, ai=signals)


def _regrouped(lines: Iterable[str], token: str) -> Iterator[str]:
    """Regroup robots.txt so that Protego forms the groups of RFC 9309, 2.2.1, and matches whole product tokens.

    Only rules end a list of user agents. Any other record between them, such as ``Crawl-delay``, belongs to the agents
    before it and moves to its own group at the end, where Protego merges groups of the same agent.
    """
    agents: dict[str, None] = {}  # at most three
    moved: list[str] = []
    has_rules = False
    for line in lines:
        text = line.partition("#")[0].strip()
        if named := _AGENT.fullmatch(text):
            agents = {} if has_rules else agents
            has_rules = False
            agent = f"User-agent: {_agent_of(named[1], token)}"
            agents[agent] = None
            yield agent
        elif _RULE.match(text):
            has_rules = True
            yield text
        elif not text or _SITE_WIDE.match(text) or not agents:
            yield text
        else:
            moved += [*agents, text, _NO_RULE]
    yield _NO_RULE
    yield from moved


def _agent_of(value: str, token: str) -> str:
    """Return the agent that a line names: this crawler's token (version and wildcards allowed), ``*``, or another."""
    value, own = value.strip().lower(), token.lower()
    if value == "*":
        return value
    is_own = re.search(rf"(?<![a-z_-]){re.escape(own)}(?![a-z_-])", value) is not None
    name = value.partition("/")[0].strip()
    part = name.strip("*")
    is_begin = name.endswith("*") and own.startswith(part)
    is_end = name.startswith("*") and own.endswith(part)
    is_inside = name.startswith("*") and name.endswith("*") and part in own
    return token if is_own or is_begin or is_end or is_inside else _OTHER_AGENT


def reservations_of(body: bytes) -> tuple[Reservation, ...]:
    """Parse the rules of a ``tdmrep.json``; empty if it cannot be read."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    rules: list[Reservation] = []
    for entry in entries[:_MAX_RULES] if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("location"), str):
            reserved = str(entry.get("tdm-reservation")) == "1"
            rules.append(Reservation(entry["location"], reserved, str(entry.get("tdm-policy") or "")))
    return tuple(rules)
