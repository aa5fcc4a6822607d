"""Pictures of domains from web archives: the selection of captures for a watch, with the earliest for each picture.

Only the archive is queried, never the domain: first its index, then :mod:`registry.crawls.slice` downloads the bytes.
"""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from crawler.archives import common_crawl, wayback
from crawler.archives.cdx import Archive, Asked, Capture, Page, Stated, earliest
from crawler.archives.common_crawl import CommonCrawl
from crawler.archives.wayback import Wayback
from crawler.reading.found import MAX_ADDRESS
from crawler.searches.client import SearchRefusedError
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import NotFoundError, RefusedError, WrongUseError
from exhibit.network.addresses import host_of, is_public_suffix, literal_address
from exhibit.network.http import guarded_session
from exhibit.periods import stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import SeenElsewhere, SeenKind
from registry.crawls import crawling, inquiries
from registry.crawls.crawling import ARCHIVE, CAPTURE, NewUrl
from registry.crawls.elsewhere import kept
from registry.crawls.models import FrontierUrl, Inquiry, Refusal
from registry.crawls.paces import turn_of
from registry.crawls.watching import Subjects
from registry.db import steps
from registry.db.bulk import storable
from registry.db.locks import Lock, hold_long
from registry.services.services import Services

NAMES: Final = (wayback.NAME, common_crawl.NAME)
TITLES: Mapping[str, str] = {wayback.NAME: wayback.TITLE, common_crawl.NAME: common_crawl.TITLE}
WORK_SECONDS = 120.0
"""Seconds after which an inquiry is paused after its current request, well before its task's time limit."""
BUSY = timedelta(minutes=1)
PAGE = 5_000
"""Number of captures per index request."""
ESTIMATED, MAX_DOMAINS = 3, 100
"""Maximum number of domains for an estimate, and for a watch."""
MAX_REQUESTS = 400
"""Maximum number of index requests per run; the next run continues from there."""
CONNECT_SECONDS = 60.0
PASSING = frozenset({"too-slow", "unresolvable"})
"""Refusal reasons that may be temporary."""
FETCH_SECONDS = 1.0
"""Default interval between two capture downloads, in seconds."""
TURN = timedelta(seconds=20)
"""Interval after which a waiting inquiry checks again if its archive is free."""
MORE, NOTHING = "more", "nothing"
"""Outcomes of an inquiry: the index lists more than a run accepts, or no picture at all."""
_DIGITS = re.compile(r"\d{4}(?:-?\d\d(?:-?\d\d)?)?", re.ASCII)


def offered(config: Config) -> dict[str, str]:
    """Return the configured archives and their URLs by name."""
    urls = {wayback.NAME: config.wayback_url, common_crawl.NAME: config.common_crawl_url}
    return {name: url for name, url in urls.items() if url}


def archive_of(services: Services, name: str) -> Archive:
    """Return a client for a configured archive; raises ``NotFoundError`` for others."""
    config = services.config
    urls = offered(config)
    if name not in urls:
        names = ", ".join(urls)
        hint = Sentence("Available: %(names)s", names=names) if names else Sentence("Contact the operator.")
        raise NotFoundError(Sentence("There is no archive named %(name)s.", name=f"{name!r}"), hint=hint)
    session = guarded_session(services.guard, timeout=CONNECT_SECONDS, user_agent=services.user_agent)
    if name == wayback.NAME:
        return Wayback(session, urls[name], turn=turn_of(urls[name]))
    return CommonCrawl(session, urls[name], config.common_crawl_data_url, turn=turn_of(urls[name]))


def domain_of(text: str) -> str:
    """Return the domain in a user's input, which may be a URL; raises ``WrongUseError`` if there is none.

    Public suffixes such as ``co.uk`` and ``github.io`` are rejected, because they belong to no single site.
    """
    given = text.strip()
    host = host_of(given if "://" in given else f"http://{given}/") if given and not re.search(r"\s", given) else ""
    if not host or literal_address(host) is not None or is_public_suffix(host, private=True):
        sentence = Sentence("“%(given)s” is not the domain of a site.", given=given[:80])
        raise WrongUseError(sentence, hint=Sentence("Use this format: example.com"))
    return host


