"""The archive divided by segment over the machines that search, where it is more than one of them keeps.

A machine's share is the same for every work, so its segments lie there already. A share is a row, as is all work; who
goes on with a work searches the tail, and what was written while the shares were searched.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import chain

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from exhibit.clock import now
from exhibit.machine import host_of_process, this_process
from exhibit.types import Hit
from indexer.picture.spaces import PIPELINE
from indexer.search.past import Answers
from registry.db import running, steps
from registry.models import UNFINISHED, SegmentSearch, StepState, WorkPicture
from registry.vectors.fingerprints import Collection
from workers import jobs
from workers.services.wiring import Services

QUEUE = "match"
PATIENCE = timedelta(seconds=30)
"""For so long a share waits for the machine that keeps its segments, then any may take it."""
PASSED_ON = timedelta(seconds=1)
"""Until a share is offered again that a machine whose it isn't was told of."""
LOOK_AGAIN = timedelta(minutes=5)
"""After so long a work that waits for its shares looks whether one was given up."""
MOST_TOGETHER = 32
"""Shares that a machine searches in one pass."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What machines have found in their shares for one picture of a work."""

    names: frozenset[str]  # of the parts of the indexes that they have searched
    told: Sequence[Answers]


def gathered(services: Services, ids: Iterable[int]) -> dict[int, Shares]:
    """What machines have found for claimed pictures of works; those that wait for their shares are put off."""
    wanted, found = list(ids), {}
    shared = set(SegmentSearch.objects.filter(work_picture__in=wanted).values_list("work_picture", flat=True))
    is_searched_here = not _left_to_others(services, frozenset())
    for pk in wanted:
        if is_searched_here and pk not in shared:  # as nearly always
            found[pk] = Shares(frozenset(), [])
            continue
        with transaction.atomic():
            _lock(pk)
            if (shares := _gathered(services, pk)) is not None:
                found[pk] = shares
            else:
                steps.wait(WorkPicture, pk, now() + LOOK_AGAIN)
    return found


def claim_shares(services: Services, ids: Sequence[int]) -> list[int]:
    """Claim shares of this machine, and of these those that others have left lying."""
    due, host = SegmentSearch.objects.filter(steps.due(services.stale_after)), host_of_process(this_process())
    ours = due.filter(Q(host=host) | Q(pk__in=ids, waits_since__lte=Now() - PATIENCE)).order_by("pk")
    claimed = steps.claim(SegmentSearch, ours.values_list("pk", flat=True)[:MOST_TOGETHER], services.stale_after)
    due.filter(pk__in=ids).exclude(host=host).update(not_before=now() + PASSED_ON)
    return claimed


def keep_share(services: Services, share: SegmentSearch, left: Sequence[str], told: Answers) -> None:
    """Keep what was found in a claimed share so far; after the last share of a work its search goes on."""
    found = [[[(hit.number, hit.distance) for hit in hits] for hits in queries] for queries in told]
    with transaction.atomic():
        _lock(share.work_picture_id)
        ours = SegmentSearch.objects.filter(pk=share.pk, state=StepState.DOING, claimed_by=this_process())
        if not ours.update(left=left, found=found, waits_since=Now()):
            return
        if left:
            steps.wait(SegmentSearch, share.pk, now())
            services.enqueue(jobs.segments, [share.pk])
            return
        steps.finish(SegmentSearch, [share.pk])
        if not SegmentSearch.objects.filter(work_picture=share.work_picture_id, state__in=UNFINISHED).exists():
            WorkPicture.objects.filter(pk=share.work_picture_id, state=StepState.TODO).update(not_before=None)
            services.enqueue(jobs.search, [share.work_picture_id])


def told_by(share: SegmentSearch) -> Answers:
    """What was found in a share so far."""
    return [[[Hit(*pair) for pair in hits] for hits in queries] for queries in share.found]


def _lock(pk: int) -> None:
    """One at a time looks whether a picture of a work waits for its shares, or ends one of them."""
    list(WorkPicture.objects.select_for_update(no_key=True).filter(pk=pk))


def _gathered(services: Services, pk: int) -> Shares | None:
    shares = SegmentSearch.objects.filter(work_picture=pk)
    shares.exclude(numbering=_numbering(services)).delete()
    if shares.filter(state__in=UNFINISHED).exists():
        return None
    given_up, _ = shares.filter(state=StepState.FAILED).delete()  # then it is searched here
    done = list(shares)
    names = frozenset(chain.from_iterable(share.segments for share in done))
    if not given_up and _divide(services, pk, names):
        return None
    return Shares(names, [told_by(share) for share in done])


def _divide(services: Services, pk: int, searched: AbstractSet[str]) -> bool:
    """Divide what wasn't searched yet; says whether there is anything that others are to search."""
    shares = _left_to_others(services, searched)
    if not shares:
        return False
    stated = {"work_picture_id": pk, "numbering": _numbering(services)}
    rows = [SegmentSearch(host=host, segments=names, left=names, **stated) for host, names in shares.items()]
    for share in SegmentSearch.objects.bulk_create(rows):
        services.enqueue(jobs.segments, [share.pk])
    return True


def _left_to_others(services: Services, searched: AbstractSet[str]) -> dict[str, list[str]]:
    """What each machine is to search; nothing where this one keeps all that wasn't searched, or is the only one."""
    sizes, hosts = services.indexes.brought(Collection.PICTURES), running.hosts_of(QUEUE)
    left = sorted(sizes.keys() - searched)
    if len(hosts) < 2 or sum(sizes[name] for name in left) <= services.config.index_cache_bytes:
        return {}
    shares: dict[str, list[str]] = defaultdict(list)
    for name in left:
        shares[keeper_of(name, hosts)].append(name)
    return shares


def keeper_of(name: str, hosts: Iterable[str]) -> str:
    """The machine that keeps a segment: few change it when one comes or goes (rendezvous hashing, Thaler 1998)."""
    return max(hosts, key=lambda host: sha256(f"{name} {host}".encode()).digest())


def _numbering(services: Services) -> str:
    """A network that was removed and added again has the same space, and other numbers in it."""
    hashes, descriptors = services.indexes.spaces
    return f"{PIPELINE} {hashes.id} {descriptors.id} {services.descriptors.serving_row.pk}"
