"""Leases of contributors: waiting crawl slices, leased completely, so that each host is visited by one machine.

A lease is a slice with its epoch. It reveals nothing about the watch, works or cases behind it. Results to be verified
are drawn after a delivery is complete, so nobody can predict them; they are fetched and measured here again,
independently. docs/reference/edge.md derives the limits below.
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
from registry.edge.contributors import Outcome, lock_contributor, remove_contributor
from registry.edge.models import Contributor, EdgeResult

MAX_TARGETS = 50
"""Maximum number of URLs per lease; the other URLs of its slice return to the frontier."""
_MAX_EXAMINED = 200
_PRIVATE_KINDS = (crawling.PAST, crawling.SEARCH, crawling.HAND, crawling.ARCHIVE)
"""Kinds of sources whose URLs reveal what works look like, or whom an owner suspects.

They contain pictures that resembled a work, search results, URLs entered by a person, and a domain's pictures in an
archive.
"""
MIN_CHECKED, NEW_SHARE = 20, 10
"""Number of verified results below which a contributor is new, and the minimum percentage verified until then."""
SUSPECT_SHARE = 50
"""Minimum percentage verified while wrong results outnumber later right ones."""
MAX_SUSPICION = 8
"""Excess of wrong results over right ones at which a contributor is removed."""
RANDOM = SystemRandom()
MAX_OPEN = 4
"""Number of pending verifications below which a proven contributor gets work; others must wait for all of theirs."""
FALSE_MEASUREMENTS = Sentence(
    "Measuring the same bytes gives a different result from the one that the contributor reported."
)
TOO_MANY_DIFFERENCES = Sentence("Retrieved pictures differ far too often from those that the contributor reported.")


def lease(contributor: Contributor) -> tuple[CrawlSlice, list[FrontierUrl]] | None:
    """Return the contributor's current lease or lease a waiting slice; ``None`` if it has to wait."""
    with transaction.atomic():
        current = lock_contributor(contributor)
        own_leases = CrawlSlice.objects.filter(contributor=contributor, state=StepState.DOING)
        row = own_leases.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch").first()
        if row is None:
            row = _lock_waiting_slice() if may_receive_work(current) else None
            if row is None:
                return None
            moment, epoch = now(), F("epoch") + 1
            columns = {"state": StepState.DOING, "claimed_by": "", "claimed_at": moment, "started_at": moment}
            CrawlSlice.objects.filter(pk=row.pk).update(contributor=contributor, epoch=epoch, **columns)
            HostLease.objects.filter(slice=row).update(expires_at=moment + crawling.LEASE_TIME)
            row.refresh_from_db(fields=["epoch", "claimed_at"])
        leased = row.urls.filter(state=FrontierUrl.State.LEASED)
        return row, list(leased.order_by("depth", "turn", "id")[:MAX_TARGETS])


def _lock_waiting_slice() -> CrawlSlice | None:
    """Return the oldest waiting slice that may be leased to contributors, locked by this transaction."""
    urls = FrontierUrl.objects.filter(slice=OuterRef("pk"))
    slices = CrawlSlice.objects.filter(
        Exists(urls), ~Exists(urls.exclude(kind="image")), ~Exists(urls.filter(edge_result__isnull=False)),
        state=StepState.TODO, epoch=0, crawl__state=StepState.DOING, crawl__reason="", crawl__watch__private=False,
    )  # fmt: skip
    for kind in _PRIVATE_KINDS:
        slices = slices.exclude(crawl__sources__contains=[{"kind": kind}])
    denied = crawling.load_denials()
    for row in slices.select_related("crawl__watch").order_by("pk")[:_MAX_EXAMINED]:
        if any(denied(host) for host in row.urls.values_list("host", flat=True).distinct()):
            continue
        free = CrawlSlice.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=row.pk, epoch=0)
        if free.filter(state=StepState.TODO).exists():
            return row
    return None


def deliver(
    contributor: Contributor, slice_id: int, epoch: int, results: Sequence[EdgeResult], share: int
) -> tuple[int, list[int]]:
    """Store a contributor's results for a lease, once and completely, and end the lease.

    URLs without a result wait again; those whose picture could not be fetched are fetched here.

    Args:
        contributor: The contributor.
        slice_id: The lease's slice.
        epoch: The lease's epoch.
        results: The results.
        share: Percentage of results to verify.

    Returns:
        The crawl, and the results that wait for processing, as primary keys.

    Raises:
        NotFoundError: The contributor has no such lease.
        WrongUseError: A URL is not part of the lease, or appears twice.
    """
    with transaction.atomic():
        current = lock_contributor(contributor)
        row = crawling.lock_slice(slice_id, epoch)
        if row is None or row.contributor_id != contributor.pk:
            raise NotFoundError("There is no such lease, or it is over.", hint="Ask for another one.")
        if row.urls.filter(pk__in=[result.target_id for result in results]).count() != len(results):
            raise WrongUseError("A result is about an address that this lease doesn't name, or names it twice.")
        for result in results:
            if result.digest is None:
                result.outcome, result.state = Outcome.NOTHING, StepState.DONE
        received_ids = [result.pk for result in EdgeResult.objects.bulk_create(results) if result.digest is not None]
        EdgeResult.objects.filter(pk__in=draw_sample(current, received_ids, share)).update(drawn=True)
        seconds = (now() - (row.started_at or now())).total_seconds()
        account = Contributor.objects.filter(pk=contributor.pk)
        account.update(pictures=F("pictures") + len(received_ids), seconds=F("seconds") + seconds)
        row.urls.filter(edge_result__in=received_ids).update(state=FrontierUrl.State.DONE)
        counts = {"reason": "contributed", "pages": 0, "images": len(received_ids), "bytes": 0, "seconds": seconds}
        facts = {"crawl": row.crawl_id, "slice": row.number, "count": 0}
        crawling.finish_slice(slice_id, epoch, counts=counts, suspect=False, opening=lambda _row: facts)
    return row.crawl_id, received_ids


def draw_sample(contributor: Contributor, results: Sequence[int], share: int, chance: Random = RANDOM) -> list[int]:
    """Draw the results of a delivery to be verified: at least one, and ``share`` percent."""
    minimum = SUSPECT_SHARE if contributor.suspicion else NEW_SHARE if contributor.checked < MIN_CHECKED else share
    count = math.ceil(len(results) * max(share, minimum) / 100)
    return chance.sample(results, count)


def may_receive_work(contributor: Contributor) -> bool:
    """Return True if a contributor may get more work now, False if it must wait for verifications."""
    is_proven = contributor.checked >= MIN_CHECKED and not contributor.suspicion
    return contributor.results.filter(drawn=True, state__in=UNFINISHED).count() < (MAX_OPEN if is_proven else 1)


def record_verifications(contributor: Contributor, *, right: int = 0, wrong: int = 0, false: bool = False) -> bool:
    """Record verifications of a contributor locked by this transaction; return True if it was removed for them."""
    contributor.checked += right + wrong
    contributor.wrong += wrong
    contributor.suspicion = max(0, contributor.suspicion + wrong - right)
    contributor.save(update_fields=["checked", "wrong", "suspicion"])
    is_removed = false or contributor.suspicion >= MAX_SUSPICION
    if is_removed:
        remove_contributor(contributor, by="", reason=FALSE_MEASUREMENTS if false else TOO_MANY_DIFFERENCES, drop=True)
    return is_removed
