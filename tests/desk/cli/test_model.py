"""Test `exhibit model add`: networks for image descriptors are added and measured."""

from datetime import timedelta
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from exhibit.clock import now
from registry.fingerprints.loaded_networks import start_shipped
from registry.fingerprints.model_files import model_file, signed
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.networks import network, network_files, signed_card
from tests.assets.rows import photograph


def test_a_file_and_its_card_have_to_be_a_network(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (folder / "bad.onnx").write_bytes(b"no network")
    (folder / "bad.toml").write_text("no card", "utf-8")
    cli.run("model", "add", folder / "bad.onnx", "--card", folder / "bad.toml", code=2)
    assert "--card" in cli.run("model", "add", folder / "bad.onnx", code=2).err


@pytest.mark.long
def test_a_network_is_measured_when_it_is_added(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    photos = folder / "photos"
    photos.mkdir()
    for seed in range(20):
        (photos / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    onnx, card = network_files(folder)
    unmeasured = cli.ask("model", "add", onnx, "--card", card, code=1)
    assert set(unmeasured) == json_keys("`exhibit model add`")
    assert (unmeasured["measured"], bool(unmeasured["error"])) == (None, True)
    measured = cli.ask("model", "add", onnx, "--card", card, "--photos", photos, "--works", 4)
    assert (len(measured["measured"]), measured["error"], measured["compared"]) == (2, "", None)

    cli.api("DELETE", "/operator/models/colours")
    author = FileSigner(folder / "heron.pem")
    key = author.public_key.hex()
    lie = signed(signed_card(author, made_at=now() + timedelta(hours=1), invert=(1, 1)), author)
    (folder / "lie.zip").write_bytes(b"".join(model_file(lie, network())))
    asked = cli.run("model", "add", folder / "lie.zip", code=2)
    assert ("--yes" in asked.err, key in asked.out) == (True, True)
    cli.run("model", "add", folder / "lie.zip", "--key", "00", "--yes", code=2)
    taken = ("--key", key[:16], "--photos", photos, "--works", "4", "--yes")
    found = cli.ask("model", "add", folder / "lie.zip", *taken, code=1)
    assert found["compared"]["falls_short"]
    name = f"/operator/models/{found['name']}@{found['version']}"
    cli.run("api", "POST", f"{name}/use", code=2)
    assert cli.api("POST", f"{name}/use", anyway="true")["state"] == "building"
    shown = next(one for one in cli.api("GET", "/operator/models")["items"] if one["name"] == found["name"])
    assert (shown["author"], shown["key"]) == ("Heron", key)
