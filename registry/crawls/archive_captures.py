"""Pictures of a domain in web archives: selection of the earliest capture of each picture for a watch.

Requests are sent only to the archive, not to the domain. This module queries its index;
:mod:`registry.crawls.run_slice` then downloads the captures.
"""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from crawler.archives import common_crawl, wayback
from crawler.archives.cdx import Archive, Capture, CapturePage, CaptureQuery, CaptureStatement, find_earliest_captures
from crawler.archives.common_crawl import CommonCrawl
from crawler.archives.wayback import Wayback
from crawler.reading.document import MAX_URL_LENGTH
from crawler.searches.client import SearchRefusedError
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError, NotFoundError, RefusedError
from exhibit.network.addresses import get_url_host, is_public_suffix, parse_literal_address
from exhibit.network.http import create_guarded_session
from exhibit.periods import parse_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import SourceStatement, SourceStatementKind
from registry.crawls import crawling, inquiries
from registry.crawls.crawling import ARCHIVE, CAPTURE, NewUrl
from registry.crawls.external_statements import statements_to_json
from registry.crawls.models import FrontierUrl, Inquiry, Refusal
from registry.crawls.rate_limits import make_turn_function
from registry.crawls.watch_settings import Subjects
from registry.db import steps
from registry.db.bulk import to_storable
from registry.db.locks import Lock, hold_long
from registry.services.services import Services

ARCHIVE_NAMES: Final = (wayback.NAME, common_crawl.NAME)
ARCHIVE_TITLES: Mapping[str, str] = {wayback.NAME: wayback.TITLE, common_crawl.NAME: common_crawl.TITLE}
WORK_SECONDS = 120.0
"""Seconds after which an inquiry is paused after its current request, well before its task's time limit."""
BUSY_PAUSE = timedelta(minutes=1)
PAGE_SIZE = 5_000
"""Number of captures per index request."""
MAX_ESTIMATED_DOMAINS, MAX_DOMAINS = 3, 100
"""Maximum number of domains for an estimate, and for a watch."""
MAX_REQUESTS = 400
"""Maximum number of index requests per run; the next run continues from there."""
CONNECT_SECONDS = 60.0
TEMPORARY_REASONS = frozenset({"too-slow", "unresolvable"})
"""Refusal reasons that may be temporary."""
FETCH_SECONDS = 1.0
"""Default interval between two capture downloads, in seconds."""
POLL_INTERVAL = timedelta(seconds=20)
"""Interval after which a pending inquiry checks again whether its archive is still in use."""
MORE_CAPTURES, NO_CAPTURES = "more", "nothing"
"""Outcomes of an inquiry: the index lists more than a run accepts, or no picture at all."""
_PERIOD = re.compile(r"\d{4}(?:-?\d\d(?:-?\d\d)?)?", re.ASCII)


def list_archives(config: Config) -> dict[str, str]:
    """Return the configured archives and their URLs by name."""
    urls = {wayback.NAME: config.wayback_url, common_crawl.NAME: config.common_crawl_url}
    return {name: url for name, url in urls.items() if url}


def get_archive_client(services: Services, name: str) -> Archive:
    """Return a client for a configured archive; raises ``NotFoundError`` if it is not configured."""
    config = services.config
    urls = list_archives(config)
    if name not in urls:
        names = ", ".join(urls)
        hint = Sentence("Available: %(names)s", names=names) if names else Sentence("Contact the operator.")
        raise NotFoundError(Sentence("There is no archive named %(name)s.", name=f"{name!r}"), hint=hint)
    session = create_guarded_session(services.guard, timeout=CONNECT_SECONDS, user_agent=services.user_agent)
    if name == wayback.NAME:
        return Wayback(session, urls[name], reserve_turn=make_turn_function(urls[name]))
    return CommonCrawl(session, urls[name], config.common_crawl_data_url, reserve_turn=make_turn_function(urls[name]))


def parse_domain(text: str) -> str:
    """Parse a domain from user input, which may be a URL; raises ``InvalidRequestError`` if it contains none.

    Public suffixes such as ``co.uk`` and ``github.io`` are rejected, because they do not belong to a single site.
    """
    stripped = text.strip()
    host = (
        get_url_host(stripped if "://" in stripped else f"http://{stripped}/")
        if stripped and not re.search(r"\s", stripped)
        else ""
    )
    if not host or parse_literal_address(host) is not None or is_public_suffix(host, private=True):
        sentence = Sentence("“%(given)s” is not the domain of a site.", given=stripped[:80])
        raise InvalidRequestError(sentence, hint=Sentence("Use this format: example.com"))
    return host


