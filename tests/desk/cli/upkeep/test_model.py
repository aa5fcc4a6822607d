"""`exhibit model`: the networks that describe pictures."""

from pathlib import Path

from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from workers.services.descriptors import start_shipped


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
