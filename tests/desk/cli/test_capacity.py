"""Test `exhibit capacity`: resources needed for a number of works and images."""

from pathlib import Path

import pytest

from desk.cli.capacity import short, whole_number
from exhibit.config.config import Config
from exhibit.errors import WrongUseError
from registry.db import running
from tests.assets.command_line import Terminal
from workers.operations.capacity import ENOUGH, PRICES

MUCH = ("capacity", "--works", "10e6", "--pictures", "100B")


def test_it_is_told_stage_by_stage_in_lines_that_a_terminal_holds(cli: Terminal) -> None:
    told = cli.run(*MUCH).out
    assert told.startswith("10,000,000 ")
    assert max(map(len, told.splitlines())) <= 100
    for words in ("match  ", "pictures: USD", "assumed list prices", "NOT IMPLEMENTED", "- people: "):
        assert words in told
    assert str(PRICES) in " ".join(told.split())


def test_the_answer_for_programs_says_of_each_figure_whence_it_is(cli: Terminal) -> None:
    answer = cli.ask(*MUCH, "--days", "10")
    assert answer["asked"] == {"works": 10**7, "pictures": 10**11, "days": 10, "retention_days": 30}
    assert answer["money"] == pytest.approx(sum(stage["money"] for stage in answer["stages"]))
    assert answer["a_million_pictures"]["money"] == pytest.approx(answer["money"] / 10**5)
    laws = {law["name"]: law for law in answer["laws"]}
    assert laws["match"]["beyond"]
    assert laws["match"]["value"] > laws["match"]["fixed"]
    assert laws["case"]["source"].startswith("assumed: ")


def test_what_this_installation_has_counted_is_told_as_such(
    cli: Terminal, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    monkeypatch.setenv("DATABASE_URL", config.database_url)
    running.add_time("match", rows=ENOUGH, seconds=9, processor_seconds=50)
    (match,) = (law for law in cli.ask(*MUCH)["laws"] if law["name"] == "match")
    assert (match["own"]["value"], match["own"]["counted"]) == (50.0, ENOUGH)
    assert f"counted here {ENOUGH:,} times since 20" in " ".join(cli.run(*MUCH).out.split())


def test_the_prices_are_those_of_the_data_folder_or_of_a_file_that_is_named(cli: Terminal, tmp_path: Path) -> None:
    theirs, dear = cli.data / "prices.toml", tmp_path / "dear.toml"
    theirs.write_text(PRICES.read_text("utf-8").replace('"USD"', '"CNY"'), "utf-8")
    dear.write_text(PRICES.read_text("utf-8").replace("core_hour = 0.03", "core_hour = 30"), "utf-8")
    usual = cli.ask(*MUCH)
    assert usual["prices"]["currency"] == "CNY"
    assert cli.ask(*MUCH, "--prices", str(dear))["money"] > 100 * usual["money"]
    dear.write_text("currency = ", "utf-8")
    assert str(dear) in cli.run(*MUCH, "--prices", str(dear), code=2).err


@pytest.mark.parametrize(
    ("text", "number"),
    [("10e6", 10**7), ("1_000_000", 10**6), ("100M", 10**8), ("1.5k", 1500), ("2,000", 2000), ("100b", 10**11)],
)
def test_numbers_are_read_as_people_write_large_ones(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "many", "-3", "1.5", "nan", "1e400", "M", "10 M M", "inf", "2e15"])
def test_what_is_no_number_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(WrongUseError) as refused:
        whole_number(text)
    assert repr(text) in refused.value.message
    assert "100M" in refused.value.hint


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, ""), (0.004, "<0.01"), (1.234, "1.23"), (12.34, "12.3"), (1234.4, "1,234"), (99_950, "100k"), (1.5e9, "1.5B")],
)
def test_amounts_are_said_in_three_digits(value: float, said: str) -> None:
    assert short(value) == said
