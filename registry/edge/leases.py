"""Leases of contributors: pending crawl slices, leased as a whole, so that only one machine visits each host.

A lease is a slice with its epoch. It reveals nothing about the watch, works or cases behind it. The results to verify
are sampled after a delivery is complete, so contributors cannot predict them; this installation fetches and measures
them again. docs/reference/edge.md derives the limits below.
"""

import math
from collections.abc import Sequence
from random import Random, SystemRandom

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence
from registry.crawls import crawling
from registry.crawls.models import CrawlSlice, FrontierUrl, HostLease
from registry.db.claimable import UNFINISHED, StepState
from registry.edge.contributors import Outcome, lock_contributor, remove_contributor
from registry.edge.models import Contributor, EdgeResult

MAX_TARGETS = 50
"""Maximum number of URLs per lease; the other URLs of its slice return to the frontier."""
_MAX_EXAMINED = 200
_PRIVATE_KINDS = (crawling.PAST, crawling.SEARCH, crawling.MANUAL, crawling.ARCHIVE)
"""Kinds of sources whose URLs reveal the content of works, or the sites that an owner suspects.

They contain pictures that were similar to a work, search results, URLs entered by a user, and a domain's pictures in
an archive.
"""
MIN_CHECKED, NEW_PERCENTAGE = 20, 10
"""Number of verified results below which a contributor is new, and the minimum percentage verified until then."""
SUSPECT_PERCENTAGE = 50
"""Minimum percentage verified while wrong results outnumber later right ones."""
MAX_SUSPICION = 8
"""Excess of wrong results over right ones at which a contributor is removed."""
SECURE_RANDOM = SystemRandom()
MAX_PENDING = 4
"""Number of pending verifications below which a proven contributor gets more work.

Other contributors must wait for all of their verifications.
"""
FALSE_MEASUREMENTS = Sentence(
    "Measuring the same bytes gives a different result from the one that the contributor reported."
)
TOO_MANY_DIFFERENCES = Sentence("Retrieved pictures differ far too often from those that the contributor reported.")


def get_or_assign_lease(contributor: Contributor) -> tuple[CrawlSlice, list[FrontierUrl]] | None:
    """Return the contributor's current lease, or lease a pending slice; ``None`` if no work is available for it."""
    with transaction.atomic():
        locked_contributor = lock_contributor(contributor)
        own_leases = CrawlSlice.objects.filter(contributor=contributor, state=StepState.RUNNING)
        row = own_leases.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch").first()
        if row is None:
            row = _lock_waiting_slice() if may_receive_work(locked_contributor) else None
            if row is None:
                return None
            current_time, epoch = now(), F("epoch") + 1
            columns = {
                "state": StepState.RUNNING,
                "claimed_by": "",
                "claimed_at": current_time,
                "started_at": current_time,
            }
            CrawlSlice.objects.filter(pk=row.pk).update(contributor=contributor, epoch=epoch, **columns)
            HostLease.objects.filter(slice=row).update(expires_at=current_time + crawling.LEASE_TIME)
            row.refresh_from_db(fields=["epoch", "claimed_at"])
        leased_urls = row.urls.filter(state=FrontierUrl.State.LEASED)
        return row, list(leased_urls.order_by("depth", "turn", "id")[:MAX_TARGETS])


def _lock_waiting_slice() -> CrawlSlice | None:
    """Return the oldest pending slice that may be leased to contributors, locked by this transaction."""
    urls = FrontierUrl.objects.filter(slice=OuterRef("pk"))
    slices = CrawlSlice.objects.filter(
        Exists(urls), ~Exists(urls.exclude(kind="image")), ~Exists(urls.filter(edge_result__isnull=False)),
        state=StepState.QUEUED, epoch=0, crawl__state=StepState.RUNNING, crawl__reason="", crawl__watch__private=False,
    )  # fmt: skip
    for kind in _PRIVATE_KINDS:
        slices = slices.exclude(crawl__sources__contains=[{"kind": kind}])
    is_denied = crawling.load_denials()
    for row in slices.select_related("crawl__watch").order_by("pk")[:_MAX_EXAMINED]:
        if any(is_denied(host) for host in row.urls.values_list("host", flat=True).distinct()):
            continue
        free_slices = CrawlSlice.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=row.pk, epoch=0)
        if free_slices.filter(state=StepState.QUEUED).exists():
            return row
    return None


