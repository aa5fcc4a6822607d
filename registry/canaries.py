"""Known copies that a watch has to find: planted, withdrawn, and what each crawl made of them.

What a crawl made of a canary is read from its sightings and refusals whenever it is asked, so it is never out of date.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.db.models import Max, QuerySet

from exhibit.clock import now
from exhibit.errors import WrongUseError
from exhibit.types import Decision
from exhibit.urls import normalise, url_key
from registry import trail
from registry.licences import NewLicence, keep_licences
from registry.models import Canary, Crawl, Match, Owner, Refusal, Sighting, StepState, Watch, Work

LICENSEE, REASON = "canary", "A known copy on the owner's own page, for a watch to find."
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
    """One canary in one crawl.

    Attributes:
        canary: which.
        outcome: what the crawl made of it.
        reason: why the page wasn't visited, as the refusal says; else empty.
    """

    canary: Canary
    outcome: Outcome
    reason: str = ""


def plant(work: Work, watch: Watch, url: str, *, by: str) -> Canary:
    """Say that a page shows a known copy of a work, which a watch has to find from its next crawl on.

    A licence for exactly this page is added too, so that no case comes of it.

    Raises:
        WrongUseError: it isn't the address of a page, or the watch reads files.
    """
    normal = normalise(url)
    if not normal.startswith(("http://", "https://")):
        raise WrongUseError(f"{url!r} isn't the address of a page.", hint="Give it as http:// or https://.")
    if watch.private:
        raise WrongUseError(f"The watch {watch.name} reads files.", hint="Name a watch over pages.")
    key, owner = url_key(normal), work.owner
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        known = active(owner).filter(work=work, watch=watch, key=key).first()
        if known is not None:
            return known
        number = (owner.canaries.aggregate(last=Max("number"))["last"] or 0) + 1
        permitted = NewLicence(LICENSEE, (work,), url_pattern=normal.replace("*", ""), reason=REASON)
        keep_licences(owner, [permitted], by=by)
        trail.changed(
            "canary planted", by=by, owner=owner, about={"canary": number, "url": normal, "work": work.number}
        )
        return Canary.objects.create(
            owner=owner, number=number, work=work, watch=watch, url=normal, key=key, added_by=by, added_at=now()
        )


def withdraw(canary: Canary, *, by: str) -> None:
    """Expect it no longer; earlier crawls keep what they made of it. Its licence stays."""
    with transaction.atomic():
        if Canary.objects.filter(pk=canary.pk, removed_at=None).update(removed_at=now()):
            trail.changed("canary withdrawn", by=by, owner=canary.owner, about={"canary": canary.number})


def active(owner: Owner) -> QuerySet[Canary]:
    """The canaries that are expected now."""
    return Canary.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def results(crawls: Sequence[Crawl]) -> dict[int, list[Result]]:
    """What each crawl made of the canaries that were planted when it began, by its key; others are left out."""
    watches = {crawl.watch_id for crawl in crawls}
    planted: dict[int, list[Canary]] = defaultdict(list)
    for canary in Canary.objects.filter(watch__in=watches).select_related("work", "watch").order_by("number"):
        planted[canary.watch_id].append(canary)
    expected = {crawl: [one for one in planted[crawl.watch_id] if _was_there(one, crawl)] for crawl in crawls}
    return {crawl.pk: _of_crawl(crawl, canaries) for crawl, canaries in expected.items() if canaries}


def missed_lately(owner: Owner) -> list[tuple[Crawl, Result]]:
    """Of each watch the canaries that its last crawl, which has ended, missed."""
    watches = {canary.watch_id for canary in active(owner)}
    ended = Crawl.objects.filter(watch__in=watches).exclude(finished_at=None)
    last = ended.order_by("watch_id", "-number").distinct("watch_id").select_related("watch")
    crawls = {crawl.pk: crawl for crawl in last}
    return [
        (crawls[key], result)
        for key, found in results(list(crawls.values())).items()
        for result in found
        if result.outcome.is_missed and result.canary.removed_at is None
    ]


def _was_there(canary: Canary, crawl: Crawl) -> bool:
    return canary.added_at <= crawl.started_at and (canary.removed_at is None or canary.removed_at > crawl.started_at)


def _of_crawl(crawl: Crawl, canaries: Iterable[Canary]) -> list[Result]:
    return [_result(crawl, canary) for canary in canaries]


def _result(crawl: Crawl, canary: Canary) -> Result:
    seen = Sighting.objects.filter(crawl=crawl, page_key=canary.key)
    pictures = set(seen.values_list("picture", flat=True))
    registered = set(canary.work.work_pictures.values_list("picture", flat=True))
    matched = Match.objects.filter(found__in=pictures, registered__in=registered, decision__in=MATCHED)
    if pictures & registered or matched.exists():
        return Result(canary, Outcome.FOUND)
    unmatched = seen.filter(picture__state__in=(StepState.TODO, StepState.DOING))
    if crawl.finished_at is None or unmatched.exists():
        return Result(canary, Outcome.WAITING)
    if pictures:
        return Result(canary, Outcome.NOT_FOUND)
    refused = Refusal.objects.filter(crawl=crawl, key=canary.key).order_by("pk").first()
    refused = refused or Refusal.objects.filter(crawl=crawl, page_url=canary.url).order_by("pk").first()
    if refused is not None:
        return Result(canary, Outcome.NOT_VISITED, refused.reason)
    return Result(canary, Outcome.NOT_FOUND)
