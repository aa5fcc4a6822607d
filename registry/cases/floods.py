"""Flood protection: a work that suddenly matches on far more sites than ever before is held back.

Its matches are stored, but no case is opened until a person decides. The measure is the number of sites on which a work
is newly found on a day (UTC). Real copies resemble the work or each other, however widely they spread; unrelated
pictures that match a crafted work, a logo or a stock texture do not. Matches that only resemble a work are not counted.
A site whose picture looks like none before counts in full; :data:`SIMILAR_SITES_AS_ONE` sites with similar pictures
count as one. The limit is a floor or a multiple of the best previous day, because crawls deliver matches in bursts, for
which a mean and
standard deviation are misleading.
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

MAX_LOOK_DISTANCE = 60
"""Hamming distance, in bits of 256, up to which two pictures look alike.

Unrelated pictures cannot exploit this: of hashes that are at least 100 bits apart from each other, at most 12 can be
this close to a work's own hash (Johnson's bound for constant weight: 50·256 / (60² − 60·256 + 50·256)).
"""
SIMILAR_SITES_AS_ONE = 10
"""Number of sites with similar pictures that count as one site with a distinct picture."""
BYTES = 32  # length of a hash
Key = tuple[int, str]
"""A case's key: the primary key of its work, and its site."""


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """The limit for a day: more than ``floor``, and more than ``factor`` times the best previous day."""

    floor: int
    factor: int


class Matter(NamedTuple):
    """A sighting with a match of a work that is not in its case yet; the first three fields identify the case."""

    owner: int
    work: int
    party: str
    match: int
    sighting: int
    decision: str
    registered_picture: int
    found_picture: int
    is_known: bool  # the case already contains this picture from another time or place


def undecided_floods() -> QuerySet[Flood]:
    """Return the floods that nobody has decided."""
    return Flood.in_force().filter(decision=Flood.Decision.NONE).select_related("work__owner").order_by("pk")


def select_admitted(
    matters: Sequence[Matter], fuse: FloodLimits, works: Mapping[int, Work], existing_keys: Container[Key]
) -> list[Matter]:
    """Return the matters that may open or extend cases, in order.

    For a work that is not held back these are all; for a held work, only those with pictures that its cases already
    contain. Matches that only resemble a held work are held back as well. Call it in a transaction that has locked the
    works' owners, so that concurrent counts for the same owners wait.

    Args:
        matters: New sightings, sorted by work.
        fuse: The limits.
        works: The works of the matters, by primary key.
        existing_keys: Keys of existing cases that are more than resemblances.
    """
    unknown = [matter for matter in matters if not matter.is_known]
    new = {work: list(group) for work, group in groupby(unknown, attrgetter("work"))}
    held_works = set(Flood.in_force().filter(work__in=new).values_list("work_id", flat=True))
    day = now().date()
    days = {found_day.work_id: found_day for found_day in FoundDay.objects.filter(work__in=new, day=day)}
    hashes = queue_state.hashes_of(
        {picture for matter in unknown for picture in (matter.registered_picture, matter.found_picture)}
    )
    for pk, group in new.items():
        today = days.get(pk) or FoundDay(work=works[pk], day=day)
        strong_matters = [matter for matter in group if matter.decision != Decision.RESEMBLES]
        if pk not in held_works and not _count_new_sites(works[pk], today, strong_matters, existing_keys, hashes, fuse):
            held_works.add(pk)
    return [matter for matter in matters if matter.is_known or matter.work not in held_works]


def _count_new_sites(
    work: Work,
    today: FoundDay,
    new: Sequence[Matter],
    existing_keys: Container[Key],
    hashes: Mapping[int, int],
    fuse: FloodLimits,
) -> bool:
    """Count today's new sites and return True, or hold the work back and return False if they are too many."""
    sites = {matter.party for matter in new if (work.pk, matter.party) not in existing_keys}
    if not sites:
        return True
    known_looks = [bytes(today.looks)[start : start + BYTES] for start in range(0, len(today.looks), BYTES)]
    own_hashes = [hashes[picture] for picture in {matter.registered_picture for matter in new} if picture in hashes]
    distinct_matters = _find_distinct(
        [matter for matter in new if matter.party in sites], hashes, [*own_hashes, *map(int.from_bytes, known_looks)]
    )
    site_count, different = today.sites + len(sites), today.different + len(distinct_matters)
    load = different + (site_count - different) / SIMILAR_SITES_AS_ONE
    limit = _limit(work, today.day, load, fuse)
    if load <= limit:
        today.sites, today.different = site_count, different
        today.looks = b"".join([*known_looks, *(code.to_bytes(BYTES) for code in distinct_matters)])
    today.save()
    if load <= limit:
        return True
    counts = {"different": different, "limit": limit, "sites": site_count}
    Flood.objects.create(work=work, at=now(), state=StepState.DONE, **counts)
    audit_log.log_change("work held back", by="", owner=work.owner, about={"work": work.number, **counts})
    events.record(work.owner, EventKind.WORK_HELD, {"work": work.number, **counts})
    return False


def find_distinct(matters: Sequence[Matter]) -> dict[int, Matter]:
    """Return one matter for each site whose picture's hash differs from all previous ones, by that hash."""
    return _find_distinct(matters, queue_state.hashes_of({matter.found_picture for matter in matters}))


def _find_distinct(
    matters: Sequence[Matter], hashes: Mapping[int, int], known_codes: Iterable[int] = ()
) -> dict[int, Matter]:
    codes = list(known_codes)
    distinct_matters: dict[int, Matter] = {}
    sites: set[str] = set()
    for matter in matters:
        code = hashes.get(matter.found_picture, 0)
        if matter.party not in sites and all((code ^ other).bit_count() > MAX_LOOK_DISTANCE for other in codes):
            sites.add(matter.party)
            codes.append(code)
            distinct_matters[code] = matter
    return distinct_matters


def _limit(work: Work, day: date, load: float, fuse: FloodLimits) -> int:
    """Return the limit for a work on a day; slow queries run only if the load exceeds the cheaper limits."""
    if load <= fuse.floor:
        return fuse.floor
    load_of_day = F("different") + (F("sites") - F("different")) / float(SIMILAR_SITES_AS_ONE)
    days = FoundDay.objects.filter(work__owner=work.owner_id, day__lt=day).annotate(load=load_of_day)
    best = days.filter(work=work).aggregate(best=Max("load"))["best"] or 0
    opened = work.floods.aggregate(most=Max("released"))["most"] or 0
    limit = max(fuse.floor, int(fuse.factor * max(best, opened)))
    if load > limit:
        other_works = days.exclude(work=work).order_by().values("work").annotate(best=Max("load"))
        limit = max(limit, int(fuse.factor * median(other_works.values_list("best", flat=True) or [0])))
    return limit
