"""`exhibit accuracy`: how often the machine was wrong, and the same from outside."""

from pathlib import Path

import pytest

from evidence.__main__ import main
from registry.models import Bundle
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys


@pytest.mark.long
def test_the_error_rate_is_printed_exported_and_computed_by_an_outsider(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    assert "the machine said" in cli.run("accuracy").out
    told = cli.ask("accuracy")
    assert set(told) == json_keys("`exhibit accuracy`")
    assert told["certain"]["unknown"] == 0
    assert "of the log." in cli.run("accuracy", "export", folder / "decisions.jsonl").out
    cli.run("trust", folder / "keys.json")
    assert main(["accuracy", str(folder / "decisions.jsonl"), "--trust", str(folder / "keys.json")]) == 0
    assert "can't be written" in cli.run("accuracy", "export", folder / "nowhere" / "file", code=2).err
