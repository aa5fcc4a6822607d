"""Known copies that a watch has to find: planted, withdrawn, and what each crawl made of them.

What a crawl made of a canary is read from its sightings and refusals whenever it is asked, so it is never out of date.
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
"""After so long it is too late to tell of a miss: shorter than events are kept, or it would be told twice."""

MATCHED = (Decision.CERTAIN, Decision.REVIEW)


class Outcome(StrEnum):
    """What a crawl made of a canary."""

    FOUND = "found"
    WAITING = "waiting"
    NOT_FOUND = "not-found"
    NOT_VISITED = "not-visited"

    @property
    def is_missed(self) -> bool:
        """Whether a watch that works would have found it."""
        return self in (Outcome.NOT_FOUND, Outcome.NOT_VISITED)


@dataclass(frozen=True, slots=True)
class Result:
    """What one crawl made of one canary, and why the page wasn't visited, as the refusal says."""

    canary: Canary
    outcome: Outcome
    reason: str = ""


def plant(work: Work, watch: Watch, url: str, *, by: str) -> Canary:
    """Say that a page shows a known copy of a work, which a watch has to find from its next crawl on.

    A licence for exactly this page is added too, so that no case comes of it. Raises ``NotFoundError`` when somebody
    has removed the watch meanwhile, ``WrongUseError`` for what isn't a page's address, or a watch that visits no pages.
    """
    normal = normalise(url)
    if not normal.startswith(("http://", "https://")):
        sentence = Sentence("%(url)s isn't the address of a page.", url=url)
        raise WrongUseError(sentence, hint=Sentence("Give it as http:// or https://."))
    if watch.private:
        sentence = Sentence("The watch %(name)s visits no pages.", name=watch.name)
        raise WrongUseError(sentence, hint=Sentence("Name a watch over pages."))
    key, owner = url_key(normal), work.owner
    with alone_with(owner):
        if Watch.objects.filter(pk=watch.pk).exclude(removed_at=None).exists():
            raise NotFoundError(Sentence("This watch was deleted meanwhile."))
        if known := active(owner).filter(work=work, watch=watch, key=key).first():
            return known
        number = next_number(owner.canaries)
        keep_licences(owner, [_licence(work, normal)], by=by)
        if not KnownPage.objects.filter(watch=watch, key=key).exists():
            Watch.objects.filter(pk=watch.pk).update(everything=True)  # what hasn't changed for long may lead there
        about = {"canary": number, "url": normal, "work": work.number}
        audit_log.changed("canary planted", by=by, owner=owner, about=about)
        return Canary.objects.create(
            owner=owner, number=number, work=work, watch=watch, url=normal, key=key, added_by=by, added_at=now()
        )


def is_in_reach(canary: Canary) -> bool:
    """Whether its watch looks at any place on the site of a canary's page; else no run can find it."""
    return any(same_domain(canary.url, source["url"]) for source in canary.watch.sources)


