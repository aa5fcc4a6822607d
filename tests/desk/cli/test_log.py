"""Test `exhibit log verify`: the log itself, and checkpoints stored by others."""

from pathlib import Path

from registry.models import Bundle
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys


def test_log_is_replayed_and_compared_with_external_checkpoints(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    state = cli.api("GET", "/operator/log")
    data = cli.run_json("log", "verify")
    assert set(data) == json_keys("`exhibit log verify`")
    assert (data["entries"], data["checkpoints"] >= 1, data["problems"]) == (state["entries"], True, [])
    cli.run("log", "verify")
    log_checkpoint = cli.api("GET", "/log/checkpoint")
    note, bundle = folder / "seen.txt", folder / "bundle.zip"
    note.write_text(log_checkpoint["checkpoint"], "utf-8")
    cli.run("api", "GET", "cases/1/bundles/1/file", "--output", bundle)
    (checkpoint, *more) = cli.run_json("log", "verify", "--against", note, "--against", bundle)["checkpoints"]
    assert {entry["outcome"] for entry in (checkpoint, *more)} == {"continued"}
    assert state["origin"] in cli.run("log", "verify", "--against", note).out
    same = cli.api("GET", f"/log/consistency?old={state['entries']}")
    assert (same["old"], same["new"], same["path"]) == (state["entries"], state["entries"], [])


def test_file_without_a_checkpoint_is_rejected(cli: Terminal, studio: str, folder: Path) -> None:
    cli.run("trust", folder / "keys.json")
    assert "keys.json" in cli.run("log", "verify", "--against", folder / "keys.json", code=2).err
