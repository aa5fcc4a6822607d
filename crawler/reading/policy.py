"""A site's rules for crawlers, as observed: robots.txt (RFC 9309) and TDMRep (a W3C community report)."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from protego import Protego

from crawler.reading.markup import detect_encoding
from exhibit.network.addresses import get_url_path, get_url_query

ROBOTS_BYTES = 500 * 1024
"""RFC 9309, 2.5: a crawler must read at least this much."""

_CONTENT_SIGNAL = re.compile(r"(?im)^[ \t]*content-signal[ \t]*:[ \t]*([^#\r\n]{1,300})")
_MAX_RULES = 10_000
_LINE_END = re.compile(r"\r\n|\r|\n")
_AGENT = re.compile(r"user[- ]?agent(?:[ \t]*:|[ \t])(.*)", re.IGNORECASE)
_RULE = re.compile(r"(?:allow|d[a-z]{1,4}al{1,2}[oa]w)(?:[ \t]*:|[ \t])", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:site-?maps?|host)(?:[ \t]*:|[ \t])", re.IGNORECASE)
_OTHER_AGENT = "0"
"""Placeholder for every other crawler: no product token contains a digit, so it never matches one."""
_NO_RULE = "Disallow:"
"""Ends a list of user agents and forbids nothing."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A rule of ``/.well-known/tdmrep.json``; in ``location``, ``*`` matches anything and a final ``$`` the end."""

    location: str
    is_reserved: bool
    policy: str

    def applies_to(self, path: str) -> bool:
        """Return True if the rule applies to this path; takes linear time for any rule."""
        first, *other_parts = self.location.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        offset = len(first)
        for part in other_parts:
            position = path.find(part, offset)
            if position < 0:
                return False
            offset = position + len(part)
        if not self.location.endswith("$"):
            return True
        return path.endswith(other_parts[-1]) if other_parts else offset == len(path)


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """Crawling rules of one origin."""

    rules: Protego | None = None  # the parsed robots.txt, or `None`
    disallows_all: bool = False  # robots.txt is unavailable because of a server error (RFC 9309, 2.3.1.4)
    refusal: tuple[str, str] | None = None  # reason and sentence, if the origin is unreachable
    token: str = ""  # product token whose rules apply
    reservations: tuple[Reservation, ...] = ()  # from TDMRep, in the order of the file
    ai_signals: tuple[str, ...] = ()  # Content-Signal lines of robots.txt

    def allows(self, url: str) -> bool:
        """Return True if robots.txt allows a URL: the longest match counts, Allow wins a tie."""
        if self.rules is None:
            return not self.disallows_all
        return bool(self.rules.can_fetch(url, self.token))

    @property
    def crawl_delay(self) -> float:
        """Minimum seconds between two requests according to robots.txt; 0 if not stated."""
        delay = self.rules.crawl_delay(self.token) if self.rules is not None else None
        return float(delay or 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """URLs of sitemaps that robots.txt names."""
        return tuple(dict.fromkeys(self.rules.sitemaps)) if self.rules is not None else ()

    def with_reservations(self, reservations: tuple[Reservation, ...]) -> "SitePolicy":
        """Return a copy with these TDMRep rules."""
        return replace(self, reservations=reservations)

    def find_reservation(self, url: str) -> Reservation | None:
        """Return the first TDMRep rule that applies to a URL (TDM Reservation Protocol, 6.3)."""
        if not self.reservations:
            return None
        query = get_url_query(url)
        path = get_url_path(url) + (f"?{query}" if query else "")
        return next((rule for rule in self.reservations if rule.applies_to(path)), None)


def parse_robots(status: int, body: bytes, token: str) -> SitePolicy:
    """Return the rules that follow from a response for ``/robots.txt`` (RFC 9309, 2.3.1).

    A 2xx body is read, up to 500 KiB and a whole line; 429 and 5xx disallow everything, others allow everything.
    """
    if status == 429 or status >= 500:
        return SitePolicy(disallows_all=True, token=token)
    if not 200 <= status < 300:
        return SitePolicy(token=token)
    if len(body) > ROBOTS_BYTES:
        body = body[: max(body.rfind(line_end, 0, ROBOTS_BYTES) for line_end in (b"\n", b"\r")) + 1]
    text = body.decode(detect_encoding(body) or "utf-8", "ignore").lstrip("\ufeff")
    lines = _LINE_END.split(text)
    signals = tuple(dict.fromkeys(match[1].strip() for match in _CONTENT_SIGNAL.finditer("\n".join(lines))))
    return SitePolicy(rules=Protego.parse("\n".join(_regroup_lines(lines, token))), token=token, ai_signals=signals)


def _regroup_lines(lines: Iterable[str], token: str) -> Iterator[str]:
    """Regroup robots.txt so that Protego forms the groups of RFC 9309, 2.2.1, and matches whole product tokens.

    Only rules end a list of user agents. Any other record between them, such as ``Crawl-delay``, belongs to the agents
    before it and moves to its own group at the end, where Protego merges groups of the same agent.
    """
    agents: dict[str, None] = {}  # at most three
    moved_lines: list[str] = []
    has_rules = False
    for line in lines:
        text = line.partition("#")[0].strip()
        if agent_match := _AGENT.fullmatch(text):
            agents = {} if has_rules else agents
            has_rules = False
            agent = f"User-agent: {_normalise_agent(agent_match[1], token)}"
            agents[agent] = None
            yield agent
        elif _RULE.match(text):
            has_rules = True
            yield text
        elif not text or _SITE_WIDE.match(text) or not agents:
            yield text
        else:
            moved_lines += [*agents, text, _NO_RULE]
    yield _NO_RULE
    yield from moved_lines


def _normalise_agent(value: str, token: str) -> str:
    """Return this crawler's token, ``*`` or a placeholder for another agent; versions and wildcards are supported."""
    value, own_token = value.strip().lower(), token.lower()
    if value == "*":
        return value
    is_own = re.search(rf"(?<![a-z_-]){re.escape(own_token)}(?![a-z_-])", value) is not None
    name = value.partition("/")[0].strip()
    name_part = name.strip("*")
    is_prefix = name.endswith("*") and own_token.startswith(name_part)
    is_suffix = name.startswith("*") and own_token.endswith(name_part)
    is_infix = name.startswith("*") and name.endswith("*") and name_part in own_token
    return token if is_own or is_prefix or is_suffix or is_infix else _OTHER_AGENT


def parse_reservations(body: bytes) -> tuple[Reservation, ...]:
    """Parse the rules of a ``tdmrep.json``; empty if it cannot be read."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    rules: list[Reservation] = []
    for entry in entries[:_MAX_RULES] if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("location"), str):
            is_reserved = str(entry.get("tdm-reservation")) == "1"
            rules.append(Reservation(entry["location"], is_reserved, str(entry.get("tdm-policy") or "")))
    return tuple(rules)
