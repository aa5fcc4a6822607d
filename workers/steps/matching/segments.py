"""Searching this machine's share of the archive for new works, several works in one pass over each segment."""

import time
from collections.abc import Iterator, Mapping, Sequence

from exhibit.errors import ExhibitError
from indexer.search.past import WorkQueries, ask_past, joined
from registry.db import steps
from registry.models import SegmentSearch
from registry.vectors.fingerprints import Collection
from workers.matching.division import claim_shares, keep_share, told_by
from workers.matching.marks import registered
from workers.matching.registered_works import queries_of
from workers.services.wiring import Services

SECONDS = 240.0
"""After so long what was found is kept, and others go first."""


def search_segments(services: Services, ids: Sequence[int]) -> None:
    """Search segments that this machine keeps, or that others have left lying, for pictures of new works.

    A segment that isn't there any more needs no search: what it held is in a later one, which whoever goes on with the
    work searches. What was found is kept at the end; a machine that dies before has the same found by another.
    """
    claimed = claim_shares(services, ids)
    if not claimed:
        return
    with steps.ending(SegmentSearch, claimed, shared=True):
        try:
            services.descriptors.refresh()
            services.descriptors.serving.open()
            services.indexes.refresh(Collection.PICTURES)
            _search(services, dict(_asking(services, claimed)))
        except ExhibitError:
            services.indexes.forget(Collection.PICTURES)
            raise


def _asking(services: Services, ids: Sequence[int]) -> Iterator[tuple[SegmentSearch, WorkQueries]]:
    """The shares, and what is searched in each; damage in one work stops nobody else."""
    shares = list(SegmentSearch.objects.filter(pk__in=ids).select_related("work_picture").order_by("pk"))
    known = registered(share.work_picture.picture_id for share in shares)
    for share in shares:
        with steps.ending(SegmentSearch, [share.pk]):
            yield share, queries_of(services, known[share.work_picture.picture_id])[0]


def _search(services: Services, asking: Mapping[SegmentSearch, WorkQueries]) -> None:
    """Search segment after segment, those of the oldest share first, each for all shares that have it."""
    indexes = [services.indexes.of(Collection.PICTURES, space) for space in services.indexes.spaces]
    told, until = {share: told_by(share) for share in asking}, time.monotonic() + SECONDS
    for name in dict.fromkeys(name for share in asking for name in share.left):
        shares = [share for share in asking if name in share.left]
        found = ask_past([asking[share] for share in shares], *(index.among({name}) for index in indexes))
        for share, answers in zip(shares, found, strict=True):
            told[share] = joined([*filter(None, [told[share]]), answers])
            share.left.remove(name)
        if time.monotonic() > until:
            break
    for share in asking:
        keep_share(services, share, share.left, told[share])
