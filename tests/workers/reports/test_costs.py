"""What a report says that a million pictures cost."""

from decimal import Decimal

from registry.db import running
from tests.assets.rows import owner
from workers.operations.capacity import PRICES
from workers.operations.capacity_counters import ENOUGH
from workers.reports.costs import cost_of_a_million
from workers.tasks.sync_runner import SyncRunner


def test_it_is_told_by_what_came_with_the_software_until_enough_was_counted(inline: SyncRunner) -> None:
    owner("studio")
    shipped = cost_of_a_million(inline.services)
    assert shipped is not None
    assert (shipped.counted, shipped.works, shipped.currency, shipped.whose_prices) == (0, 0, "USD", "")
    running.add_time("match", rows=ENOUGH, seconds=9, processor_seconds=3600 * ENOUGH / 1_000_000 * 500)
    counted = cost_of_a_million(inline.services)
    assert counted is not None
    assert counted.counted == ENOUGH
    assert Decimal(counted.core_hours) > 500
    assert Decimal(counted.money) > Decimal(shipped.money) > 0


def test_prices_that_cannot_be_read_hold_no_report_up(inline: SyncRunner) -> None:
    theirs = inline.services.config.data_dir / PRICES.name
    theirs.write_text(PRICES.read_text("utf-8").replace('"USD"', '"CNY"'), "utf-8")
    told = cost_of_a_million(inline.services)
    assert told is not None
    assert (told.currency, told.whose_prices) == ("CNY", "assumed list prices of a large cloud")
    theirs.write_text("currency = 3", "utf-8")
    assert cost_of_a_million(inline.services) is None
    theirs.unlink()
