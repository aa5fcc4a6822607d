"""`exhibit model`: the networks that describe pictures."""

from datetime import timedelta
from pathlib import Path

import pytest

from evidence.keys.ed25519 import FileSigner
from exhibit.clock import now
from registry.fingerprints.loaded_networks import start_shipped
from registry.fingerprints.model_files import model_file, signed
from registry.fingerprints.networks import measure_model
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.networks import network, network_files, signed_card
from tests.assets.rows import photograph


def test_the_shipped_network_is_listed_as_the_one_in_use_and_stays(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (row,) = cli.ask("model", "list")["models"]
    assert set(row) == json_keys("model")
    assert row["state"] == "serving"
    line = cli.run("model", "list").out.splitlines()[1]
    assert line.split()[:1] == [row["name"]]
    assert "  in use  " in line
    assert "is in use already" in cli.run("model", "use", row["name"], code=2).err
    assert row["name"] in cli.run("model", "drop", row["name"], code=2).err
    for command in (("use", "nosuch"), ("drop", "nosuch"), ("measure", "nosuch")):
        assert "nosuch" in cli.run("model", *command, code=2).err
    (folder / "bad.onnx").write_bytes(b"no network")
    (folder / "bad.toml").write_text("no card", "utf-8")
    assert cli.run("model", "add", folder / "bad.onnx", "--card", folder / "bad.toml", code=2).err


@pytest.mark.long
def test_a_network_goes_out_and_comes_back_with_its_card(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (folder / "photos").mkdir()
    for seed in range(20):
        (folder / "photos" / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    onnx, card = network_files(folder)
    cli.run("model", "add", onnx, "--card", card)
    assert "measure" in cli.run("model", "export", "colours", "--out", folder / "out.zip", code=2).err
    measure_model(cli.desk.services, "colours", folder / "photos", 4, lambda *_: None, ("jpeg70",))
    words = ("--author", "Heron", "--terms", "Not for resale", "--price", "10 EUR", "--key", folder / "heron.pem")
    author = FileSigner(folder / "heron.pem")
    key = author.public_key.hex()
    assert key in cli.run("model", "export", "colours", "--out", folder / "out.zip", *words).out
    cli.run("model", "drop", "colours")

    asked = cli.run("model", "import", folder / "out.zip", code=2)
    assert "--yes" in asked.err
    for told in ("Heron", key, "Not for resale", "10 EUR", "CC0-1.0", "4 in 1 edits among 12"):
        assert told in asked.out
    assert "another key" in cli.run("model", "import", folder / "out.zip", "--key", "00", "--yes", code=2).err
    taking = ("model", "import", folder / "out.zip", "--key", key[:16], "--yes")
    answer = cli.run(*taking, "--json", code=1).answer
    assert set(answer) == json_keys("`exhibit model import`")
    assert (answer["author"], answer["key"], answer["compared"]) == ("Heron", key, None)
    assert "wasn't measured, so it can't be used" in cli.run(*taking, code=1).out

    lie = signed(signed_card(author, made_at=now() + timedelta(hours=1), invert=(1, 1)), author)
    (folder / "lie.zip").write_bytes(b"".join(model_file(lie, network())))
    taken = ("--photos", folder / "photos", "--works", "4", "--yes")
    found = cli.run("model", "import", folder / "lie.zip", *taken, code=1)
    assert "finds less here than its card claims" in found.out
    listed = cli.run("model", "list").err
    assert f"by Heron, key {key}" in listed
    assert "used by --anyway alone" in listed
    assert "--anyway" in cli.run("model", "use", "colours", code=2).err
    assert "being brought into use" in cli.run("model", "use", "colours", "--anyway").out
