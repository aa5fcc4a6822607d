"""What a million pictures cost, by the steps' seconds and a price that is set, and the figures of a plan for others.

What this installation has counted goes before the figures that came with the software, where that is enough.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Avg, Count, Min

from exhibit.clock import now
from exhibit.types import Money, parse_money
from registry.db.running import Taken, taken_since
from registry.matches.fingerprints import Collection
from registry.matches.index_upkeep import index_states, work_size
from registry.models import Picture, StepTime
from registry.services.services import Services
from workers.operations.capacity import MILLION, Law, Own, shipped_laws
from workers.operations.status import COST_DAYS, disk_of

MATCH = "match"  # the step that every picture found goes through once: its rows are what the cost is counted by
MIN_PICTURES = 100  # from so many pictures on, a figure for a million is told
ENOUGH, ENOUGH_ON_DISK = 1_000, 10_000
"""Pictures, works or cases from which on a mean of this installation goes before what came with the software; and of
what lies in files and tables, whose beginnings take more."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step takes for a million pictures found, in hours of a core, and in money at the price that is set."""

    step: str
    hours: float
    money: Decimal | None


@dataclass(frozen=True, slots=True)
class Costs:
    """All steps together, and each, the dearest first; ``None`` of a sum while too few pictures were seen."""

    pictures: int  # found and compared in the time that was measured
    price: Money | None  # of an hour of a core
    total: Cost | None
    steps: tuple[Cost, ...]


def costs_of(taken: Mapping[str, Taken], priced: str) -> Costs:
    """What a million pictures cost, by what the steps have taken for those that were found.

    All that the steps did counts, registrations, evidence and reports too, as far as it came with those pictures. Rent
    of disks, traffic and people's time aren't in it. An hour of a core is priced such as ``0.02 EUR``, or not at all.
    """
    price = parse_money(priced) if priced else None
    pictures = taken[MATCH].rows if MATCH in taken else 0
    if pictures < MIN_PICTURES:
        return Costs(pictures, price, None, ())
    each = [_cost(step, spent.processor_seconds / pictures, price) for step, spent in taken.items()]
    each.sort(key=lambda cost: (-cost.hours, cost.step))
    seconds = sum(cost.processor_seconds for cost in taken.values())
    return Costs(pictures, price, _cost("", seconds / pictures, price), tuple(each))


def _cost(step: str, seconds: float, price: Money | None) -> Cost:
    hours = seconds * MILLION / 3600
    return Cost(step, hours, None if price is None else round(Decimal(hours) * price.millionths / MILLION, 2))


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
