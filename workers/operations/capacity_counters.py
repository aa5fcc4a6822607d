"""What this installation has counted of the figures that capacity is reckoned by, where that is enough."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from django.db.models import Avg, Count, Min

from exhibit.clock import now
from registry.db.running import Taken, taken_since
from registry.models import Picture, StepTime
from registry.vectors.fingerprints import Collection
from workers.matching.index_upkeep import index_states, work_size
from workers.operations.capacity import MILLION, Law, Own, shipped_laws
from workers.operations.status import COST_DAYS, disk_of
from workers.services.wiring import Services

ENOUGH, ENOUGH_ON_DISK = 1_000, 10_000
"""Pictures, works or cases from which on a mean of this installation goes before what came with the software; and of
what lies in files and tables, whose beginnings take more."""


def laws_here(services: Services) -> dict[str, Law]:
    """The figures, those that this installation has counted in place of those that came with the software."""
    since = StepTime.objects.filter(day__gte=_began()).aggregate(first=Min("day"))["first"]
    states = index_states(services)
    size, pictures = work_size(services, states), Picture.objects.count()
    seen = sum(state.size for state in states if state.collection == Collection.PICTURES)
    counted = [*_by_steps(), ("work_index", size.indexes * size.works, size.works)]
    counted += [("work_features", size.features * size.works, size.works)]
    if pictures >= ENOUGH_ON_DISK:
        counted += [("archive", seen, pictures), ("rows", disk_of(services).database, pictures)]
    own = {
        name: Own(total / count, count, str(since or _began()), size.works, pictures)
        for name, total, count in counted
        if count >= ENOUGH and total
    }
    return {name: replace(law, own=own.get(name)) for name, law in shipped_laws().items()}


def _began() -> date:
    return (now() - timedelta(days=COST_DAYS)).date()


def _by_steps() -> Iterator[tuple[str, float, int]]:
    """Milliseconds of a core, bytes, or cases of a million, that figures took, and for how many of what."""
    none, taken = Taken(0, 0.0, 0.0, now()), taken_since(now() - timedelta(days=COST_DAYS))
    spent = {step: taken.get(step, none) for step in ("slice", "match", "register", "capture", "seal", "witness")}
    milliseconds = {step: 1000 * one.processor_seconds for step, one in spent.items()}
    pictures, cases = spent["match"].rows, spent["capture"].rows
    yield "fetch", milliseconds["slice"], pictures
    yield "match", milliseconds["match"], pictures
    yield "register", milliseconds["register"], spent["register"].rows
    yield "capture", sum(milliseconds[step] for step in ("capture", "seal", "witness")), cases
    yield "case", MILLION * cases, pictures
    fresh = Picture.objects.filter(first_seen__date__gte=_began()).aggregate(mean=Avg("size"), count=Count("pk"))
    yield "picture", float(fresh["mean"] or 0) * fresh["count"], fresh["count"]
