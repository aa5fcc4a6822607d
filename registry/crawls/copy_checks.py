"""Known copies that a watch is expected to find, and the result of each crawl for them.

Results are computed from the crawl's sightings and refusals on each request, so they are always current.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.network.addresses import compute_url_key, have_same_domain, normalise_url
from exhibit.sentences import Sentence
from exhibit.types import Decision
from registry.accounts.models import Owner
from registry.crawls.crawling import STOPPED
from registry.crawls.models import Crawl, KnownCopy, KnownPage, Refusal, Sighting, Watch
from registry.db.claimable import UNFINISHED
from registry.db.rows import get_next_number, lock_row
from registry.events import events
from registry.events.models import EventKind
from registry.log import audit_log
from registry.works.licences import NewLicence, add_licences
from registry.works.models import Work, WorkPicture

LICENSEE, REASON = "known_copy", "A known copy on the owner's own page, for a watch to find."
MAX_REPORT_AGE = timedelta(days=30)
"""Age after which a miss is no longer reported; shorter than the retention of events, which prevents duplicates."""

MATCH_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)


class KnownCopyOutcome(StrEnum):
    """A crawl's result for a known copy."""

    DETECTED = "found"
    PENDING = "waiting"
    NOT_FOUND = "not-found"
    NOT_VISITED = "not-visited"

    @property
    def is_missed(self) -> bool:
        """True if a working watch would have found the known copy."""
        return self in (KnownCopyOutcome.NOT_FOUND, KnownCopyOutcome.NOT_VISITED)


@dataclass(frozen=True, slots=True)
class KnownCopyResult:
    """The result of one crawl for one known copy.

    ``reason`` is the reason of the refusal if the page was not visited.
    """

    known_copy: KnownCopy
    outcome: KnownCopyOutcome
    reason: str = ""


def add_known_copy(work: Work, watch: Watch, url: str, *, by: str) -> KnownCopy:
    """Register a page with a known copy of a work, which the watch is expected to find from its next crawl on.

    A licence for exactly this page is also added, so that the copy does not open a case. If the known copy has already
    been registered, the existing one is returned.

    Raises:
        NotFoundError: The watch has been deleted in the meantime.
        InvalidRequestError: ``url`` is not the URL of a web page, or the watch does not visit pages.
    """
    page_url = normalise_url(url)
    if not page_url.startswith(("http://", "https://")):
        sentence = Sentence("%(url)s is not the URL of a page.", url=url)
        raise InvalidRequestError(sentence, hint=Sentence("Enter a URL that starts with http:// or https://."))
    if watch.private:
        sentence = Sentence("The watch %(name)s does not visit pages.", name=watch.name)
        raise InvalidRequestError(sentence, hint=Sentence("Choose a watch that visits pages."))
    key, owner = compute_url_key(page_url), work.owner
    with lock_row(owner):
        if Watch.objects.filter(pk=watch.pk).exclude(removed_at=None).exists():
            raise NotFoundError(Sentence("This watch was deleted in the meantime."))
        if existing_copy := list_active_known_copies(owner).filter(work=work, watch=watch, key=key).first():
            return existing_copy
        number = get_next_number(owner.known_copies)
        add_licences(owner, [_make_licence(work, page_url)], by=by)
        if not KnownPage.objects.filter(watch=watch, key=key).exists():
            Watch.objects.filter(pk=watch.pk).update(everything=True)  # unchanged pages may link to the page
        about = {"known_copy": number, "url": page_url, "work": work.number}
        audit_log.log_change("known copy added", by=by, owner=owner, details=about)
        return KnownCopy.objects.create(
            owner=owner, number=number, work=work, watch=watch, url=page_url, key=key, added_by=by, added_at=now()
        )


def is_in_reach(known_copy: KnownCopy) -> bool:
    """Return True if the watch covers the known copy's site; otherwise no crawl can find the copy."""
    return any(have_same_domain(known_copy.url, source["url"]) for source in known_copy.watch.sources)