def moment_of(text: str) -> str:
    """Return a year, month or day in ISO 8601, such as ``2019-03``; raises ``WrongUseError`` for anything else."""
    stripped = text.strip()
    if stripped and (not _DIGITS.fullmatch(stripped) or stated_time(stripped) == (None, "")):
        sentence = Sentence("“%(given)s” is not a year, month or day up to today.", given=stripped[:40])
        raise WrongUseError(sentence, hint=Sentence("Use this format: 2019, 2019-03 or 2019-03-31"))
    digits = stripped.replace("-", "")
    return "-".join(filter(None, (digits[:4], digits[4:6], digits[6:])))


def subjects(domains: Sequence[str], since: str | None, until: str | None) -> Subjects:
    """Return a watch's archive query in the form that is stored; raises ``WrongUseError`` for invalid input."""
    first, last = moment_of(since or ""), moment_of(until or "")
    if first and last and first > last.ljust(len(first), "~"):
        raise WrongUseError(Sentence("The period ends before it starts."))
    domain_names = list(dict.fromkeys(map(domain_of, domains)))
    if len(domain_names) > MAX_DOMAINS:
        raise WrongUseError(Sentence("A watch can have at most %(most)d domains.", most=MAX_DOMAINS))
    return {"domains": domain_names, "since": first, "until": last}


def _asked(domain: str, source: Mapping[str, Any]) -> Asked:
    since, until = ((source.get(end) or "").replace("-", "") for end in ("since", "until"))
    return Asked(url=domain, whole_domain=True, pictures=True, since=since, until=until, most=PAGE)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of a run's work at an archive for a domain, from a few requests."""

    archive: str
    title: str  # display name
    domain: str
    pictures: int  # distinct pictures listed so far
    more: bool  # True if the index has more
    indexes: int  # number of indexes, which are queried one after the other
    requests: float  # interval between two index requests, in seconds
    most: int  # maximum number of pictures per run

    @property
    def seconds(self) -> int:
        """Minimum duration of a run at the archive's rate."""
        taken = self.most if self.more else min(self.pictures, self.most)
        return round(taken * FETCH_SECONDS + self.indexes * self.requests)


def estimate(services: Services, names: Collection[str], budget: Mapping[str, Any], asked: Subjects) -> list[Estimate]:
    """Estimate a run for the first domains, from the first index page of each that lists pictures.

    Raises:
        WrongUseError: The query is invalid.
        NotFoundError: An archive is not configured.
        RefusedError: An archive does not answer.
    """
    most = int(budget.get("pages", 1_000))
    estimates = []
    for name in dict.fromkeys(names):
        archive = archive_of(services, name)
        for domain in (asked["domains"] or ())[:ESTIMATED]:
            query = _asked(domain, asked)
            indexes, page = archive.indexes(query), archive.captures(query)
            if not page.captures and page.next_page:
                page = archive.captures(query, page.next_page)
            count, more = len(earliest(page.captures)), bool(page.next_page)
            estimates.append(Estimate(name, archive.title, domain, count, more, indexes, archive.seconds, most))
    return estimates


def ask_on(services: Services, row: Inquiry) -> None:
    """Query an archive's index page by page until the run has enough captures, the index ends, or the time is up."""
    try:
        archive = archive_of(services, row.service)
    except NotFoundError:
        inquiries.end(row.pk, "no-service")
        return
    with hold_long(Lock.ARCHIVE, NAMES.index(row.service), within=0) as is_locked:
        if is_locked:
            _ask_in_turn(archive, row)
        else:
            steps.wait(Inquiry, row.pk, now() + TURN)


def _ask_in_turn(archive: Archive, row: Inquiry) -> None:
    until = time.monotonic() + WORK_SECONDS
    while (domain := _next(row)) is not None:
        if time.monotonic() > until:
            steps.wait(Inquiry, row.pk, now())
            return
        if not _ask_for(archive, row, domain):
            return


def _next(row: Inquiry) -> inquiries.Subject | None:
    """Return the domain to query next, or ``None`` after recording that the inquiry has ended."""
    row.refresh_from_db()
    row.crawl.refresh_from_db()
    domain = inquiries.next_subject(row) if inquiries.rest(row) > 0 and not row.crawl.reason else None
    if domain is None:
        inquiries.end(row.pk, row.crawl.reason or ("" if _has_any(row) else NOTHING))
    elif _is_enough(row):
        inquiries.end(row.pk, MORE)
        return None
    return domain