def store_delivery(
    contributor: Contributor, slice_id: int, epoch: int, results: Sequence[EdgeResult], percentage: int
) -> tuple[int, list[int]]:
    """Store a contributor's results for a lease, once and completely, and end the lease.

    URLs without a result become pending again; pictures that could not be fetched are fetched by this installation.

    Args:
        contributor: The contributor.
        slice_id: The lease's slice.
        epoch: The lease's epoch.
        results: The results.
        percentage: Percentage of results to verify.

    Returns:
        Primary keys of the crawl and of the results that are pending processing.

    Raises:
        NotFoundError: The contributor has no such lease.
        InvalidRequestError: A URL is not part of the lease, or appears twice.
    """
    with transaction.atomic():
        locked_contributor = lock_contributor(contributor)
        row = crawling.lock_slice(slice_id, epoch)
        if row is None or row.contributor_id != contributor.pk:
            raise NotFoundError("The lease does not exist, or it has ended.", hint="Request a new lease.")
        if row.urls.filter(pk__in=[result.target_id for result in results]).count() != len(results):
            raise InvalidRequestError("A result is for a URL outside this lease, or a URL occurs twice.")
        for result in results:
            if result.digest is None:
                result.outcome, result.state = Outcome.NOTHING, StepState.DONE
        received_ids = [result.pk for result in EdgeResult.objects.bulk_create(results) if result.digest is not None]
        EdgeResult.objects.filter(pk__in=draw_sample(locked_contributor, received_ids, percentage)).update(drawn=True)
        seconds = (now() - (row.started_at or now())).total_seconds()
        contributor_rows = Contributor.objects.filter(pk=contributor.pk)
        contributor_rows.update(pictures=F("pictures") + len(received_ids), seconds=F("seconds") + seconds)
        row.urls.filter(edge_result__in=received_ids).update(state=FrontierUrl.State.DONE)
        counts = {"reason": "contributed", "pages": 0, "images": len(received_ids), "bytes": 0, "seconds": seconds}
        facts = {"crawl": row.crawl_id, "slice": row.number, "count": 0}
        crawling.finish_slice(slice_id, epoch, counts=counts, suspect=False, build_log_data=lambda _row: facts)
    return row.crawl_id, received_ids


def draw_sample(
    contributor: Contributor, results: Sequence[int], percentage: int, rng: Random = SECURE_RANDOM
) -> list[int]:
    """Draw a random sample of results to verify: ``percentage`` percent, or more for new or suspect contributors."""
    minimum = (
        SUSPECT_PERCENTAGE
        if contributor.suspicion
        else NEW_PERCENTAGE
        if contributor.checked < MIN_CHECKED
        else percentage
    )
    count = math.ceil(len(results) * max(percentage, minimum) / 100)
    return rng.sample(results, count)


def may_receive_work(contributor: Contributor) -> bool:
    """Return True if a contributor may receive more work now, False if verifications must be completed first."""
    is_proven = contributor.checked >= MIN_CHECKED and not contributor.suspicion
    return contributor.results.filter(drawn=True, state__in=UNFINISHED).count() < (MAX_PENDING if is_proven else 1)


def record_verifications(
    contributor: Contributor, *, right_count: int = 0, wrong_count: int = 0, has_false: bool = False
) -> bool:
    """Record verifications of a contributor; return True if it was removed because of them.

    The contributor must be locked by this transaction.
    """
    contributor.checked += right_count + wrong_count
    contributor.wrong += wrong_count
    contributor.suspicion = max(0, contributor.suspicion + wrong_count - right_count)
    contributor.save(update_fields=["checked", "wrong", "suspicion"])
    is_removed = has_false or contributor.suspicion >= MAX_SUSPICION
    if is_removed:
        remove_contributor(
            contributor, by="", reason=FALSE_MEASUREMENTS if has_false else TOO_MANY_DIFFERENCES, discard_results=True
        )
    return is_removed
