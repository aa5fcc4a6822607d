"""Test `exhibit model add`: models for image descriptors are added and measured."""

from datetime import timedelta
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from exhibit.clock import now
from registry.fingerprints.loaded_models import install_built_in
from registry.fingerprints.model_files import iterate_model_file, sign_card
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys
from tests.assets.networks import network, network_files, signed_card
from tests.assets.rows import photograph


def test_model_file_and_card_must_be_valid(cli: Terminal, folder: Path) -> None:
    install_built_in(cli.desk.services.blobs)
    (folder / "bad.onnx").write_bytes(b"no network")
    (folder / "bad.toml").write_text("no card", "utf-8")
    cli.run("model", "add", folder / "bad.onnx", "--card", folder / "bad.toml", code=2)
    assert "--card" in cli.run("model", "add", folder / "bad.onnx", code=2).err


@pytest.mark.long
def test_recall_of_a_model_is_measured_when_it_is_added(cli: Terminal, folder: Path) -> None:
    install_built_in(cli.desk.services.blobs)
    photos = folder / "photos"
    photos.mkdir()
    for seed in range(20):
        (photos / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    onnx, card = network_files(folder)
    unmeasured = cli.run_json("model", "add", onnx, "--card", card, code=1)
    assert set(unmeasured) == json_keys("`exhibit model add`")
    assert (unmeasured["measured"], bool(unmeasured["error"])) == (None, True)
    measurement = cli.run_json("model", "add", onnx, "--card", card, "--photos", photos, "--works", 4)
    assert (len(measurement["measured"]), measurement["error"], measurement["compared"]) == (2, "", None)

    cli.api("DELETE", "/operator/models/colours")
    author = FileSigner(folder / "heron.pem")
    key = author.public_key.hex()
    forged_card = sign_card(signed_card(author, made_at=now() + timedelta(hours=1), invert=(1, 1)), author)
    (folder / "lie.zip").write_bytes(b"".join(iterate_model_file(forged_card, network())))
    attempt = cli.run("model", "add", folder / "lie.zip", code=2)
    assert ("--yes" in attempt.err, key in attempt.out) == (True, True)
    cli.run("model", "add", folder / "lie.zip", "--key", "00", "--yes", code=2)
    options = ("--key", key[:16], "--photos", photos, "--works", "4", "--yes")
    result = cli.run_json("model", "add", folder / "lie.zip", *options, code=1)
    assert result["compared"]["falls_short"]
    name = f"/operator/models/{result['name']}@{result['version']}"
    cli.run("api", "POST", f"{name}/use", code=2)
    assert cli.api("POST", f"{name}/use", force="true")["state"] == "building"
    model = next(item for item in cli.api("GET", "/operator/models")["items"] if item["name"] == result["name"])
    assert (model["author"], model["key"]) == ("Heron", key)
