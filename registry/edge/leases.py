"""What contributors are handed: a slice of a crawl that waits for a worker, as a whole, so that hosts are asked by one.

A lease is a slice with its epoch. Nothing in it says whose watch, works or cases it is about. Of each delivery some
results are drawn once it is complete, so nobody can know which; they are fetched and measured here as if nobody had.
The bounds that follow are in docs/edge.md.
"""

import math
from collections.abc import Sequence
from random import Random, SystemRandom

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.sentences import Sentence
from registry.crawls import crawling
from registry.crawls.models import CrawlSlice, FrontierUrl, HostLease
from registry.db.claimable import UNFINISHED, StepState
from registry.edge.contributors import Outcome, hold, throw_out
from registry.edge.models import Contributor, EdgeResult

MAX_TARGETS = 50
"""Addresses of one lease; the others of its slice go back."""
_LOOKED_AT = 200
_PRIVATE_KINDS = (crawling.PAST, crawling.SEARCH, crawling.HAND, crawling.ARCHIVE)
"""Addresses that say what works look like, or whom an owner suspects: of pictures that resembled one, of what a search
has answered or a person named, and of what an archive holds of a domain."""
NEW, NEW_SHARE = 20, 10
"""Until so many were checked, so many of a hundred results are checked at least."""
SUSPECT_SHARE = 50
"""The same while more checks were wrong than right since."""
MAX_SUSPICION = 8
"""So many wrong checks without as many right ones throw a contributor out."""
CHANCE = SystemRandom()
MAX_OPEN = 4
"""Checks under way with which a contributor gets more to do; one that is new or suspected waits for all of its own."""
FALSE = Sentence("The same bytes measure otherwise than it says.")
DIFFER = Sentence("Far too often other pictures came than it says.")


def lease(contributor: Contributor) -> tuple[CrawlSlice, list[FrontierUrl]] | None:
    """A slice for a contributor: the one that it holds already, or one that waits; none while it has to wait."""
    with transaction.atomic():
        fresh = hold(contributor)
        mine = CrawlSlice.objects.filter(contributor=contributor, state=StepState.DOING)
        row = mine.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch").first()
        if row is None:
            row = _waiting_slice() if may_go_on(fresh) else None
            if row is None:
                return None
            moment, epoch = now(), F("epoch") + 1
            begun = {"state": StepState.DOING, "claimed_by": "", "claimed_at": moment, "started_at": moment}
            CrawlSlice.objects.filter(pk=row.pk).update(contributor=contributor, epoch=epoch, **begun)
            HostLease.objects.filter(slice=row).update(expires_at=moment + crawling.LEASE)
            row.refresh_from_db(fields=["epoch", "claimed_at"])
        leased = row.urls.filter(state=FrontierUrl.State.LEASED)
        return row, list(leased.order_by("depth", "turn", "id")[:MAX_TARGETS])


def _waiting_slice() -> CrawlSlice | None:
    """The oldest slice that nobody has begun and that may be handed out, locked by this transaction."""
    urls = FrontierUrl.objects.filter(slice=OuterRef("pk"))
    waiting = CrawlSlice.objects.filter(
        Exists(urls), ~Exists(urls.exclude(kind="image")), ~Exists(urls.filter(edge_result__isnull=False)),
        state=StepState.TODO, epoch=0, crawl__state=StepState.DOING, crawl__reason="", crawl__watch__private=False,
    )  # fmt: skip
    for kind in _PRIVATE_KINDS:
        waiting = waiting.exclude(crawl__sources__contains=[{"kind": kind}])
    denied = crawling.denials()
    for row in waiting.select_related("crawl__watch").order_by("pk")[:_LOOKED_AT]:
        if any(denied(host) for host in row.urls.values_list("host", flat=True).distinct()):
            continue
        free = CrawlSlice.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=row.pk, epoch=0)
        if free.filter(state=StepState.TODO).exists():
            return row
    return None


def deliver(
    contributor: Contributor, slice_id: int, epoch: int, said: Sequence[EdgeResult], share: int
) -> tuple[int, list[int]]:
    """Keep what a contributor says of a lease, once and as a whole; the lease is over then.

    Returns the crawl, and the results (primary keys) that wait for their step; of a hundred so many are drawn for a
    check. An address of which nothing is said waits again, and one whose picture didn't come is fetched here. Raises
    ``NotFoundError`` when it holds no such lease, and ``WrongUseError`` for an address that isn't in it.
    """
    with transaction.atomic():
        fresh = hold(contributor)
        row = crawling.hold_slice(slice_id, epoch)
        if row is None or row.contributor_id != contributor.pk:
            raise NotFoundError("There is no such lease, or it is over.", hint="Ask for another one.")
        if row.urls.filter(pk__in=[one.target_id for one in said]).count() != len(said):
            raise WrongUseError("A result is about an address that this lease doesn't name, or names it twice.")
        for one in said:
            if one.digest is None:
                one.outcome, one.state = Outcome.NOTHING, StepState.DONE
        came = [one.pk for one in EdgeResult.objects.bulk_create(said) if one.digest is not None]
        EdgeResult.objects.filter(pk__in=draw(fresh, came, share)).update(drawn=True)
        seconds = (now() - (row.started_at or now())).total_seconds()
        mine = Contributor.objects.filter(pk=contributor.pk)
        mine.update(pictures=F("pictures") + len(came), seconds=F("seconds") + seconds)
        row.urls.filter(edge_result__in=came).update(state=FrontierUrl.State.DONE)
        counts = {"reason": "contributed", "pages": 0, "images": len(came), "bytes": 0, "seconds": seconds}
        seen = {"crawl": row.crawl_id, "slice": row.number, "count": 0}
        crawling.finish_slice(slice_id, epoch, counts=counts, suspect=False, opening=lambda _row: seen)
    return row.crawl_id, came


def draw(contributor: Contributor, results: Sequence[int], share: int, chance: Random = CHANCE) -> list[int]:
    """Draw those of a delivery's results that are checked: at least one, and so many of a hundred."""
    least = SUSPECT_SHARE if contributor.suspicion else NEW_SHARE if contributor.checked < NEW else share
    count = math.ceil(len(results) * max(share, least) / 100)
    return chance.sample(results, count)


def may_go_on(contributor: Contributor) -> bool:
    """Whether a contributor gets more to do, or has to wait until its results are checked."""
    proven = contributor.checked >= NEW and not contributor.suspicion
    return contributor.results.filter(drawn=True, state__in=UNFINISHED).count() < (MAX_OPEN if proven else 1)


def judge(contributor: Contributor, *, right: int = 0, wrong: int = 0, false: bool = False) -> bool:
    """Count checks of a contributor that this transaction holds; says whether it was thrown out for them."""
    contributor.checked += right + wrong
    contributor.wrong += wrong
    contributor.suspicion = max(0, contributor.suspicion + wrong - right)
    contributor.save(update_fields=["checked", "wrong", "suspicion"])
    guilty = false or contributor.suspicion >= MAX_SUSPICION
    if guilty:
        throw_out(contributor, by="", reason=FALSE if false else DIFFER, drop=True)
    return guilty