def parse_period(text: str) -> str:
    """Parse a year, month or day; return it in ISO 8601, such as ``2019-03``.

    Raises ``InvalidRequestError`` if invalid.
    """
    stripped = text.strip()
    if stripped and (not _PERIOD.fullmatch(stripped) or parse_stated_time(stripped) == (None, "")):
        sentence = Sentence("“%(given)s” is not a year, month or day, or is in the future.", given=stripped[:40])
        raise InvalidRequestError(sentence, hint=Sentence("Use this format: 2019, 2019-03 or 2019-03-31"))
    digits = stripped.replace("-", "")
    return "-".join(filter(None, (digits[:4], digits[4:6], digits[6:])))


def build_archive_query(domains: Sequence[str], since: str | None, until: str | None) -> Subjects:
    """Build a watch's archive query in its stored form; raises ``InvalidRequestError`` for invalid input."""
    start, end = parse_period(since or ""), parse_period(until or "")
    if start and end and start > end.ljust(len(start), "~"):
        raise InvalidRequestError(Sentence("The period ends before it starts."))
    domain_names = list(dict.fromkeys(map(parse_domain, domains)))
    if len(domain_names) > MAX_DOMAINS:
        raise InvalidRequestError(Sentence("A watch can have at most %(most)d domains.", most=MAX_DOMAINS))
    return {"domains": domain_names, "since": start, "until": end}


def _make_query(domain: str, source: Mapping[str, Any]) -> CaptureQuery:
    since, until = ((source.get(name) or "").replace("-", "") for name in ("since", "until"))
    return CaptureQuery(url=domain, whole_domain=True, only_pictures=True, since=since, until=until, limit=PAGE_SIZE)


@dataclass(frozen=True, slots=True)
class ArchiveEstimate:
    """An estimate, from a few requests, of the requests and pictures of a run for one domain in an archive."""

    archive: str
    title: str  # display name of the archive
    domain: str
    pictures: int  # distinct pictures listed so far
    more: bool  # True if the index has more
    indexes: int  # number of indexes, which are queried one after the other
    request_interval: float  # interval between two index requests, in seconds
    most: int  # maximum number of pictures per run

    @property
    def seconds(self) -> int:
        """Minimum duration of a run at the archive's rate."""
        picture_count = self.most if self.more else min(self.pictures, self.most)
        return round(picture_count * FETCH_SECONDS + self.indexes * self.request_interval)


def estimate_runs(
    services: Services, names: Collection[str], budget: Mapping[str, Any], archive_query: Subjects
) -> list[ArchiveEstimate]:
    """Estimate a run for the first domains, each from its first index page that lists pictures.

    Raises:
        InvalidRequestError: The query is invalid.
        NotFoundError: An archive is not configured.
        RefusedError: An archive does not respond.
    """
    limit = int(budget.get("pages", 1_000))
    estimates = []
    for name in dict.fromkeys(names):
        archive = get_archive_client(services, name)
        for domain in (archive_query["domains"] or ())[:MAX_ESTIMATED_DOMAINS]:
            query = _make_query(domain, archive_query)
            indexes, page = archive.count_indexes(query), archive.fetch_captures(query)
            if not page.captures and page.next_page:
                page = archive.fetch_captures(query, page.next_page)
            count, has_more = len(find_earliest_captures(page.captures)), bool(page.next_page)
            estimates.append(
                ArchiveEstimate(name, archive.title, domain, count, has_more, indexes, archive.seconds, limit)
            )
    return estimates


def continue_inquiry(services: Services, row: Inquiry) -> None:
    """Query an archive's index page by page until the run has enough captures, the index ends, or time runs out."""
    try:
        archive = get_archive_client(services, row.service)
    except NotFoundError:
        inquiries.end_inquiry(row.pk, "no-service")
        return
    with hold_long(Lock.ARCHIVE, ARCHIVE_NAMES.index(row.service), timeout=0) as is_locked:
        if is_locked:
            _query_domains(archive, row)
        else:
            steps.postpone_by_id(Inquiry, row.pk, now() + POLL_INTERVAL)


def _query_domains(archive: Archive, row: Inquiry) -> None:
    deadline = time.monotonic() + WORK_SECONDS
    while (domain := _get_next_domain(row)) is not None:
        if time.monotonic() > deadline:
            steps.postpone_by_id(Inquiry, row.pk, now())
            return
        if not _query_page(archive, row, domain):
            return


def _get_next_domain(row: Inquiry) -> inquiries.Subject | None:
    """Return the domain to query next, or ``None`` after recording that the inquiry has ended."""
    row.refresh_from_db()
    row.crawl.refresh_from_db()
    domain = inquiries.get_next_subject(row) if inquiries.count_remaining(row) > 0 and not row.crawl.reason else None
    if domain is None:
        inquiries.end_inquiry(row.pk, row.crawl.reason or ("" if _has_captures(row) else NO_CAPTURES))
    elif _has_enough(row):
        inquiries.end_inquiry(row.pk, MORE_CAPTURES)
        return None
    return domain


