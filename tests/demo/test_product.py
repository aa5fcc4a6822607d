"""Test how the demonstration drives the command line."""

from itertools import count
from pathlib import Path

import pytest

from demo import product
from demo.product import CommandError, Product


def test_command_output_is_logged_and_failure_is_reported(tmp_path: Path) -> None:
    driven = Product({"EXHIBIT_DATA": str(tmp_path)}, tmp_path / "commands.log")
    assert driven.run("--version").startswith("exhibit")
    with pytest.raises(CommandError, match=r"`exhibit wrok`.*\b2\b"):
        driven.run("wrok")
    log = driven.log.read_text("utf-8")
    assert log.startswith("$ exhibit --version\nexhibit")
    assert log.endswith("[2]\n")


def test_stalled_command_ends_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "MAX_STILL", 0.0)
    monkeypatch.setattr(product, "SECONDS_BETWEEN_LOOKS", 0.01)
    driven = Product({}, tmp_path / "commands.log")
    with pytest.raises(CommandError, match=r"\b0\b") as raised:
        driven.run("--version", get_progress=lambda: "the same")
    assert "commands.log" in raised.value.hint
    assert driven.log.read_text("utf-8") == "$ exhibit --version\n[stands still]\n"


def test_slow_command_continues_while_it_makes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "MAX_STILL", 0.0)
    monkeypatch.setattr(product, "SECONDS_BETWEEN_LOOKS", 0.01)
    looks = count()
    assert (
        Product({}, tmp_path / "commands.log").run("--version", get_progress=lambda: next(looks)).startswith("exhibit")
    )
    assert next(looks) > 1
