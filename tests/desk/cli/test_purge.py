"""`exhibit purge`: a picture's bytes removed everywhere."""

from pathlib import Path

from exhibit.digests import Digest
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph


def test_a_purged_work_is_gone_and_does_not_come_back(cli: Terminal, studio: str, folder: Path) -> None:
    picture = folder / "purged.jpg"
    picture.write_bytes(photograph(78))
    cli.run("work", "add", picture, "--owner", studio)
    assert "Add --yes." in cli.run("purge", picture, "--reason", "Order", code=2).err
    assert Digest.of(photograph(78)) in cli.desk.services.blobs
    assert "is removed" in cli.run("purge", picture, "--reason", "Order", "--yes").out
    assert Digest.of(photograph(78)) not in cli.desk.services.blobs
    assert "is not here, and blocked" in cli.run("purge", "0" * 64, "--reason", "Order", "--yes").out
    assert "neither a digest nor a file" in cli.run("purge", "nothing", "--reason", "Order", "--yes", code=2).err
    cli.run("owner", "add", "Another")
    (failed,) = cli.ask("work", "add", picture, "--owner", "another", code=4)["failed"]
    assert failed["reason"] == "blocked"
