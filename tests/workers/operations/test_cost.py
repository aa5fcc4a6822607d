import os
from decimal import Decimal

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Money
from registry.db import heartbeats
from registry.db.heartbeats import StepUsage
from registry.models import Picture
from workers.operations import capacity
from workers.operations.capacity import MIN_PICTURES, MIN_SAMPLES, compute_costs, load_local_laws, load_shipped_laws
from workers.tasks.sync_runner import SyncRunner


def make_usage(rows: int, core: float) -> StepUsage:
    return StepUsage(rows=rows, seconds=2 * core, processor_seconds=core, last_at=now())


def test_cost_per_million_pictures_sums_all_steps() -> None:
    costs = compute_costs({"seal": make_usage(3, 36.0), "match": make_usage(1000, 360.0)}, "0.02 EUR")
    assert costs.price == Money(20_000, "EUR")
    assert costs.total is not None
    assert (costs.pictures, round(costs.total.hours), costs.total.money) == (1000, 110, Decimal("2.20"))
    assert [(step.step, round(step.hours)) for step in costs.steps] == [("match", 100), ("seal", 10)]


def test_cost_is_omitted_without_price_or_enough_pictures() -> None:
    assert compute_costs({}, "").pictures == 0
    few = compute_costs({"match": make_usage(MIN_PICTURES - 1, 9.0)}, "0.02 EUR")
    assert (few.total, few.steps) == (None, ())
    free = compute_costs({"match": make_usage(MIN_PICTURES, 9.0)}, "")
    assert free.total is not None
    assert (free.price, free.total.money) == (None, None)


def test_shipped_scaling_laws_apply_until_enough_is_measured_locally(inline: SyncRunner) -> None:
    heartbeats.record_step_time("match", rows=MIN_SAMPLES - 1, seconds=9, processor_seconds=9)
    assert load_local_laws(inline.services) == load_shipped_laws()


def test_local_measurements_override_shipped_scaling_laws(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "MIN_SAMPLES", 10)
    monkeypatch.setattr(capacity, "MIN_DISK_SAMPLES", 10)
    for number in range(12):
        digest = Digest(os.urandom(32))
        Picture.objects.create(digest=digest, size=1000 + number, first_seen=now(), state="done")
    heartbeats.record_step_time("slice", rows=3, seconds=9, processor_seconds=1)
    heartbeats.record_step_time("match", rows=20, seconds=9, processor_seconds=4)
    heartbeats.record_step_time("capture", rows=10, seconds=9, processor_seconds=15)
    heartbeats.record_step_time("seal", rows=10, seconds=9, processor_seconds=5)
    laws = load_local_laws(inline.services)
    own = {name: law.own for name, law in laws.items() if law.own}
    assert {name: round(figure.value, 3) for name, figure in own.items() if name != "rows"} == {
        "fetch": 50.0,
        "match": 200.0,
        "picture": 1005.5,
        "capture": 2000.0,
        "case": 500_000.0,
    }
    assert own["rows"].value > 1000
    assert {(figure.since, figure.works, figure.pictures) for figure in own.values()} == {(str(now().date()), 0, 12)}
    assert laws["match"].evaluate(works=0, pictures=12) == pytest.approx(200.0)
