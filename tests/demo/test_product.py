"""The command line as the demonstration drives it."""

from pathlib import Path

import pytest

from demo import product
from demo.product import CommandError, Product


def test_what_a_command_printed_is_in_the_log_and_what_went_wrong_is_said(tmp_path: Path) -> None:
    driven = Product({"EXHIBIT_DATA": str(tmp_path)}, tmp_path / "commands.log")
    assert driven.run("--version").startswith("exhibit")
    with pytest.raises(CommandError, match=r"`exhibit wrok` ended with 2: .*No such command"):
        driven.run("wrok")
    log = driven.log.read_text("utf-8")
    assert log.startswith("$ exhibit --version\nexhibit")
    assert log.endswith("[2]\n")


def test_a_command_that_takes_too_long_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "MAX_COMMAND", 0.001)
    driven = Product({}, tmp_path / "commands.log")
    with pytest.raises(CommandError, match="took longer than 0 seconds") as raised:
        driven.run("--version")
    assert "commands.log" in raised.value.hint
    assert driven.log.read_text("utf-8") == "$ exhibit --version\n[too long]\n"
