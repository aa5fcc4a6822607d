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
from registry.db.rows import alone_with, next_number
from registry.events import events
from registry.events.models import EventKind
from registry.log import audit_log
from registry.works.licences import NewLicence, keep_licences
from registry.works.models import Work, WorkPicture

LICENSEE, REASON = "canary", "A known copy on the owner's own page, for a watch to find."
LATELY = timedelta(days=30)
"""Age after which a miss is no longer reported; shorter than the retention of events, which prevents duplicates."""

MATCHED = (Decision.CERTAIN, Decision.REVIEW)


class Outcome(StrEnum):
    """A crawl's result for a canary."""

    FOUND = "found"
    WAITING = "waiting"
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


def plant(work: Work, watch: Watch, url: str, *, by: str) -> Canary:
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
    with alone_with(owner):
        if Watch.objects.filter(pk=watch.pk).exclude(removed_at=None).exists():
            raise NotFoundError(Sentence("This watch was deleted in the meantime."))
        if existing := active(owner).filter(work=work, watch=watch, key=key).first():
            return existing
        number = next_number(owner.canaries)
        keep_licences(owner, [_licence(work, normal)], by=by)
        if not KnownPage.objects.filter(watch=watch, key=key).exists():
            Watch.objects.filter(pk=watch.pk).update(everything=True)  # unchanged pages may lead to it
        about = {"canary": number, "url": normal, "work": work.number}
        audit_log.changed("canary planted", by=by, owner=owner, about=about)
        return Canary.objects.create(
            owner=owner, number=number, work=work, watch=watch, url=normal, key=key, added_by=by, added_at=now()
        )


def is_in_reach(canary: Canary) -> bool:
    """Return True if the watch covers the canary's site; otherwise no run can find the canary."""
    return any(same_domain(canary.url, source["url"]) for source in canary.watch.sources)


def note_redirects(watch: Watch, pages: Iterable[tuple[str, str]]) -> None:
    """Record the redirects of canary pages: sightings at the target count, and a licence for the target is added.

    A target counts only on the canary page's own domain, because the owner did not place copies on other sites.

    Args:
        watch: The watch.
        pages: Pairs of the requested URL and the URL that answered.
    """
    led = {url_key(url): normalise(final) for url, final in pages if url_key(url) != url_key(final)}
    if not led:
        return
    for canary in Canary.objects.filter(watch=watch, removed_at=None, key__in=led).select_related("owner", "work"):
        target = led[bytes(canary.key)]
        target = target if same_domain(canary.url, target) else ""
        if canary.leads_to == target:
            continue
        if target:
            keep_licences(canary.owner, [_licence(canary.work, target)])
        Canary.objects.filter(pk=canary.pk).update(leads_to=target)


def _licence(work: Work, url: str) -> NewLicence:
    return NewLicence(LICENSEE, (work,), url_pattern=url.replace("*", ""), reason=REASON)


def withdraw(canary: Canary, *, by: str) -> None:
    """Stop expecting a canary. Results of earlier crawls stay, and so does its licence."""
    with transaction.atomic():
        if Canary.objects.filter(pk=canary.pk, removed_at=None).update(removed_at=now()):
            audit_log.changed("canary withdrawn", by=by, owner=canary.owner, about={"canary": canary.number})


def active(owner: Owner) -> QuerySet[Canary]:
    """Return the owner's canaries that are currently expected."""
    return Canary.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def results(crawls: Sequence[Crawl]) -> dict[int, list[Result]]:
    """Return each crawl's results for the canaries planted when it started, by primary key; other crawls are left out.

    The number of queries does not depend on the number of crawls.
    """
    watches = {crawl.watch_id for crawl in crawls}
    planted: dict[int, list[Canary]] = defaultdict(list)
    for canary in Canary.objects.filter(watch__in=watches).select_related("work", "watch__owner").order_by("number"):
        planted[canary.watch_id].append(canary)
    planted_by_crawl = ((crawl, [one for one in planted[crawl.watch_id] if _was_there(one, crawl)]) for crawl in crawls)
    if not (expected := {crawl: canaries for crawl, canaries in planted_by_crawl if canaries}):
        return {}
    facts = _facts(expected)
    return {crawl.pk: [_result(crawl, canary, facts) for canary in canaries] for crawl, canaries in expected.items()}


