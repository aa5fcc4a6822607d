"""What a million pictures cost, as a report states it."""

from evidence.documents.report.facts import CostFacts
from exhibit.errors import WrongUseError
from exhibit.machine import tell_once
from registry.models import Work
from workers.operations.capacity import MILLION, PRICES, Asked, plan, prices_file, prices_in
from workers.operations.capacity_counters import laws_here
from workers.services.wiring import Services


def cost_of_a_million(services: Services) -> CostFacts | None:
    """By the works that are registered now; ``None`` where the operator's file of prices can't be read."""
    config, laws = services.config, laws_here(services)
    path = prices_file(config.data_dir)
    asked = Asked(Work.objects.filter(removed_at=None).count(), MILLION, retention_days=config.retention_days)
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
