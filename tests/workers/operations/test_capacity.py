"""Test the resources for a number of works and images: formulas, prices, machines."""

from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.errors import InvalidRequestError
from workers.operations.capacity import (
    GIB,
    HOUR_MS,
    MAX_FOLDER_FILES,
    MILLION,
    PRICES_FILE,
    CapacityPlan,
    CapacityRequest,
    LocalMeasurement,
    Machine,
    ScalingLaw,
    Stage,
    build_plan,
    load_shipped_laws,
    read_prices,
)

USUAL_PRICES = read_prices(PRICES_FILE)


def make_plan(scenario: CapacityRequest, **laws: ScalingLaw) -> CapacityPlan:
    return build_plan(scenario, load_shipped_laws() | laws, USUAL_PRICES)


def list_stages(capacity_plan: CapacityPlan) -> dict[str, Stage]:
    return {stage.stage: stage for stage in capacity_plan.stages}


def test_scaling_law_follows_its_formula_and_is_scaled_to_local_measurements() -> None:
    law = ScalingLaw("match", "match", "ms", of="works", fixed=10, each=0.5, thousand=2, power=2, upto=5000)
    assert law.evaluate(works=2000, pictures=7) == 10 + 1000 + 2 * 4
    assert law.evaluate(works=0, pictures=7) == 10
    assert replace(law, most=500).evaluate(works=2000, pictures=7) == 500
    local_law = replace(law, own=LocalMeasurement(value=24.0, counted=1000, since="2026-11-01", works=0, pictures=9))
    assert local_law.evaluate(works=2000, pictures=7) == pytest.approx(2.4 * 1018)


def test_shipped_scaling_laws_have_a_source_or_are_marked_as_assumed() -> None:
    for law in load_shipped_laws().values():
        assert bool(law.by and law.on) != bool(law.assumed), law.name
        assert law.of in {"", "works", "pictures"}
        assert law.evaluate(1000, 1000) > 0


def test_cost_of_each_stage_includes_core_hours_rent_and_requests() -> None:
    scenario = CapacityRequest(works=0, pictures=2 * MAX_FOLDER_FILES, days=60, retention_days=30)
    stages_by_name = list_stages(
        make_plan(
            scenario,
            match=ScalingLaw("match", "", "ms", fixed=100),
            picture=ScalingLaw("picture", "", "bytes", fixed=GIB),
        )
    )
    match, store = stages_by_name["match"], stages_by_name["stored files"]
    assert match.core_hours == pytest.approx(scenario.pictures * 100 / HOUR_MS)
    assert match.cores == pytest.approx(match.core_hours / USUAL_PRICES.busy / (60 * 24))
    rent = 2 * match.memory_gib * USUAL_PRICES.memory_gib_month
    assert match.money == pytest.approx(match.core_hours / USUAL_PRICES.busy * USUAL_PRICES.core_hour + rent)
    small = MAX_FOLDER_FILES * load_shipped_laws()["small"].fixed / GIB
    # Half of them have expired, and keep a small copy
    assert store.store_gib == pytest.approx(MAX_FOLDER_FILES + small)
    requests = 3 * MAX_FOLDER_FILES
    assert store.requests == requests
    request_cost = requests / MILLION * USUAL_PRICES.requests_million
    assert store.money == pytest.approx(2 * store.store_gib * USUAL_PRICES.store_gib_month + request_cost)


def test_capacity_plan_for_few_pictures_uses_a_folder_and_a_single_machine() -> None:
    capacity_plan = make_plan(CapacityRequest(works=1000, pictures=1_000_000))
    assert [stage.requests for stage in capacity_plan.stages] == [0] * len(capacity_plan.stages)
    assert dict(capacity_plan.machines) == {"small": 1}
    assert capacity_plan.per_million(capacity_plan.money) == pytest.approx(capacity_plan.money)


def test_capacity_plan_includes_indexes_of_all_works_on_each_matching_machine() -> None:
    few, many = (list_stages(make_plan(CapacityRequest(works, 10**9)))["match"] for works in (1_000_000, 30_000_000))
    index = 30_000_000 * load_shipped_laws()["work_index"].fixed / GIB
    assert (few.kind, many.kind) == ("small", "large")
    assert many.memory_gib == pytest.approx(many.cores * USUAL_PRICES.core_memory_gib + many.machines * index)
    tiny = replace(USUAL_PRICES, machines=(Machine("tiny", 4, 2, 100),))
    assert list_stages(build_plan(CapacityRequest(30_000_000, 10**9), load_shipped_laws(), tiny))[
        "match"
    ].machines == pytest.approx(many.cores)


def test_large_capacity_plans_list_required_changes_and_extrapolated_scaling_laws() -> None:
    small, large = make_plan(CapacityRequest(100, 10_000)), make_plan(CapacityRequest(10_000_000, 10**11))
    assert list(small.changes) == []
    assert [law.name for law in small.laws if small.is_beyond(law)] == []
    assert {change.built for change in large.changes} == {True, False}
    assert [change.beyond for change in large.changes] == sorted(change.beyond for change in large.changes)
    assert {"match", "search"} <= {law.name for law in large.laws if large.is_beyond(law)}


def test_plan_without_pictures_is_rejected() -> None:
    with pytest.raises(InvalidRequestError):
        make_plan(CapacityRequest(works=5, pictures=0))


@pytest.mark.parametrize(
    ("before", "after"),
    [("core_hour = 0.03", "core_hour = -1"), ("busy = 0.6", "busy = 0"), ("egress_gib", "egress"), ("[[", "[")],
)
def test_incomplete_or_invalid_price_file_is_rejected(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES_FILE.read_text("utf-8"), "utf-8")
    assert read_prices(path) == USUAL_PRICES
    path.write_text(PRICES_FILE.read_text("utf-8").replace(before, after), "utf-8")
    for place in (path, tmp_path):
        with pytest.raises(InvalidRequestError, match=place.name):
            read_prices(place)