def _ask_for(archive: Archive, row: Inquiry, domain: inquiries.Subject) -> bool:
    """Request one index page for a domain; return True to continue."""
    try:
        page = archive.captures(_asked(domain.words, _source(row)), row.page)
    except SearchRefusedError as error:
        return _refused(row, domain, error)
    except RefusedError as error:
        steps.fail(Inquiry, row.pk, f"{archive.title}: {error.message}", retry=error.reason in PASSING)
        return False
    return _keep(row, domain, page)


def _source(row: Inquiry) -> Mapping[str, Any]:
    of_run = (one for one in row.crawl.sources if (one["kind"], one["url"]) == (ARCHIVE, row.service))
    return next(of_run, {})


def _has_any(row: Inquiry) -> bool:
    return FrontierUrl.objects.filter(crawl__watch=row.crawl.watch_id, kind=CAPTURE).exists()


def _is_enough(row: Inquiry) -> bool:
    """Return True if a run has reached its maximum number of captures or index requests."""
    most = int(row.crawl.watch.budget.get("pages", 1_000))
    return row.asked >= MAX_REQUESTS or row.crawl.frontier.filter(kind=CAPTURE)[:most].count() >= most


def _keep(row: Inquiry, domain: inquiries.Subject, page: Page) -> bool:
    """Store the captures on an index page that are new to the watch; return True if the inquiry is still claimed."""
    is_denied = crawling.denials()
    urls, denied = {}, set()
    for one in earliest(page.captures).values():
        if is_denied(host := host_of(one.url)):
            denied.add(host)
        elif len(one.url) <= MAX_ADDRESS:
            statements = (_stated(row.service, one),)
            new = NewUrl(one.record, CAPTURE, 1, one.url, position=str(one.stated), elsewhere=statements)
            urls[new.key] = new
    with transaction.atomic():
        existing = FrontierUrl.objects.filter(crawl__watch=row.crawl.watch_id, key__in=list(urls), kind=CAPTURE)
        for before in existing.exclude(state=FrontierUrl.State.REFUSED):
            new = urls.pop(bytes(before.key))
            _take_earlier(before, new)
        rows = [
            crawling.refusal(row.crawl_id, f"http://{host}/", "denied-host", "The host isn't visited.")
            for host in sorted(denied)
        ]
        Refusal.objects.bulk_create(rows, ignore_conflicts=True)
        ends = None if page.next_page else domain
        return inquiries.keep_answer(row.pk, urls.values(), page=page.next_page, pages=row.pages + 1, ends=ends)


def _take_earlier(before: FrontierUrl, new: NewUrl) -> None:
    """Replace a waiting capture by an earlier capture of the same picture."""
    current, stated = Stated.read(before.position), Stated.read(new.position)
    if current is None or stated is None or stated.at >= current.at:
        return
    rows = FrontierUrl.objects.filter(pk=before.pk, state=FrontierUrl.State.PENDING)
    statements = kept(new.elsewhere)
    url, page_url = storable(new.url), storable(new.page_url)
    rows.update(url=url, host=host_of(new.url), page_url=page_url, position=new.position, elsewhere=statements)


def _stated(archive: str, one: Capture) -> SeenElsewhere:
    """Return the archive's statement of when it saw the picture, with a public URL if there is one."""
    public_url = one.record.replace("id_/", "/", 1) if archive == wayback.NAME else ""
    at = one.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return SeenElsewhere(kind=SeenKind.SEARCH_SAW, by=TITLES[archive], stated=at, where=public_url)


def _refused(row: Inquiry, domain: inquiries.Subject, error: SearchRefusedError) -> bool:
    """Record why an archive gave no answer; return True to continue with the next domain."""
    if error.reason == "unsearchable":
        inquiries.refuse(row, domain, error.message, reason=Reason.EXCLUDED)
        return True
    if error.reason == "busy":
        pause = timedelta(seconds=error.wait) if error.wait is not None else BUSY
        steps.wait(Inquiry, row.pk, now() + pause, error.message)
    else:
        steps.fail(Inquiry, row.pk, error.message, retry=True)
    return False
