"""Flood protection: a work that suddenly matches on far more sites than ever before is put on hold.

Its matches are stored, but no case is opened until a member decides. The measure is the number of sites on which a work
is newly found on a day (UTC). Copies look similar to the work or to each other, however widely they spread; unrelated
pictures that match a crafted work, a logo or a stock texture do not. Related pictures are not counted.

A site whose picture is unlike all previous ones counts in full; :data:`SIMILAR_SITES_AS_ONE` sites with similar
pictures count as one. The limit is the larger of a minimum and a multiple of the maximum of previous days. Crawls
deliver matches in bursts, for which a mean and standard deviation would be misleading.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from django.db.models import F, Max, QuerySet

from exhibit.clock import now
from exhibit.types import Decision
from registry.cases import queue_state
from registry.cases.models import Flood, FoundDay
from registry.db.claimable import StepState
from registry.events import events
from registry.events.models import EventKind
from registry.log import audit_log
from registry.works.models import Work

MAX_HASH_DISTANCE = 60
"""Maximum Hamming distance, in bits of 256, between the hashes of two similar pictures.

Unrelated pictures cannot exploit this: of hashes that are at least 100 bits apart from each other, at most 12 can be
this close to a work's own hash (Johnson's bound for constant weight: 50·256 / (60² − 60·256 + 50·256)).
"""
SIMILAR_SITES_AS_ONE = 10
"""Number of sites with similar pictures that count as one site with a distinct picture."""
HASH_BYTES = 32  # length of a perceptual hash
CaseKey = tuple[int, str]
"""A case's key: the primary key of its work, and its site."""


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """The configured limits: the minimum, and the factor by which earlier counts are multiplied."""

    floor: int
    factor: int


class CaseCandidate(NamedTuple):
    """A sighting with a match that has not been added to a case yet; the first three fields identify the case."""

    owner: int
    work: int
    party: str
    match: int
    sighting: int
    decision: str
    registered_picture: int
    found_picture: int
    is_known: bool  # True if the case already has another sighting of this picture


def list_undecided_floods() -> QuerySet[Flood]:
    """Return the floods that no member has decided yet."""
    return Flood.list_active().filter(decision=Flood.Decision.NONE).select_related("work__owner").order_by("pk")


def select_admitted_candidates(
    candidates: Sequence[CaseCandidate],
    limits: FloodLimits,
    works: Mapping[int, Work],
    existing_keys: Container[CaseKey],
) -> list[CaseCandidate]:
    """Return the candidates that may open or extend cases, in order, and put works on hold if necessary.

    For works on hold, only candidates with pictures that their cases already contain are returned. Call it in a
    transaction that has locked the works' owners, so that concurrent counts for the same owner are serialized.

    Args:
        candidates: New sightings, sorted by work.
        limits: The configured limits.
        works: The works of the candidates, by primary key.
        existing_keys: Keys of existing cases, without those that contain only related pictures.
    """
    unknown_candidates = [candidate for candidate in candidates if not candidate.is_known]
    candidates_by_work = {work: list(group) for work, group in groupby(unknown_candidates, attrgetter("work"))}
    held_works = set(Flood.list_active().filter(work__in=candidates_by_work).values_list("work_id", flat=True))
    day = now().date()
    days = {found_day.work_id: found_day for found_day in FoundDay.objects.filter(work__in=candidates_by_work, day=day)}
    hashes = queue_state.load_hashes(
        {
            picture
            for candidate in unknown_candidates
            for picture in (candidate.registered_picture, candidate.found_picture)
        }
    )
    for pk, group in candidates_by_work.items():
        today = days.get(pk) or FoundDay(work=works[pk], day=day)
        strong_candidates = [candidate for candidate in group if candidate.decision != Decision.RELATED]
        if pk not in held_works and not _count_new_sites(
            works[pk], today, strong_candidates, existing_keys, hashes, limits
        ):
            held_works.add(pk)
    return [candidate for candidate in candidates if candidate.is_known or candidate.work not in held_works]


