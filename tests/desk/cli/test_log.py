"""Test `exhibit log verify`: the log itself, and checkpoints kept by others."""

from pathlib import Path

from registry.models import Bundle
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys


def test_the_log_is_replayed_and_compared_with_what_others_kept(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    state = cli.api("GET", "/operator/log")
    found = cli.ask("log", "verify")
    assert set(found) == json_keys("`exhibit log verify`")
    assert (found["entries"], found["checkpoints"] >= 1, found["problems"]) == (state["entries"], True, [])
    cli.run("log", "verify")
    head = cli.api("GET", "/log/checkpoint")
    note, bundle = folder / "seen.txt", folder / "bundle.zip"
    note.write_text(head["checkpoint"], "utf-8")
    cli.run("api", "GET", "cases/1/bundles/1/file", "--output", bundle)
    (one, *more) = cli.ask("log", "verify", "--against", note, "--against", bundle)["checkpoints"]
    assert {each["outcome"] for each in (one, *more)} == {"continued"}
    assert state["origin"] in cli.run("log", "verify", "--against", note).out
    same = cli.api("GET", f"/log/consistency?old={state['entries']}")
    assert (same["old"], same["new"], same["path"]) == (state["entries"], state["entries"], [])


def test_a_file_that_holds_no_checkpoint_is_refused(cli: Terminal, studio: str, folder: Path) -> None:
    cli.run("trust", folder / "keys.json")
    assert "keys.json" in cli.run("log", "verify", "--against", folder / "keys.json", code=2).err
