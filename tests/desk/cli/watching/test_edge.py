"""Contributors on the command line."""

import pytest

from evidence.keys.ed25519 import holds
from exhibit.entries import canonical
from registry.models import Contributor
from tests.assets.command_line import Terminal
from workers.services import wiring


def test_whoever_is_invited_is_listed_and_removed(cli: Terminal) -> None:
    token = cli.ask("edge", "invite", "Ann")["token"]
    assert token.startswith("exe_")
    assert "A contributor needs a name that no other has." in cli.run("edge", "invite", "Ann", code=2).err
    assert "invited" in cli.run("edge", "list").out
    assert "stays" in cli.run("edge", "remove", "Ann").out
    assert "removed" in cli.run("edge", "list").out
    assert "There is no contributor" in cli.run("edge", "remove", "Ann", code=2).err
    cli.run("edge", "invite", "Bob")
    assert "dropped" in cli.run("edge", "remove", "Bob", "--drop").out


def test_what_contributors_have_done_is_told_under_the_signature_of_the_log(cli: Terminal) -> None:
    cli.run("edge", "invite", "Ann")
    Contributor.objects.update(pictures=48, seconds=12.6)
    account = cli.ask("edge", "list")
    (row,) = account["contributors"]
    assert (row["name"], row["pictures"], row["seconds"], row["key"]) == ("Ann", 48, 13, "")
    signature = bytes.fromhex(account.pop("signature"))
    log = wiring.services().log
    assert account["key"] == log.vkey()
    assert holds(log.public_key, signature, canonical(account))
    account["contributors"][0]["pictures"] = 49
    assert not holds(log.public_key, signature, canonical(account))


@pytest.mark.parametrize("url", ["http://exhibit.example", "ftp://exhibit.example", "exhibit.example"])
def test_a_token_is_sent_to_nobody_over_plain_http(alone: Terminal, url: str) -> None:
    assert "https://" in alone.run("edge", "join", url, "exe_x", code=2).err
