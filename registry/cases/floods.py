"""The fuse before cases are opened: a work that is found far more widely than ever, all at once, is held back.

Its matches are kept and no case is opened until a person decides. Counted are the sites on which a work is found newly
on a day (UTC). Copies of a work resemble the work or one another, however widely they go; strangers that agree with a
crafted work, a logo or a stock texture don't, and what only resembles a work counts for nothing. So a site counts in
full where its picture looks like none before it, and :data:`ALIKE` such sites count as one where it does. The limit is
a floor, or a multiple of the best day before: crawls bring what they find in bursts, which a mean and its spread
misjudge.
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
from registry.cases import triage
from registry.cases.models import Flood, FoundDay
from registry.db.claimable import StepState
from registry.events import events
from registry.events.models import EventKind
from registry.log import audit_log
from registry.works.models import Work

LOOK = 60
"""Bits of 256 within which two pictures look alike.

Strangers can't hide there: of hashes that lie 100 bits or more from one another, no more than 12 lie so near to a
work's own (Johnson's bound for constant weight: 50·256 / (60² − 60·256 + 50·256)).
"""
ALIKE = 10
"""So many sites whose pictures look alike count as one with a picture of its own."""
BYTES = 32  # of a hash
Key = tuple[int, str]
"""Which case: the primary key of its work, and its party."""


@dataclass(frozen=True, slots=True)
class Fuse:
    """How much is too much in a day: more than ``floor``, and more than ``factor`` times the best day before."""

    floor: int
    factor: int


class Matter(NamedTuple):
    """A sighting whose match concerns a work, new to its case; the first three are what makes the case."""

    owner: int
    work: int
    party: str
    match: int
    sighting: int
    decision: str
    registered: int
    found: int
    known: bool  # the case has this picture already, seen at another time or place


def undecided() -> QuerySet[Flood]:
    """The floods that nobody has decided."""
    return Flood.in_force().filter(decision=Flood.Decision.NONE).select_related("work__owner").order_by("pk")


def admitted(matters: Sequence[Matter], fuse: Fuse, works: Mapping[int, Work], there: Container[Key]) -> list[Matter]:
    """Those of the matters, in order, that may open or extend cases: of each work all, or what its cases have already.

    ``there`` are cases that somebody is asked about. What only resembles a work is held back with the rest of it.
    Inside a transaction that has locked the works' owners: whoever counts for the same ones waits until it ends.
    """
    unknown = [matter for matter in matters if not matter.known]
    new = {work: list(some) for work, some in groupby(unknown, attrgetter("work"))}
    held = set(Flood.in_force().filter(work__in=new).values_list("work_id", flat=True))
    day = now().date()
    days = {found.work_id: found for found in FoundDay.objects.filter(work__in=new, day=day)}
    hashes = triage.hashes_of({picture for matter in unknown for picture in (matter.registered, matter.found)})
    for pk, some in new.items():
        today = days.get(pk) or FoundDay(work=works[pk], day=day)
        more = [matter for matter in some if matter.decision != Decision.RESEMBLES]
        if pk not in held and not _counted(works[pk], today, more, there, hashes, fuse):
            held.add(pk)
    return [matter for matter in matters if matter.known or matter.work not in held]


def _counted(
    work: Work, today: FoundDay, new: Sequence[Matter], there: Container[Key], hashes: Mapping[int, int], fuse: Fuse
) -> bool:
    """Count the sites that are new today, unless they are too many: then the work is held back."""
    sites = {matter.party for matter in new if (work.pk, matter.party) not in there}
    if not sites:
        return True
    looks = [bytes(today.looks)[start : start + BYTES] for start in range(0, len(today.looks), BYTES)]
    own = [hashes[picture] for picture in {matter.registered for matter in new} if picture in hashes]
    came = _unlike([matter for matter in new if matter.party in sites], hashes, [*own, *map(int.from_bytes, looks)])
    found, different = today.sites + len(sites), today.different + len(came)
    load = different + (found - different) / ALIKE
    limit = _limit(work, today.day, load, fuse)
    if load <= limit:
        today.sites, today.different = found, different
        today.looks = b"".join([*looks, *(code.to_bytes(BYTES) for code in came)])
    today.save()
    if load <= limit:
        return True
    counts = {"different": different, "limit": limit, "sites": found}
    Flood.objects.create(work=work, at=now(), state=StepState.DONE, **counts)
    audit_log.changed("work held back", by="", owner=work.owner, about={"work": work.number, **counts})
    events.record(work.owner, EventKind.WORK_HELD, {"work": work.number, **counts})
    return False


def unlike(matters: Sequence[Matter]) -> dict[int, Matter]:
    """Of each site one matter whose picture looks like none before it, by the hash of that."""
    return _unlike(matters, triage.hashes_of({matter.found for matter in matters}))


def _unlike(matters: Sequence[Matter], hashes: Mapping[int, int], known: Iterable[int] = ()) -> dict[int, Matter]:
    seen = list(known)
    came: dict[int, Matter] = {}
    sites: set[str] = set()
    for matter in matters:
        code = hashes.get(matter.found, 0)
        if matter.party not in sites and all((code ^ other).bit_count() > LOOK for other in seen):
            sites.add(matter.party)
            seen.append(code)
            came[code] = matter
    return came


def _limit(work: Work, day: date, load: float, fuse: Fuse) -> int:
    """How much may be found of a work on a day; what takes longer to ask is only asked where it matters."""
    if load <= fuse.floor:
        return fuse.floor
    load_of_day = F("different") + (F("sites") - F("different")) / float(ALIKE)
    days = FoundDay.objects.filter(work__owner=work.owner_id, day__lt=day).annotate(load=load_of_day)
    best = days.filter(work=work).aggregate(best=Max("load"))["best"] or 0
    opened = work.floods.aggregate(most=Max("released"))["most"] or 0
    limit = max(fuse.floor, int(fuse.factor * max(best, opened)))
    if load > limit:
        others = days.exclude(work=work).order_by().values("work").annotate(best=Max("load"))
        limit = max(limit, int(fuse.factor * median(others.values_list("best", flat=True) or [0])))
    return limit
