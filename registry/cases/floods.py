"""The fuse before cases are opened: a work that is found far more widely than ever, all at once, is held back.

Its matches are kept and no case is opened until a person decides. Counted are the sites on which a work is found newly
on a day (UTC). Copies of a work resemble the work or one another, however widely they go; strangers that agree with a
crafted work, a logo or a stock texture don't. So a site counts in full where its picture looks like none before it,
and :data:`ALIKE` such sites count as one where it does. The limit is a floor, or a multiple of the best day before:
crawls bring what they find in bursts, which a mean and its spread misjudge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import NamedTuple

from django.db.models import F, Max, QuerySet

from exhibit.clock import now
from registry.cases import look_alikes
from registry.log import audit_log
from registry.models import Case, EventKind, Flood, FoundDay, Owner, StepState, Work
from registry.notifications import events

LOOK = 60
"""Bits of 256 within which two pictures look alike.

Strangers can't hide there: of hashes that lie 100 bits or more from one another, no more than 12 lie so near to a
work's own (Johnson's bound for constant weight: 50·256 / (60² − 60·256 + 50·256)).
"""
ALIKE = 10
"""So many sites whose pictures look alike count as one with a picture of its own."""
BYTES = 32  # of a hash


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


def admitted(matters: Sequence[Matter], fuse: Fuse) -> Sequence[Matter]:
    """Those of the matters of one work that may open or extend cases: all, or what its cases have already.

    Inside a transaction; whoever counts for the same owner waits until it ends.
    """
    new = [matter for matter in matters if not matter.known]
    if not new:
        return matters
    owner = Owner.objects.select_for_update(no_key=True).get(pk=new[0].owner)
    work = Work.objects.get(pk=new[0].work)
    if Flood.in_force().filter(work=work).exists() or not _counted(owner, work, new, fuse):
        return [matter for matter in matters if matter.known]
    return matters


def _counted(owner: Owner, work: Work, new: Sequence[Matter], fuse: Fuse) -> bool:
    """Count the sites that are new, unless they are too many: then the work is held back."""
    sites = {matter.party for matter in new}
    sites -= set(Case.objects.filter(owner=owner, work=work, party__in=sites).values_list("party", flat=True))
    if not sites:
        return True
    today, _ = FoundDay.objects.get_or_create(work=work, day=now().date())
    looks = [bytes(today.looks)[start : start + BYTES] for start in range(0, len(today.looks), BYTES)]
    known = [*look_alikes.hashes_of({matter.registered for matter in new}).values(), *map(int.from_bytes, looks)]
    came = unlike([matter for matter in new if matter.party in sites], known)
    today.sites, today.different = today.sites + len(sites), today.different + len(came)
    today.looks = b"".join([*looks, *(code.to_bytes(BYTES) for code in came)])
    load = today.different + (today.sites - today.different) / ALIKE
    limit = _limit(work, today.day, load, fuse)
    if load <= limit:
        today.save()
        return True
    counts = {"different": today.different, "limit": limit, "sites": today.sites}
    Flood.objects.create(work=work, at=now(), state=StepState.DONE, **counts)
    audit_log.changed("work held back", by="", owner=owner, about={"work": work.number, **counts})
    events.record(owner, EventKind.WORK_HELD, {"work": work.number, **counts})
    return False


def unlike(matters: Sequence[Matter], known: Iterable[int] = ()) -> dict[int, Matter]:
    """Of each site one matter whose picture looks like none before it, nor as known hashes do, by the hash of that."""
    hashes, seen = look_alikes.hashes_of({matter.found for matter in matters}), list(known)
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