def missed_lately(owner: Owner | None = None) -> list[tuple[Crawl, Result]]:
    """Return the canaries that each watch (or each of an owner's) missed in its last crawl.

    Crawls that a person stopped do not count, because they may not have visited everything.
    """
    expected = Canary.objects.filter(removed_at=None) if owner is None else active(owner)
    ended = Crawl.objects.filter(watch=OuterRef("pk")).exclude(finished_at=None).exclude(reason=STOPPED)
    watches = Watch.objects.filter(pk__in=expected.order_by().values("watch"))
    last = watches.annotate(last=Subquery(ended.order_by("-number").values("pk")[:1])).values("last")
    crawls = {crawl.pk: crawl for crawl in Crawl.objects.filter(pk__in=last).select_related("watch__owner")}
    return [
        (crawls[key], result)
        for key, crawl_results in results(list(crawls.values())).items()
        for result in crawl_results
        if result.outcome.is_missed and result.canary.removed_at is None
    ]


def tell_missed() -> None:
    """Record an event, once each, for canaries missed by the last crawls, however late the pictures were compared."""
    for crawl, missed in missed_lately():
        if crawl.finished_at is not None and crawl.finished_at >= now() - LATELY:
            watch, canary = crawl.watch, missed.canary
            about = {"canary": canary.number, "page": canary.url, "watch": watch.number, "name": watch.name}
            event = {**about, "reason": missed.reason, "crawl": crawl.number}
            events.record(watch.owner, EventKind.CANARY_MISSED, event, name=f"{crawl.pk}/{canary.number}")


def _was_there(canary: Canary, crawl: Crawl) -> bool:
    return canary.added_at <= crawl.started_at and (canary.removed_at is None or canary.removed_at > crawl.started_at)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Sightings and refusals of crawls on canary pages."""

    seen: Mapping[tuple[int, bytes], Mapping[int, bool]]  # by crawl and page: pictures, and True if they were compared
    showing: Mapping[int, set[int]]  # by work: its own pictures and those that match them
    refused: Mapping[tuple[int, bytes], str]  # by crawl and page: the reason why it was not visited


def _facts(expected: Mapping[Crawl, Sequence[Canary]]) -> _Facts:
    crawls = [crawl.pk for crawl in expected]
    planted = [canary for canaries in expected.values() for canary in canaries]
    keys = {key for canary in planted for key in _keys(canary)}
    pictures_by_page: dict[tuple[int, bytes], dict[int, bool]] = defaultdict(dict)
    rows = Sighting.objects.filter(crawl__in=crawls, page_key__in=keys)
    for crawl, key, picture, state in rows.values_list("crawl", "page_key", "picture", "picture__state"):
        pictures_by_page[crawl, bytes(key)][picture] = state not in UNFINISHED
    seen_pictures = {picture for pictures in pictures_by_page.values() for picture in pictures}
    own = WorkPicture.objects.filter(work__in={canary.work_id for canary in planted})
    match = "picture__matches_as_registered"
    matching = own.filter(**{f"{match}__found__in": seen_pictures, f"{match}__decision__in": MATCHED})
    showing: dict[int, set[int]] = defaultdict(set)
    copies = matching.values_list("work", f"{match}__found")
    for work, picture in [*own.values_list("work", "picture"), *copies]:
        showing[work].add(picture)
    refusals = Refusal.objects.filter(crawl__in=crawls, key__in=keys).order_by("-pk")
    refused = {(crawl, bytes(key)): reason for crawl, key, reason in refusals.values_list("crawl", "key", "reason")}
    return _Facts(pictures_by_page, showing, refused)


def _keys(canary: Canary) -> list[bytes]:
    """Return the keys of a canary's page and of the page it redirected to at the last visit."""
    return [bytes(canary.key), *([url_key(canary.leads_to)] if canary.leads_to else [])]


def _result(crawl: Crawl, canary: Canary, facts: _Facts) -> Result:
    keys = [(crawl.pk, key) for key in _keys(canary)]
    pictures = {picture: compared for key in keys for picture, compared in facts.seen.get(key, {}).items()}
    if facts.showing.get(canary.work_id, set()) & pictures.keys():
        return Result(canary, Outcome.FOUND)
    if crawl.finished_at is None or not all(pictures.values()):
        return Result(canary, Outcome.WAITING)
    reason = "" if pictures else next((facts.refused[key] for key in keys if key in facts.refused), "")
    return Result(canary, Outcome.NOT_VISITED if reason else Outcome.NOT_FOUND, reason)
