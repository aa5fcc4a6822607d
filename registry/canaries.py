"""Known copies that a watch has to find: planted, withdrawn, and what each crawl made of them.

What a crawl made of a canary is read from its sightings and refusals whenever it is asked, so it is never out of date.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Max, QuerySet

from exhibit.clock import now
from exhibit.errors import WrongUseError
from exhibit.types import Decision
from exhibit.urls import normalise, url_key
from registry import events, trail
from registry.licences import NewLicence, keep_licences
from registry.models import (
    Canary,
    Crawl,
    EventKind,
    Match,
    Owner,
    Refusal,
    Sighting,
    StepState,
    Watch,
    Work,
    WorkPicture,
)

LICENSEE, REASON = "canary", "A known copy on the owner's own page, for a watch to find."
LATELY = timedelta(hours=6)
"""Pictures of a crawl may be compared for so long after its end."""

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


def note_redirects(watch: Watch, pages: Iterable[tuple[str, str]]) -> None:
    """Record where the pages of canaries lead: what is seen there counts, and a licence for there is added as well.

    Args:
        watch: whose crawl visited them.
        pages: the address that was visited, and the one that answered.
    """
    led = {url_key(url): normalise(final) for url, final in pages if url_key(url) != url_key(final)}
    if not led:
        return
    for canary in Canary.objects.filter(watch=watch, removed_at=None, key__in=led).select_related("owner", "work"):
        target = led[bytes(canary.key)]
        if canary.leads_to != target:
            keep_licences(canary.owner, [_licence(canary.work, target)])
            Canary.objects.filter(pk=canary.pk).update(leads_to=target)


def _licence(work: Work, url: str) -> NewLicence:
    return NewLicence(LICENSEE, (work,), url_pattern=url.replace("*", ""), reason=REASON)


def withdraw(canary: Canary, *, by: str) -> None:
    """Expect it no longer; earlier crawls keep what they made of it. Its licence stays."""
    with transaction.atomic():
        if Canary.objects.filter(pk=canary.pk, removed_at=None).update(removed_at=now()):
            trail.changed("canary withdrawn", by=by, owner=canary.owner, about={"canary": canary.number})


def active(owner: Owner) -> QuerySet[Canary]:
    """The canaries that are expected now."""
    return Canary.objects.filter(owner=owner, removed_at=None).select_related("work", "watch").order_by("number")


def results(crawls: Sequence[Crawl]) -> dict[int, list[Result]]:
    """What each crawl made of the canaries that were planted when it began, by its key; others are left out.

    Asks the database as often for one as for thousands.
    """
    watches = {crawl.watch_id for crawl in crawls}
    planted: dict[int, list[Canary]] = defaultdict(list)
    for canary in Canary.objects.filter(watch__in=watches).select_related("work", "watch").order_by("number"):
        planted[canary.watch_id].append(canary)
    expected = {crawl: [one for one in planted[crawl.watch_id] if _was_there(one, crawl)] for crawl in crawls}
    expected = {crawl: canaries for crawl, canaries in expected.items() if canaries}
    if not expected:
        return {}
    facts = _facts(expected)
    return {crawl.pk: [_result(crawl, one, facts) for one in canaries] for crawl, canaries in expected.items()}


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


def tell_missed() -> None:
    """Write down, once each, which canaries the crawls that ended lately have missed."""
    lately = now() - LATELY
    of = Crawl.objects.filter(watch__canaries__removed_at=None, finished_at__gte=lately).select_related("watch__owner")
    crawls = {crawl.pk: crawl for crawl in of.distinct()}
    for key, found in results(list(crawls.values())).items():
        for one in found:
            if one.outcome.is_missed:
                watch = crawls[key].watch
                about = {"canary": one.canary.number, "page": one.canary.url, "watch": watch.number, "name": watch.name}
                told = {**about, "reason": one.reason, "crawl": crawls[key].number}
                events.record(watch.owner, EventKind.CANARY_MISSED, told, name=f"{key}/{one.canary.number}")


def _was_there(canary: Canary, crawl: Crawl) -> bool:
    return canary.added_at <= crawl.started_at and (canary.removed_at is None or canary.removed_at > crawl.started_at)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What crawls saw and refused where canaries are.

    Attributes:
        seen: by crawl and page, the pictures, and whether each has been compared.
        registered: the pictures of each work.
        matched: pairs of a registered and a found picture.
        refused: by crawl and page, why it wasn't visited.
    """

    seen: Mapping[tuple[int, bytes], Mapping[int, bool]]
    registered: Mapping[int, set[int]]
    matched: set[tuple[int, int]]
    refused: Mapping[tuple[int, bytes], str]


def _facts(expected: Mapping[Crawl, Sequence[Canary]]) -> _Facts:
    crawls = [crawl.pk for crawl in expected]
    planted = [canary for canaries in expected.values() for canary in canaries]
    keys = {key for canary in planted for key in _keys(canary)}
    seen: dict[tuple[int, bytes], dict[int, bool]] = defaultdict(dict)
    rows = Sighting.objects.filter(crawl__in=crawls, page_key__in=keys)
    for crawl, key, picture, state in rows.values_list("crawl", "page_key", "picture", "picture__state"):
        seen[crawl, bytes(key)][picture] = state not in (StepState.TODO, StepState.DOING)
    registered: dict[int, set[int]] = defaultdict(set)
    of_works = WorkPicture.objects.filter(work__in={canary.work_id for canary in planted})
    for work, picture in of_works.values_list("work", "picture"):
        registered[work].add(picture)
    found = {picture for pictures in seen.values() for picture in pictures}
    known = set().union(*registered.values())
    matches = Match.objects.filter(found__in=found, registered__in=known, decision__in=MATCHED)
    refusals = Refusal.objects.filter(crawl__in=crawls, key__in=keys).order_by("-pk")
    refused = {(crawl, bytes(key)): reason for crawl, key, reason in refusals.values_list("crawl", "key", "reason")}
    return _Facts(seen, registered, set(matches.values_list("registered", "found")), refused)


def _keys(canary: Canary) -> list[bytes]:
    """Of the page as it was planted, and of where it led when it was last visited."""
    return [bytes(canary.key), *([url_key(canary.leads_to)] if canary.leads_to else [])]


def _result(crawl: Crawl, canary: Canary, facts: _Facts) -> Result:
    keys = [(crawl.pk, key) for key in _keys(canary)]
    pictures = {picture: compared for key in keys for picture, compared in facts.seen.get(key, {}).items()}
    registered = facts.registered.get(canary.work_id, set())
    if any(one in registered or any((own, one) in facts.matched for own in registered) for one in pictures):
        return Result(canary, Outcome.FOUND)
    if crawl.finished_at is None or not all(pictures.values()):
        return Result(canary, Outcome.WAITING)
    reason = "" if pictures else next((facts.refused[key] for key in keys if key in facts.refused), "")
    return Result(canary, Outcome.NOT_VISITED if reason else Outcome.NOT_FOUND, reason)
