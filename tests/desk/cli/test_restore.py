"""`exhibit restore`: what is no backup isn't put back."""

from pathlib import Path

from tests.assets.command_line import Terminal


def test_what_is_no_backup_is_named_and_nothing_is_made(cli: Terminal, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "text.tar").write_text("no archive")
    for place in (folder / "empty", folder / "text.tar"):
        ran = cli.run("restore", place, code=None)
        assert ran.code in (1, 2), ran
        assert place.name in ran.err, ran
    assert "does not exist" in cli.run("restore", folder / "missing", code=2).err
    assert {one.name for one in cli.data.iterdir()} <= {"locks"}