def note_redirects(watch: Watch, pages: Iterable[tuple[str, str]]) -> None:
    """Record where the pages of canaries lead: what is seen there counts, and a licence for there is added as well.

    Pages are pairs: the address that was visited, and the one that answered. Only one below the domain of the page
    itself counts: what another party shows is no copy that the owner has put there.
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
    """Expect it no longer; earlier crawls keep what they made of it. Its licence stays."""
    with transaction.atomic():
        if Canary.objects.filter(pk=canary.pk, removed_at=None).update(removed_at=now()):
            audit_log.changed("canary withdrawn", by=by, owner=canary.owner, about={"canary": canary.number})


def active(owner: Owner) -> QuerySet[Canary]:
    """The canaries that are expected now."""
    return Canary.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def results(crawls: Sequence[Crawl]) -> dict[int, list[Result]]:
    """What each crawl made of the canaries that were planted when it began, by its key; others are left out.

    Asks the database as often for one as for thousands.
    """
    watches = {crawl.watch_id for crawl in crawls}
    planted: dict[int, list[Canary]] = defaultdict(list)
    for canary in Canary.objects.filter(watch__in=watches).select_related("work", "watch__owner").order_by("number"):
        planted[canary.watch_id].append(canary)
    there = ((crawl, [one for one in planted[crawl.watch_id] if _was_there(one, crawl)]) for crawl in crawls)
    if not (expected := {crawl: canaries for crawl, canaries in there if canaries}):
        return {}
    facts = _facts(expected)
    return {crawl.pk: [_result(crawl, canary, facts) for canary in canaries] for crawl, canaries in expected.items()}


def missed_lately(owner: Owner | None = None) -> list[tuple[Crawl, Result]]:
    """Of each watch, or of each of an owner's, the canaries that its last crawl missed.

    That is the last one that has ended by itself: one that a person stopped didn't get to see everything.
    """
    expected = Canary.objects.filter(removed_at=None) if owner is None else active(owner)
    ended = Crawl.objects.filter(watch=OuterRef("pk")).exclude(finished_at=None).exclude(reason=STOPPED)
    watches = Watch.objects.filter(pk__in=expected.order_by().values("watch"))
    last = watches.annotate(last=Subquery(ended.order_by("-number").values("pk")[:1])).values("last")
    crawls = {crawl.pk: crawl for crawl in Crawl.objects.filter(pk__in=last).select_related("watch__owner")}
    return [
        (crawls[key], result)
        for key, found in results(list(crawls.values())).items()
        for result in found
        if result.outcome.is_missed and result.canary.removed_at is None
    ]


def tell_missed() -> None:
    """Write down, once each, which canaries the last crawls have missed; however late their pictures were compared."""
    for crawl, missed in missed_lately():
        if crawl.finished_at is not None and crawl.finished_at >= now() - LATELY:
            watch, canary = crawl.watch, missed.canary
            about = {"canary": canary.number, "page": canary.url, "watch": watch.number, "name": watch.name}
            told = {**about, "reason": missed.reason, "crawl": crawl.number}
            events.record(watch.owner, EventKind.CANARY_MISSED, told, name=f"{crawl.pk}/{canary.number}")


def _was_there(canary: Canary, crawl: Crawl) -> bool:
    return canary.added_at <= crawl.started_at and (canary.removed_at is None or canary.removed_at > crawl.started_at)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What crawls saw and refused where canaries are."""

    seen: Mapping[tuple[int, bytes], Mapping[int, bool]]  # by crawl and page, pictures: compared or not
    showing: Mapping[int, set[int]]  # by work, the pictures that are its own or match one of them
    refused: Mapping[tuple[int, bytes], str]  # by crawl and page, why it wasn't visited


def _facts(expected: Mapping[Crawl, Sequence[Canary]]) -> _Facts:
    crawls = [crawl.pk for crawl in expected]
    planted = [canary for canaries in expected.values() for canary in canaries]
    keys = {key for canary in planted for key in _keys(canary)}
    seen: dict[tuple[int, bytes], dict[int, bool]] = defaultdict(dict)
    rows = Sighting.objects.filter(crawl__in=crawls, page_key__in=keys)
    for crawl, key, picture, state in rows.values_list("crawl", "page_key", "picture", "picture__state"):
        seen[crawl, bytes(key)][picture] = state not in UNFINISHED
    found = {picture for pictures in seen.values() for picture in pictures}
    own = WorkPicture.objects.filter(work__in={canary.work_id for canary in planted})
    match = "picture__matches_as_registered"
    matching = own.filter(**{f"{match}__found__in": found, f"{match}__decision__in": MATCHED})
    showing: dict[int, set[int]] = defaultdict(set)
    copies = matching.values_list("work", f"{match}__found")
    for work, picture in [*own.values_list("work", "picture"), *copies]:
        showing[work].add(picture)
    refusals = Refusal.objects.filter(crawl__in=crawls, key__in=keys).order_by("-pk")
    refused = {(crawl, bytes(key)): reason for crawl, key, reason in refusals.values_list("crawl", "key", "reason")}
    return _Facts(seen, showing, refused)


def _keys(canary: Canary) -> list[bytes]:
    """Of the page as it was planted, and of where it led when it was last visited."""
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
