"""Test the operator's operations on the log."""

import json
from pathlib import Path

import pytest

from evidence.__main__ import main
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import create_case
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def signed_entries(cli: Terminal, inline: SyncRunner, studio: str) -> None:
    """Create log entries under a signed checkpoint."""
    cli.run("key", "rotate", "--reason", "the first one")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


def test_log_status_and_entries_are_shown(cli: Terminal, signed_entries: None) -> None:
    state = cli.api("GET", "/operator/log")
    assert (state["waiting"], state["stopped"], state["head"]["size"]) == (0, "", state["entries"])
    entries = cli.api("GET", "/operator/log/entries", last=1)["items"]
    assert [item["sequence"] for item in entries] == [state["entries"] - 1]
    assert {item["type"] for item in cli.api("GET", "/operator/log/entries", type="key")["items"]} == {"key"}
    cli.run("api", "GET", "/operator/log/entries", "--field", "type=seals", code=2)


def test_erasing_the_content_of_an_entry_twice_has_no_effect_and_the_log_stays_intact(
    cli: Terminal, signed_entries: None
) -> None:
    request = json.dumps({"sequences": [0], "reason": "requested by mail"})
    assert cli.api("POST", "/operator/log/erasures", "--json", request) == {"erased": [0]}
    assert cli.api("POST", "/operator/log/erasures", "--json", request) == {"erased": []}
    assert cli.api("GET", "/operator/log/entries", last=100)["items"][0]["opening"] is None
    assert cli.run_json("log", "verify")["erased"] == 1
    cli.run("api", "POST", "/operator/log/erasures", "--json", '{"sequences": [0]}', code=2)


def test_log_signing_resumes_under_the_same_or_a_new_log_name(cli: Terminal, signed_entries: None) -> None:
    before = cli.api("POST", "/operator/log/accept-head", reason="moved to a new disk")
    after = cli.api("POST", "/operator/log/new-origin", reason="restored Monday", name="example.org/new")
    assert (before["origin"] == after["origin"], after["origin"], after["stopped"]) == (False, "example.org/new", "")
    body = {"reason": "again", "name": before["origin"]}
    cli.run("api", "POST", "/operator/log/new-origin", "--json", json.dumps(body), code=2)


def test_accuracy_data_is_exported_so_that_others_can_recompute_it(cli: Terminal, studio: str, folder: Path) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    cli.api("POST", "cases/1/decisions", decision="dismissed", reason="It is not ours.")
    sequence_log(cli.desk.services)
    sign_checkpoint(cli.desk.services)
    accuracy = cli.api("GET", "/operator/accuracy")
    assert accuracy["decisions"] == 1
    cli.run("api", "GET", "/operator/accuracy/decisions", "--output", folder / "decisions.jsonl")
    cli.run("trust", folder / "keys.json")
    assert main(["accuracy", str(folder / "decisions.jsonl"), "--trust", str(folder / "keys.json")]) == 0
