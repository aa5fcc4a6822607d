"""`exhibit anchor`: outside witnesses, how they have answered lately."""

from exhibit.clock import now
from registry.models import WitnessState
from tests.assets.command_line import Terminal
from tests.assets.rows import asked_for


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
