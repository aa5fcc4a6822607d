"""Parse the response for a page, a sitemap or a feed, with its signals to crawlers."""

import re

from crawler.fetching.responses import Response, get_header, get_header_fields, get_media_type
from crawler.formats.job import Kind
from crawler.formats.lines import Signals
from crawler.reading.document import Document
from crawler.reading.helper import parse_document
from crawler.reading.limits import MAX_SITEMAP_BYTES
from crawler.reading.markup import detect_kind
from crawler.reading.policy import SitePolicy
from crawler.reading.sniff import ContentKind, sniff
from crawler.state.visit import ResponseFacts
from exhibit.errors import RefusedError
from exhibit.reasons import Reason

_YEAR_SECONDS = 31_536_000
_AI_WORDS = ("noai", "noimageai", "noml")
_AGENT_PREFIX = re.compile(
    r"\s*(?!unavailable_after\b|max-)(?P<name>[\w.-]+(?:/[\w.-]+)?|\*)\s*:", re.IGNORECASE | re.ASCII
)
"""Start of a part of ``X-Robots-Tag`` that names a crawler, for this part and later ones; rules with values look
similar."""


def read_document(response: Response, kind: Kind, max_bytes: int, token: str) -> tuple[Kind, Document]:
    """Parse a response by its content: sitemaps and feeds are detected even if another kind was expected.

    Raises:
        RefusedError: ``not-a-page``, ``unreadable``, or ``too-large`` for the uncompressed size.
    """
    kind = detect_kind(response.body) or kind
    if kind not in (Kind.SITEMAP, Kind.FEED) and not _is_text(response):
        raise RefusedError("The response is not a page.", reason=Reason.NOT_A_PAGE)
    metadata = {"url": response.url, "content_type": get_header(response, "Content-Type")}
    metadata |= {"refresh": get_header(response, "Refresh"), "link": get_header(response, "Link")}
    size_limit = MAX_SITEMAP_BYTES if kind is Kind.SITEMAP else max_bytes
    return kind, parse_document(response.body, kind, **metadata, max_bytes=size_limit, token=token)


def collect_facts(response: Response, document: Document, policy: SitePolicy | None) -> ResponseFacts:
    """Return the facts of a response, with all machine-readable signals as observed."""
    x_robots = get_header_fields(response, "X-Robots-Tag")
    ai = [word for word in _AI_WORDS if any(word in text.lower() for text in (*x_robots, *document.robots))]
    content_usage = get_header(response, "Content-Usage")
    rule = policy.find_reservation(response.url) if policy is not None else None
    reservation = get_header(response, "tdm-reservation").strip() or document.tdm_reservation
    return ResponseFacts(
        final_url=response.url,
        status=response.status,
        etag=get_header(response, "ETag"),
        last_modified=get_header(response, "Last-Modified"),
        fresh_seconds=compute_fresh_seconds(get_header(response, "Cache-Control"), get_header(response, "Age")),
        not_modified=response.status == 304,
        signals=Signals(
            tdm_reservation=reservation or (str(int(rule.is_reserved)) if rule is not None else ""),
            tdm_policy=get_header(response, "tdm-policy") or document.tdm_policy or (rule.policy if rule else ""),
            robots=document.robots,
            x_robots_tag=x_robots,
            ai=tuple(ai)
            + ((content_usage,) if content_usage else ())
            + (policy.ai_signals if policy is not None else ()),
        ),
    )


def compute_fresh_seconds(cache_control: str, age: str) -> int:
    """Return the seconds for which a response stays fresh; 0 if not stated (RFC 9111, 4.2; RFC 8246).

    The time in caches (``Age``) is subtracted; the maximum is a year.
    """
    directives = dict(field.strip().lower().partition("=")[::2] for field in cache_control.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return 0
    seconds = directives.get("max-age", "").strip('"')
    if not seconds:
        return _YEAR_SECONDS if "immutable" in directives else 0
    max_age = int(seconds[:12]) if seconds.isascii() and seconds.isdecimal() else 0
    age_seconds = int(age[:12]) if age.isascii() and age.isdecimal() else 0
    return max(0, min(max_age, _YEAR_SECONDS) - age_seconds)


def forbids_following(signals: Signals, token: str) -> bool:
    """Return True if a page asks all crawlers, or the one with this product token, not to follow its links."""
    return bool(_parse_directives(signals, token) & {"nofollow", "none"})


def forbids_ai_use(signals: Signals, token: str) -> bool:
    """Return True if ``noai`` or ``noimageai`` is set for all crawlers or this one, in HTML or ``X-Robots-Tag``."""
    return bool(_parse_directives(signals, token) & {"noai", "noimageai"})


def _parse_directives(signals: Signals, token: str) -> set[str]:
    headers = [*signals.robots]
    for value in signals.x_robots_tag:
        applies_to_crawler = True  # until a part starts with the name of another crawler
        for part in value.split(","):
            agent = _AGENT_PREFIX.match(part)
            if agent is not None:
                applies_to_crawler = agent["name"].lower().partition("/")[0] in ("*", token.lower())
            if applies_to_crawler:
                headers.append(part[agent.end() :] if agent is not None else part)
    return set(" ".join(headers).lower().replace(",", " ").split())


def _is_text(response: Response) -> bool:
    declared_type = get_media_type(response)
    if (
        declared_type
        and not declared_type.startswith("text/")
        and "html" not in declared_type
        and "xml" not in declared_type
    ):
        return False
    return (
        not response.body
        or sniff(response.body) in (ContentKind.OTHER, ContentKind.VECTOR)
        or declared_type.startswith("text/")
    )
