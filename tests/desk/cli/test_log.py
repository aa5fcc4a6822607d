"""`exhibit log`: what it holds, proofs of it, and whether it is whole."""

import json
from pathlib import Path

import pytest

from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Bundle
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def logged(cli: Terminal, inline: SyncRunner, studio: str) -> None:
    """Some entries below a signed head."""
    cli.run("key", "rotate", "--reason", "the first one")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


def test_the_log_is_told_replayed_and_proven(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    status = cli.ask("log", "status")
    assert (status["waiting"], status["stopped"], status["head"]["size"]) == (0, "", status["entries"])
    assert "Signing goes on." in cli.run("log", "status").out
    found = cli.ask("log", "verify")
    assert set(found) == json_keys("`exhibit log verify`")
    assert (found["entries"], found["checkpoints"] >= 1, found["problems"]) == (status["entries"], True, [])
    assert cli.run("log", "verify").out.endswith("The log is whole.\n")
    sealed = next(one for one in cli.ask("log", "list")["entries"] if one["type"] == "seal")
    assert str(sealed_case.seal_digest) in json.dumps(sealed["opening"])
    proof = json.loads(cli.run("log", "prove", sealed["sequence"]).out)
    assert (proof["size"], proof["checkpoint"]) == (
        status["entries"],
        cli.run("api", "GET", "/log/head").answer["checkpoint"],
    )
    same = cli.run("api", "GET", f"/log/consistency?old={status['entries']}").answer
    assert (same["old"], same["new"], same["path"]) == (status["entries"], status["entries"], [])
    note = folder / "seen.txt"
    note.write_text(proof["checkpoint"], "utf-8")
    (one,) = cli.ask("log", "check-against", note)["checkpoints"]
    assert one["outcome"] == "continued"


def test_what_is_not_there_is_said(cli: Terminal, logged: None, folder: Path) -> None:
    assert "There is no type 'seals'" in cli.run("log", "list", "--type", "seals", code=2).err
    assert "There is no such entry yet." in cli.run("log", "list", "--type", "origin").out
    assert "The log has no entry 999." in cli.run("log", "prove", "999", code=2).err
    assert "No head of 999 entries was signed." in cli.run("log", "prove", "0", "--size", "999", code=2).err
    keys = folder / "keys.json"
    cli.run("key", "export", keys)
    assert "keys.json isn't a signed note" in cli.run("log", "check-against", keys, code=2).err


def test_what_an_entry_opens_to_is_erased_once_and_the_log_stays_whole(cli: Terminal, logged: None) -> None:
    erase = ("log", "erase", "0", "--reason", "asked for")
    assert "Add --yes." in cli.run(*erase, code=2).err
    assert "(erased)" not in cli.run("log", "list", "--last", "100").out
    assert cli.run(*erase, "--yes").out == "Erased what these entries open to: 0.\n"
    assert cli.run(*erase, "--yes").out == "Erased before: 0.\n"
    assert "(erased)" in cli.run("log", "list", "--last", "100").out
    assert cli.ask("log", "verify")["erased"] == 1


def test_a_new_name_is_told_with_what_it_asks_of_others(cli: Terminal, logged: None) -> None:
    before = cli.ask("log", "status")["origin"]
    said = cli.run("log", "new-origin", "--reason", "restored Monday", "--name", "example.org/new").out
    assert said.startswith("The log is named example.org/new from now on.\nHand out its public key")
    assert cli.ask("log", "status")["origin"] == "example.org/new" != before
