"""Parse the response for a page, a sitemap or a feed, with its signals to crawlers."""

import re

from crawler.fetching.answers import Response, header, header_fields, media_type
from crawler.formats.job import Kind
from crawler.formats.lines import Signals
from crawler.reading.found import Document
from crawler.reading.helper import document_of
from crawler.reading.limits import SITEMAP_BYTES
from crawler.reading.markup import kind_of
from crawler.reading.policy import SitePolicy
from crawler.reading.sniff import Content, sniff
from crawler.state.visit import Facts
from exhibit.errors import RefusedError
from exhibit.reasons import Reason

_YEAR = 31_536_000
_AI_WORDS = ("noai", "noimageai", "noml")
_FOR = re.compile(r"\s*(?!unavailable_after\b|max-)(?P<name>[\w.-]+(?:/[\w.-]+)?|\*)\s*:", re.IGNORECASE | re.ASCII)
"""Start of a part of ``X-Robots-Tag`` that names a crawler, for this part and later ones; rules with values look
similar."""


def read_document(response: Response, kind: Kind, max_bytes: int, token: str) -> tuple[Kind, Document]:
    """Read a response according to its content: sitemaps and feeds are detected, whatever kind was expected.

    Raises:
        RefusedError: ``not-a-page``, ``unreadable``, or ``too-large`` for the uncompressed size.
    """
    kind = kind_of(response.body) or kind
    if kind not in (Kind.SITEMAP, Kind.FEED) and not _is_text(response):
        raise RefusedError("The answer isn't a page.", reason=Reason.NOT_A_PAGE)
    about = {"url": response.url, "content_type": header(response, "Content-Type")}
    about |= {"refresh": header(response, "Refresh"), "link": header(response, "Link")}
    most = SITEMAP_BYTES if kind is Kind.SITEMAP else max_bytes
    return kind, document_of(response.body, kind, **about, max_bytes=most, token=token)


def facts_of(response: Response, document: Document, policy: SitePolicy | None) -> Facts:
    """Return the facts of a response, with all machine-readable signals as observed."""
    x_robots = header_fields(response, "X-Robots-Tag")
    ai = [word for word in _AI_WORDS if any(word in text.lower() for text in (*x_robots, *document.robots))]
    usage = header(response, "Content-Usage")
    rule = policy.reservation(response.url) if policy is not None else None
    reservation = header(response, "tdm-reservation").strip() or document.tdm_reservation
    return Facts(
        final_url=response.url,
        status=response.status,
        etag=header(response, "ETag"),
        last_modified=header(response, "Last-Modified"),
        fresh_seconds=fresh_seconds(header(response, "Cache-Control"), header(response, "Age")),
        not_modified=response.status == 304,
        signals=Signals(
            tdm_reservation=reservation or (str(int(rule.reserved)) if rule is not None else ""),
            tdm_policy=header(response, "tdm-policy") or document.tdm_policy or (rule.policy if rule else ""),
            robots=document.robots,
            x_robots_tag=x_robots,
            ai=tuple(ai) + ((usage,) if usage else ()) + (policy.ai if policy is not None else ()),
        ),
    )


def fresh_seconds(cache_control: str, age: str) -> int:
    """Return the seconds for which a response stays fresh; 0 if not stated (RFC 9111, 4.2; RFC 8246).

    The time in caches (``Age``) is subtracted; the maximum is a year.
    """
    directives = dict(field.strip().lower().partition("=")[::2] for field in cache_control.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return 0
    seconds = directives.get("max-age", "").strip('"')
    if not seconds:
        return _YEAR if "immutable" in directives else 0
    fresh = int(seconds[:12]) if seconds.isascii() and seconds.isdecimal() else 0
    age_seconds = int(age[:12]) if age.isascii() and age.isdecimal() else 0
    return max(0, min(fresh, _YEAR) - age_seconds)


def forbids_following(signals: Signals, token: str) -> bool:
    """Return True if a page asks all crawlers, or the one with this product token, not to follow its links."""
    return bool(_directives(signals, token) & {"nofollow", "none"})


def keeps_ai_out(signals: Signals, token: str) -> bool:
    """Return True if ``noai`` or ``noimageai`` is set for all crawlers or this one, in HTML or ``X-Robots-Tag``."""
    return bool(_directives(signals, token) & {"noai", "noimageai"})


def _directives(signals: Signals, token: str) -> set[str]:
    headers = [*signals.robots]
    for value in signals.x_robots_tag:
        concerns_us = True  # until a part starts with the name of another crawler
        for part in value.split(","):
            agent = _FOR.match(part)
            if agent is not None:
                concerns_us = agent["name"].lower().partition("/")[0] in ("*", token.lower())
            if concerns_us:
                headers.append(part[agent.end() :] if agent is not None else part)
    return set(" ".join(headers).lower().replace(",", " ").split())


def _is_text(response: Response) -> bool:
    declared_type = media_type(response)
    if (
        declared_type
        and not declared_type.startswith("text/")
        and "html" not in declared_type
        and "xml" not in declared_type
    ):
        return False
    return (
        not response.body
        or sniff(response.body) in (Content.OTHER, Content.VECTOR)
        or declared_type.startswith("text/")
    )
