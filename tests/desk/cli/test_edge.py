"""Contributors on the command line."""

from pathlib import Path

import pytest

from evidence.keys.ed25519 import holds
from exhibit.entries import canonical
from registry.log.own_log import get_log
from registry.models import Contributor
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from workers import wiring


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
    log = get_log(wiring.services())
    assert account["key"] == log.vkey()
    assert holds(log.public_key, signature, canonical(account))
    account["contributors"][0]["pictures"] = 49
    assert not holds(log.public_key, signature, canonical(account))


def test_an_account_of_one_contributor_holds_until_it_is_changed(cli: Terminal, folder: Path) -> None:
    for name in ("Ann", "Bob"):
        cli.run("edge", "invite", name)
    Contributor.objects.update(pictures=48, seconds=12.6)
    file, key = folder / "account.json", get_log(wiring.services()).vkey()
    assert key in cli.run("edge", "account", "Ann", "--out", file).out
    assert "There is no contributor" in cli.run("edge", "account", "Eve", "--out", file, code=2).err
    told = cli.run("edge", "check", file).out
    assert "Ann" in told
    assert "Bob" not in told
    assert f"The signature holds, by {key}: compare" in told
    assert set(cli.ask("edge", "check", file, "--key", key)) == json_keys("`exhibit edge check`")
    assert "another key" in cli.run("edge", "check", file, "--key", key[:-4], code=1).err
    file.write_text(file.read_text("utf-8").replace('"pictures": 48', '"pictures": 49'), "utf-8")
    assert "changed after it was signed" in cli.run("edge", "check", file, code=1).err


@pytest.mark.parametrize("url", ["http://exhibit.example", "ftp://exhibit.example", "exhibit.example"])
def test_a_token_is_sent_to_nobody_over_plain_http(alone: Terminal, url: str) -> None:
    assert "https://" in alone.run("edge", "join", url, "exe_x", code=2).err
