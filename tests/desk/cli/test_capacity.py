"""Test `exhibit capacity`: resources needed for a number of works and images."""

from pathlib import Path

import pytest

from desk.cli.capacity import format_number, parse_whole_number
from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError
from registry.db import heartbeats
from tests.assets.command_line import Terminal
from workers.operations.capacity import MIN_SAMPLES, PRICES_FILE

LARGE_CAPACITY = ("capacity", "--works", "10e6", "--pictures", "100B")


def test_capacity_is_printed_by_stage_within_terminal_width(cli: Terminal) -> None:
    output = cli.run(*LARGE_CAPACITY).out
    assert output.startswith("10,000,000 ")
    assert max(map(len, output.splitlines())) <= 100
    for text in ("match  ", "pictures: USD", "assumed list prices", "NOT IMPLEMENTED", "- staff "):
        assert text in output
    assert str(PRICES_FILE) in " ".join(output.split())


def test_capacity_json_includes_the_source_of_each_measurement(cli: Terminal) -> None:
    data = cli.run_json(*LARGE_CAPACITY, "--days", "10")
    assert data["request"] == {"works": 10**7, "pictures": 10**11, "days": 10, "retention_days": 30}
    assert data["money"] == pytest.approx(sum(stage["money"] for stage in data["stages"]))
    assert data["a_million_pictures"]["money"] == pytest.approx(data["money"] / 10**5)
    laws = {law["name"]: law for law in data["laws"]}
    assert laws["match"]["beyond"]
    assert laws["match"]["value"] > laws["match"]["fixed"]
    assert laws["case"]["source"].startswith("assumed: ")


def test_measured_values_of_this_installation_are_marked(
    cli: Terminal, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    heartbeats.record_step_time("match", rows=MIN_SAMPLES, seconds=9, processor_seconds=50)
    (match,) = (law for law in cli.run_json(*LARGE_CAPACITY)["laws"] if law["name"] == "match")
    assert (match["own"]["value"], match["own"]["counted"]) == (50.0, MIN_SAMPLES)
    assert f"counted on this installation {MIN_SAMPLES:,} times since 20" in " ".join(
        cli.run(*LARGE_CAPACITY).out.split()
    )


def test_prices_come_from_the_data_folder_or_a_selected_file(cli: Terminal, tmp_path: Path) -> None:
    own_prices, dear = cli.data / "prices.toml", tmp_path / "dear.toml"
    own_prices.write_text(PRICES_FILE.read_text("utf-8").replace('"USD"', '"CNY"'), "utf-8")
    dear.write_text(PRICES_FILE.read_text("utf-8").replace("core_hour = 0.03", "core_hour = 30"), "utf-8")
    default_report = cli.run_json(*LARGE_CAPACITY)
    assert default_report["prices"]["currency"] == "CNY"
    assert cli.run_json(*LARGE_CAPACITY, "--prices", str(dear))["money"] > 100 * default_report["money"]
    dear.write_text("currency = ", "utf-8")
    assert str(dear) in cli.run(*LARGE_CAPACITY, "--prices", str(dear), code=2).err


@pytest.mark.parametrize(
    ("text", "number"),
    [("10e6", 10**7), ("1_000_000", 10**6), ("100M", 10**8), ("1.5k", 1500), ("2,000", 2000), ("100b", 10**11)],
)
def test_whole_numbers_are_parsed_in_common_notations(text: str, number: int) -> None:
    assert parse_whole_number(text) == number


@pytest.mark.parametrize("text", ["", "many", "-3", "1.5", "nan", "1e400", "M", "10 M M", "inf", "2e15"])
def test_invalid_number_is_rejected_with_a_message(text: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        parse_whole_number(text)
    assert repr(text) in error.value.message
    assert "100M" in error.value.hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, ""), (0.004, "<0.01"), (1.234, "1.23"), (12.34, "12.3"), (1234.4, "1,234"), (99_950, "100k"), (1.5e9, "1.5B")],
)
def test_amounts_are_rounded_to_three_digits(value: float, expected: str) -> None:
    assert format_number(value) == expected