def _count_new_sites(
    work: Work,
    today: FoundDay,
    candidates: Sequence[CaseCandidate],
    existing_keys: Container[CaseKey],
    hashes: Mapping[int, int],
    limits: FloodLimits,
) -> bool:
    """Count today's new sites of a work; if they exceed the limit, put the work on hold and return False."""
    sites = {candidate.party for candidate in candidates if (work.pk, candidate.party) not in existing_keys}
    if not sites:
        return True
    known_hashes = [
        bytes(today.looks)[offset : offset + HASH_BYTES] for offset in range(0, len(today.looks), HASH_BYTES)
    ]
    own_hashes = [
        hashes[picture] for picture in {candidate.registered_picture for candidate in candidates} if picture in hashes
    ]
    distinct_candidates = _select_distinct(
        [candidate for candidate in candidates if candidate.party in sites],
        hashes,
        [*own_hashes, *map(int.from_bytes, known_hashes)],
    )
    site_count, distinct_count = today.sites + len(sites), today.different + len(distinct_candidates)
    weighted_count = distinct_count + (site_count - distinct_count) / SIMILAR_SITES_AS_ONE
    limit = _compute_limit(work, today.day, weighted_count, limits)
    if weighted_count <= limit:
        today.sites, today.different = site_count, distinct_count
        today.looks = b"".join(
            [*known_hashes, *(hash_value.to_bytes(HASH_BYTES) for hash_value in distinct_candidates)]
        )
    today.save()
    if weighted_count <= limit:
        return True
    counts = {"different": distinct_count, "limit": limit, "sites": site_count}
    Flood.objects.create(work=work, at=now(), state=StepState.DONE, **counts)
    audit_log.log_change("work held back", by="", owner=work.owner, details={"work": work.number, **counts})
    events.record_event(work.owner, EventKind.WORK_HELD, {"work": work.number, **counts})
    return False


def find_distinct_candidates(candidates: Sequence[CaseCandidate]) -> dict[int, CaseCandidate]:
    """Return one candidate for each site whose picture's hash differs from all previous hashes, keyed by hash."""
    return _select_distinct(candidates, queue_state.load_hashes({candidate.found_picture for candidate in candidates}))


def _select_distinct(
    candidates: Sequence[CaseCandidate], hashes: Mapping[int, int], known_hashes: Iterable[int] = ()
) -> dict[int, CaseCandidate]:
    seen_hashes = list(known_hashes)
    distinct_candidates: dict[int, CaseCandidate] = {}
    sites: set[str] = set()
    for candidate in candidates:
        hash_value = hashes.get(candidate.found_picture, 0)
        if candidate.party not in sites and all(
            (hash_value ^ other_hash).bit_count() > MAX_HASH_DISTANCE for other_hash in seen_hashes
        ):
            sites.add(candidate.party)
            seen_hashes.append(hash_value)
            distinct_candidates[hash_value] = candidate
    return distinct_candidates


def _compute_limit(work: Work, day: date, weighted_count: float, limits: FloodLimits) -> int:
    """Compute the limit for a work on a day. Slow queries run only if ``weighted_count`` exceeds the cheaper limits.

    The limit is at least ``limits.floor``, and ``limits.factor`` times the largest of these: the work's highest count
    on a previous day, the highest count that a member accepted, and the median of the highest counts of other works.
    """
    if weighted_count <= limits.floor:
        return limits.floor
    daily_count = F("different") + (F("sites") - F("different")) / float(SIMILAR_SITES_AS_ONE)
    days = FoundDay.objects.filter(work__owner=work.owner_id, day__lt=day).annotate(weighted_count=daily_count)
    max_count = days.filter(work=work).aggregate(most=Max("weighted_count"))["most"] or 0
    max_released = work.floods.aggregate(most=Max("released"))["most"] or 0
    limit = max(limits.floor, int(limits.factor * max(max_count, max_released)))
    if weighted_count > limit:
        other_works = days.exclude(work=work).order_by().values("work").annotate(most=Max("weighted_count"))
        limit = max(limit, int(limits.factor * median(other_works.values_list("most", flat=True) or [0])))
    return limit
