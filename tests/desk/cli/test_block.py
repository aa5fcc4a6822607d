"""`exhibit block`: bytes that are never stored."""

from pathlib import Path

from exhibit.digests import Digest
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph


def test_bytes_are_blocked_once_and_not_registered_any_more(cli: Terminal, studio: str, folder: Path) -> None:
    assert cli.run("block").out == "Nothing is blocked.\n"
    picture = folder / "picture.jpg"
    picture.write_bytes(photograph(77))
    assert "A reason is needed" in cli.run("block", picture, code=2).err
    digest = Digest.of(picture.read_bytes()).hex
    assert cli.run("block", picture, "--reason", "Opt-out").out == f"{digest} is blocked.\n"
    assert cli.run("block", digest, "--reason", "Again").out == f"{digest} is blocked already.\n"
    (blocked,) = cli.ask("block")["blocked"]
    assert (blocked["digest"], blocked["reason"]) == (digest, "Opt-out")
    (failed,) = cli.ask("work", "add", picture, code=4)["failed"]
    assert failed["reason"] == "blocked"
