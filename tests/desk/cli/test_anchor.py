"""`exhibit anchor`: outside witnesses, how they have answered lately, and adding one."""

from pathlib import Path

import pytest

from evidence.anchors import public_witnesses
from evidence.development.authority import running_authority
from exhibit.clock import now
from registry.models import WitnessState
from tests.assets.command_line import Terminal
from tests.assets.rows import asked_for
from tests.registry.log.test_added_witnesses import offer_it


def test_without_a_witness_the_list_says_what_that_means(cli: Terminal) -> None:
    assert cli.run("anchor", "list").out.startswith("No outside witness is configured: ")
    assert cli.ask("anchor", "list")["witnesses"] == []
    missing = cli.run("anchor", "deploy", "consortium", code=2)
    assert "There is no anchor of the kind evm named consortium.\nAdd it to exhibit.toml first." in missing.err


def test_what_a_witness_owes_and_since_when_it_is_silent_is_listed(cli: Terminal) -> None:
    asked_for(b"one", b"two")
    WitnessState.objects.create(
        kind="rfc3161", witness="moody", question="submit", silent_since=now(), error="Status 503."
    )
    (told,) = cli.ask("anchor", "list")["witnesses"]
    assert (told["name"], told["configured"], told["owed"], told["error"]) == ("moody", False, 2, "Status 503.")
    line = cli.run("anchor", "list").out.splitlines()[1]
    assert line.split()[:4] == ["moody", "rfc3161", "never", "2"]
    assert "silent since " in line
    assert line.endswith("Status 503.")


def test_a_witness_is_added_by_its_name_once_it_has_answered(
    cli: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = cli.run("anchor", "add").out
    assert all(f" {offer.name}\n" in listed and offer.costs in listed for offer in public_witnesses.OFFERS)
    assert "Offered are: freetsa, digicert, bitcoin." in cli.run("anchor", "add", "mine", "--yes", code=2).err
    with running_authority(tmp_path) as authority:
        offer_it(monkeypatch, authority)
        assert "Add --yes." in cli.run("anchor", "add", "near", code=2).err
        assert cli.run("anchor", "add", "near", "--yes").out.endswith("near has answered, and is asked from now on.\n")
    (told,) = cli.ask("anchor", "list")["witnesses"]
    assert (told["name"], told["configured"]) == ("near", True)
    assert cli.run("anchor", "remove", "near").out == "near is asked no more.\n"
    assert "No witness near was added." in cli.run("anchor", "remove", "near", code=2).err
