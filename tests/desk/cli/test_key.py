"""`exhibit key`: keys listed, exported, rotated and revoked."""

import json
from pathlib import Path

from tests.assets.command_line import Terminal


def test_files_are_named_that_were_written_or_could_not_be_read(cli: Terminal, studio: str, folder: Path) -> None:
    cli.run("key", "rotate", "--reason", "the first one")
    keys = folder / "keys.json"
    assert cli.run("key", "export", keys).out == f"Written to {keys}.\n"
    assert json.loads(cli.run("key", "export", "-").out) == json.loads(keys.read_text())
    assert [one["owner"] for one in json.loads(keys.read_text())["keys"]] == ["The Studio"]
    (folder / "large").write_bytes(bytes(70_000))
    assert "too large for a key" in cli.run("key", "add", "laptop", folder / "large", code=2).err
    assert "has no key for documents yet" in cli.run("key", "certificate", folder / "x.pem", code=2).err


def test_a_key_is_followed_by_another_and_loses_trust(cli: Terminal, studio: str, folder: Path) -> None:
    cli.run("key", "rotate", "--reason", "the first one")
    (first,) = cli.ask("key", "list")["keys"]
    assert (first["owner"], first["use"], first["state"]) == (studio, "sealing", "in use")
    assert "is used." in cli.run("key", "rotate", "--reason", "yearly").out
    revoked = cli.run("key", "revoke", first["public"][:8], "--reason", "the disk was stolen").out
    assert revoked.startswith("Revoked since ")
    told = {one["public"]: (one["state"], one["revoked_reason"]) for one in cli.ask("key", "list")["keys"]}
    assert told.pop(first["public"]) == ("revoked", "the disk was stolen")
    assert list(told.values()) == [("in use", "")]
    cli.run("key", "rotate", "--use", "documents", "--reason", "yearly")
    cli.run("key", "certificate", folder / "studio.pem")
    assert (folder / "studio.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert "3 keys under the new master key." in cli.run("key", "master", "--reason", "an operator left").out


def test_without_a_key_the_list_says_when_one_is_made(cli: Terminal, studio: str) -> None:
    assert cli.run("key", "list").out == "There is no key yet. An owner's sealing key is made at the first seal.\n"
