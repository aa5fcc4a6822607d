"""Test the resources for a number of works and images: formulas, prices, machines."""

from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.errors import WrongUseError
from workers.operations.capacity import (
    GIB,
    HOUR_MS,
    MILLION,
    ONE_FOLDER,
    PRICES,
    Asked,
    Law,
    Machine,
    Own,
    Plan,
    Stage,
    plan,
    prices_in,
    shipped_laws,
)

USUAL_PRICES = prices_in(PRICES)


def make_plan(scenario: Asked, **laws: Law) -> Plan:
    return plan(scenario, shipped_laws() | laws, USUAL_PRICES)


def list_stages(capacity_plan: Plan) -> dict[str, Stage]:
    return {stage.stage: stage for stage in capacity_plan.stages}


def test_a_figure_grows_by_its_law_and_in_proportion_to_what_was_counted_here() -> None:
    law = Law("match", "match", "ms", of="works", fixed=10, each=0.5, thousand=2, power=2, upto=5000)
    assert law.at(works=2000, pictures=7) == 10 + 1000 + 2 * 4
    assert law.at(works=0, pictures=7) == 10
    assert replace(law, most=500).at(works=2000, pictures=7) == 500
    local_law = replace(law, own=Own(value=24.0, counted=1000, since="2026-11-01", works=0, pictures=9))
    assert local_law.at(works=2000, pictures=7) == pytest.approx(2.4 * 1018)


def test_each_shipped_figure_says_who_measured_it_and_when_or_that_it_is_assumed() -> None:
    for law in shipped_laws().values():
        assert bool(law.by and law.on) != bool(law.assumed), law.name
        assert law.of in {"", "works", "pictures"}
        assert law.at(1000, 1000) > 0


def test_what_a_stage_costs_is_its_hours_rent_and_requests() -> None:
    scenario = Asked(works=0, pictures=2 * ONE_FOLDER, days=60, retention_days=30)
    stages_by_name = list_stages(
        make_plan(scenario, match=Law("match", "", "ms", fixed=100), picture=Law("picture", "", "bytes", fixed=GIB))
    )
    match, store = stages_by_name["match"], stages_by_name["exact bytes"]
    assert match.core_hours == pytest.approx(scenario.pictures * 100 / HOUR_MS)
    assert match.cores == pytest.approx(match.core_hours / USUAL_PRICES.busy / (60 * 24))
    rent = 2 * match.memory_gib * USUAL_PRICES.memory_gib_month
    assert match.money == pytest.approx(match.core_hours / USUAL_PRICES.busy * USUAL_PRICES.core_hour + rent)
    small = ONE_FOLDER * shipped_laws()["small"].fixed / GIB
    assert store.store_gib == pytest.approx(ONE_FOLDER + small)  # half of them have expired, and keep a small copy
    requests = 3 * ONE_FOLDER
    assert store.requests == requests
    request_cost = requests / MILLION * USUAL_PRICES.requests_million
    assert store.money == pytest.approx(2 * store.store_gib * USUAL_PRICES.store_gib_month + request_cost)


def test_few_pictures_lie_in_a_folder_that_counts_no_requests_and_fit_on_one_machine() -> None:
    capacity_plan = make_plan(Asked(works=1000, pictures=1_000_000))
    assert [stage.requests for stage in capacity_plan.stages] == [0] * len(capacity_plan.stages)
    assert dict(capacity_plan.machines) == {"small": 1}
    assert capacity_plan.a_million(capacity_plan.money) == pytest.approx(capacity_plan.money)


def test_a_machine_that_matches_holds_the_indexes_of_all_works() -> None:
    few, many = (list_stages(make_plan(Asked(works, 10**9)))["match"] for works in (1_000_000, 30_000_000))
    index = 30_000_000 * shipped_laws()["work_index"].fixed / GIB
    assert (few.kind, many.kind) == ("small", "large")
    assert many.memory_gib == pytest.approx(many.cores * USUAL_PRICES.core_memory_gib + many.machines * index)
    tiny = replace(USUAL_PRICES, machines=(Machine("tiny", 4, 2, 100),))
    assert list_stages(plan(Asked(30_000_000, 10**9), shipped_laws(), tiny))["match"].machines == pytest.approx(
        many.cores
    )


def test_what_changes_comes_with_the_size_and_what_was_never_measured_is_named() -> None:
    small, large = make_plan(Asked(100, 10_000)), make_plan(Asked(10_000_000, 10**11))
    assert list(small.changes) == []
    assert [law.name for law in small.laws if small.is_beyond(law)] == []
    assert {change.built for change in large.changes} == {True, False}
    assert [change.beyond for change in large.changes] == sorted(change.beyond for change in large.changes)
    assert {"match", "search"} <= {law.name for law in large.laws if large.is_beyond(law)}


def test_nothing_is_reckoned_for_no_pictures() -> None:
    with pytest.raises(WrongUseError):
        make_plan(Asked(works=5, pictures=0))


@pytest.mark.parametrize(
    ("before", "after"),
    [("core_hour = 0.03", "core_hour = -1"), ("busy = 0.6", "busy = 0"), ("egress_gib", "egress"), ("[[", "[")],
)
def test_a_file_of_prices_that_lacks_one_or_says_what_cannot_be_is_refused(
    tmp_path: Path, before: str, after: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES.read_text("utf-8"), "utf-8")
    assert prices_in(path) == USUAL_PRICES
    path.write_text(PRICES.read_text("utf-8").replace(before, after), "utf-8")
    for place in (path, tmp_path):
        with pytest.raises(WrongUseError, match=place.name):
            prices_in(place)