def _query_page(archive: Archive, row: Inquiry, domain: inquiries.Subject) -> bool:
    """Request one index page for a domain; return True if the query can continue."""
    try:
        index_page = archive.fetch_captures(_make_query(domain.words, _get_source(row)), row.page)
    except SearchRefusedError as error:
        return _handle_refusal(row, domain, error)
    except RefusedError as error:
        steps.record_failure(
            Inquiry, row.pk, f"{archive.title}: {error.message}", retry=error.reason in TEMPORARY_REASONS
        )
        return False
    return _store_captures(row, domain, index_page)


def _get_source(row: Inquiry) -> Mapping[str, Any]:
    sources = (source for source in row.crawl.sources if (source["kind"], source["url"]) == (ARCHIVE, row.service))
    return next(sources, {})


def _has_captures(row: Inquiry) -> bool:
    return FrontierUrl.objects.filter(crawl__watch=row.crawl.watch_id, kind=CAPTURE).exists()


def _has_enough(row: Inquiry) -> bool:
    """Return True if a run has reached its maximum number of captures or index requests."""
    limit = int(row.crawl.watch.budget.get("pages", 1_000))
    return row.requests >= MAX_REQUESTS or row.crawl.frontier.filter(kind=CAPTURE)[:limit].count() >= limit


def _store_captures(row: Inquiry, domain: inquiries.Subject, page: CapturePage) -> bool:
    """Store the captures of an index page that are new to the watch; return True if the inquiry is still claimed."""
    is_denied = crawling.load_denials()
    urls, denied_hosts = {}, set()
    for capture in find_earliest_captures(page.captures).values():
        if is_denied(host := get_url_host(capture.url)):
            denied_hosts.add(host)
        elif len(capture.url) <= MAX_URL_LENGTH:
            statements = (_to_statement(row.service, capture),)
            new_url = NewUrl(
                capture.record_url, CAPTURE, 1, capture.url, position=str(capture.statement), elsewhere=statements
            )
            urls[new_url.key] = new_url
    with transaction.atomic():
        existing_rows = FrontierUrl.objects.filter(crawl__watch=row.crawl.watch_id, key__in=list(urls), kind=CAPTURE)
        for existing_row in existing_rows.exclude(state=FrontierUrl.State.REFUSED):
            new_url = urls.pop(bytes(existing_row.key))
            _replace_if_earlier(existing_row, new_url)
        rows = [
            crawling.make_refusal(row.crawl_id, f"http://{host}/", "denied-host", "The host is on the deny list.")
            for host in sorted(denied_hosts)
        ]
        Refusal.objects.bulk_create(rows, ignore_conflicts=True)
        finished_domain = None if page.next_page else domain
        return inquiries.store_results(
            row.pk, urls.values(), page=page.next_page, pages=row.pages + 1, finished_subject=finished_domain
        )


def _replace_if_earlier(existing_row: FrontierUrl, new_url: NewUrl) -> None:
    """Replace a pending capture with an earlier capture of the same picture."""
    current_statement, new_statement = (
        CaptureStatement.from_text(existing_row.position),
        CaptureStatement.from_text(new_url.position),
    )
    if current_statement is None or new_statement is None or new_statement.at >= current_statement.at:
        return
    rows = FrontierUrl.objects.filter(pk=existing_row.pk, state=FrontierUrl.State.PENDING)
    statements = statements_to_json(new_url.elsewhere)
    url, page_url = to_storable(new_url.url), to_storable(new_url.page_url)
    rows.update(
        url=url, host=get_url_host(new_url.url), page_url=page_url, position=new_url.position, elsewhere=statements
    )


def _to_statement(archive: str, capture: Capture) -> SourceStatement:
    """Convert a capture to the archive's statement about the time of the picture, with a public URL if there is one."""
    public_url = capture.record_url.replace("id_/", "/", 1) if archive == wayback.NAME else ""
    stated_at = capture.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return SourceStatement(
        kind=SourceStatementKind.SEARCH_SAW, by=ARCHIVE_TITLES[archive], stated=stated_at, where=public_url
    )


def _handle_refusal(row: Inquiry, domain: inquiries.Subject, error: SearchRefusedError) -> bool:
    """Record the reason why an archive refused a request; return True to continue with the next domain."""
    if error.reason == "unsearchable":
        inquiries.refuse_subject(row, domain, error.message, reason=Reason.EXCLUDED)
        return True
    if error.reason == "busy":
        pause = timedelta(seconds=error.wait) if error.wait is not None else BUSY_PAUSE
        steps.postpone_by_id(Inquiry, row.pk, now() + pause, error.message)
    else:
        steps.record_failure(Inquiry, row.pk, error.message, retry=True)
    return False