def record_redirects(watch: Watch, pages: Iterable[tuple[str, str]]) -> None:
    """Record redirects of pages with known copies, and add a licence for each target.

    Sightings at the target then count as sightings of the known copy.

    A target counts only if it is on the same domain, because the owner did not place copies on other sites.

    Args:
        watch: The watch.
        pages: Pairs of the requested URL and the final URL.
    """
    targets = {
        compute_url_key(url): normalise_url(final)
        for url, final in pages
        if compute_url_key(url) != compute_url_key(final)
    }
    if not targets:
        return
    for known_copy in KnownCopy.objects.filter(watch=watch, removed_at=None, key__in=targets).select_related(
        "owner", "work"
    ):
        target = targets[bytes(known_copy.key)]
        target = target if have_same_domain(known_copy.url, target) else ""
        if known_copy.leads_to == target:
            continue
        if target:
            add_licences(known_copy.owner, [_make_licence(known_copy.work, target)])
        KnownCopy.objects.filter(pk=known_copy.pk).update(leads_to=target)


def _make_licence(work: Work, url: str) -> NewLicence:
    return NewLicence(LICENSEE, (work,), url_pattern=url.replace("*", ""), reason=REASON)


def withdraw_known_copy(known_copy: KnownCopy, *, by: str) -> None:
    """Stop expecting a known copy; results of earlier crawls and its licence are kept."""
    with transaction.atomic():
        if KnownCopy.objects.filter(pk=known_copy.pk, removed_at=None).update(removed_at=now()):
            audit_log.log_change(
                "known copy removed", by=by, owner=known_copy.owner, details={"known_copy": known_copy.number}
            )


def list_active_known_copies(owner: Owner) -> QuerySet[KnownCopy]:
    """Return the owner's known copies that are currently expected."""
    return KnownCopy.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def compute_results(crawls: Sequence[Crawl]) -> dict[int, list[KnownCopyResult]]:
    """Return each crawl's results for the known copies active at its start, by the crawl's primary key.

    Crawls without such copies are omitted.

    The number of queries does not depend on the number of crawls.
    """
    watches = {crawl.watch_id for crawl in crawls}
    copies_by_watch: dict[int, list[KnownCopy]] = defaultdict(list)
    for known_copy in (
        KnownCopy.objects.filter(watch__in=watches).select_related("work", "watch__owner").order_by("number")
    ):
        copies_by_watch[known_copy.watch_id].append(known_copy)
    copies_by_crawl = (
        (crawl, [candidate for candidate in copies_by_watch[crawl.watch_id] if was_active(candidate, crawl)])
        for crawl in crawls
    )
    if not (expected_copies := {crawl: known_copies for crawl, known_copies in copies_by_crawl if known_copies}):
        return {}
    facts = _load_facts(expected_copies)
    return {
        crawl.pk: [_compute_result(crawl, known_copy, facts) for known_copy in known_copies]
        for crawl, known_copies in expected_copies.items()
    }


def list_recent_misses(owner: Owner | None = None) -> list[tuple[Crawl, KnownCopyResult]]:
    """Return the known copies that each watch missed in its last crawl, optionally of one owner only.

    Crawls that a user stopped are ignored, because they may not have visited everything.
    """
    expected_copies = KnownCopy.objects.filter(removed_at=None) if owner is None else list_active_known_copies(owner)
    ended_crawls = Crawl.objects.filter(watch=OuterRef("pk")).exclude(finished_at=None).exclude(reason=STOPPED)
    watches = Watch.objects.filter(pk__in=expected_copies.order_by().values("watch"))
    last_crawls = watches.annotate(last=Subquery(ended_crawls.order_by("-number").values("pk")[:1])).values("last")
    crawls = {crawl.pk: crawl for crawl in Crawl.objects.filter(pk__in=last_crawls).select_related("watch__owner")}
    return [
        (crawls[key], result)
        for key, crawl_results in compute_results(list(crawls.values())).items()
        for result in crawl_results
        if result.outcome.is_missed and result.known_copy.removed_at is None
    ]


