"""Canaries: known copies that a watch has to find, and the result of each crawl for them.

Results are computed from the crawl's sightings and refusals on each request, so they are never out of date.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.network.addresses import normalise, same_domain, url_key
from exhibit.sentences import Sentence
from exhibit.types import Decision
from registry.accounts.models import Owner
from registry.crawls.crawling import STOPPED
from registry.crawls.models import Canary, Crawl, KnownPage, Refusal, Sighting, Watch
from registry.db.claimable import UNFINISHED
from registry.db.rows import lock_row, next_number
from registry.events import events
from registry.events.models import EventKind
from registry.log import audit_log
from registry.works.licences import NewLicence, add_licences
from registry.works.models import Work, WorkPicture

LICENSEE, REASON = "canary", "A known copy on the owner's own page, for a watch to find."
MAX_REPORT_AGE = timedelta(days=30)
"""Age after which a miss is no longer reported; shorter than the retention of events, which prevents duplicates."""

MATCH_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)


class Outcome(StrEnum):
    """A crawl's result for a canary."""

    DETECTED = "found"
    PENDING = "waiting"
    NOT_FOUND = "not-found"
    NOT_VISITED = "not-visited"

    @property
    def is_missed(self) -> bool:
        """True if a working watch would have found the canary."""
        return self in (Outcome.NOT_FOUND, Outcome.NOT_VISITED)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one crawl for one canary; ``reason`` is the refusal's if the page was not visited."""

    canary: Canary
    outcome: Outcome
    reason: str = ""


def add_known_copy(work: Work, watch: Watch, url: str, *, by: str) -> Canary:
    """Register a page that shows a known copy of a work, which the watch has to find from its next crawl on.

    A licence for exactly this page is added as well, so that it opens no case. Planting the same canary again returns
    the existing one.

    Raises:
        NotFoundError: The watch has been removed meanwhile.
        WrongUseError: ``url`` is not a web page's URL, or the watch visits no pages.
    """
    normal = normalise(url)
    if not normal.startswith(("http://", "https://")):
        sentence = Sentence("%(url)s is not the URL of a page.", url=url)
        raise WrongUseError(sentence, hint=Sentence("Enter a URL that starts with http:// or https://."))
    if watch.private:
        sentence = Sentence("The watch %(name)s does not visit pages.", name=watch.name)
        raise WrongUseError(sentence, hint=Sentence("Choose a watch that visits pages."))
    key, owner = url_key(normal), work.owner
    with lock_row(owner):
        if Watch.objects.filter(pk=watch.pk).exclude(removed_at=None).exists():
            raise NotFoundError(Sentence("This watch was deleted in the meantime."))
        if existing := list_active(owner).filter(work=work, watch=watch, key=key).first():
            return existing
        number = next_number(owner.canaries)
        add_licences(owner, [_make_licence(work, normal)], by=by)
        if not KnownPage.objects.filter(watch=watch, key=key).exists():
            Watch.objects.filter(pk=watch.pk).update(everything=True)  # unchanged pages may lead to it
        about = {"canary": number, "url": normal, "work": work.number}
        audit_log.log_change("canary planted", by=by, owner=owner, about=about)
        return Canary.objects.create(
            owner=owner, number=number, work=work, watch=watch, url=normal, key=key, added_by=by, added_at=now()
        )


def is_in_reach(known_copy: Canary) -> bool:
    """Return True if the watch covers the canary's site; otherwise no run can find the canary."""
    return any(same_domain(known_copy.url, source["url"]) for source in known_copy.watch.sources)


def record_redirects(watch: Watch, pages: Iterable[tuple[str, str]]) -> None:
    """Record the redirects of canary pages: sightings at the target count, and a licence for the target is added.

    A target counts only on the canary page's own domain, because the owner did not place copies on other sites.

    Args:
        watch: The watch.
        pages: Pairs of the requested URL and the URL that answered.
    """
    targets = {url_key(url): normalise(final) for url, final in pages if url_key(url) != url_key(final)}
    if not targets:
        return
    for known_copy in Canary.objects.filter(watch=watch, removed_at=None, key__in=targets).select_related(
        "owner", "work"
    ):
        target = targets[bytes(known_copy.key)]
        target = target if same_domain(known_copy.url, target) else ""
        if known_copy.leads_to == target:
            continue
        if target:
            add_licences(known_copy.owner, [_make_licence(known_copy.work, target)])
        Canary.objects.filter(pk=known_copy.pk).update(leads_to=target)


def _make_licence(work: Work, url: str) -> NewLicence:
    return NewLicence(LICENSEE, (work,), url_pattern=url.replace("*", ""), reason=REASON)


def withdraw_known_copy(canary: Canary, *, by: str) -> None:
    """Stop expecting a canary. Results of earlier crawls stay, and so does its licence."""
    with transaction.atomic():
        if Canary.objects.filter(pk=canary.pk, removed_at=None).update(removed_at=now()):
            audit_log.log_change("canary withdrawn", by=by, owner=canary.owner, about={"canary": canary.number})


