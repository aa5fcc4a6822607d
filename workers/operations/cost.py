"""What a million pictures cost: by the steps' seconds and a price that is set; in all, as a report states it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from evidence.documents.report.facts import CostFacts
from exhibit.errors import WrongUseError
from exhibit.machine import tell_once
from registry.db.running import Taken
from registry.models import Work
from workers.operations.capacity import MILLION, PRICES, Asked, plan, prices_file, prices_in
from workers.operations.capacity_counters import laws_here
from workers.services.wiring import Services

MATCH = "match"  # the step that every picture found goes through once: its rows are what the cost is counted by
MIN_PICTURES = 100  # from so many pictures on, a figure for a million is told


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money in a currency (ISO 4217)."""

    amount: Decimal
    currency: str


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
    price: Price | None  # of an hour of a core
    total: Cost | None
    steps: tuple[Cost, ...]


def costs_of(taken: Mapping[str, Taken], priced: str) -> Costs:
    """What a million pictures cost, by what the steps have taken for those that were found.

    All that the steps did counts, registrations, evidence and reports too, as far as it came with those pictures. Rent
    of disks, traffic and people's time aren't in it. An hour of a core is priced such as ``0.02 EUR``, or not at all.
    """
    amount, _, currency = priced.partition(" ")
    price = Price(Decimal(amount), currency) if amount else None
    pictures = taken[MATCH].rows if MATCH in taken else 0
    if pictures < MIN_PICTURES:
        return Costs(pictures, price, None, ())
    each = [_cost(step, spent.processor_seconds / pictures, price) for step, spent in taken.items()]
    each.sort(key=lambda cost: (-cost.hours, cost.step))
    seconds = sum(cost.processor_seconds for cost in taken.values())
    return Costs(pictures, price, _cost("", seconds / pictures, price), tuple(each))


def cost_of_a_million(services: Services) -> CostFacts | None:
    """By the works that are registered now; ``None`` where the operator's file of prices can't be read."""
    config, laws = services.config, laws_here(services)
    path = prices_file(config.data_dir)
    works = Work.objects.filter(removed_at=None, owner__sample=False).count()
    asked = Asked(works, MILLION, retention_days=config.retention_days)
    try:
        found = plan(asked, laws, prices_in(path))
    except WrongUseError as error:  # a report isn't held up by that
        tell_once(f"Reports don't say what pictures cost. {error}")
        return None
    own, money, hours = laws["match"].own, found.a_million(found.money), found.a_million(found.core_hours)
    counted = 0 if own is None else own.counted
    whose = "" if path == PRICES else found.prices.whose
    said = (f"{money:.2f}", found.prices.currency, f"{hours:.1f}", asked.works, counted)
    return CostFacts(*said, whose_prices=whose, prices_as_of=found.prices.as_of)


def _cost(step: str, seconds: float, price: Price | None) -> Cost:
    hours = seconds * MILLION / 3600
    return Cost(step, hours, None if price is None else round(Decimal(hours) * price.amount, 2))