def record_misses() -> None:
    """Record one event for each known copy that a last crawl missed, however late the pictures were compared."""
    for crawl, miss in list_recent_misses():
        if crawl.finished_at is not None and crawl.finished_at >= now() - MAX_REPORT_AGE:
            watch, known_copy = crawl.watch, miss.known_copy
            about = {"known_copy": known_copy.number, "page": known_copy.url, "watch": watch.number, "name": watch.name}
            event = {**about, "reason": miss.reason, "crawl": crawl.number}
            events.record_event(watch.owner, EventKind.KNOWN_COPY_MISSED, event, name=f"{crawl.pk}/{known_copy.number}")


def was_active(known_copy: KnownCopy, crawl: Crawl) -> bool:
    """Return True if a known copy was active when a crawl started."""
    return known_copy.added_at <= crawl.started_at and (
        known_copy.removed_at is None or known_copy.removed_at > crawl.started_at
    )


@dataclass(frozen=True, slots=True)
class _CrawlFacts:
    """Sightings and refusals of crawls on pages with known copies."""

    # By crawl and page: pictures, with True if compared
    pictures_by_page: Mapping[tuple[int, bytes], Mapping[int, bool]]
    copies_by_work: Mapping[int, set[int]]  # by work: its own pictures and those that match them
    refusal_reasons: Mapping[tuple[int, bytes], str]  # by crawl and page: the reason why it was not visited


def _load_facts(copies_by_crawl: Mapping[Crawl, Sequence[KnownCopy]]) -> _CrawlFacts:
    crawls = [crawl.pk for crawl in copies_by_crawl]
    active_known_copies = [known_copy for known_copies in copies_by_crawl.values() for known_copy in known_copies]
    keys = {key for known_copy in active_known_copies for key in _list_keys(known_copy)}
    pictures_by_page: dict[tuple[int, bytes], dict[int, bool]] = defaultdict(dict)
    rows = Sighting.objects.filter(crawl__in=crawls, page_key__in=keys)
    for crawl, key, picture, state in rows.values_list("crawl", "page_key", "picture", "picture__state"):
        pictures_by_page[crawl, bytes(key)][picture] = state not in UNFINISHED
    seen_pictures = {picture for pictures in pictures_by_page.values() for picture in pictures}
    work_pictures = WorkPicture.objects.filter(work__in={known_copy.work_id for known_copy in active_known_copies})
    match = "picture__matches_as_registered"
    matching_pictures = work_pictures.filter(
        **{f"{match}__found__in": seen_pictures, f"{match}__decision__in": MATCH_DECISIONS}
    )
    copies_by_work: dict[int, set[int]] = defaultdict(set)
    copies = matching_pictures.values_list("work", f"{match}__found")
    for work, picture in [*work_pictures.values_list("work", "picture"), *copies]:
        copies_by_work[work].add(picture)
    refusals = Refusal.objects.filter(crawl__in=crawls, key__in=keys).order_by("-pk")
    refusal_reasons = {
        (crawl, bytes(key)): reason for crawl, key, reason in refusals.values_list("crawl", "key", "reason")
    }
    return _CrawlFacts(pictures_by_page, copies_by_work, refusal_reasons)


def _list_keys(known_copy: KnownCopy) -> list[bytes]:
    """Return the keys of a known copy's page and of its redirect target at the last visit."""
    return [bytes(known_copy.key), *([compute_url_key(known_copy.leads_to)] if known_copy.leads_to else [])]


def _compute_result(crawl: Crawl, known_copy: KnownCopy, facts: _CrawlFacts) -> KnownCopyResult:
    keys = [(crawl.pk, key) for key in _list_keys(known_copy)]
    pictures = {
        picture: is_compared for key in keys for picture, is_compared in facts.pictures_by_page.get(key, {}).items()
    }
    if facts.copies_by_work.get(known_copy.work_id, set()) & pictures.keys():
        return KnownCopyResult(known_copy, KnownCopyOutcome.DETECTED)
    if crawl.finished_at is None or not all(pictures.values()):
        return KnownCopyResult(known_copy, KnownCopyOutcome.PENDING)
    reason = "" if pictures else next((facts.refusal_reasons[key] for key in keys if key in facts.refusal_reasons), "")
    return KnownCopyResult(known_copy, KnownCopyOutcome.NOT_VISITED if reason else KnownCopyOutcome.NOT_FOUND, reason)