def list_active(owner: Owner) -> QuerySet[Canary]:
    """Return the owner's canaries that are currently expected."""
    return Canary.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def compute_results(crawls: Sequence[Crawl]) -> dict[int, list[Result]]:
    """Return each crawl's results for the canaries planted when it started, by primary key; other crawls are left out.

    The number of queries does not depend on the number of crawls.
    """
    watches = {crawl.watch_id for crawl in crawls}
    planted: dict[int, list[Canary]] = defaultdict(list)
    for known_copy in (
        Canary.objects.filter(watch__in=watches).select_related("work", "watch__owner").order_by("number")
    ):
        planted[known_copy.watch_id].append(known_copy)
    planted_by_crawl = (
        (crawl, [candidate for candidate in planted[crawl.watch_id] if _was_expected(candidate, crawl)])
        for crawl in crawls
    )
    if not (expected := {crawl: known_copies for crawl, known_copies in planted_by_crawl if known_copies}):
        return {}
    facts = _load_facts(expected)
    return {
        crawl.pk: [_compute_result(crawl, known_copy, facts) for known_copy in known_copies]
        for crawl, known_copies in expected.items()
    }


def list_recent_misses(owner: Owner | None = None) -> list[tuple[Crawl, Result]]:
    """Return the canaries that each watch (or each of an owner's) missed in its last crawl.

    Crawls that a person stopped do not count, because they may not have visited everything.
    """
    expected = Canary.objects.filter(removed_at=None) if owner is None else list_active(owner)
    ended = Crawl.objects.filter(watch=OuterRef("pk")).exclude(finished_at=None).exclude(reason=STOPPED)
    watches = Watch.objects.filter(pk__in=expected.order_by().values("watch"))
    last = watches.annotate(last=Subquery(ended.order_by("-number").values("pk")[:1])).values("last")
    crawls = {crawl.pk: crawl for crawl in Crawl.objects.filter(pk__in=last).select_related("watch__owner")}
    return [
        (crawls[key], result)
        for key, crawl_results in compute_results(list(crawls.values())).items()
        for result in crawl_results
        if result.outcome.is_missed and result.canary.removed_at is None
    ]


def record_misses() -> None:
    """Record an event, once each, for canaries missed by the last crawls, however late the pictures were compared."""
    for crawl, miss in list_recent_misses():
        if crawl.finished_at is not None and crawl.finished_at >= now() - MAX_REPORT_AGE:
            watch, known_copy = crawl.watch, miss.canary
            about = {"canary": known_copy.number, "page": known_copy.url, "watch": watch.number, "name": watch.name}
            event = {**about, "reason": miss.reason, "crawl": crawl.number}
            events.record(watch.owner, EventKind.CANARY_MISSED, event, name=f"{crawl.pk}/{known_copy.number}")


def _was_expected(known_copy: Canary, crawl: Crawl) -> bool:
    return known_copy.added_at <= crawl.started_at and (
        known_copy.removed_at is None or known_copy.removed_at > crawl.started_at
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Sightings and refusals of crawls on canary pages."""

    pictures_by_page: Mapping[
        tuple[int, bytes], Mapping[int, bool]
    ]  # by crawl and page: pictures, and True if they were compared
    copies_by_work: Mapping[int, set[int]]  # by work: its own pictures and those that match them
    refused: Mapping[tuple[int, bytes], str]  # by crawl and page: the reason why it was not visited


def _load_facts(expected: Mapping[Crawl, Sequence[Canary]]) -> _Facts:
    crawls = [crawl.pk for crawl in expected]
    planted = [known_copy for known_copies in expected.values() for known_copy in known_copies]
    keys = {key for known_copy in planted for key in _list_keys(known_copy)}
    pictures_by_page: dict[tuple[int, bytes], dict[int, bool]] = defaultdict(dict)
    rows = Sighting.objects.filter(crawl__in=crawls, page_key__in=keys)
    for crawl, key, picture, state in rows.values_list("crawl", "page_key", "picture", "picture__state"):
        pictures_by_page[crawl, bytes(key)][picture] = state not in UNFINISHED
    seen_pictures = {picture for pictures in pictures_by_page.values() for picture in pictures}
    own = WorkPicture.objects.filter(work__in={known_copy.work_id for known_copy in planted})
    match = "picture__matches_as_registered"
    matching = own.filter(**{f"{match}__found__in": seen_pictures, f"{match}__decision__in": MATCH_DECISIONS})
    copies_by_work: dict[int, set[int]] = defaultdict(set)
    copies = matching.values_list("work", f"{match}__found")
    for work, picture in [*own.values_list("work", "picture"), *copies]:
        copies_by_work[work].add(picture)
    refusals = Refusal.objects.filter(crawl__in=crawls, key__in=keys).order_by("-pk")
    refused = {(crawl, bytes(key)): reason for crawl, key, reason in refusals.values_list("crawl", "key", "reason")}
    return _Facts(pictures_by_page, copies_by_work, refused)


def _list_keys(known_copy: Canary) -> list[bytes]:
    """Return the keys of a canary's page and of the page it redirected to at the last visit."""
    return [bytes(known_copy.key), *([url_key(known_copy.leads_to)] if known_copy.leads_to else [])]


def _compute_result(crawl: Crawl, known_copy: Canary, facts: _Facts) -> Result:
    keys = [(crawl.pk, key) for key in _list_keys(known_copy)]
    pictures = {
        picture: is_compared for key in keys for picture, is_compared in facts.pictures_by_page.get(key, {}).items()
    }
    if facts.copies_by_work.get(known_copy.work_id, set()) & pictures.keys():
        return Result(known_copy, Outcome.DETECTED)
    if crawl.finished_at is None or not all(pictures.values()):
        return Result(known_copy, Outcome.PENDING)
    reason = "" if pictures else next((facts.refused[key] for key in keys if key in facts.refused), "")
    return Result(known_copy, Outcome.NOT_VISITED if reason else Outcome.NOT_FOUND, reason)
