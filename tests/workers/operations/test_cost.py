from decimal import Decimal

from exhibit.clock import now
from registry.db.running import Taken
from workers.operations.cost import MIN_PICTURES, Price, costs_of


def taken(rows: int, core: float) -> Taken:
    return Taken(rows=rows, seconds=2 * core, processor_seconds=core, last_at=now())


def test_a_million_pictures_cost_what_all_steps_took_for_those_that_were_found() -> None:
    found = costs_of({"seal": taken(3, 36.0), "match": taken(1000, 360.0)}, "0.02 EUR")
    assert found.price == Price(Decimal("0.02"), "EUR")
    assert found.total is not None
    assert (found.pictures, round(found.total.hours), found.total.money) == (1000, 110, Decimal("2.20"))
    assert [(one.step, round(one.hours)) for one in found.steps] == [("match", 100), ("seal", 10)]


def test_without_a_price_or_enough_pictures_nothing_is_made_up() -> None:
    assert costs_of({}, "").pictures == 0
    few = costs_of({"match": taken(MIN_PICTURES - 1, 9.0)}, "0.02 EUR")
    assert (few.total, few.steps) == (None, ())
    free = costs_of({"match": taken(MIN_PICTURES, 9.0)}, "")
    assert free.total is not None
    assert (free.price, free.total.money) == (None, None)
